// worker_memory: everything that a worker and the control thread share. The control thread allocates it
// before the worker starts, and frees it after the worker has stopped. The header of each layout says which
// thread may touch its fields, and when. The commands and notes in the rings pass the ownership.
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

/// Wakes one thread that waits on an eventfd. Other threads call wake() after they have pushed to a ring that
/// this thread reads. While the thread is awake, a call costs a fence and a load. Each time that the thread
/// sleeps, at most one of the callers pays for a write(2).
class Waker {
 public:
  Waker();  // throws std::system_error when the kernel has no eventfd left
  ~Waker();
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  int fd() const { return fd_; }
  /// Called by any other thread, after it has pushed to a ring.
  void wake();
  /// Called by the thread itself, before it waits. REQUIRES: it looks at all its rings again between this
  /// call and the wait.
  void about_to_wait();
  /// Called by the thread itself, after it has waited. Clears the eventfd.
  void awake();

 private:
  int fd_;
  alignas(64) std::atomic<bool> waiting_{false};
};

/// The waker of the control thread. Workers call wake().
using ControlWaker = Waker;

/// One ring for each PuntClass. Worker -> control thread.
struct PuntRings {
  SpscRing<Punt> peers{2048};
  SpscRing<Punt> strangers{1024};
  SpscRing<Punt> link{512};
  SpscRing<Punt> echoes{128};

  SpscRing<Punt>& of(PuntClass punt_class) {
    switch (punt_class) {
      case PuntClass::kPeer:
        return peers;
      case PuntClass::kStranger:
        return strangers;
      case PuntClass::kLink:
        return link;
      case PuntClass::kEcho:
        break;
    }
    return echoes;
  }
  std::size_t size() const { return peers.size() + strangers.size() + link.size() + echoes.size(); }
};

struct WorkerMemory {
  WorkerMemory(const config::Limits& limits, ControlWaker& control_waker);

  ControlWaker& waker;
  Waker bell;                        // wakes the worker; the control thread calls wake() after commands
  SpscRing<Command> commands{4096};  // control thread -> worker
  SpscRing<Note> notes{8192};        // worker -> control thread
  PuntRings punts;

  SlotArray<EndpointSlot> endpoints;
  SlotArray<EndpointKeys> keys;   // same index as endpoints
  SlotArray<SourceSlot> sources;  // the same number as routes
  SlotArray<RouteSlot> routes;
  SlotArray<StreamSlot> streams;
  /// Stream slots from this index on have never been used. Written by the worker.
  std::atomic<std::uint32_t> stream_high_water{0};
  Counter streams_in_use;  // of endpoints, without those of mirrors. Written by the worker

  WorkerCounters counters;
};

}  // namespace sluice::dataplane
