// neighbors: what a port owes its link: ARP and neighbour-discovery answers for its own addresses, answers to
// pings, and the MACs of the next hops that media goes to.
//
// Thread: control. Time is passed in, frames leave through a callback; no sockets, no DPDK.
//
// Invariants: a frame that is malformed, of another VLAN, or not for us moves nothing and is counted. A MAC
// is learnt only from an answer that was asked for (see neighbor_table.h), so no host talks a live gateway
// away. What is answered per second is bounded.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "controlplane/protocol/neighbor/arp.h"
#include "controlplane/protocol/neighbor/link_frame.h"
#include "controlplane/protocol/neighbor/neighbor_discovery.h"
#include "controlplane/protocol/neighbor/neighbor_table.h"

namespace sluice::control {

/// Why a frame was not answered and not used.
enum class NeighborDrop : std::uint8_t {
  kMalformed,  // cut, wrong lengths, checksum or hop limit
  kOtherVlan,
  kNotForUs,   // another's address, or an Ethernet destination that is neither ours nor a group
  kBadSource,  // a source that must not be answered: group, broadcast, unspecified, ours
  kUnasked,    // an answer to no question of ours
  kRateLimited,
  kUnknownType,  // of ICMP, or a protocol that is not served
  kUnknownPort,
};
inline constexpr std::size_t kNeighborDrops = 8;

class Neighbors {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Callbacks {
    /// One frame out of that port, Ethernet header to payload, without FCS. Must not call back.
    std::function<void(std::uint16_t port_index, std::span<const std::uint8_t> frame)> send;
    /// The next hop has a MAC now, or another one than before. Keyed by next hop, which next_hop() tells of a
    /// destination. May call resolve().
    std::function<void(std::uint16_t port_index, const config::IpAddress& next_hop,
                       const dataplane::MacAddress& mac)>
        on_resolved;
  };

  struct Counters {
    std::uint64_t arp_answered = 0;
    std::uint64_t nd_answered = 0;
    std::uint64_t echo_answered = 0;
    std::uint64_t asked = 0;      // requests and solicitations of ours
    std::uint64_t learned = 0;    // answers taken
    std::uint64_t conflicts = 0;  // another station says that it has one of our addresses
    std::array<std::uint64_t, kNeighborDrops> drops{};
  };

  /// A port with an IPv6 address answers for its link-local fe80:: EUI-64 too.
  Neighbors(std::vector<NeighborPort> ports, Callbacks callbacks);
  Neighbors(const Neighbors&) = delete;
  Neighbors& operator=(const Neighbors&) = delete;

  /// Announces every address (RFC 5227 2.3: ARP requests for oneself, twice; RFC 4861 7.2.6: unsolicited
  /// advertisements) and starts to resolve the gateways, which are kept up from then on.
  void start(TimePoint now);

  /// One frame that came in by that port: ARP, ICMP or ICMPv6. Others are counted as kUnknownType.
  void on_frame(std::uint16_t port_index, std::span<const std::uint8_t> bytes, TimePoint now);

  /// Where a packet to `destination` goes first: itself when it is on-link, else the gateway of its family.
  /// nullopt for an unknown port, an address of the port itself, a group or broadcast, or where there is no
  /// way.
  [[nodiscard]] std::optional<config::IpAddress> next_hop(std::uint16_t port_index,
                                                          const config::IpAddress& destination) const;

  /// The MAC of the next hop. nullopt when there is none yet: asking then goes on by itself, and on_resolved
  /// tells. The keeper of the MAC calls this again at least every few minutes: an entry that is not looked up
  /// for kNeighborWanted is no longer kept up, and a change of its MAC no longer told.
  std::optional<dataplane::MacAddress> resolve(std::uint16_t port_index, const config::IpAddress& destination,
                                               TimePoint now);

  /// Timers: retries, refreshes, the second announcement. Returns when to call again, at most a second ahead.
  TimePoint tick(TimePoint now);

  const Counters& counters() const { return counters_; }
  /// For tests.
  std::size_t table_size() const { return table_.size(); }

 private:
  // So many answers a second, and as many at once.
  struct Allowance {
    std::uint32_t per_second = 0;
    std::uint32_t left = 0;
    TimePoint refilled{};
    [[nodiscard]] bool take(TimePoint now);
  };
  struct Port {
    NeighborPort link;
    std::optional<config::IpAddress> link_local;
    Allowance echoes;
    Allowance answers;
  };

  Port* find(std::uint16_t port_index);
  const Port* find(std::uint16_t port_index) const;
  [[nodiscard]] static bool is_ours(const Port& port, const config::IpAddress& ip);
  [[nodiscard]] static bool is_broadcast(const Port& port, const config::IpAddress& ip);
  [[nodiscard]] static bool may_be_answered(const Port& port, const config::IpAddress& ip);
  static config::IpAddress source_towards(const Port& port, const config::IpAddress& target);

  void on_arp(Port& port, std::span<const std::uint8_t> payload, TimePoint now);
  void on_icmpv6(Port& port, std::span<const std::uint8_t> bytes, const dataplane::Frame& frame,
                 TimePoint now);
  void on_solicitation(Port& port, const NdMessage& message, const dataplane::MacAddress& from,
                       TimePoint now);
  void on_advertisement(Port& port, const NdMessage& message, const dataplane::MacAddress& from,
                        TimePoint now);
  void on_echo(Port& port, std::span<const std::uint8_t> bytes, const dataplane::Frame& frame, TimePoint now);
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
