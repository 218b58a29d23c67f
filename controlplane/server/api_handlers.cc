#include "controlplane/server/api_handlers.h"

#include <algorithm>
#include <utility>

#include "controlplane/api/api.h"
#include "controlplane/api/api_views.h"
#include "controlplane/base/log.h"
#include "controlplane/server/port_view.h"

namespace sluice::control {
namespace {

template <typename View>
OrderedJson render_all(const std::vector<View>& views) {
  OrderedJson list = OrderedJson::array();
  for (const auto& view : views) list.push_back(render(view));
  return list;
}

/// The answer to a list request: the objects, or only their number.
template <typename View>
OrderedJson render_page(const char* name, const PageRequest& request, const Page<View>& page) {
  OrderedJson object;
  if (request.count)
    object["count"] = page.count;
  else
    object[name] = render_all(page.views);
  if (!page.next_cursor.empty()) object["nextCursor"] = page.next_cursor;
  return object;
}

/// The first page of the objects of a session that exists, as a member of the session.
template <typename View>
void add_list(OrderedJson& session, const char* list, const char* cursor, const Result<Page<View>>& page) {
  const auto* found = std::get_if<Page<View>>(&page);
  if (found == nullptr) return;
  session[list] = render_all(found->views);
  if (!found->next_cursor.empty()) session[cursor] = found->next_cursor;
}

template <typename T, typename Render>
Outcome outcome(Result<T> result, Render&& render_object) {
  if (auto* error = std::get_if<RequestError>(&result)) return {.result = to_api_error(*error)};
  return {.result = render_object(std::get<T>(result))};
}

template <typename View>
OrderedJson render_created(const Created<View>& created) {
  OrderedJson object = render(created.object);
  object["created"] = created.created;
  return object;
}

/// Answers when the removal is complete.
Sessions::Done when_removed(Answer answer, OrderedJson named) {
  return [answer = std::move(answer), named = std::move(named)](std::optional<RequestError> error) {
    if (error) return answer({.result = to_api_error(*error)});
    OrderedJson object = named;
    object["removed"] = true;
    answer({.result = std::move(object)});
  };
}

/// With the keys: the caller needs them to tell its peer.
OrderedJson render_with_keys(const EndpointView& view) {
  return render(view, Keys::kShown);
}

OrderedJson named(const std::string& session, const std::string& id) {
  return {{"session", session}, {"id", id}};
}

}  // namespace

/// Carries out one request: one overload for each request type.
struct ApiHandlers::RequestDispatcher {
  ApiHandlers& self;
  Answer answer;
  Sessions& sessions = self.context_.sessions;

  void operator()(const VersionGet&) { answer({.result = self.version()}); }

  void operator()(const SessionCreate& r) {
    answer(outcome(sessions.create_session(r), render_created<SessionView>));
  }
  void operator()(const SessionRenew& r) {
    answer(outcome(sessions.renew_session(r), [](const SessionView& view) { return render(view); }));
  }
  void operator()(const SessionList& r) { answer_page("sessions", r, sessions.list_sessions(r)); }
  void operator()(const SessionGet& r) {
    answer(outcome(sessions.get_session(r.id), [&](const SessionView& view) {
      OrderedJson object = render(view);
      add_list(object, "endpointList", "endpointCursor", sessions.list_endpoints({.session = r.id}));
      add_list(object, "routeList", "routeCursor", sessions.list_routes({.session = r.id}));
      return object;
    }));
  }
  void operator()(const SessionRemove& r) {
    OrderedJson object;
    object["id"] = r.id;
    sessions.remove_session(r.id, when_removed(answer, std::move(object)));
  }

  void operator()(const EndpointCreate& r) {
    answer(outcome(sessions.create_endpoint(r), [](const Created<EndpointView>& made) {
      OrderedJson object = render_with_keys(made.object);
      object["created"] = made.created;
      return object;
    }));
  }
  void operator()(const EndpointConnect& r) {
    answer(outcome(sessions.connect_endpoint(r), render_with_keys));
  }
  void operator()(const EndpointList& r) { answer_page("endpoints", r, sessions.list_endpoints(r)); }
  void operator()(const EndpointGet& r) {
    answer(outcome(sessions.get_endpoint(r.session, r.id), [&](const EndpointView& view) {
      OrderedJson object = render(view, r.show_keys ? Keys::kShown : Keys::kHidden);
      add_counts(object, view);
      return object;
    }));
  }
  void operator()(const EndpointRemove& r) {
    sessions.remove_endpoint(r.session, r.id, when_removed(answer, named(r.session, r.id)));
  }

  void operator()(const RouteCreate& r) {
    answer(outcome(sessions.create_route(r), render_created<RouteView>));
  }
  void operator()(const RouteSwitch& r) {
    answer(outcome(sessions.switch_route(r), [](const RouteView& view) { return render(view); }));
  }
  void operator()(const RouteList& r) { answer_page("routes", r, sessions.list_routes(r)); }
  void operator()(const RouteGet& r) {
    answer(outcome(sessions.get_route(r.session, r.id), [](const RouteView& view) { return render(view); }));
  }
  void operator()(const RouteRemove& r) {
    sessions.remove_route(r.session, r.id, when_removed(answer, named(r.session, r.id)));
  }

  void operator()(const StreamList& r) { answer_page("streams", r, sessions.list_streams(r)); }
  void operator()(const PortList& r) {
    answer(outcome(sessions.list_udp_ports(r), [&](const auto& page) { return self.ports(page); }));
  }
  void operator()(const NeighborList& r) { answer_page("neighbors", r, sessions.list_neighbors(r)); }
  void operator()(const WorkerList&) { answer({.result = self.workers()}); }
  void operator()(const DropList& r) { answer({.result = self.drops(r.worker)}); }
  void operator()(const EventSubscribe&) {
    OrderedJson object;
    object["subscribed"] = true;
    answer({.result = std::move(object), .subscribe = true});
  }
  void operator()(const Shutdown&) {
    OrderedJson object;
    object["stopping"] = true;
    answer({.result = std::move(object)});
    self.context_.on_shutdown();
  }

  template <typename List, typename View>
  void answer_page(const char* name, const List& request, Result<Page<View>> result) {
    answer(outcome(std::move(result),
                   [&](const Page<View>& page) { return render_page(name, request.page, page); }));
  }
};

ApiHandlers::ApiHandlers(Context context) : context_(std::move(context)) {}

void ApiHandlers::handle(const std::string& method, const Json& params, Answer answer) {
  auto decoded = decode_request(method, params);
  if (auto* error = std::get_if<ApiError>(&decoded)) {
    log::debug("request refused method={} code={} message={}", log::value(method.substr(0, 64)), error->code,
               log::value(error->message));
    return answer({.result = std::move(*error)});
  }
  log::debug("request method={}", method);
  std::visit(RequestDispatcher{*this, std::move(answer)}, std::get<Request>(decoded));
}

OrderedJson ApiHandlers::version() const {
  const auto& versions = context_.versions;
  OrderedJson profiles = OrderedJson::array();
  for (const auto profile : context_.profiles) profiles.push_back(crypto::profile_info(profile).name);
  return {
      {"sluice", versions.sluice},
      {"dpdk", versions.dpdk},
      {"openssl", versions.openssl},
      {"libsrtp2", {{"version", versions.libsrtp}, {"cryptoLibrary", versions.libsrtp_crypto_library}}},
      {"ipsecMb", {{"version", versions.ipsec_mb}, {"instructionSet", versions.ipsec_mb_instruction_set}}},
      {"engine", crypto::engine_name(context_.engine)},
      {"hugePages", context_.plane.uses_huge_pages()},
      {"profiles", std::move(profiles)}};
}

OrderedJson ApiHandlers::ports(const Page<UdpPortView>& page) const {
  OrderedJson list = OrderedJson::array();
  for (std::size_t i = 0; i < context_.plane.port_count(); ++i)
    list.push_back(
        render_port(context_.plane.port(i), context_.plane.port_statistics(i), context_.sessions.link(i)));
  const auto media = context_.sessions.media_ports();
  OrderedJson addresses = OrderedJson::array();
  for (const auto& use : media.addresses)
    addresses.push_back(
        {{"address", use.address.to_string()}, {"allocated", use.allocated}, {"free", use.free}});
  OrderedJson allocated = OrderedJson::array();
  for (const auto& port : page.views)
    allocated.push_back({{"address", port.address.to_string()},
                         {"udpPort", port.udp_port},
                         {"session", port.session},
                         {"endpoint", port.endpoint},
                         {"component", port.component}});
  OrderedJson object{{"ports", std::move(list)},
                     {"media",
                      {{"min", media.min},
                       {"max", media.max},
                       {"allocated", media.allocated},
                       {"free", media.free},
                       {"addresses", std::move(addresses)}}},
                     {"allocated", std::move(allocated)}};
  if (!page.next_cursor.empty()) object["nextCursor"] = page.next_cursor;
  return object;
}

OrderedJson ApiHandlers::workers() const {
  OrderedJson list = OrderedJson::array();
  for (std::size_t i = 0; i < context_.plane.worker_count(); ++i) {
    const auto carried = context_.sessions.worker_load(i);
    const WorkerShare share{.worker = i,
                            .core = context_.plane.worker_core(i),
                            .busy_share = carried.reading.busy_share,
                            .load = carried.reading.load,
                            .packets_per_second = carried.reading.packets_per_second,
                            .cycles_per_packet = carried.reading.cycles_per_packet,
                            .capacity_left_pps = carried.capacity_left_pps,
                            .sessions = carried.sessions,
                            .endpoints = carried.endpoints,
                            .routes = carried.routes,
                            .streams = carried.streams};
    list.push_back(render_worker(share, context_.plane.counters(i)));
  }
  OrderedJson object;
  object["workers"] = std::move(list);
  return object;
}

std::variant<OrderedJson, ApiError> ApiHandlers::drops(std::optional<std::uint16_t> worker) const {
  const std::size_t count = context_.plane.worker_count();
  if (worker && *worker >= count)
    return to_api_error(refuse_parameter("worker", std::to_string(*worker), fmt::format("0..{}", count - 1)));
  OrderedJson drops;
  for (std::size_t reason = 0; reason < dataplane::kDropReasonCount; ++reason) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < count; ++i)
      if (!worker || *worker == i) sum += context_.plane.counters(i).drops[reason].read();
    drops[std::string(dataplane::kDropReasonNames[reason])] = sum;
  }
  OrderedJson object;
  object["drops"] = std::move(drops);
  if (worker) return object;
  const Sessions::Totals totals = context_.sessions.totals();
  object["control"] = {{"iceDropped", totals.ice_dropped},
                       {"iceTuplesRefused", totals.ice_tuples_refused},
                       {"dtlsDropped", totals.dtls_dropped},
                       {"pathMtuLowered", totals.path_mtu_lowered},
                       {"pathMtuIgnored", totals.path_mtu_ignored}};
  return object;
}

}  // namespace sluice::control
