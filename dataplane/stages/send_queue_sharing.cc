#include "dataplane/stages/send_queue_sharing.h"

#include <rte_mbuf.h>

#include <cassert>

namespace sluice::dataplane {

std::uint16_t pass_frames_on(WorkerState& state, const PortInfo& port, std::span<rte_mbuf* const> frames) {
  assert(state.steering.shares_queues());
  auto& ring = state.steering.send_ring(state.index, state.index % port.transmit_queues);
  std::uint16_t count = 0;
  for (rte_mbuf* mbuf : frames) {
    mbuf->port = port.id;
    if (!ring.push(mbuf)) break;
    ++count;
  }
  state.counters().passed_on.add(count);
  return count;
}

std::size_t take_passed_frames(WorkerState& state, std::size_t from, std::span<rte_mbuf*> frames) {
  assert(state.steering.shares_queues());
  auto& ring = state.steering.send_ring(from, state.index);
  std::size_t count = 0;
  while (count < frames.size() && ring.pop(frames[count])) ++count;
  if (count != 0) state.counters().carried.add(count);
  return count;
}

}  // namespace sluice::dataplane
