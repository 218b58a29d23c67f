#include "controlplane/session/udp_ports.h"

#include <algorithm>
#include <cassert>
#include <set>
#include <tuple>

namespace sluice::control {

UdpPorts::UdpPorts(const config::Config& config, MediaPlane& plane)
    : plane_(plane),
      kinds_(find_kinds(config, plane)),
      ports_(config.media.port_min, config.media.port_max, kinds_.size(), config.ice.shared_port,
             static_cast<std::uint16_t>(
                 std::min<std::size_t>(config.ice.shared_port + plane.worker_count() - 1, 65535)),
             [this](std::uint16_t udp_port) {
               const auto found = std::lower_bound(kinds_.begin(), kinds_.end(), kind_of(plane_, udp_port));
               return static_cast<std::size_t>(found - kinds_.begin());
             }) {
  for (std::size_t i = 0; i < plane.worker_count(); ++i)
    plane.steer(static_cast<std::uint16_t>(config.ice.shared_port + i), i);
}

UdpPorts::Kind UdpPorts::kind_of(const MediaPlane& plane, std::uint16_t udp_port) {
  Kind kind;
  for (std::size_t i = 0; i < plane.port_count(); ++i) kind.push_back(plane.brings_to(i, udp_port));
  return kind;
}

std::vector<UdpPorts::Kind> UdpPorts::find_kinds(const config::Config& config, const MediaPlane& plane) {
  std::set<Kind> kinds;
  for (std::uint32_t port = config.media.port_min; port <= config.media.port_max; ++port)
    kinds.insert(kind_of(plane, static_cast<std::uint16_t>(port)));
  return {kinds.begin(), kinds.end()};
}

std::optional<PortLease> UdpPorts::acquire(std::size_t worker, std::size_t port_index, bool pair) {
  // First the ports that the hardware brings to this worker, then those for which the queue is not known,
  // then the others. Among equals, the kind with the most free ports.
  std::optional<std::size_t> best;
  std::tuple<int, std::size_t> best_rank;
  for (std::size_t i = 0; i < kinds_.size(); ++i) {
    const std::size_t free = pair ? ports_.free_pairs(i) : ports_.free_singles(i);
    if (free == 0) continue;
    const std::optional<std::uint8_t>& queue = kinds_[i][port_index];
    const std::tuple rank{!queue ? 1 : *queue == worker ? 2 : 0, free};
    if (best && rank <= best_rank) continue;
    best = i;
    best_rank = rank;
  }
  if (!best) return std::nullopt;
  const auto udp_port = pair ? ports_.acquire_pair(*best) : ports_.acquire_single(*best);
  if (!udp_port) return std::nullopt;
  plane_.steer(*udp_port, worker);
  if (pair) plane_.steer(static_cast<std::uint16_t>(*udp_port + 1), worker);
  return PortLease(*this, *udp_port, pair);
}

void UdpPorts::release(std::uint16_t udp_port, bool pair) {
  [[maybe_unused]] const bool was_taken =
      pair ? ports_.release_pair(udp_port) : ports_.release_single(udp_port);
  assert(was_taken);
}

}  // namespace sluice::control
