#include "controlplane/event_hub.h"

#include <fmt/format.h>

#include <utility>

#include "controlplane/api_views.h"

namespace sluice::control {
namespace {

EventQueue::Line lost_line(std::uint64_t count) {
  Event event;
  event.type = "events.lost";
  event.fields_json = fmt::format("{{\"count\":{}}}", count);
  return std::make_shared<const std::string>(event_line(event));
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
  const auto line = std::make_shared<const std::string>(event_line(event));
  // By index: a subscriber's on_ready may end it, and must not find the list half changed.
  for (std::size_t i = 0; i < subscribers_.size(); ++i)
    if (const auto queue = subscribers_[i].lock()) queue->push(line);
  std::erase_if(subscribers_, [](const auto& subscriber) { return subscriber.expired(); });
}

std::string event_line(const Event& event) {
  const OrderedJson notification{
      {"jsonrpc", "2.0"}, {"method", "event"}, {"params", render(event, utc_now())}};
  return to_line(notification) + "\n";
}

}  // namespace sluice::control
