// remote_addresses: where each endpoint's media goes. An address (signalled, latched, or nominated by ICE)
// and the next hop's MAC make the header template that the worker sends with; this class asks the neighbours,
// tells the worker, and tells it again when the next hop's MAC changes. Control thread only.
#pragma once

#include <map>
#include <unordered_map>

#include "controlplane/protocol/neighbor/neighbors.h"
#include "controlplane/session/context.h"

namespace sluice::control {

class RemoteAddresses {
 public:
  explicit RemoteAddresses(Context& context);

  /// nullopt when there is a way from that port to the address: on-link, or by a gateway.
  [[nodiscard]] std::optional<RequestError> check(std::size_t port, const config::IpAddress& address) const;
  /// The operator says where an rtp or sdes peer is.
  void signal(Endpoint& endpoint, const RemoteAddress& remote);
  /// The worker has moved there by itself, to the MAC that the media came from: only a later change of MAC
  /// matters.
  void latched(Endpoint& endpoint, dataplane::Component component, const config::SocketAddress& address);
  /// ICE chose this address; its checks come from that MAC.
  void select(Endpoint& endpoint, const config::SocketAddress& address, const dataplane::MacAddress& mac);
  void forget(const Endpoint& endpoint);
  /// Says that the endpoint is connected, once, when its keys and a remote are known.
  void note_connected(Endpoint& endpoint);

  /// ARP, neighbour discovery and ICMP.
  void on_frame(std::size_t port, std::span<const std::uint8_t> frame, TimePoint now);
  TimePoint tick(TimePoint now);

 private:
  // One address that an endpoint sends to, and the MAC that the worker was told last, if any.
  struct Leg {
    std::size_t worker = 0;
    dataplane::SlotRef endpoint;
    dataplane::Component component{};
    config::SocketAddress remote;
    bool wait_for_change = false;  // the first MAC is the worker's own finding
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
  void keep_up(TimePoint now);
  void set_remote(Endpoint& endpoint, dataplane::Component component, const config::SocketAddress& address,
                  const dataplane::MacAddress& mac);
  static std::uint64_t leg_key(std::size_t worker, std::uint32_t slot, dataplane::Component component) {
    return std::uint64_t{worker} << 40 | std::uint64_t{slot} << 1 | static_cast<std::uint64_t>(component);
  }

  Context& context_;
  Neighbors neighbors_;
  std::map<Place, std::map<std::uint64_t, Leg>> places_;
  std::unordered_map<std::uint64_t, Place> legs_;  // leg_key -> where to find it
  TimePoint next_keep_up_{};
};

}  // namespace sluice::control
