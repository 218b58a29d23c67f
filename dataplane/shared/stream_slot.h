// stream_slot: one incoming RTP stream (one SSRC of one endpoint), born on the worker with its first
// authentic packet. Owner: the worker. The control thread reads the fields marked "shared" at any time; a
// reader checks that `tenancy` is odd (in use) and the same before and after.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "crypto/srtp/replay_window.h"
#include "dataplane/base/counters.h"
#include "dataplane/base/slot_ref.h"
#include "dataplane/shared/loan.h"

namespace sluice::dataplane {

inline constexpr std::size_t kMaxSourcesPerStream = 4;
inline constexpr std::size_t kMaxMidLength = 16;

/// Laid out by how often it is met: the first two cache lines with each packet, the rest now and then.
struct alignas(64) StreamSlot {
  // shared: identity
  std::atomic<std::uint32_t> tenancy;   // odd = in use; counts up at each birth and death
  std::atomic<std::uint32_t> endpoint;  // slot; kNoSlot: it stands for a stream of another worker (lend.h)
  std::atomic<std::uint32_t> endpoint_generation;
  std::atomic<std::uint32_t> ssrc;
  std::atomic<std::uint8_t> payload_type;  // of the latest packet
  std::atomic<bool> ended;                 // an RTCP BYE named it
  // Carries no media: has only sent RTCP so far, or was silent for the stream timeout.
  std::atomic<bool> dormant;

  // worker only
  std::uint8_t source_count;
  std::uint32_t epoch;            // counts up when a plain RTP sender restarts its numbering
  std::uint32_t direct_route;     // the one route that all that it feeds leads to; kNoSlot = none or several,
                                  // or other workers have some
  std::uint32_t direct_endpoint;  // where that one leads
  std::uint32_t transit;          // RFC 3550 A.8
  std::uint16_t restart_sequence;  // RFC 3550 A.1 bad_seq: the next one would confirm a restart
  bool transit_known;
  bool restart_suspected;
  std::uint8_t mid_length;  // RFC 8843 mid, once a packet named it; 0 = not known
  std::uint8_t fed;         // of `sources`, a bit each: those that its packets go to now
  bool contends;            // some source that matches it is fed by another stream
  bool kept;                // its packets go into the packet cache: a route that retransmits hangs on it
  std::uint32_t jitter_clock_rate;  // what clock_rate says

  // shared: WebRTC-stats names
  Counter jitter;           // RTP clock units, times 16
  Counter last_packet_tsc;  // RTP; RTCP does not count

  // the second line
  crypto::ReplayWindow rtp_window;    // worker only
  Counter packets, bytes;             // payload bytes
  Counter base_index, highest_index;  // packetsLost = highest - base + 1 - packets

  // the third line, of a stream whose packets fan out, and the rest: worker only
  std::array<std::uint32_t, kMaxSourcesPerStream> sources;
  std::uint32_t next;  // of the same endpoint
  std::array<std::uint8_t, kMaxMidLength> mid;
  crypto::ReplayWindow rtcp_window;
  std::uint64_t cycle_base;  // index of sequence number 0 in the sender's first cycle
  StreamIdentity home;       // of a mirror: which stream it stands for now
  std::uint64_t last_keyframe_request_tsc;
  std::uint64_t last_receiver_report_tsc;
  std::uint8_t fir_sequence;  // of the FIRs that we send to this publisher (RFC 5104 4.3.1.1)

  // shared
  Counter clock_rate;         // of the source that it feeds; 0 = none
  Counter nacks, plis, firs;  // sent on to this stream's publisher
};
static_assert(offsetof(StreamSlot, rtp_window) == 64 && offsetof(StreamSlot, sources) == 128);

/// Whether the stream stands for one of another worker (lend.h).
[[nodiscard]] inline bool is_mirror(const StreamSlot& stream) {
  return stream.endpoint.load(std::memory_order_relaxed) == kNoSlot;
}

}  // namespace sluice::dataplane
