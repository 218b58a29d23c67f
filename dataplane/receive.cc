#include "dataplane/receive.h"

#include <rte_ethdev.h>

#include "dataplane/prefetch.h"

namespace sluice::dataplane {

std::size_t receive(WorkerState& state, std::span<rte_mbuf*> packets, std::size_t first_port) {
  std::size_t count = 0;
  // At most half of a turn goes to what others handed over, so that they cannot starve this worker's own
  // queues.
  for (std::size_t from = 0; from < state.steering.workers(); ++from) {
    if (from == state.index) continue;
    SpscRing<rte_mbuf*>& ring = state.steering.ring(from, state.index);
    while (count < packets.size() / 2 && ring.pop(packets[count])) ++count;
  }
  for (std::size_t i = 0; i < state.ports.size() && count < packets.size(); ++i) {
    const PortInfo& port = state.ports[(first_port + i) % state.ports.size()];
    if (state.index >= port.queues) continue;
    const std::size_t before = count;
    count += rte_eth_rx_burst(port.id, static_cast<std::uint16_t>(state.index), packets.data() + count,
                              static_cast<std::uint16_t>(packets.size() - count));
    // Whence it came decides whose it is; not every driver says it (net_ring passes on what the sender
    // wrote).
    for (std::size_t k = before; k < count; ++k) prefetch_to_write(packets[k]);
    for (std::size_t k = before; k < count; ++k) packets[k]->port = port.id;
  }
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < count; ++i) bytes += packets[i]->pkt_len;
  if (count != 0) {
    state.counters().received.add(count);
    state.counters().received_bytes.add(bytes);
  }
  return count;
}

}  // namespace sluice::dataplane
