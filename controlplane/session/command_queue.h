// command_queue: the way down to one worker. Commands go into the worker's ring in the order they were sent;
// when the ring is full they wait here, in order, and go as soon as it has free entries. Nothing is lost on
// the way but injected frames past a bound, which are datagrams: they are freed and counted. Control thread
// only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "controlplane/session/media_plane.h"

namespace sluice::control {

class CommandQueue {
 public:
  /// Most commands that may wait before further injected frames are dropped. State-changing commands always
  /// wait: they are bounded by the slots that they name.
  static constexpr std::size_t kInjectBacklog = 8192;

  CommandQueue(MediaPlane& plane, std::size_t worker);
  ~CommandQueue();
  CommandQueue(const CommandQueue&) = delete;
  CommandQueue& operator=(const CommandQueue&) = delete;

  /// REQUIRES: not kInject.
  void send(const dataplane::Command& command);
  /// A whole frame out of that DPDK port. False when there was no buffer or no free entry: the datagram is
  /// lost.
  [[nodiscard]] bool inject(std::uint16_t port_id, std::span<const std::uint8_t> frame);
  /// Moves what waits into the ring. True when nothing waits any more.
  [[nodiscard]] bool flush();

  std::size_t pending() const { return waiting_.size(); }
  std::uint64_t deferred() const { return deferred_; }  // commands that ever had to wait
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
