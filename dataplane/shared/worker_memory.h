// worker_memory: everything that a worker and the control thread share, allocated once before the worker
// starts and freed after it has stopped. Who may touch what, and when, is said in the layouts' own headers;
// the rings carry the hand-overs.
#pragma once

#include <atomic>
#include <cstdint>

#include "config/config.h"
#include "dataplane/base/counters.h"
#include "dataplane/base/slot_array.h"
#include "dataplane/base/spsc_ring.h"
#include "dataplane/shared/endpoint_slot.h"
#include "dataplane/shared/mailbox.h"
#include "dataplane/shared/punt.h"
#include "dataplane/shared/route_slot.h"
#include "dataplane/shared/stream_slot.h"

namespace sluice::dataplane {

/// Wakes a thread that waits on an eventfd. Others call wake() after they pushed to a ring of its; it costs a
/// fence and a load while that thread is awake, and one write(2) per sleep of it at most, over all callers.
class Waker {
 public:
  Waker();  // throws std::system_error when the kernel has no eventfd left
  ~Waker();
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  int fd() const { return fd_; }
  /// Any other thread. After pushing to a ring.
  void wake();
  /// The thread itself: about to wait; look at all rings once more after this call.
  void about_to_wait();
  /// The thread itself: back from waiting; clears the eventfd.
  void awake();

 private:
  int fd_;
  alignas(64) std::atomic<bool> waiting_{false};
};

/// The control thread's, woken by workers.
using ControlWaker = Waker;

struct WorkerMemory {
  WorkerMemory(const config::Limits& limits, ControlWaker& control_waker);

  ControlWaker& waker;
  Waker bell;                        // the worker's, rung by the control thread after commands
  SpscRing<Command> commands{4096};  // control thread -> worker
  SpscRing<Note> notes{8192};        // worker -> control thread
  SpscRing<Punt> punts{4096};        // worker -> control thread

  SlotArray<EndpointSlot> endpoints;
  SlotArray<EndpointKeys> keys;   // same index as endpoints
  SlotArray<SourceSlot> sources;  // as many as routes
  SlotArray<RouteSlot> routes;
  SlotArray<StreamSlot> streams;
  /// No stream slot at or past this was ever used. Written by the worker.
  std::atomic<std::uint32_t> stream_high_water{0};

  WorkerCounters counters;
};

}  // namespace sluice::dataplane
