#include "dataplane/carry.h"

#include <rte_mbuf.h>

#include "dataplane/transmit.h"

namespace sluice::dataplane {

void pass_on(WorkerState& state, const PortInfo& port, TransmitBuffer& buffer) {
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

std::size_t carry(WorkerState& state) {
  std::size_t count = 0;
  for (std::size_t from = 0; from < state.steering.workers(); ++from) {
    auto& ring = state.steering.send_ring(from, state.index);
    rte_mbuf* mbuf = nullptr;
    for (std::size_t i = 0; i < kBatch && ring.pop(mbuf); ++i, ++count) queue_frame(state, mbuf, mbuf->port);
  }
  if (count != 0) state.counters().carried.add(count);
  return count;
}

}  // namespace sluice::dataplane
