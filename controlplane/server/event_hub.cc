#include "controlplane/server/event_hub.h"

#include <chrono>
#include <utility>

#include "controlplane/api/api_views.h"
#include "controlplane/base/rfc3339.h"

namespace sluice::control {
namespace {

/// The notification as a line.
EventQueue::Line notification(OrderedJson params) {
  const OrderedJson line{{"jsonrpc", "2.0"}, {"method", "event"}, {"params", std::move(params)}};
  return std::make_shared<const std::string>(to_line(line) + "\n");
}

std::string now() {
  return rfc3339(std::chrono::system_clock::now(), TimePrecision::kMilliseconds);
}

EventQueue::Line lost_line(std::uint64_t count) {
  return notification(render_lost_events(count, now()));
}

}  // namespace

void EventQueue::push(Line line) {
  const bool was_empty = lines_.empty();
  if (lost_ > 0 && lines_.size() <= max_lines_ / 2) {
    lines_.push_back(lost_line(lost_));
    lost_ = 0;
  }
  if (lost_ > 0 || lines_.size() >= max_lines_) {
    ++lost_;
    return;
  }
  lines_.push_back(std::move(line));
  if (was_empty) on_ready_();
}

EventQueue::Line EventQueue::pop() {
  if (!lines_.empty()) {
    Line line = std::move(lines_.front());
    lines_.pop_front();
    return line;
  }
  if (lost_ == 0) return nullptr;
  const auto lost = std::exchange(lost_, 0);
  return lost_line(lost);
}

void EventHub::publish(const Event& event) {
  if (subscribers_.empty()) return;
  const auto line = notification(render(event, now()));
  // By index, since on_ready may end a subscriber while this loop runs.
  for (std::size_t i = 0; i < subscribers_.size(); ++i)
    if (const auto queue = subscribers_[i].lock()) queue->push(line);
  std::erase_if(subscribers_, [](const auto& subscriber) { return subscriber.expired(); });
}

}  // namespace sluice::control
