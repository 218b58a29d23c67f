// ring_port: the DPDK port behind a [[ports]] device "ring:NAME": a pair of rte_rings per queue in shared
// memory. A secondary DPDK process of the same host looks them up by name and is the far end of the cable:
// mbufs change hands, no byte is copied. What the far end is done with returns by a third ring, as a NIC
// gives back what it has sent: into the worker's own pool cache, last in, first out, so that the next copy is
// written into memory that the CPU still holds. Made by the control thread after the EAL is up. The rings
// stay when the port is closed, because the far end may still hold them; they go with the process's shared
// memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/ring_device.h"

struct rte_mempool;

namespace sluice::dataplane {

enum class RingWay : std::uint8_t { kToSluice, kFromSluice, kHome };

/// "sluice_NAME_rx0" towards sluiced, "sluice_NAME_tx0" from it, and "sluice_NAME_home0" for buffers of the
/// pool "sluice_packets_0" that the far end has done with: whole, with one reference, in one segment. It need
/// not use it: freeing them does as well.
std::string ring_name(std::string_view name, RingWay way, std::uint16_t queue);

/// What a primary with such a port passes to the EAL as --file-prefix, and its secondaries must as well.
std::string ring_file_prefix(std::string_view name);

/// Makes the rings (at most 16 pairs) and a port over them; its DPDK id in `id`. False with the reason in
/// `error`.
[[nodiscard]] bool make_ring_port(const config::RingDevice& ring, std::uint16_t queues, std::uint16_t& id,
                                  std::string& error);

/// From now on each worker takes buffers home when it receives or sends by its queue. REQUIRES: the port is
/// configured, and not started. `pools`: one per queue at least. False when DPDK refuses.
[[nodiscard]] bool bring_buffers_home(const config::RingDevice& ring, std::uint16_t id, std::uint16_t queues,
                                      const std::vector<rte_mempool*>& pools);

}  // namespace sluice::dataplane
