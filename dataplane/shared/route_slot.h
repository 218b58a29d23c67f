// route_slot: how packets get from a stream to an endpoint. There are three layouts. A source says which
// stream of which endpoint is wanted. A fan-out chunk lists routes of one source. A route leads to one
// endpoint, and says how its copy is rewritten.
//
// Owner of sources and routes, as in endpoint_slot.h: the control thread before the install command and after
// the removed note, the worker between them. Fan-out chunks belong to the worker alone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/base/counters.h"
#include "dataplane/base/slot_ref.h"
#include "dataplane/shared/payload_type_set.h"
#include "dataplane/shared/stream_slot.h"

namespace sluice::dataplane {

enum class SourceMatch : std::uint8_t { kAny, kSsrc, kPayloadType, kName };

inline constexpr std::size_t kMaxPayloadTypes = 8;

/// Which stream of an endpoint is wanted. The slot is the identity of the source: a switch goes from one
/// SourceSlot to another, whatever SSRCs their streams use.
struct alignas(64) SourceSlot {
  // Worker. Each packet that fans out needs this cache line.
  std::uint32_t stream;       // the stream that feeds it now; kNoSlot = none
  std::uint32_t first_chunk;  // of the fan-out
  std::uint32_t route_count;
  std::uint32_t keep_count;  // number of routes with `keeps`: if not 0, packets are kept
  std::uint32_t lent_to;     // workers that have a mirror of it, one bit each
  std::uint32_t next;        // next source of the same endpoint
  bool installed;
  bool keyframe_wanted;  // it was asked for while no stream fed the source

  // Control thread, constant once installed.
  SourceMatch match;
  std::uint8_t payload_type_count;
  std::uint8_t mid_length;  // kName: mid, rid or both; length 0 = any
  std::uint8_t rid_length;
  std::uint32_t generation;
  SlotRef endpoint;  // invalid in a mirror (stages/mirror.h)
  std::array<std::uint8_t, kMaxPayloadTypes> payload_types;
  std::array<std::uint8_t, kMaxMidLength> mid;
  std::array<std::uint8_t, kMaxRidLength> rid;
  std::uint32_t ssrc;
  std::uint32_t clock_rate;
  SlotRef home;  // in a mirror: the source that it stands for
  std::uint8_t home_worker;

  // Worker.
  std::uint32_t keyframe_count;  // number of routes with keyframe_on_switch
  std::uint32_t report_chunk;    // of the fan-out: the next one that a sender report goes to; kNoSlot = none
  PayloadTypeSet mapped_types;   // by its routes; those of a removed route stay while others are left

  // Worker: the streams that compete for the source (stages/streams.h).
  std::uint8_t contests;             // how often the source changed hands between streams that both go on
  std::uint8_t claims;               // packets of the challenger since the last packet of the feeder, up to 2
  bool returns;                      // the challenger was silent before it claimed the source
  std::uint32_t former;              // the stream that may take the source back; kNoSlot = none
  std::uint32_t challenger;          // the stream that claimed the source last; kNoSlot = none
  std::uint64_t claimed_tsc;         // when it did
  std::uint64_t taken_packets;       // packets of the feeder before it took the source
  std::uint64_t former_packets;      // packets of the former stream when it lost the source
  std::uint64_t challenged_packets;  // packets of the feeder when the challenger's claims began
};
static_assert(offsetof(SourceSlot, installed) < 64);

/// Whether the source stands for one on another worker (stages/mirror.h).
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

/// Each packet needs the first two cache lines, and a third where the route maps payload types or header
/// extensions. The next packet of a flow (stages/flow.h) needs only the first one. The rest is needed rarely.
struct alignas(64) RouteSlot {
  // Worker: what each packet changes or needs.
  std::uint64_t index_delta;         // outgoing = incoming + delta, modulo 2^64 (stages/numbering.h)
  Counter highest_index;             // sent so far; any thread may read it
  std::uint64_t last_timestamp_tsc;  // when the first packet with last_timestamp was sent
  Counter packets, bytes;            // sent, retransmissions included; bytes of payload
  std::uint32_t timestamp_delta;
  std::uint32_t last_timestamp;  // outgoing, of the highest index
  std::uint32_t stream;          // the stream that the deltas belong to; kNoSlot = switch at the next packet
  std::uint32_t stream_tenancy;
  std::uint32_t stream_epoch;

  // Control thread, constant once installed.
  std::uint32_t ssrc;  // outgoing
  // The second line.
  std::uint32_t generation;
  SlotRef endpoint;                 // where it leads
  std::uint32_t clock_rate;         // of the outgoing stream, Hz
  bool map_extensions;              // false = header extensions pass unchanged
  std::uint8_t payload_type_count;  // 0 = all payload types pass unchanged
  bool keyframe_on_switch;          // ask the publisher for a key frame when a source starts to feed it
  bool retransmit;                  // NACK is answered from the packet cache
  bool has_dscp;                    // its packets have `dscp`, not that of the endpoint
  std::uint8_t dscp;

  // Worker.
  bool installed;
  bool started;  // a packet has been sent
  bool fir_seen;
  std::uint8_t fir_sequence;   // RFC 5104 4.3.1.1, of the last FIR from this route's receiver
  std::uint64_t base_index;    // lower outgoing indices belong to earlier sources and are not used again
  std::uint64_t segment_from;  // the incoming index from which index_delta holds
  std::uint32_t source;        // the control thread sets it before installation; kSwitchRoute changes it
  std::uint32_t next_to_endpoint;
  // First unused index, for a route that continues this SSRC: valid after the removal. Before that it is the
  // lowest one that may leave, as long as nothing has left.
  Counter next_index;

  // Control thread, constant once installed.
  std::array<PayloadTypeMapping, kMaxPayloadTypes> payload_types;
  std::array<std::uint8_t, 16> extension_ids;  // [incoming id 1..14] -> outgoing id, 0 = removed (RFC 8285)

  // Lowest packet index that may leave. The control thread chooses it so that no index repeats. A new key of
  // the receiver changes it: restart_rollover().
  std::uint64_t first_index;
  // The first packet leaves with first_index + reorder_room. Packets that should have come before it get the
  // numbers below. 0 for an SSRC that the receiver knows already: there the room would look like a loss.
  std::uint8_t reorder_room;

  // Worker.
  Counter switches;                  // times that the feeding stream changed, the first not counted
  Counter retransmitted;             // packets sent again
  std::uint64_t retransmit_earned;   // number of first-time packets that the credit already includes
  std::uint32_t retransmit_credit;   // number of packets that may be sent again now: see retransmit.h
  std::uint16_t earlier_length;      // numbers of the segment before segment_from
  std::uint16_t skipped;             // numbers between the two segments
  bool keeps;                        // the source's packets are kept for it, so that it can answer NACK
  bool losses_known;                 // earlier_losses is set since the present stream feeds the route
  std::int32_t earlier_losses;       // of the receiver's cumulative count (RFC 3550 6.4.1)
  std::uint64_t keyframe_asked_tsc;  // when its receiver last asked, or may ask next; 0 = it has not
  // Its place in the fan-out of `source`: valid while `source` is set (stages/fanout.h).
  std::uint32_t fanout_chunk;
  std::uint32_t fanout_entry;
  std::uint32_t previous_to_endpoint;  // the route before it in the list; kNoSlot = the endpoint names it
};
static_assert(offsetof(RouteSlot, generation) == 64 && offsetof(RouteSlot, payload_types) == 128);
static_assert(sizeof(RouteSlot) == 256);

}  // namespace sluice::dataplane
