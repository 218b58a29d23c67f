// neighbor_discovery: reads and writes IPv6 neighbour solicitations and advertisements (RFC 4861 4.3, 4.4,
// 7.1). Formats only; any thread.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "controlplane/protocol/neighbor/link_frame.h"

namespace sluice::control {

inline constexpr std::uint8_t kNeighborSolicitation = 135;
inline constexpr std::uint8_t kNeighborAdvertisement = 136;

struct NdMessage {
  bool solicitation = false;  // else an advertisement
  bool solicited = false;     // an advertisement's S flag
  bool override = false;      // its O flag
  config::IpAddress source;   // :: in a probe for a duplicate address (RFC 4862 5.4)
  config::IpAddress destination;
  config::IpAddress target;
  std::optional<dataplane::MacAddress> link_layer;  // option: source (solicitation) or target (advertisement)

  /// REQUIRES: parse_frame accepted `bytes` as `frame`. nullopt for other ICMPv6 types, and for everything
  /// that RFC 4861 7.1.1 and 7.1.2 discard: a hop limit other than 255, a wrong checksum, code or length, a
  /// multicast target, an option of length 0, a solicitation from :: that is not for a solicited-node group
  /// or that carries a link-layer address, a solicited advertisement to a group.
  [[nodiscard]] static std::optional<NdMessage> parse(std::span<const std::uint8_t> bytes,
                                                      const dataplane::Frame& frame);
};

/// Asks for the MAC of `target`. `source` is an address of the port. The frame goes to `unicast` if given,
/// else to the solicited-node group.
std::vector<std::uint8_t> make_solicitation(const NeighborPort& port, const config::IpAddress& source,
                                            const config::IpAddress& target,
                                            const std::optional<dataplane::MacAddress>& unicast);
/// Says that `ours` is at the port's MAC, to `to_ip` at `to`. The solicited flag is set unless `to_ip` is a
/// group (RFC 4861 7.2.4).
std::vector<std::uint8_t> make_advertisement(const NeighborPort& port, const config::IpAddress& ours,
                                             const config::IpAddress& to_ip, const dataplane::MacAddress& to);

}  // namespace sluice::control
