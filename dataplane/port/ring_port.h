// ring_port: the DPDK port of a [[ports]] device "ring:NAME". For each queue it has a pair of rte_rings in
// shared memory. A secondary DPDK process of the same host, the peer process, looks the rings up by name. The
// rings pass mbufs; no byte is copied.
//
// A third ring returns the mbufs that the peer process no longer needs. The worker puts them into its own
// pool cache. This cache is last in, first out, so the worker writes the next copy into memory that the CPU's
// caches still hold.
//
// The control thread makes the port after the EAL is up. The rings stay when the port is closed, because the
// peer process may still use them. They end with the shared memory of this process.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/ring_device.h"

struct rte_mempool;

namespace sluice::dataplane {

enum class RingWay : std::uint8_t { kToSluice, kFromSluice, kHome };

/// The rings of queue 0 are "sluice_NAME_rx0" to sluiced, "sluice_NAME_tx0" from sluiced, and
/// "sluice_NAME_home0" for buffers of the pool "sluice_packets_0" that return. A buffer that returns is
/// whole, in one segment, with one reference. The peer process may also free buffers instead.
std::string ring_name(std::string_view name, RingWay way, std::uint16_t queue);

/// The --file-prefix that a primary with such a port passes to the EAL. Its secondaries must pass the same.
std::string ring_file_prefix(std::string_view name);

/// Makes the rings (at most 16 pairs) and a port over them, and sets its DPDK id in `id`. On failure false,
/// with the reason in `error`.
[[nodiscard]] bool make_ring_port(const config::RingDevice& ring, std::uint16_t queues, std::uint16_t& id,
                                  std::string& error);

/// From now on, each worker takes the buffers that return back into its pool when it receives or sends by its
/// queue. False when DPDK refuses. REQUIRES: the port is configured but not started; `pools` has at least one
/// pool per queue.
[[nodiscard]] bool bring_buffers_home(const config::RingDevice& ring, std::uint16_t id, std::uint16_t queues,
                                      const std::vector<rte_mempool*>& pools);

}  // namespace sluice::dataplane
