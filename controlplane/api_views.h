// api_views: the objects of docs/api.md as JSON. The views of sessions and the counters of the data plane go
// in, what the API answers comes out. Endpoint objects hold keys and passwords: they are for the API's peer,
// never for a log. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "controlplane/json.h"
#include "controlplane/requests.h"
#include "dataplane/counters.h"
#include "dataplane/port.h"

namespace sluice::control {

OrderedJson render(const SessionView& session);
OrderedJson render(const EndpointView& endpoint);
OrderedJson render(const RouteView& route);
OrderedJson render(const StreamView& stream);

/// `time` is RFC 3339.
OrderedJson render(const Event& event, std::string_view time);

OrderedJson render_port(const dataplane::PortInfo& info, const dataplane::PortStatistics& statistics);

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
OrderedJson render_worker(const WorkerShare& share, const dataplane::WorkerCounters& counters);

/// The parameters of an endpoint's counts by endpoint.get.
void add_counts(OrderedJson& object, const EndpointView& endpoint);

/// Now, as "2026-01-02T03:04:05.678Z".
std::string utc_now();

}  // namespace sluice::control
