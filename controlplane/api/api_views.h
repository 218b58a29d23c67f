// api_views: the objects of docs/api.md as JSON, made from the views of the sessions and the counters of the
// data plane. Keys and passwords of an endpoint are shown only where the peer asked for them, and never in a
// log. Pure functions, any thread.
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
enum class Keys : std::uint8_t {
  kHidden,  // null stands in the place of each media key and password
  kShown,
};
[[nodiscard]] OrderedJson render(const EndpointView& endpoint, Keys keys = Keys::kHidden);
[[nodiscard]] OrderedJson render(const RouteView& route);
[[nodiscard]] OrderedJson render(const StreamView& stream);
[[nodiscard]] OrderedJson render(const NeighborView& neighbor);

/// The params of an event's notification. `time` is RFC 3339.
[[nodiscard]] OrderedJson render(const Event& event, std::string_view time);
/// The members of an event without the ids of its objects: {"reason": "idle"}.
[[nodiscard]] OrderedJson render_fields(const Event& event);
/// The params of a notification that replaces the lost events of a slow subscriber.
[[nodiscard]] OrderedJson render_lost_events(std::uint64_t count, std::string_view time);

/// The state of a worker as the control plane counts it.
struct WorkerShare {
  std::size_t worker = 0;
  std::uint16_t core = 0;
  double busy_share = 0;  // share of its time, 0..1
  double load = 0;        // share of what it could carry, 0..1
  double packets_per_second = 0;
  std::optional<double> cycles_per_packet;  // nullopt while no packet flows
  std::optional<double> capacity_left_pps;
  std::size_t sessions = 0, endpoints = 0, routes = 0, streams = 0;
};
[[nodiscard]] OrderedJson render_worker(const WorkerShare& of, const dataplane::WorkerCounters& counters);

/// Adds the counters of the endpoint, as endpoint.get shows them.
void add_counts(OrderedJson& object, const EndpointView& endpoint);

}  // namespace sluice::control
