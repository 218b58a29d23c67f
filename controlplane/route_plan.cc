// route_plan: see the header. Control thread.
#include "controlplane/route_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "controlplane/refusals.h"

namespace sluice::control {
namespace {

std::optional<RequestError> check_payload_types(const RouteCreate& request, const Endpoint& to) {
  if (request.payload_types.size() > dataplane::kMaxPayloadTypes)
    return refuse_parameter("payloadTypes", fmt::format("{} mappings", request.payload_types.size()),
                            fmt::format("at most {}", dataplane::kMaxPayloadTypes));
  std::array<bool, 128> seen{};
  for (const NumberMapping& mapping : request.payload_types) {
    if (mapping.from > 127 || mapping.to > 127)
      return refuse_parameter("payloadTypes", fmt::format("{} to {}", mapping.from, mapping.to), "0..127");
    if (to.rtcp_mux && mapping.to >= 64 && mapping.to <= 95)
      return refuse_parameter("payloadTypes", fmt::format("to {}", mapping.to),
                              "not 64..95, which look like RTCP on a port that carries both (RFC 5761)");
    if (std::exchange(seen[mapping.from], true))
      return refuse_parameter("payloadTypes", fmt::format("{} mapped twice", mapping.from), "once each");
  }
  return std::nullopt;
}

std::optional<RequestError> check_extensions(const RouteCreate& request) {
  if (!request.header_extensions) return std::nullopt;
  std::array<bool, 16> from{};
  std::array<bool, 16> to{};
  for (const NumberMapping& mapping : *request.header_extensions) {
    const bool in_range = mapping.from >= 1 && mapping.from <= 14 && mapping.to >= 1 && mapping.to <= 14;
    if (!in_range)
      return refuse_parameter("headerExtensions", fmt::format("{} to {}", mapping.from, mapping.to), "1..14");
    if (std::exchange(from[mapping.from], true) || std::exchange(to[mapping.to], true))
      return refuse_parameter("headerExtensions", fmt::format("{} to {} again", mapping.from, mapping.to),
                              "each id once on either side");
  }
  return std::nullopt;
}

}  // namespace

std::optional<RequestError> check_selector(const SourceSelector& selector, const Endpoint& from) {
  const int given =
      (selector.ssrc ? 1 : 0) + (selector.payload_types.empty() ? 0 : 1) + (selector.mid.empty() ? 0 : 1);
  if (given > 1)
    return refuse_parameter("from", fmt::format("{} of ssrc, payloadTypes and mid", given), "at most one");
  if (selector.payload_types.size() > dataplane::kMaxPayloadTypes)
    return refuse_parameter("from.payloadTypes", fmt::format("{} types", selector.payload_types.size()),
                            fmt::format("at most {}", dataplane::kMaxPayloadTypes));
  for (const std::uint8_t type : selector.payload_types)
    if (type > 127) return refuse_parameter("from.payloadTypes", std::to_string(type), "0..127");
  if (selector.mid.size() > dataplane::kMaxMidLength)
    return refuse_parameter("from.mid", fmt::format("{} characters", selector.mid.size()),
                            fmt::format("at most {}", dataplane::kMaxMidLength));
  if (!selector.mid.empty() && from.request.mid_extension_id == 0)
    return refuse_parameter("from.mid", selector.mid,
                            fmt::format("nothing; endpoint \"{}\" has no midExtensionId", from.id));
  return std::nullopt;
}

std::optional<RequestError> check_route(const RouteCreate& request, const Endpoint& to) {
  if (request.clock_rate < 1 || request.clock_rate > 1000000)
    return refuse_parameter("clockRate", std::to_string(request.clock_rate), "1..1000000 Hz");
  if (auto error = check_payload_types(request, to)) return error;
  return check_extensions(request);
}

SourceKey source_key(const SourceSelector& selector, std::uint32_t clock_rate) {
  SourceKey key{selector.ssrc, selector.payload_types, selector.mid, clock_rate};
  // The same set told in another order is the same source.
  std::sort(key.payload_types.begin(), key.payload_types.end());
  key.payload_types.erase(std::unique(key.payload_types.begin(), key.payload_types.end()),
                          key.payload_types.end());
  return key;
}

}  // namespace sluice::control
