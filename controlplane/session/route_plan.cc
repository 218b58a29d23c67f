#include "controlplane/session/route_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "controlplane/session/rules.h"

namespace sluice::control {

std::optional<RequestError> check_source(const SourceSelector& selector, const Endpoint& from) {
  if (auto error = check_selector(selector)) return error;
  if (!selector.mid.empty() && from.request.mid_extension_id == 0)
    return refuse_parameter("from.mid", kMid.found(selector.mid),
                            fmt::format("nothing; endpoint \"{}\" has no midExtensionId", from.id));
  if (!selector.rid.empty() && from.request.rid_extension_id == 0)
    return refuse_parameter("from.rid", kRid.found(selector.rid),
                            fmt::format("nothing; endpoint \"{}\" has no ridExtensionId", from.id));
  return std::nullopt;
}

std::optional<RequestError> check_route(const RouteCreate& request, const Endpoint& to) {
  if (auto error = check(request)) return error;
  if (!to.rtcp_mux) return std::nullopt;
  const auto type = rtcp_like_type(request.payload_types);
  if (!type) return std::nullopt;
  return refuse_parameter("payloadTypes", fmt::format("to {}", *type),
                          fmt::format("not {}, which look like RTCP on a port that carries both (RFC 5761)",
                                      kRtcpPayloadTypes.text()));
}

std::optional<std::uint64_t> first_index_of(const RouteCreate& request) {
  if (!request.sequence) return std::nullopt;
  return std::uint64_t{request.rollover_counter.value_or(0)} << 16 | *request.sequence;
}

bool same_parameters(const RouteCreate& a, const RouteCreate& b) {
  return a.from == b.from && a.to == b.to && a.ssrc == b.ssrc && a.clock_rate == b.clock_rate &&
         a.payload_types == b.payload_types && a.header_extensions == b.header_extensions &&
         a.keyframe_on_switch == b.keyframe_on_switch && a.retransmit == b.retransmit && a.dscp == b.dscp &&
         a.rollover_counter == b.rollover_counter && a.sequence == b.sequence;
}

SourceKey source_key(const SourceSelector& selector, std::uint32_t clock_rate) {
  SourceKey key{selector.ssrc, selector.payload_types, selector.mid, selector.rid, clock_rate};
  // The same set of payload types in another order is the same source.
  std::sort(key.payload_types.begin(), key.payload_types.end());
  key.payload_types.erase(std::unique(key.payload_types.begin(), key.payload_types.end()),
                          key.payload_types.end());
  return key;
}

}  // namespace sluice::control
