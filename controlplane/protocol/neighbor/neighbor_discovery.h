// neighbor_discovery: neighbour solicitations and advertisements of IPv6 (RFC 4861 4.3, 4.4, 7.1), read and
// written. Formats only; any thread.
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
  config::IpAddress source;   // :: in a duplicate address probe (RFC 4862 5.4)
  config::IpAddress destination;
  config::IpAddress target;
  std::optional<dataplane::MacAddress> link_layer;  // source (solicitation) or target (advertisement) option

  /// `bytes` is a frame that parse_frame found well. nullopt for everything that RFC 4861 7.1.1 and 7.1.2
  /// tell to discard: hop limit other than 255, wrong checksum, code, lengths, a multicast target, an option
  /// of length 0, a solicitation from :: that is not for a solicited-node group or that carries a link-layer
  /// address, a solicited advertisement to a group; and for other ICMPv6 types.
  [[nodiscard]] static std::optional<NdMessage> parse(std::span<const std::uint8_t> bytes,
                                                      const dataplane::Frame& frame);
};

/// Who has `target`? From `source`, one of the port's addresses. To `unicast` when given, else to the
/// solicited-node group.
std::vector<std::uint8_t> make_solicitation(const NeighborPort& port, const config::IpAddress& source,
                                            const config::IpAddress& target,
                                            const std::optional<dataplane::MacAddress>& unicast);
/// `ours` is at the port's MAC. To `to_ip` at `to`; solicited unless that is a group (RFC 4861 7.2.4).
std::vector<std::uint8_t> make_advertisement(const NeighborPort& port, const config::IpAddress& ours,
                                             const config::IpAddress& to_ip, const dataplane::MacAddress& to);

}  // namespace sluice::control
