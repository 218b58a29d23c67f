// neighbors: what the control thread does on the link of each port: it answers ARP, neighbour discovery and
// pings for the port's addresses, finds the MACs of the next hops of media, and passes on what routers say of
// datagrams that are too big.
//
// Thread: control. Time is passed in, frames leave by a callback; no sockets, no DPDK.
//
// Invariants: a frame that is malformed, of another VLAN, or not for us changes nothing and is counted. A MAC
// is learnt only from an answer to a question (neighbor_table.h), so another host cannot take over a gateway
// that answers. The number of answers per second is bounded, in all and for each station. Stations that media
// goes to have a bound of their own, which a flood from other stations does not touch.
//
// When another station uses one of our addresses, the port keeps it and announces it once
// (RFC 5227 2.4 (c)), at most every kDefendInterval.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "controlplane/protocol/neighbor/arp.h"
#include "controlplane/protocol/neighbor/link_frame.h"
#include "controlplane/protocol/neighbor/neighbor_discovery.h"
#include "controlplane/protocol/neighbor/neighbor_table.h"
#include "controlplane/protocol/neighbor/packet_too_big.h"
#include "controlplane/protocol/neighbor/rate_limit.h"

namespace sluice::control {

/// Why a frame was not answered and not used.
enum class NeighborDrop : std::uint8_t {
  kMalformed,  // cut, or wrong lengths; ARP and ND also checksum and hop limit; "too big": see PacketTooBig
  kOtherVlan,
  kNotForUs,   // not our address, or an Ethernet destination that is neither ours nor a group
  kBadSource,  // a source that must not be answered: group, broadcast, loopback, unspecified, ours
  kUnasked,    // an answer without a question of ours
  kRateLimited,
  kUnknownType,  // ICMP but no valid echo request and not "too big", or another protocol
  kUnknownPort,
};
inline constexpr std::size_t kNeighborDrops = 8;
inline constexpr std::array<std::string_view, kNeighborDrops> kNeighborDropNames{
    "malformed", "otherVlan",   "notForUs",    "badSource",
    "unasked",   "rateLimited", "unknownType", "unknownPort"};

inline constexpr std::chrono::seconds kDefendInterval{10};  // RFC 5227 1.1: DEFEND_INTERVAL

class Neighbors {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Callbacks {
    /// Sends one frame out of that port, from Ethernet header to payload, without FCS. It must not call this
    /// class.
    std::function<void(std::uint16_t port_index, std::span<const std::uint8_t> frame)> send;
    /// The next hop has a MAC now, or another one than before. next_hop() maps a destination to its next hop.
    /// It may call resolve() and release().
    std::function<void(std::uint16_t port_index, const config::IpAddress& next_hop,
                       const dataplane::MacAddress& mac)>
        on_resolved;
    /// No station answers for a gateway. Called once until one answers again.
    std::function<void(std::uint16_t port_index, const config::IpAddress& gateway)> on_gateway_lost;
    /// A station with that MAC uses our address. Called at most every kDefendInterval for each address.
    std::function<void(std::uint16_t port_index, const config::IpAddress& ours,
                       const dataplane::MacAddress& mac)>
        on_conflict;
    /// A router says that a datagram from an address of ours was too big. Called at most kTooBigPerSecond
    /// times a second for each port.
    std::function<void(const PacketTooBig& message, TimePoint now)> on_too_big = {};
  };
  static constexpr std::uint32_t kTooBigPerSecond = 200;

  struct Counters {
    std::uint64_t arp_answered = 0;
    std::uint64_t nd_answered = 0;
    std::uint64_t echo_answered = 0;
    std::uint64_t too_big = 0;    // messages of routers, passed on
    std::uint64_t asked = 0;      // questions that we sent
    std::uint64_t learned = 0;    // answers that gave a MAC
    std::uint64_t conflicts = 0;  // frames of another station that uses one of our addresses
    std::uint64_t defended = 0;   // announcements because of that
    std::array<std::uint64_t, kNeighborDrops> drops{};
  };

  /// A port with an IPv6 address also answers for its link-local fe80:: EUI-64 address.
  Neighbors(std::vector<NeighborPort> ports, Callbacks callbacks);
  Neighbors(const Neighbors&) = delete;
  Neighbors& operator=(const Neighbors&) = delete;

  /// Announces every address twice (ARP requests for the own address, RFC 5227 2.3; unsolicited
  /// advertisements, RFC 4861 7.2.6). Starts to resolve the gateways, which stay resolved from then on.
  void start(TimePoint now);

  /// Takes one frame that came in by that port: ARP, ICMP or ICMPv6. Others are counted as kUnknownType.
  void on_frame(std::uint16_t port_index, std::span<const std::uint8_t> bytes, TimePoint now);

  /// The next hop to `destination`: the destination itself when it is on-link, else the gateway of its
  /// family. nullopt for an unknown port, an address of the port itself, a group or broadcast address, or
  /// without a gateway.
  [[nodiscard]] std::optional<config::IpAddress> next_hop(std::uint16_t port_index,
                                                          const config::IpAddress& destination) const;

  /// The MAC of the next hop. nullopt when it is not known yet: the table then asks, and on_resolved reports
  /// the answer, and each change of it until release().
  std::optional<dataplane::MacAddress> resolve(std::uint16_t port_index, const config::IpAddress& destination,
                                               TimePoint now);
  /// No caller needs the MAC of `next_hop` any more.
  void release(std::uint16_t port_index, const config::IpAddress& next_hop, TimePoint now);
  /// The MAC of the next hop, if it is known. Asks nothing and adds nothing to the table.
  [[nodiscard]] std::optional<dataplane::MacAddress> known_mac(std::uint16_t port_index,
                                                               const config::IpAddress& destination) const;

  /// The link of the port came up: the other stations may be others now. Announces the addresses and asks for
  /// the gateways again.
  void on_link_up(std::uint16_t port_index, TimePoint now);

  /// Timers: retries, refreshes, the second announcement. Returns when to call it again, at most a second
  /// ahead.
  TimePoint tick(TimePoint now);

  const Counters& counters() const { return counters_; }
  /// Frames of other stations that use an address of that port.
  [[nodiscard]] std::uint64_t conflicts(std::uint16_t port_index) const;
  const NeighborTable& table() const { return table_; }

 private:
  // When the next announcement because of a conflict is allowed.
  struct Defence {
    config::IpAddress ours;
    TimePoint next;
  };
  struct Port {
    NeighborPort link;
    std::optional<config::IpAddress> link_local;
    SourceLimits echoes;
    SourceLimits too_big;
    SourceLimits answers;  // to stations that are not in the table
    RateLimit known;       // answers to those that are
    std::vector<Defence> defences;
    std::uint64_t conflicts = 0;
  };

  Port* find(std::uint16_t port_index);
  const Port* find(std::uint16_t port_index) const;
  [[nodiscard]] static bool is_ours(const Port& port, const config::IpAddress& ip);
  [[nodiscard]] static bool is_broadcast(const Port& port, const config::IpAddress& ip);
  [[nodiscard]] static bool is_on_link(const Port& port, const config::IpAddress& destination);
  [[nodiscard]] static bool may_be_answered(const Port& port, const config::IpAddress& ip);
  static config::IpAddress source_towards(const Port& port, const config::IpAddress& target);

  void on_arp(Port& port, std::span<const std::uint8_t> payload, TimePoint now);
  void on_icmpv6(Port& port, std::span<const std::uint8_t> bytes, const dataplane::Frame& frame,
                 TimePoint now);
  void on_solicitation(Port& port, const NdMessage& message, const dataplane::MacAddress& from,
                       TimePoint now);
  void on_advertisement(Port& port, const NdMessage& message, const dataplane::MacAddress& from,
                        TimePoint now);
  void on_other_icmp(Port& port, std::span<const std::uint8_t> bytes, const dataplane::Frame& frame,
                     TimePoint now);
  void on_echo(Port& port, std::span<const std::uint8_t> bytes, const dataplane::Frame& frame, TimePoint now);
  void on_too_big(Port& port, std::span<const std::uint8_t> bytes, const dataplane::Frame& frame,
                  TimePoint now);
  [[nodiscard]] bool may_answer(Port& port, const config::IpAddress& to, const dataplane::MacAddress& mac,
                                TimePoint now);
  void on_conflict(Port& port, const config::IpAddress& ours, const dataplane::MacAddress& mac,
                   TimePoint now);
  void announce(const Port& port, const config::IpAddress& ours);
  void learn(const Port& port, const config::IpAddress& ip, const dataplane::MacAddress& mac, bool asked_for,
             TimePoint now);
  void ask(const NeighborTable::Key& key, const std::optional<dataplane::MacAddress>& known);
  void announce(const Port& port);
  void drop(NeighborDrop reason) { ++counters_.drops[static_cast<std::size_t>(reason)]; }

  std::vector<Port> ports_;
  Callbacks callbacks_;
  NeighborTable table_;
  Counters counters_;
  std::optional<TimePoint> announce_again_;
};

}  // namespace sluice::control
