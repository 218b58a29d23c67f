#include "dataplane/stages/send_queue_sharing.h"

#include <rte_mbuf.h>

#include <cassert>

namespace sluice::dataplane {

void pass_frames_on(WorkerState& state, const PortInfo& port, TransmitBuffer& buffer) {
  assert(state.steering.shares_queues());
  auto& ring = state.steering.send_ring(state.index, state.index % port.transmit_queues);
  for (std::uint16_t i = 0; i < buffer.count; ++i) {
    rte_mbuf* mbuf = buffer.packets[i];
    mbuf->port = port.id;
    if (ring.push(mbuf))
      state.counters().passed_on.add();
    else
      state.drop(mbuf, DropReason::kTransmitQueueFull);
  }
  buffer.count = 0;
  buffer.bytes = 0;
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
