// command_queue: the commands to one worker, in the order in which they were sent. A command goes into the
// worker's ring at once when the ring has a free entry. Otherwise it waits here, and flush() moves it into
// the ring later. No command is lost, except injected frames past kInjectBacklog: those are counted and
// freed. Control thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "controlplane/session/media_plane.h"

namespace sluice::control {

class CommandQueue {
 public:
  /// The number of waiting commands at which inject() begins to drop frames. Other commands always wait: the
  /// number of slots bounds them.
  static constexpr std::size_t kInjectBacklog = 8192;

  CommandQueue(MediaPlane& plane, std::size_t worker);
  ~CommandQueue();
  CommandQueue(const CommandQueue&) = delete;
  CommandQueue& operator=(const CommandQueue&) = delete;

  /// Sends any command but kInject, or queues it. Never fails. REQUIRES: the kind is not kInject.
  void send(const dataplane::Command& command);
  /// Sends a whole Ethernet frame out of the DPDK port `port_id`. False when there is no buffer for it, or
  /// when kInjectBacklog commands wait already; the frame is then counted as dropped.
  [[nodiscard]] bool inject(std::uint16_t port_id, std::span<const std::uint8_t> frame);
  /// Moves waiting commands into the ring. True when none waits any more.
  [[nodiscard]] bool flush();

  std::size_t pending() const { return waiting_.size(); }
  std::uint64_t deferred() const { return deferred_; }  // commands that had to wait, since start
  std::uint64_t frames_dropped() const { return frames_dropped_; }

 private:
  void push(const dataplane::Command& command);

  MediaPlane& plane_;
  dataplane::WorkerMemory& memory_;
  std::deque<dataplane::Command> waiting_;
  std::uint64_t deferred_ = 0;
  std::uint64_t frames_dropped_ = 0;
};

}  // namespace sluice::control
