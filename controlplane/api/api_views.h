// api_views: the objects of docs/api.md as JSON. The views of sessions and the counters of the data plane go
// in, what the API answers comes out. Endpoint objects hold keys and passwords: they are for the API's peer,
// never for a log. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "controlplane/base/json.h"
#include "controlplane/session/events.h"
#include "controlplane/session/model.h"
#include "dataplane/base/counters.h"

namespace sluice::control {

[[nodiscard]] OrderedJson render(const SessionView& session);
[[nodiscard]] OrderedJson render(const EndpointView& endpoint);
[[nodiscard]] OrderedJson render(const RouteView& route);
[[nodiscard]] OrderedJson render(const StreamView& stream);

/// The params of an event's notification. `time` is RFC 3339.
[[nodiscard]] OrderedJson render(const Event& event, std::string_view time);
/// What there is to say of an event beside whose it is: {"reason": "idle"}.
[[nodiscard]] OrderedJson render_fields(const Event& event);
/// As render(): stands where events of a slow subscriber were lost.
[[nodiscard]] OrderedJson render_lost_events(std::uint64_t count, std::string_view time);

/// What a worker carries, as the control plane counts it.
struct WorkerShare {
  std::size_t worker = 0;
  std::uint16_t core = 0;
  double busy_share = 0;  // of its time, 0..1
  double load = 0;        // of what it could carry, 0..1
  double packets_per_second = 0;
  std::optional<double> cycles_per_packet;  // nothing while nothing flows
  std::optional<double> capacity_left_pps;
  std::size_t sessions = 0, endpoints = 0, routes = 0, streams = 0;
};
[[nodiscard]] OrderedJson render_worker(const WorkerShare& of, const dataplane::WorkerCounters& counters);

/// The parameters of an endpoint's counts by endpoint.get.
void add_counts(OrderedJson& object, const EndpointView& endpoint);

}  // namespace sluice::control
