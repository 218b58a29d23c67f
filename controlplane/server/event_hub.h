// event_hub: events to those who follow them. Each event is rendered once; each subscriber has a bounded
// queue of shared lines that it takes from at its own pace. A subscriber that is too slow loses events, is
// told how many, in their place, and slows no other subscriber down. Control thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/session/events.h"

namespace sluice::control {

/// One subscriber's events, as lines for the wire.
class EventQueue {
 public:
  using Line = std::shared_ptr<const std::string>;
  static constexpr std::size_t kMaxLines = 10000;

  /// `on_ready` is called when the queue was empty and no longer is.
  explicit EventQueue(std::function<void()> on_ready, std::size_t max_lines = kMaxLines)
      : on_ready_(std::move(on_ready)), max_lines_(max_lines) {}

  void push(Line line);
  /// nullptr when there is nothing. After a loss, one events.lost stands where the lost ones would have
  /// stood.
  Line pop();
  std::size_t size() const { return lines_.size(); }

 private:
  std::function<void()> on_ready_;
  std::size_t max_lines_;
  std::deque<Line> lines_;
  std::uint64_t lost_ = 0;  // since the queue overflowed; nothing is taken in until half of it has gone
};

class EventHub {
 public:
  /// The queue is dropped when this hub alone holds it.
  void subscribe(const std::shared_ptr<EventQueue>& queue) { subscribers_.push_back(queue); }
  void publish(const Event& event);

 private:
  std::vector<std::weak_ptr<EventQueue>> subscribers_;
};

}  // namespace sluice::control
