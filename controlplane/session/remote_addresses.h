// remote_addresses: where each endpoint's media goes. An address comes from signalling, from latching or from
// ICE. With the MAC of the next hop it makes the header template that the worker sends with. This class finds
// the MAC, tells the worker, and tells it again when the MAC of the next hop changes: kLegsPerTick endpoints
// from one tick to the next, since all of them may be behind one gateway. It tells path_mtus where media
// goes. It logs what happens to gateways and to our own addresses, and sends events about it. Control thread
// only.
#pragma once

#include <deque>
#include <map>
#include <unordered_map>

#include "controlplane/protocol/neighbor/neighbors.h"
#include "controlplane/session/context.h"
#include "controlplane/session/path_mtus.h"

namespace sluice::control {

class RemoteAddresses {
 public:
  static constexpr std::size_t kLegsPerTick = 1024;

  explicit RemoteAddresses(Context& context);

  /// nullopt when that port can reach the address, on-link or by a gateway; else the error.
  [[nodiscard]] std::optional<RequestError> check(std::size_t port, const config::IpAddress& address) const;
  /// The operator has named the address of an rtp or sdes peer.
  void signal(Endpoint& endpoint, const RemoteAddress& remote);
  /// The worker already sends to this address.
  void learned(Endpoint& endpoint, dataplane::Component component, const config::SocketAddress& address);
  /// ICE chose this address. The peer's checks come from `mac`, which serves until the next hop's is known.
  void select(Endpoint& endpoint, const config::SocketAddress& address, const dataplane::MacAddress& mac);
  /// No address may be sent to any more. The endpoint goes on receiving.
  void stop(Endpoint& endpoint);
  /// Stops following the endpoint's addresses. Call it before the endpoint is removed.
  void forget(const Endpoint& endpoint);
  /// Sends EndpointConnected, once, when the endpoint's keys and a remote address are known.
  void note_connected(Endpoint& endpoint);

  /// The MAC to answer a packet that came from that address and from `mac`: that of the next hop if it is
  /// known, else `mac`.
  [[nodiscard]] dataplane::MacAddress way_back(std::size_t port, const config::IpAddress& address,
                                               const dataplane::MacAddress& mac) const;

  const Neighbors& neighbors() const { return neighbors_; }
  /// The link of that port came up.
  void on_link_up(std::size_t port, TimePoint now);

  /// Takes a frame of ARP, neighbour discovery or ICMP.
  void on_frame(std::size_t port, std::span<const std::uint8_t> frame, TimePoint now);
  /// Timers of the neighbours and of path MTUs. Returns when to call it again.
  TimePoint tick(TimePoint now);

 private:
  // An address that an endpoint sends to.
  struct Leg {
    std::size_t worker = 0;
    dataplane::SlotRef endpoint;
    dataplane::Component component{};
    config::SocketAddress remote;
    bool installed = false;                    // the worker has the address
    std::optional<dataplane::MacAddress> mac;  // that the worker was told last
  };
  struct Place {
    std::uint16_t port = 0;
    config::IpAddress next_hop;
    auto operator<=>(const Place&) const = default;
  };
  using Legs = std::map<std::uint64_t, Leg>;  // by leg_key
  // A next hop with a new MAC, and the first leg that has not been told.
  struct Change {
    Place place;
    std::uint64_t next_leg = 0;
  };

  static Neighbors::Callbacks callbacks(Context& context, RemoteAddresses& self);
  Leg* follow(Endpoint& endpoint, dataplane::Component component, const config::SocketAddress& address,
              bool installed);
  void unfollow(std::size_t worker, dataplane::SlotRef endpoint, dataplane::Component component);
  void on_resolved(const Place& place, const dataplane::MacAddress& mac);
  void on_gateway(const Place& place, const std::optional<dataplane::MacAddress>& mac);
  void on_conflict(const Place& ours, const dataplane::MacAddress& mac);
  void tell_legs();
  void tell(Leg& leg, const dataplane::MacAddress& mac);
  void set_remote(Endpoint& endpoint, const Leg& leg, dataplane::CommandKind kind,
                  const dataplane::MacAddress& mac);
  static std::uint64_t leg_key(std::size_t worker, std::uint32_t slot, dataplane::Component component) {
    return std::uint64_t{worker} << 40 | std::uint64_t{slot} << 1 | static_cast<std::uint64_t>(component);
  }

  Context& context_;
  PathMtus path_mtus_;
  Neighbors neighbors_;
  std::map<Place, Legs> places_;
  std::unordered_map<std::uint64_t, Place> legs_;  // leg_key -> its place in places_
  std::deque<Change> changes_;                     // of places that have legs to tell
  std::size_t may_tell_ = kLegsPerTick;            // legs and places that tell_legs() may still look at
};

}  // namespace sluice::control
