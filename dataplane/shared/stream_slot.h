// stream_slot: one incoming RTP stream, that is, one SSRC of one endpoint. The worker creates it with the
// first authentic packet, and owns it. The control thread may read the fields marked "shared" at any time. It
// reads `tenancy` before and after: what it read is valid if both values are equal and odd.
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

inline constexpr std::size_t kMaxSourcesPerStream = 8;
inline constexpr std::size_t kMaxMidLength = 16;
inline constexpr std::size_t kMaxRidLength = 16;

/// How a publisher is asked for a key frame. A stronger form, further down, replaces a weaker one.
enum class KeyframeRequest : std::uint8_t {
  kNone,
  kFirAgain,  // the FIR of the last command number once more (RFC 5104 4.3.1.2)
  kPli,
  kFir,
};

/// What rarely changes is in the first cache line, and what each packet changes is in the second. The rest is
/// needed rarely.
struct alignas(64) StreamSlot {
  // Shared: identity.
  std::atomic<std::uint32_t> tenancy;   // odd = in use; counts up when a stream begins and when it ends
  std::atomic<std::uint32_t> endpoint;  // slot; kNoSlot in the stream of a mirror (stages/mirror.h)
  std::atomic<std::uint32_t> endpoint_generation;
  std::atomic<std::uint32_t> ssrc;
  std::atomic<std::uint8_t> payload_type;  // of the latest packet
  std::atomic<bool> ended;                 // an RTCP BYE named it
  // The stream carries no media: it has only sent RTCP so far, or was silent for the stream timeout.
  std::atomic<bool> dormant;

  // Worker only.
  std::uint8_t source_count;
  std::uint32_t epoch;             // counts up when a plain RTP sender restarts its numbering
  std::uint32_t direct_route;      // the only route of the stream's sources; kNoSlot = there are none or
                                   // several, a source is a mirror or has one, or the stream contends
  std::uint32_t direct_endpoint;   // the endpoint that direct_route leads to
  std::uint16_t restart_sequence;  // RFC 3550 A.1 bad_seq: a packet with this number confirms a restart
  bool transit_known;
  bool restart_suspected;  // plain RTP; under SRTP: that the roll-over counter is wrong (stages/unprotect.cc)
  bool named;              // a packet has told its names: mid and rid
  std::uint8_t fed;        // which of `sources` its packets go to now, a bit for each
  bool contends;           // another stream feeds a source that this one matches
  bool kept;               // its packets go into the packet cache: it feeds a route that answers NACK

  // Shared: named as in WebRTC statistics.
  Counter base_index;  // packetsLost = highest_index - base_index + 1 - packets

  // The second line, shared.
  alignas(64) Counter packets;
  Counter bytes;  // of payload
  Counter highest_index;
  Counter last_packet_tsc;  // of the latest RTP packet; RTCP does not count
  Counter jitter;           // RTP clock units, times 16
  // Worker only.
  std::uint32_t transit;            // RFC 3550 A.8
  std::uint32_t jitter_clock_rate;  // the value of clock_rate
  crypto::ReplayWindow rtp_window;  // its numbers; its bits are behind the line

  // This line is needed when packets fan out.
  std::array<std::uint32_t, kMaxSourcesPerStream> sources;
  std::uint32_t next;  // next stream of the same endpoint, or next free slot
  std::array<std::uint8_t, kMaxMidLength> mid;
  std::array<std::uint8_t, kMaxRidLength> rid;
  std::uint8_t mid_length;  // 0 = not known
  std::uint8_t rid_length;
  bool is_repair;  // it has named the stream that it repairs
  crypto::ReplayWindow rtcp_window;
  std::uint64_t cycle_base;  // index of sequence number 0 in the sender's first cycle
  StreamIdentity home;       // in a mirror: the stream that it stands for now
  std::uint64_t last_keyframe_request_tsc;
  std::uint64_t last_receiver_report_tsc;
  std::array<std::uint32_t, 4> sender_reports;  // NTP times as LSR has them, the latest first; 0 = none
  std::uint64_t last_sender_report_tsc;         // of the latest one that counted; 0 = none has come
  std::uint32_t sender_report_job;              // state/sender_report_queue.h, while the next member is true
  bool sender_report_waits;        // also after the stream has ended, until its turn in the queue
  std::uint64_t keyframe_due_tsc;  // state/keyframe_queue.h
  std::uint32_t keyframe_next;     // the next stream in that queue
  KeyframeRequest keyframe_wanted;
  bool keyframe_queued;           // also after the stream has ended, until its turn in the queue
  std::uint64_t repeat_tsc;       // plain RTP: when a run of repeated numbers began
  std::uint64_t repeat_packets;   // what `packets` was then
  std::uint16_t repeats;          // packets of that run; 0 = none
  std::uint16_t repeat_next;      // the number that continues it
  std::uint64_t refused_packets;  // SRTP: what `packets` was when a run of refused packets began
  std::uint16_t refusals;         // SRTP: packets of that run
  std::uint64_t last_rtcp_tsc;    // of the latest SRTCP packet; 0 = none has come
  std::uint8_t fir_sequence;      // of the FIRs that we send to this publisher (RFC 5104 4.3.1.1)

  // Shared.
  Counter clock_rate;         // of the source that it feeds; 0 = none
  Counter nacks, plis, firs;  // sent to this stream's publisher
};
static_assert(offsetof(StreamSlot, packets) == 64 && offsetof(StreamSlot, rtp_window) == 112 &&
              offsetof(StreamSlot, sources) % 64 == 0);

/// Whether the stream stands for one on another worker (stages/mirror.h).
[[nodiscard]] inline bool is_mirror(const StreamSlot& stream) {
  return stream.endpoint.load(std::memory_order_relaxed) == kNoSlot;
}

}  // namespace sluice::dataplane
