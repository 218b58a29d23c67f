#include "controlplane/session/listing.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string_view>

#include "controlplane/session/rules.h"
#include "controlplane/session/views.h"

namespace sluice::control {
namespace {

constexpr char kSeparator = '/';  // stands in no id
constexpr std::size_t kNeighborsAtOnce = 128;

/// The place of an object. An empty id stands for the begin of the session.
struct Place {
  std::string session;
  std::string id;
  std::string cursor() const { return fmt::format("{}{}{}", session, kSeparator, id); }
};

/// The place that a cursor names; nullopt when it is not a cursor of this list.
std::optional<Place> place_of(const std::string& cursor, const std::string& only) {
  if (cursor.empty()) return Place{};
  const auto separator = cursor.find(kSeparator);
  if (separator == std::string::npos) return std::nullopt;
  Place place{cursor.substr(0, separator), cursor.substr(separator + 1)};
  if (!kObjectId.fits(place.session) || (!place.id.empty() && !kObjectId.fits(place.id))) return std::nullopt;
  if (!only.empty() && place.session != only) return std::nullopt;
  return place;
}

/// The key that a cursor of neighbours names: the index of the port and the address.
std::optional<NeighborTable::Key> neighbor_of(const std::string& cursor) {
  NeighborTable::Key key;
  const char* end = cursor.data() + cursor.size();
  const auto [separator, error] = std::from_chars(cursor.data(), end, key.port);
  if (error != std::errc() || separator == end || *separator != kSeparator) return std::nullopt;
  const auto ip = config::IpAddress::parse(std::string_view(separator + 1, end));
  if (!ip) return std::nullopt;
  key.ip = *ip;
  return key;
}

}  // namespace

template <typename View, typename Object, typename Look>
Result<Page<View>> Listing::walk(const PageRequest& request, const std::string& session_id,
                                 Objects<Object> objects, Look look) const {
  if (!session_id.empty()) {
    const auto found = context_.registry.need_session(session_id, Liveness::kAny);
    if (const auto* error = std::get_if<RequestError>(&found)) return *error;
  }
  const auto after = place_of(request.cursor, session_id);
  if (!after) return refuse_cursor(request.cursor);
  PageFill<View> fill(request, kMostExamined);
  const Registry::Sessions& sessions = context_.registry.sessions();
  Place last = *after;
  for (auto session = sessions.lower_bound(session_id.empty() ? after->session : session_id);
       session != sessions.end(); ++session) {
    if (fill.is_full()) return fill.end(last.cursor());
    const auto& table = (*session->second).*objects;
    const bool is_resumed = session->first == after->session;
    last = {session->first, is_resumed ? after->id : ""};
    if (table.empty()) (void)fill.takes(false);  // sessions without objects are looked at too
    for (auto object = table.upper_bound(last.id); object != table.end(); ++object) {
      if (fill.is_full()) return fill.end(last.cursor());
      look(*object->second, fill);
      last.id = object->first;
    }
    if (!session_id.empty()) break;
  }
  return fill.end("");
}

Result<Page<SessionView>> Listing::sessions(const SessionList& request) const {
  if (!request.page.cursor.empty() && !kObjectId.fits(request.page.cursor))
    return refuse_cursor(request.page.cursor);
  const Registry::Sessions& sessions = context_.registry.sessions();
  PageFill<SessionView> fill(request.page, kMostExamined);
  const auto youngest = context_.now() - std::chrono::seconds(request.older_than_s);
  std::string last = request.page.cursor;
  auto session = last < request.prefix ? sessions.lower_bound(request.prefix) : sessions.upper_bound(last);
  for (; session != sessions.end() && session->first.starts_with(request.prefix); ++session) {
    if (fill.is_full()) return fill.end(std::move(last));
    if (fill.takes(session->second->created <= youngest)) fill.add(view_of(context_, *session->second));
    last = session->first;
  }
  return fill.end("");
}

Result<Page<EndpointView>> Listing::endpoints(const EndpointList& request) const {
  const auto matches = [&](const Endpoint& endpoint) {
    return (!request.kind || endpoint.kind == *request.kind) &&
           (request.port.empty() || context_.port(endpoint).name == request.port) &&
           (!request.state || state_of(context_, endpoint) == *request.state);
  };
  return walk<EndpointView>(request.page, request.session, &Session::endpoints,
                            [&](const Endpoint& endpoint, auto& fill) {
                              if (fill.takes(matches(endpoint))) fill.add(view_of(context_, endpoint));
                            });
}

Result<Page<RouteView>> Listing::routes(const RouteList& request) const {
  if (auto error = check(request)) return *error;
  const auto matches = [&](const Route& route) {
    return (request.from.empty() || route.from().endpoint == request.from) &&
           (request.to.empty() || route.to->id == request.to);
  };
  return walk<RouteView>(request.page, request.session, &Session::routes,
                         [&](const Route& route, auto& fill) {
                           if (fill.takes(matches(route))) fill.add(view_of(context_, route));
                         });
}

Result<Page<UdpPortView>> Listing::udp_ports(const PortList& request) const {
  const auto look = [&](const Endpoint& endpoint, auto& fill) {
    const std::uint16_t rtp = endpoint.local.address.port;
    const bool wants_rtp = request.udp_port == 0 || request.udp_port == rtp;
    const bool wants_rtcp =
        !endpoint.rtcp_mux && (request.udp_port == 0 || request.udp_port == endpoint.rtcp_port);
    if (!fill.takes(wants_rtp || wants_rtcp)) return;
    const config::IpAddress& address = endpoint.local.address.ip;
    const std::string& session = endpoint.session->id;
    const char* component = endpoint.shared_port ? "ice" : endpoint.rtcp_mux ? "rtp+rtcp" : "rtp";
    if (wants_rtp) fill.add({address, rtp, session, endpoint.id, component});
    if (wants_rtcp) fill.add({address, endpoint.rtcp_port, session, endpoint.id, "rtcp"});
  };
  return walk<UdpPortView>(request.page, "", &Session::endpoints, look);
}

Result<Page<NeighborView>> Listing::neighbors(const NeighborList& request) const {
  std::optional<NeighborTable::Key> last;
  if (!request.page.cursor.empty() && !(last = neighbor_of(request.page.cursor)))
    return refuse_cursor(request.page.cursor);
  PageFill<NeighborView> fill(request.page, kMostExamined);
  for (;;) {
    const auto entries = remotes_.neighbors().table().list(last, kNeighborsAtOnce, context_.now());
    if (entries.empty()) return fill.end("");
    for (const NeighborTable::View& entry : entries) {
      if (fill.is_full())
        return fill.end(fmt::format("{}{}{}", last->port, kSeparator, last->ip.to_string()));
      last = entry.key;
      const std::string& port = context_.plane.port(entry.key.port).name;
      const bool matches =
          (request.port.empty() || port == request.port) && (!request.state || entry.state == *request.state);
      if (!fill.takes(matches)) continue;
      NeighborView view{port, entry.key.ip, entry.state, entry.pinned, entry.mac, std::nullopt};
      if (entry.age) view.age_ms = static_cast<std::uint64_t>(entry.age->count());
      fill.add(std::move(view));
    }
  }
}

}  // namespace sluice::control
