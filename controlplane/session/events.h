// events: what happens to sessions, endpoints, routes, streams and network ports: one type for each event,
// with its data.
// Sessions sends them; front ends render them. Plain values; control thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "config/ip_address.h"
#include "crypto/srtp/srtp_profile.h"
#include "dataplane/wire/frame.h"

namespace sluice::control {

struct SessionCreated {
  static constexpr std::string_view kType = "session.created";
};
struct SessionRemoved {
  static constexpr std::string_view kType = "session.removed";
  std::string reason;
};

/// The session ends soon unless it is renewed.
struct SessionExpiring {
  static constexpr std::string_view kType = "session.expiring";
  std::uint32_t seconds_left = 0;
};

struct EndpointCreated {
  static constexpr std::string_view kType = "endpoint.created";
};
/// The endpoint's keys and a remote address are known.
struct EndpointConnected {
  static constexpr std::string_view kType = "endpoint.connected";
  std::optional<crypto::SrtpProfile> profile;  // none for plain RTP
};
struct EndpointFailed {
  static constexpr std::string_view kType = "endpoint.failed";
  std::string reason;  // "handshake_timeout"
  std::string text;    // more about the reason, for people
};
struct EndpointLatched {
  static constexpr std::string_view kType = "endpoint.latched";
  bool is_rtcp = false;  // true for the RTCP address of an endpoint without rtcp-mux
  config::SocketAddress address;
};
/// The largest IP packet that passes to the peer is another one than before.
struct EndpointMtu {
  static constexpr std::string_view kType = "endpoint.mtu";
  std::uint16_t path_mtu = 0;
};
/// The endpoint ends soon unless it gives a sign of life.
struct EndpointIdle {
  static constexpr std::string_view kType = "endpoint.idle";
  std::uint32_t seconds_left = 0;
};
struct EndpointRemoved {
  static constexpr std::string_view kType = "endpoint.removed";
  std::string reason;
};

struct RouteCreated {
  static constexpr std::string_view kType = "route.created";
};
/// The worker has sent the first packet of the new source.
struct RouteSwitched {
  static constexpr std::string_view kType = "route.switched";
  std::string from;  // the endpoint of the new source
};
struct RouteRemoved {
  static constexpr std::string_view kType = "route.removed";
};

struct StreamStarted {
  static constexpr std::string_view kType = "stream.started";
  std::uint32_t ssrc = 0;
};
struct StreamEnded {
  static constexpr std::string_view kType = "stream.ended";
  std::uint32_t ssrc = 0;
};

/// The link of a network port has gone down or come up.
struct PortLink {
  static constexpr std::string_view kType = "port.link";
  bool is_up = false;
};
/// A gateway of a network port answers, at another MAC than before, or no longer.
struct PortGateway {
  static constexpr std::string_view kType = "port.gateway";
  config::IpAddress gateway;
  std::optional<dataplane::MacAddress> mac;  // none: it does not answer
};
/// Another station uses one of the port's addresses.
struct PortConflict {
  static constexpr std::string_view kType = "port.conflict";
  config::IpAddress address;
  dataplane::MacAddress mac{};
};

using EventBody = std::variant<SessionCreated, SessionExpiring, SessionRemoved, EndpointCreated,
                               EndpointConnected, EndpointFailed, EndpointLatched, EndpointMtu, EndpointIdle,
                               EndpointRemoved, RouteCreated, RouteSwitched, RouteRemoved, StreamStarted,
                               StreamEnded, PortLink, PortGateway, PortConflict>;

/// The object that the event is about: a session, or an endpoint or a route of that session; or a network
/// port, by its name.
struct Event {
  std::string session;
  std::string endpoint = {};
  std::string route = {};
  std::string port = {};
  EventBody body = {};
};

/// The name of the event in docs/api.md: "session.created".
[[nodiscard]] inline std::string_view event_type(const Event& event) {
  return std::visit([](const auto& body) { return body.kType; }, event.body);
}

}  // namespace sluice::control
