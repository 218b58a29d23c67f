// remote_addresses: where each endpoint's media goes. An address comes from signalling, from latching or from
// ICE. With the MAC of the next hop it makes the header template that the worker sends with. This class finds
// the MAC, tells the worker, and tells it again when the MAC of the next hop changes. Control thread only.
#pragma once

#include <map>
#include <unordered_map>

#include "controlplane/protocol/neighbor/neighbors.h"
#include "controlplane/session/context.h"

namespace sluice::control {

class RemoteAddresses {
 public:
  explicit RemoteAddresses(Context& context);

  /// nullopt when that port can reach the address, on-link or by a gateway; else the error.
  [[nodiscard]] std::optional<RequestError> check(std::size_t port, const config::IpAddress& address) const;
  /// The operator has named the address of an rtp or sdes peer.
  void signal(Endpoint& endpoint, const RemoteAddress& remote);
  /// The worker already sends to this address, at the MAC that the media came from. So the first MAC that is
  /// found is not sent to the worker, only a later change.
  void latched(Endpoint& endpoint, dataplane::Component component, const config::SocketAddress& address);
  /// ICE chose this address; the peer's checks come from `mac`.
  void select(Endpoint& endpoint, const config::SocketAddress& address, const dataplane::MacAddress& mac);
  /// No address may be sent to any more. The endpoint goes on receiving.
  void stop(Endpoint& endpoint);
  /// Stops following the endpoint's addresses. Call it before the endpoint is removed.
  void forget(const Endpoint& endpoint);
  /// Sends EndpointConnected, once, when the endpoint's keys and a remote address are known.
  void note_connected(Endpoint& endpoint);

  /// Takes a frame of ARP, neighbour discovery or ICMP.
  void on_frame(std::size_t port, std::span<const std::uint8_t> frame, TimePoint now);
  /// Timers of the neighbours. Returns when to call it again.
  TimePoint tick(TimePoint now);

 private:
  // An address that an endpoint sends to, and the MAC that was last found for it, if any.
  struct Leg {
    std::size_t worker = 0;
    dataplane::SlotRef endpoint;
    dataplane::Component component{};
    config::SocketAddress remote;
    bool wait_for_change = false;  // the worker has the first MAC already
    std::optional<dataplane::MacAddress> mac;
  };
  struct Place {
    std::uint16_t port = 0;
    config::IpAddress next_hop;
    auto operator<=>(const Place&) const = default;
  };

  void follow(Endpoint& endpoint, dataplane::Component component, const config::SocketAddress& address,
              bool wait_for_change);
  void unfollow(std::size_t worker, dataplane::SlotRef endpoint, dataplane::Component component);
  void on_resolved(const Place& place, const dataplane::MacAddress& mac);
  void tell(Leg& leg, const dataplane::MacAddress& mac);
  /// Looks up some of the next hops. False when more of them are due.
  bool keep_up(TimePoint now);
  void set_remote(Endpoint& endpoint, dataplane::Component component, const config::SocketAddress& address,
                  const dataplane::MacAddress& mac);
  static std::uint64_t leg_key(std::size_t worker, std::uint32_t slot, dataplane::Component component) {
    return std::uint64_t{worker} << 40 | std::uint64_t{slot} << 1 | static_cast<std::uint64_t>(component);
  }

  Context& context_;
  Neighbors neighbors_;
  std::map<Place, std::map<std::uint64_t, Leg>> places_;
  std::unordered_map<std::uint64_t, Place> legs_;  // leg_key -> its place in places_
  TimePoint next_keep_up_{};
  Place kept_up_{};  // the place that keep_up() handled last; the first of all when it begins
};

}  // namespace sluice::control
