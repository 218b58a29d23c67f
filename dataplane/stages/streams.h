// streams: creates, finds and ends incoming streams, and binds streams to the sources that they feed. Worker
// only; no allocation. Only a packet that is authentic creates a stream.
#pragma once

#include <optional>

#include "dataplane/state/worker_state.h"

namespace sluice::dataplane {

inline constexpr std::uint64_t kYieldUs = 200'000;

/// kNoSlot when there is none.
inline std::uint32_t find_stream(const WorkerState& state, std::uint32_t endpoint, std::uint32_t ssrc) {
  return state.stream_by_ssrc.find({endpoint, ssrc});
}

/// kNoSlot when the limit of the endpoint or of the worker is reached. A stream that takes one of the last
/// two places asks make_space() for another one. The new stream is dormant: wake_stream() binds it and tells
/// the control thread. What past_streams knows of an SRTP stream is restored. REQUIRES: the endpoint has no
/// stream of that SSRC.
std::uint32_t create_stream(WorkerState& state, std::uint32_t endpoint, std::uint32_t ssrc);

/// Ends the stream of the endpoint WorkerState::space_wanted_by that was silent for longest: a dormant one,
/// else one that feeds nothing and was silent for kYieldUs. When the worker's slots are used up, it may be a
/// dormant stream of any endpoint. WorkerState::past_streams keeps what is needed of an SRTP stream.
/// REQUIRES: no packet is between classify and transmit, since packets name their streams by slot.
void make_space(WorkerState& state);

/// Signalling says that the RTP of this SSRC of an SRTP endpoint stands at the packet index `index`. The
/// index of the first packet is estimated from it. Nothing counts as spent. Does nothing when the worker
/// knows the stream from authentic packets.
void expect_stream(WorkerState& state, const SsrcKey& key, std::uint64_t index);

/// Ends a stream while its endpoint stays. WorkerState::past_streams keeps what is needed of an SRTP stream.
/// Otherwise as forget_stream().
void end_stream(WorkerState& state, std::uint32_t slot);

/// Ends a stream. As with an idle stream, each source that it fed gets the matching stream that had the
/// latest packet.
void forget_stream(WorkerState& state, std::uint32_t slot);

/// The stream was silent for long, and no longer feeds any source. Under plain RTP it is forgotten. Under
/// SRTP its roll-over counter and replay windows stay as long as the endpoint's keys. Without the counter,
/// the packets of a sender that returns could not be decrypted. Without the windows, an attacker could replay
/// recorded packets.
void retire_idle_stream(WorkerState& state, std::uint32_t slot);

/// Creates and ends the stream of a mirror source (mirror.h). It exists as long as the source, is in no
/// endpoint's list, and cannot be found by SSRC. kNoSlot when the worker's limit is reached.
std::uint32_t create_mirror_stream(WorkerState& state, std::uint32_t source);
void forget_mirror_stream(WorkerState& state, std::uint32_t slot);

/// A packet of a dormant stream came: the stream takes over the sources that it matches, and the control
/// thread gets a note.
void wake_stream(WorkerState& state, std::uint32_t slot);

// ---- Which stream feeds a source
//
// One stream at a time feeds a source. Streams that match the source compete for it by these rules, in this
// order.
//
// 1. Kind. A stream whose payload type is mapped by a route of the source wins against a stream whose payload
//    type no route maps. So digits, comfort noise and retransmissions that have an SSRC of their own take
//    nothing from the media. A repair stream (RTX, RFC 4588; FEC) matches only a source that names its SSRC.
//    It has one of the endpoint's repair types, or names the stream that it repairs.
// 2. Beginning. A stream begins with its first packet, and with the first packet that has this mid, rid or
//    payload type. A stream that begins takes the source at once: a peer that starts a new SSRC wants to
//    replace the old one. The former feeder takes the source back when it is heard again while the new stream
//    has sent one packet only, or when it goes on for kGoesOn packets.
// 3. Silence. A stream that was there before takes the source when the feeder is silent: with its first
//    packet when the silence has lasted for kSilence, else with its second packet in a row.
// 4. Hysteresis. Two streams that both go on do not take turns. The stream that claims the source by rule 3
//    goes on when it was heard within kReturn before its claim. Each time that such a stream takes the
//    source, the silence that rule 3 asks for doubles for such streams, from kFirstPatience to kMostPatience.
//    It starts over when no stream has claimed the source for kCalm.
//
// Only an RTP packet that is newer than all packets of its stream before it claims anything.

/// Times in microseconds.
inline constexpr std::uint64_t kSilenceUs = 50'000;
inline constexpr std::uint64_t kReturnUs = 250'000;
inline constexpr std::uint64_t kFirstPatienceUs = 40'000;
inline constexpr std::uint64_t kMostPatienceUs = 1'280'000;
inline constexpr std::uint64_t kCalmUs = 5'000'000;
inline constexpr std::uint64_t kGoesOn = 10;  // packets

/// The stream begins: it claims every source of its endpoint that it matches. A stream feeds at most
/// kMaxSourcesPerStream sources.
void bind_stream(WorkerState& state, std::uint32_t stream);

/// The newest packet of the stream is the first with a mid or rid, or has another payload type than the
/// packet before it. The stream claims the sources that it matches now; for those that it did not match
/// before, it begins.
void describe_stream(WorkerState& state, std::uint32_t stream, std::uint8_t payload_type);

/// A newest packet of a stream with `contends` came: the stream claims the sources that it matches and that
/// other streams feed.
void contend(WorkerState& state, std::uint32_t stream);

/// Sets `fed`, direct_route and `kept` of the stream again. Called when the stream gets or loses a source,
/// when its payload type changes, and when routes or mirrors of its sources change. Forward serves a stream
/// with a direct route in place. A packet whose payload type some source lists goes to no source that lists
/// others.
void refresh_direct_route(WorkerState& state, std::uint32_t stream);

/// Binds a source without a stream: the matching stream of its endpoint that had the latest packet feeds it.
/// Does nothing when no stream matches. REQUIRES: the source is no mirror.
void bind_source(WorkerState& state, std::uint32_t source);
/// No stream feeds the source any more. REQUIRES: the source is no mirror.
void unbind_source(WorkerState& state, std::uint32_t source);

}  // namespace sluice::dataplane
