// event_hub: distributes events to subscribers. Each event is rendered once. Each subscriber has a bounded
// queue of shared lines and takes from it when it can write. A subscriber that is too slow loses events and
// gets one events.lost with their number in their place. It does not slow down other subscribers. Control
// thread.
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

/// The events of one subscriber, as lines.
class EventQueue {
 public:
  using Line = std::shared_ptr<const std::string>;
  static constexpr std::size_t kMaxLines = 10000;

  /// `on_ready` is called when the queue was empty and gets a line.
  explicit EventQueue(std::function<void()> on_ready, std::size_t max_lines = kMaxLines)
      : on_ready_(std::move(on_ready)), max_lines_(max_lines) {}

  /// Adds a line. A queue that is full counts it as lost instead.
  void push(Line line);
  /// The next line; nullptr when there is none. After a loss, one events.lost takes the place of the lost
  /// events.
  Line pop();
  std::size_t size() const { return lines_.size(); }

 private:
  std::function<void()> on_ready_;
  std::size_t max_lines_;
  std::deque<Line> lines_;
  std::uint64_t lost_ = 0;  // since the queue overflowed; it takes nothing more until it is half empty
};

class EventHub {
 public:
  /// The hub forgets a queue when no subscriber holds it any more.
  void subscribe(const std::shared_ptr<EventQueue>& queue) { subscribers_.push_back(queue); }
  /// Renders the event and adds it to the queue of each subscriber.
  void publish(const Event& event);

 private:
  std::vector<std::weak_ptr<EventQueue>> subscribers_;
};

}  // namespace sluice::control
