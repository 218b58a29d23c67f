// route_slot: what leads from a stream to an endpoint, and the rewrite on the way. Three layouts: the source
// (which stream of which endpoint), the fan-out chunk (who hangs on a source), and the route (one copy of it
// to one endpoint).
//
// Owner: as with endpoint_slot.h: the control thread before install and after the removed note, the worker
// between.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/base/counters.h"
#include "dataplane/base/slot_ref.h"
#include "dataplane/shared/stream_slot.h"

namespace sluice::dataplane {

enum class SourceMatch : std::uint8_t { kAny, kSsrc, kPayloadType, kMid };

inline constexpr std::size_t kMaxPayloadTypes = 8;

/// "The stream of this endpoint that ...". Identity of a source of media: a switch is from one SourceSlot to
/// another, whatever SSRCs they happen to use.
struct alignas(64) SourceSlot {
  // worker: the line of each packet that it fans out
  std::uint32_t stream;       // the stream that feeds it now; kNoSlot = none yet
  std::uint32_t first_chunk;  // fan-out
  std::uint32_t route_count;
  std::uint32_t retransmit_count;  // of these, routes that answer NACK: packets of this source are kept
  std::uint32_t lent_to;           // workers that have a mirror of it, a bit each
  std::uint32_t next;              // of the same endpoint
  bool installed;

  // control thread, constant once installed
  SourceMatch match;
  std::uint8_t payload_type_count;
  std::uint8_t mid_length;
  std::uint32_t generation;
  SlotRef endpoint;  // invalid: the mirror of a source of another worker (lend.h)
  std::array<std::uint8_t, kMaxPayloadTypes> payload_types;
  std::array<std::uint8_t, kMaxMidLength> mid;
  std::uint32_t ssrc;
  std::uint32_t clock_rate;
  SlotRef home;  // of a mirror, the source that it stands for
  std::uint8_t home_worker;

  // worker: the contest for the source (streams.h)
  std::uint8_t contests;             // how often it changed hands lately; each lengthens the patience
  std::uint8_t claims;               // packets of the challenger since the last one of the feeder
  bool returns;                      // the challenger was silent before the first of them
  std::uint32_t former;              // stream that a beginning one took it from; kNoSlot = none may come back
  std::uint32_t challenger;          // stream that claims it
  std::uint64_t claimed_tsc;         // when it was last claimed by rule 3
  std::uint64_t taken_packets;       // what the feeder had received before that
  std::uint64_t former_packets;      // what the former one had
  std::uint64_t challenged_packets;  // what the feeder had at the challenger's first claim
};
static_assert(offsetof(SourceSlot, installed) < 64);

/// Whether the source stands for one of another worker (lend.h).
[[nodiscard]] inline bool is_mirror(const SourceSlot& source) {
  return !source.endpoint.valid();
}

/// Some of the routes of one source. A list of chunks keeps a large fan-out dense in memory.
struct alignas(64) FanoutChunk {
  static constexpr std::size_t kRoutes = 14;
  std::uint32_t count;
  std::uint32_t next;
  std::array<std::uint32_t, kRoutes> routes;
};

struct PayloadTypeMapping {
  std::uint8_t from;
  std::uint8_t to;
};

/// Laid out as StreamSlot: the first two cache lines with each packet (a third where payload types or header
/// extensions are mapped), the rest now and then.
struct alignas(64) RouteSlot {
  // control thread, constant once installed
  std::uint32_t generation;
  SlotRef endpoint;                 // where it leads
  std::uint32_t ssrc;               // outgoing
  std::uint32_t clock_rate;         // of the outgoing stream, Hz
  bool map_extensions;              // false = header extensions pass as they are
  std::uint8_t payload_type_count;  // 0 = all pass as they are
  bool keyframe_on_switch;          // ask the publisher for a key frame when a source starts to feed it
  bool retransmit;                  // NACK is answered from the packet cache

  // worker
  bool installed;
  bool started;  // something has been sent
  bool fir_seen;
  std::uint8_t fir_sequence;  // RFC 5104 4.3.1.1, of the FIRs that came by this route
  std::uint32_t stream;       // the stream that the deltas belong to; kNoSlot = switch at the next packet
  std::uint32_t stream_tenancy;
  std::uint32_t stream_epoch;
  std::uint32_t timestamp_delta;
  std::uint32_t last_timestamp;  // outgoing, of the highest index
  std::uint64_t index_delta;     // outgoing = incoming + delta, modulo 2^64
  std::uint64_t base_index;      // outgoing indices below this one belong to earlier sources and are spent
  // the second line
  std::uint64_t highest_index;  // sent so far
  std::uint64_t last_sent_tsc;
  Counter packets, bytes;  // sent; payload bytes; those sent again are among them
  Counter switches;        // times that the feeding stream changed, the first not counted
  std::uint32_t source;    // control thread prefills it; kSwitchRoute changes it
  std::uint32_t next_to_endpoint;
  Counter next_index;  // first unused index, for a route that continues this SSRC; final after the removal

  // control thread, constant once installed
  // Packet index of the first packet out. The control thread picks it so that none is ever used twice.
  std::uint64_t first_index;
  std::array<PayloadTypeMapping, kMaxPayloadTypes> payload_types;
  std::array<std::uint8_t, 16> extension_ids;  // [incoming id 1..14] -> outgoing id, 0 = taken out (RFC 8285)

  // worker
  Counter retransmitted;            // packets sent again
  std::uint64_t retransmit_credit;  // see retransmit.h: packets that may be sent again now
  std::uint64_t retransmit_earned;  // first-time packets that the credit is counted up to
};
static_assert(offsetof(RouteSlot, highest_index) == 64 && offsetof(RouteSlot, payload_types) == 128);

}  // namespace sluice::dataplane
