#include "dataplane/state/worker_state.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>

namespace sluice::dataplane {

void OwnAddresses::prepare() {
  std::memcpy(&mac_bits, mac.data(), mac.size());
  for (std::uint8_t i = count; i-- > 0;) {
    if (list[i].is_v6()) continue;
    first_v4_number = own_address(port_index, i);
    std::memcpy(&first_v4, list[i].bytes.data(), sizeof first_v4);
  }
}

Lending::Lending(std::size_t workers, std::size_t sources)
    : enabled(workers > 1), out(workers), mirrors(enabled ? sources * workers : 1) {}

WorkerState::WorkerState(std::size_t worker_index, const config::Config& config, WorkerMemory& worker_memory,
                         Steering& steer, std::unique_ptr<crypto::SrtpEngine> srtp,
                         std::vector<PortInfo> port_infos, rte_mempool* packet_pool,
                         std::uint64_t tsc_per_second, std::uint64_t start)
    : index(worker_index),
      memory(worker_memory),
      steering(steer),
      engine(std::move(srtp)),
      ports(std::move(port_infos)),
      pool(packet_pool),
      tsc_hz(tsc_per_second),
      shared_ice_port(static_cast<std::uint16_t>(config.ice.shared_port + worker_index)),
      start_tsc(start),
      local_ports(local_places(ports.size())),
      flows(worker_memory.endpoints.size()),
      endpoint_by_tuple(std::size_t{config.limits.endpoints_per_worker} * 4),
      stream_by_ssrc(config.limits.streams_per_worker),
      route_by_ssrc(config.limits.routes_per_worker),
      past_streams(config.limits.streams_per_worker, worker_memory.endpoints.size()),
      // Each source wastes less than one chunk, and there are at most as many sources as routes.
      chunks(std::size_t{config.limits.routes_per_worker} * 2),
      fanouts(worker_memory.sources.size(),
              std::max(kBatch, std::size_t{config.memory.mbufs_per_worker} / 4)),
      cache(config.memory.packet_cache_mib),
      cache_shares(config.memory.packet_cache_mib, tsc_per_second),
      longest_wait(tsc_per_second / 1000 * config.workers.transmit_queue_ms),
      lending(steer.workers(), config.limits.routes_per_worker),
      seconds_per_tick_(1.0 / static_cast<double>(tsc_per_second)) {
  port_index.fill(0);
  for (std::size_t i = 0; i < ports.size(); ++i)
    port_index[ports[i].id & 0xff] = static_cast<std::uint8_t>(i);
  for (const PortInfo& port : ports) {
    OwnAddresses& own = own_addresses.emplace_back();
    own.port_index = own_addresses.size() - 1;
    own.vlan = port.vlan;
    own.mac = port.mac;
    for (const config::IpPrefix& prefix : port.addresses)
      if (own.count < own.list.size()) own.list[own.count++] = prefix.address;
    for (std::uint8_t i = 0; i < own.count; ++i)
      std::fill_n(&local_port(own_address(own.port_index, i), 0), 65536, LocalPort{});
    own.prepare();
  }
  transmit.reserve(ports.size());
  for (const PortInfo& port : ports)
    transmit.emplace_back(port.transmit_checksums, config.memory.mbufs_per_worker / (2 * ports.size()));
}

void WorkerState::tell(const Note& note) {
  if (memory.notes.push(note)) {
    notified = true;
  } else {
    counters().lost_events.add();
  }
}

void WorkerState::drop(rte_mbuf* packet, DropReason reason) {
  counters().drop(reason);
  rte_pktmbuf_free(packet);
}

}  // namespace sluice::dataplane
