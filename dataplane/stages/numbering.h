// numbering: which outgoing packet index an incoming one becomes on a route, and back. An outgoing index
// never stands for two packets: it is a part of the nonce. Worker only.
//
// Outgoing = incoming + index_delta. A route takes a packet out when no payload type is mapped for it. That
// must leave no hole, or the receiver would report a loss. So the delta shrinks by one behind that packet.
// Packets that come late, from before it, need the delta from before. The route remembers one such earlier
// segment:
//
//   incoming  | earlier_length numbers | skipped numbers | segment_from ...
//   delta     | index_delta + skipped  | none            | index_delta
//
// The route drops packets that are older than that.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <limits>
#include <optional>

#include "dataplane/shared/route_slot.h"

namespace sluice::dataplane {

/// A stream begins to feed the route: `incoming` leaves as `outgoing`.
inline void start_numbering(RouteSlot& route, std::uint64_t incoming, std::uint64_t outgoing) {
  route.index_delta = outgoing - incoming;
  route.base_index = outgoing;
  route.segment_from = 0;
  route.earlier_length = route.skipped = 0;
}

/// The key that seals the route's packets is new and has sealed nothing: the roll-over counter begins at
/// zero, and the sequence numbers go on. The next packet counts as one of another stream, so nothing of
/// before is sent again under the new key. A number that would wrap around at once is left out, since the
/// receiver begins with zero too (RFC 3711 3.3.1).
inline void restart_rollover(RouteSlot& route) {
  route.stream = kNoSlot;
  route.first_index &= 0xffff;
  if (!route.started) return route.next_index.set(route.first_index);
  const std::uint64_t next = std::max<std::uint64_t>((route.highest_index.read() + 1) & 0xffff, 1);
  route.highest_index.set(next - 1);
  route.base_index = next;
  route.next_index.set(next);
}

/// A receiver takes a higher step for a lower one (RFC 3711 3.3.1), and would never find its way back.
inline constexpr std::uint64_t kMaxStep = 1 << 15;

/// Whether the highest index may move by `step`.
[[nodiscard]] inline bool is_next_step(std::uint64_t step) {
  return step - 1 < kMaxStep - 1;
}

/// The highest packet of the route so far leaves with that index and timestamp.
inline void advance_to(RouteSlot& route, std::uint64_t index, std::uint32_t timestamp, std::uint64_t now) {
  if (timestamp != route.last_timestamp) route.last_timestamp_tsc = now;
  route.highest_index.set(index);
  route.last_timestamp = timestamp;
}

/// For an incoming index below segment_from. nullopt when it is not in the earlier segment.
[[gnu::cold, gnu::noinline]] inline std::optional<std::uint64_t> outgoing_of_earlier(const RouteSlot& route,
                                                                                     std::uint64_t incoming) {
  const std::uint64_t end = route.segment_from - route.skipped;
  if (incoming >= end || end - incoming > route.earlier_length) return std::nullopt;
  return incoming + route.index_delta + route.skipped;
}

/// nullopt when the packet is too old to have a number. The result may be below base_index, or wrap around:
/// then the packet is from before the present stream.
[[nodiscard]] inline std::optional<std::uint64_t> outgoing_index(const RouteSlot& route,
                                                                 std::uint64_t incoming) {
  if (incoming < route.segment_from) [[unlikely]]
    return outgoing_of_earlier(route, incoming);
  return incoming + route.index_delta;
}

/// The inverse: nullopt when no packet of the present stream has left with that index, or when it is too old.
[[nodiscard]] inline std::optional<std::uint64_t> incoming_index(const RouteSlot& route,
                                                                 std::uint64_t outgoing) {
  if (outgoing < route.base_index || outgoing > route.highest_index.read()) return std::nullopt;
  const std::uint64_t incoming = outgoing - route.index_delta;
  if (incoming >= route.segment_from) return incoming;
  const std::uint64_t earlier = incoming - route.skipped;
  const std::uint64_t end = route.segment_from - route.skipped;
  if (earlier >= end || end - earlier > route.earlier_length) return std::nullopt;
  return earlier;
}

/// The route takes out the packet `incoming`: the next one gets the number that it would have had. REQUIRES:
/// the packet is of the stream that feeds the route, and newer than all that left by it.
inline void skip_number(RouteSlot& route, std::uint64_t incoming) {
  assert(incoming >= route.segment_from && incoming + route.index_delta > route.highest_index.read());
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint16_t>::max();
  if (incoming == route.segment_from && route.skipped != 0 && route.skipped != kMost) {
    ++route.skipped;  // the next one of a run
  } else {
    route.earlier_length = static_cast<std::uint16_t>(std::min(incoming - route.segment_from, kMost));
    route.skipped = 1;
  }
  route.segment_from = incoming + 1;
  --route.index_delta;
}

}  // namespace sluice::dataplane
