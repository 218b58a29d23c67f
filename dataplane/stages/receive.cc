#include "dataplane/stages/receive.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>

#include "dataplane/base/prefetch.h"

namespace sluice::dataplane {

namespace {

// A frame that another CPU wrote, or a NIC that bypasses the caches, is in no near cache. So all frames are
// prefetched before the first one is read. The headers are enough for now: the flow cache, which finds out
// who reads the payload, fetches the rest.
void fetch_headers(const rte_mbuf* mbuf) {
  prefetch_to_write(rte_pktmbuf_mtod(mbuf, const std::uint8_t*));
}

// Takes packets that other workers handed off: at most half of those of a turn, so that this worker's own
// queues get their share. The workers take turns in being the first.
std::size_t take_handed_off(WorkerState& state, std::span<rte_mbuf*> packets, std::size_t first) {
  const std::size_t workers = state.steering.workers();
  if (workers == 1) return 0;
  std::size_t count = 0;
  for (std::size_t i = 0, from = first % workers; i < workers;
       ++i, from = from + 1 == workers ? 0 : from + 1) {
    if (from == state.index) continue;
    SpscRing<rte_mbuf*>& ring = state.steering.ring(from, state.index);
    while (count < packets.size() / 2 && ring.pop(packets[count])) ++count;
  }
  return count;
}

}  // namespace

std::size_t receive(WorkerState& state, std::span<rte_mbuf*> packets, std::size_t first) {
  std::size_t count = take_handed_off(state, packets, first);
  std::uint64_t bytes = 0;
  const auto take_in = [&](const rte_mbuf* mbuf) {
    bytes += mbuf->pkt_len;
    fetch_headers(mbuf);
  };
  for (const rte_mbuf* mbuf : packets.first(count)) take_in(mbuf);
  const std::size_t ports = state.ports.size();
  std::size_t next = ports == 1 ? 0 : first % ports;  // a division costs as much as a packet's parsing
  for (std::size_t i = 0; i < ports && count < packets.size(); ++i) {
    const PortInfo& port = state.ports[next];
    next = next + 1 == ports ? 0 : next + 1;
    if (state.index >= port.queues) continue;
    const std::size_t before = count;
    count += rte_eth_rx_burst(port.id, static_cast<std::uint16_t>(state.index), packets.data() + count,
                              static_cast<std::uint16_t>(packets.size() - count));
    for (std::size_t k = before; k < count; ++k) prefetch_to_write(packets[k]);
    for (std::size_t k = before; k < count; ++k) {
      // classify needs to know the port. Not every driver sets it: net_ring leaves what the sender wrote.
      packets[k]->port = port.id;
      take_in(packets[k]);
    }
  }
  if (count != 0) {
    state.counters().received.add(count);
    state.counters().received_bytes.add(bytes);
  }
  return count;
}

}  // namespace sluice::dataplane
