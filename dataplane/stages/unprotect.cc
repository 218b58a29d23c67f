#include "dataplane/stages/unprotect.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <span>

#include "crypto/srtp/mki.h"
#include "crypto/srtp/packet_index.h"
#include "crypto/srtp/srtp_bytes.h"
#include "dataplane/base/prefetch.h"
#include "dataplane/stages/latch.h"
#include "dataplane/stages/rtp_counts.h"
#include "dataplane/stages/streams.h"
#include "dataplane/wire/rtcp.h"

namespace sluice::dataplane {
namespace {

// RFC 3550 A.1: how far a number of plain RTP may be ahead or behind and still belong to the same sequence.
// What the window holds may come late: the first packet of a key frame, sent again.
constexpr std::uint16_t kMaxDropout = 3000;
constexpr std::uint16_t kMaxMisorder = crypto::ReplayWindow::kBits - 1;
// Plain RTP starts in its second cycle, so that packets from before the first one seen also have an index.
constexpr std::uint64_t kPlainFirstCycle = 1 << 16;

// The SRTP stream whose first packets are in the present batch.
struct Newcomer {
  std::uint32_t endpoint = kNoSlot;
  std::uint32_t ssrc = 0;
  std::uint64_t highest = 0;  // index
};

DropReason reason_of(crypto::ReplayVerdict verdict) {
  return verdict == crypto::ReplayVerdict::kReplayed ? DropReason::kReplayed : DropReason::kTooOld;
}

// ---- A roll-over counter that was missed
//
// When more than 2^15 packets are lost, the index estimate (RFC 3711 3.3.1) has the wrong roll-over counter,
// and every packet is refused from then on, as too old or as forged. After kRefusals in a row from the peer's
// own address every second packet is tried with another counter, with each of kStepsUp in turn. Only a packet
// that is authentic moves the counter. While the stream is heard, all packets are tried as they are: nothing
// sends 2^15 packets in kSilenceMs, so the refused ones are forged, and must not spoil the good ones between
// them.
//
// The counter of a stream that was heard goes up only: a lower one would let spent packets in again. Of a
// stream that only signalling has told of, nothing is spent, and the counter that it named may be too old or
// too new. So lower ones are tried as well.

constexpr std::uint16_t kRefusals = 16;
constexpr std::uint64_t kSilenceMs = 500;
constexpr std::array<std::int64_t, 4> kStepsUp{1, 2, 3, 4};
constexpr std::array<std::int64_t, 4> kStepsBothWays{1, -1, 2, -2};

[[gnu::cold, gnu::noinline]] std::uint64_t guess_index(const std::array<std::int64_t, 4>& steps,
                                                       std::uint16_t refusals, std::uint64_t index) {
  if (refusals % 2 != 0) return index;
  // Modulo 2^64: what is below zero is past the last index too.
  const std::uint64_t guess = index + (static_cast<std::uint64_t>(steps[refusals / 2 % steps.size()]) << 16);
  return guess <= crypto::kMaxPacketIndex ? guess : index;
}

// No RTP of the stream was authentic yet, since the endpoint has its key or since the stream made space.
[[gnu::cold, gnu::noinline]] void note_refused_first(WorkerState& state, const MediaPacket& packet) {
  StreamPast* past = state.past_streams.find({packet.endpoint, packet.rtp.ssrc});
  if (past != nullptr && past->is_expected) ++past->refusals;
}

[[gnu::cold, gnu::noinline]] void note_refused(WorkerState& state, const MediaPacket& packet,
                                               DropReason reason) {
  const EndpointSlot& endpoint = *packet.sender;
  if (!endpoint.encrypted || !from_rtp_remote(endpoint, packet)) return;
  if (reason != DropReason::kAuthFailed && reason != DropReason::kTooOld && reason != DropReason::kReplayed)
    return;
  if (packet.stream == kNoSlot) return note_refused_first(state, packet);
  StreamSlot& stream = state.memory.streams[packet.stream];
  if (!stream.rtp_window.started()) return note_refused_first(state, packet);
  count_refusal(stream);
  if (endpoint.has_cached_flow) state.flows[packet.endpoint].was_refused = true;
}

// An SRTP stream is not known before its first packet is authentic, so the packets of that batch have no
// window to estimate their indices by. They follow each other instead.
std::uint64_t first_index_of(Newcomer& newcomer, const MediaPacket& packet) {
  const bool follows = newcomer.endpoint == packet.endpoint && newcomer.ssrc == packet.rtp.ssrc;
  const std::uint64_t index =
      follows ? crypto::estimate_packet_index(newcomer.highest, packet.rtp.sequence) : packet.rtp.sequence;
  newcomer = {packet.endpoint, packet.rtp.ssrc, follows ? std::max(newcomer.highest, index) : index};
  return index;
}

// The stream has no window yet. Its index may be known from before, or from signalling.
std::optional<DropReason> admit_first(const WorkerState& state, Newcomer& newcomer, MediaPacket& packet) {
  packet.index = first_index_of(newcomer, packet);
  const StreamPast* past = state.past_streams.find({packet.endpoint, packet.rtp.ssrc});
  if (past == nullptr || !(past->has_rtp || past->is_expected)) return std::nullopt;
  packet.index = crypto::estimate_packet_index(past->rtp_highest, packet.rtp.sequence);
  if (!past->is_expected)
    return packet.index > past->rtp_highest ? std::nullopt : std::optional(DropReason::kTooOld);
  if (past->refusals >= kRefusals) packet.index = guess_index(kStepsBothWays, past->refusals, packet.index);
  return std::nullopt;
}

// Checks what can be checked before authentication. Changes nothing. On success sets packet.stream, if it is
// known, and packet.index, except for later packets of plain RTP.
std::optional<DropReason> admit_rtp(const WorkerState& state, Newcomer& newcomer, MediaPacket& packet) {
  const EndpointSlot& endpoint = *packet.sender;
  if (endpoint.encrypted && !endpoint.keys_ready) return DropReason::kNoKeys;
  if (!source_allowed(state, packet)) return DropReason::kWrongSource;
  if (packet.stream == kNoSlot) packet.stream = find_stream(state, packet.endpoint, packet.rtp.ssrc);
  if (packet.stream == kNoSlot) {
    if (endpoint.encrypted) return admit_first(state, newcomer, packet);
    packet.index = kPlainFirstCycle | packet.rtp.sequence;
    return std::nullopt;
  }
  const StreamSlot& stream = state.memory.streams[packet.stream];
  if (stream.direct_route != kNoSlot) {  // prefetches what forward and transmit will need
    prefetch_to_write(&state.memory.routes[stream.direct_route], 2);
    prefetch_to_write(&state.memory.endpoints[stream.direct_endpoint].packets_sent, 2);
  } else {
    prefetch(&stream.sources);
  }
  if (!stream.rtp_window.started()) {
    if (endpoint.encrypted) return admit_first(state, newcomer, packet);
    packet.index = kPlainFirstCycle | packet.rtp.sequence;
    return std::nullopt;
  }
  if (!endpoint.encrypted) return std::nullopt;  // the commit sets the index of plain RTP
  packet.index = crypto::estimate_packet_index(stream.rtp_window.highest(), packet.rtp.sequence);
  if (stream.restart_suspected && !state.is_within(stream.last_packet_tsc.read(), kSilenceMs)) [[unlikely]]
    packet.index = guess_index(kStepsUp, stream.refusals, packet.index);
  if (packet.index > stream.rtp_window.highest()) return std::nullopt;
  const auto verdict = stream.rtp_window.check(packet.index);
  if (verdict != crypto::ReplayVerdict::kFresh) return reason_of(verdict);
  return std::nullopt;
}

// The sender of a plain stream has restarted with this packet.
void restart_numbering(StreamSlot& stream, MediaPacket& packet) {
  const std::uint64_t highest = stream.rtp_window.highest();
  stream.restart_suspected = false;
  stream.repeats = 0;
  stream.rtp_window.reset();
  ++stream.epoch;
  packet.index = (((highest >> 16) + 2) << 16) | packet.rtp.sequence;
  stream.cycle_base = packet.index & ~std::uint64_t{0xffff};
  // The numbers start over. The new base keeps the number of packets that were lost so far.
  const std::uint64_t lost =
      stream.highest_index.read() + 1 - stream.base_index.read() - stream.packets.read();
  stream.base_index.set(packet.index - stream.packets.read() - lost);
}

// A number that came before, or is too old. A sender that restarts a little behind its highest number repeats
// numbers too: a run of kRepeats of them, one after the other, at the pace of media and with nothing new
// between. A network that duplicates packets, and a publisher that answers NACKs, do not do that.
bool repeats_tell_restart(const WorkerState& state, StreamSlot& stream, const MediaPacket& packet) {
  constexpr std::uint16_t kRepeats = 4;
  constexpr std::uint64_t kPacePerSecond = 25;  // the run lasts for 1/25 s at least
  const bool goes_on = stream.repeats != 0 && packet.rtp.sequence == stream.repeat_next &&
                       stream.packets.read() == stream.repeat_packets;
  if (!goes_on) {
    stream.repeats = 0;
    stream.repeat_tsc = state.now;
    stream.repeat_packets = stream.packets.read();
  }
  stream.repeat_next = static_cast<std::uint16_t>(packet.rtp.sequence + 1);
  if (stream.repeats < kRepeats) ++stream.repeats;
  return stream.repeats == kRepeats && state.now - stream.repeat_tsc >= state.tsc_hz / kPacePerSecond;
}

// Sets the index of a plain RTP packet, and restarts the stream when its sender has restarted. Plain RTP has
// no tag that tells a restarted sender from a stray packet. So two packets in a row are needed (RFC 3550
// A.1).
std::optional<DropReason> follow_plain_numbering(const WorkerState& state, StreamSlot& stream,
                                                 MediaPacket& packet) {
  const std::uint64_t highest = stream.rtp_window.highest();
  packet.index = crypto::estimate_packet_index(highest, packet.rtp.sequence);
  const auto ahead = static_cast<std::uint16_t>(packet.rtp.sequence - static_cast<std::uint16_t>(highest));
  if (ahead < kMaxDropout || ahead > 0xffff - kMaxMisorder) {
    stream.restart_suspected = false;
    if (packet.index > highest) return std::nullopt;
    const auto verdict = stream.rtp_window.check(packet.index);
    if (verdict == crypto::ReplayVerdict::kFresh) return std::nullopt;
    if (!repeats_tell_restart(state, stream, packet)) return reason_of(verdict);
    restart_numbering(stream, packet);
    return std::nullopt;
  }
  if (!stream.restart_suspected || packet.rtp.sequence != stream.restart_sequence) {
    stream.restart_suspected = true;
    stream.restart_sequence = static_cast<std::uint16_t>(packet.rtp.sequence + 1);
    return DropReason::kSequenceJump;
  }
  restart_numbering(stream, packet);
  return std::nullopt;
}

// Copies the extension `id` of the packet to `name`. Returns its length; 0 when there is none that fits.
std::uint8_t learn_name(const MediaPacket& packet, std::uint8_t id, std::span<std::uint8_t> name) {
  if (id == 0) return 0;
  const auto found = find_extension({packet.data, packet.length}, packet.rtp, id);
  if (found.size() > name.size()) return 0;
  std::copy(found.begin(), found.end(), name.begin());
  return static_cast<std::uint8_t>(found.size());
}

// True when the packet is the first of its stream to name it. Senders put all names into the same packets.
bool learn_names(const EndpointSlot& endpoint, StreamSlot& stream, const MediaPacket& packet) {
  if (!endpoint.has_names || stream.named) return false;
  std::array<std::uint8_t, kMaxRidLength> repaired;
  stream.mid_length = learn_name(packet, endpoint.mid_extension_id, stream.mid);
  stream.rid_length = learn_name(packet, endpoint.rid_extension_id, stream.rid);
  stream.is_repair = learn_name(packet, endpoint.repaired_rid_extension_id, repaired) != 0;
  stream.named = stream.mid_length != 0 || stream.rid_length != 0 || stream.is_repair;
  return stream.named;
}

[[gnu::always_inline]] inline void count_packet(WorkerState& state, const MediaPacket& packet,
                                                StreamSlot& stream) {
  count_rtp<true>(state, *packet.sender, stream, packet.rtp.timestamp,
                  static_cast<std::uint16_t>(packet.length - packet.rtp.header_length), packet.length);
}

// Prefetches what forward and protect read next: the keys of the only receiver, or the source that fans out;
// and the packet's place in the packet cache.
void fetch_next(WorkerState& state, const MediaPacket& packet, const StreamSlot& stream) {
  if (stream.kept)
    state.cache.prefetch({packet.stream, stream.tenancy.load(std::memory_order_relaxed), packet.index});
  if (stream.direct_route == kNoSlot) {
    if (stream.source_count != 0) prefetch(&state.memory.sources[stream.sources[0]]);
  } else if (state.endpoint(stream.direct_endpoint).tag_length != 0) {
    crypto::prefetch(state.memory.keys[stream.direct_endpoint].send);
  }
}

// The next packet to this address and UDP port will probably belong to the same stream.
void remember_port(WorkerState& state, const MediaPacket& packet) {
  std::uint32_t& guess = state.local_port(packet.local_address, packet.local_port).stream_guess;
  if (guess != packet.stream) guess = packet.stream;
}

// A faster commit_rtp() for nearly every packet: the next one of a stream that is not dormant, has a direct
// route and the same payload type as before, and needs no name. False, without any change, when commit_rtp()
// must do it.
bool commit_next(WorkerState& state, MediaPacket& packet) {
  if (packet.stream == kNoSlot || packet.rtp.padding) return false;
  EndpointSlot& endpoint = *packet.sender;
  StreamSlot& stream = state.memory.streams[packet.stream];
  if (!stream.rtp_window.started() || stream.direct_route == kNoSlot ||
      stream.dormant.load(std::memory_order_relaxed) ||
      stream.payload_type.load(std::memory_order_relaxed) != packet.rtp.payload_type ||
      (endpoint.has_names && !stream.named))
    return false;
  const std::uint64_t next = stream.rtp_window.highest() + 1;
  if (endpoint.encrypted) {
    if (packet.index != next || stream.restart_suspected) return false;
  } else {
    if (packet.rtp.sequence != static_cast<std::uint16_t>(next) || stream.restart_suspected ||
        next > crypto::kMaxPacketIndex)
      return false;
    packet.index = next;
  }
  stream.rtp_window.commit_next();
  stream.highest_index.set(next);
  packet.fed = stream.fed;
  packet.epoch = stream.epoch;
  packet.continues = true;
  fetch_next(state, packet, stream);
  count_packet(state, packet, stream);
  latch(state, packet);
  remember_port(state, packet);
  return true;
}

// Changes everything that an authentic packet may change. It looks up and checks the packet again: an earlier
// packet of the same batch may have been the same packet, or the first one of the stream.
[[gnu::noinline]] std::optional<DropReason> commit_rtp(WorkerState& state, MediaPacket& packet) {
  EndpointSlot& endpoint = *packet.sender;
  endpoint.has_cached_flow = packet.continues = false;
  if (!padding_fits({packet.data, packet.length}, packet.rtp)) return DropReason::kBadRtp;
  // An earlier packet of this batch may have latched the endpoint.
  if (endpoint.latch == LatchPolicy::kOnce && !source_allowed(state, packet)) return DropReason::kWrongSource;
  if (packet.stream == kNoSlot) packet.stream = find_stream(state, packet.endpoint, packet.rtp.ssrc);
  if (packet.stream == kNoSlot) packet.stream = create_stream(state, packet.endpoint, packet.rtp.ssrc);
  if (packet.stream == kNoSlot) return DropReason::kStreamLimit;
  StreamSlot& stream = state.memory.streams[packet.stream];
  const bool first = stream.packets.read() == 0;
  if (stream.rtp_window.started()) {
    if (!endpoint.encrypted) {
      if (const auto reason = follow_plain_numbering(state, stream, packet)) return reason;
    } else if (packet.index <= stream.rtp_window.highest()) {
      const auto verdict = stream.rtp_window.check(packet.index);
      if (verdict != crypto::ReplayVerdict::kFresh) return reason_of(verdict);
    }
  }
  if (first && endpoint.encrypted) state.past_streams.erase({packet.endpoint, packet.rtp.ssrc});
  stream.rtp_window.commit(packet.index);
  if (endpoint.encrypted) stream.restart_suspected = false;
  const bool newest = packet.index == stream.rtp_window.highest();
  const bool named = learn_names(endpoint, stream, packet);
  if (first) {
    stream.base_index.set(packet.index);
    stream.cycle_base = packet.index & ~std::uint64_t{0xffff};
  } else if (packet.index < stream.base_index.read()) {
    stream.base_index.set(packet.index);
  }
  const bool retyped = stream.payload_type.load(std::memory_order_relaxed) != packet.rtp.payload_type;
  if (stream.dormant.load(std::memory_order_relaxed)) {
    stream.payload_type.store(packet.rtp.payload_type, std::memory_order_relaxed);
    wake_stream(state, packet.stream);
  } else if (newest && (named || retyped)) {
    describe_stream(state, packet.stream, packet.rtp.payload_type);
  } else if (newest && stream.contends) {
    contend(state, packet.stream);
  }
  packet.fed = stream.fed;
  packet.epoch = stream.epoch;
  stream.highest_index.set(stream.rtp_window.highest());
  fetch_next(state, packet, stream);
  count_packet(state, packet, stream);
  if (newest) latch(state, packet);
  remember_port(state, packet);
  return std::nullopt;
}

std::optional<DropReason> admit_rtcp(const WorkerState& state, MediaPacket& packet) {
  const EndpointSlot& endpoint = *packet.sender;
  if (packet.length < 8) return DropReason::kBadRtcp;
  if (!endpoint.encrypted) {
    if (!source_allowed(state, packet)) return DropReason::kWrongSource;
    // What is no RTCP must not move the peer's address, nor count as a sign of life.
    return sound_rtcp_length({packet.data, packet.length}) != 0 ? std::nullopt
                                                                : std::optional(DropReason::kBadRtcp);
  }
  if (!endpoint.keys_ready) return DropReason::kNoKeys;
  if (!source_allowed(state, packet)) return DropReason::kWrongSource;
  std::uint32_t index = 0;
  const crypto::SrtpKeys& keys = state.memory.keys[packet.endpoint].receive;
  if (keys.mki_length != 0 &&
      !crypto::remove_mki(keys, crypto::MkiOf::kRtcp, packet.data, crypto::kRtcpHeaderLength, packet.length))
    return DropReason::kAuthFailed;
  if (!crypto::srtcp_index(keys.profile, {packet.data, packet.length}, index)) return DropReason::kBadRtcp;
  packet.index = index;
  packet.stream = find_stream(state, packet.endpoint, load_be32(packet.data + 4));
  if (packet.stream == kNoSlot) return std::nullopt;
  const auto verdict = state.memory.streams[packet.stream].rtcp_window.check(index);
  if (verdict != crypto::ReplayVerdict::kFresh) return reason_of(verdict);
  return std::nullopt;
}

std::optional<DropReason> commit_rtcp(WorkerState& state, MediaPacket& packet) {
  EndpointSlot& endpoint = *packet.sender;
  if (endpoint.encrypted) {
    const std::uint32_t ssrc = load_be32(packet.data + 4);
    if (packet.stream == kNoSlot) packet.stream = find_stream(state, packet.endpoint, ssrc);
    if (packet.stream == kNoSlot) packet.stream = create_stream(state, packet.endpoint, ssrc);
    if (packet.stream == kNoSlot) return DropReason::kStreamLimit;
    StreamSlot& stream = state.memory.streams[packet.stream];
    const auto verdict = stream.rtcp_window.check(packet.index);
    if (verdict != crypto::ReplayVerdict::kFresh) return reason_of(verdict);
    stream.rtcp_window.commit(packet.index);
    stream.last_rtcp_tsc = state.now;
  }
  endpoint.packets_received.add();
  endpoint.bytes_received.add(packet.length);
  endpoint.last_received_tsc.set(state.now);
  // On a shared port RTP, which has an order, decides where the peer is. RTCP that came to the RTP port
  // without being meant to decides nothing. ICE has named the address that it may confirm: a peer that only
  // receives sends nothing else.
  if (packet.component == Component::kRtcp || endpoint.latch == LatchPolicy::kNominated ||
      (endpoint.rtcp_mux && !endpoint.rtp.known()))
    latch(state, packet);
  return std::nullopt;
}

// Runs `step` over the packets. Drops those for which it returns a reason, and moves the others together.
template <typename Step>
std::uint16_t keep(WorkerState& state, std::span<MediaPacket> packets, Step step) {
  std::array<rte_mbuf*, kBatch> dropped;
  unsigned dropped_count = 0;
  std::uint16_t kept = 0;
  for (MediaPacket& packet : packets) {
    if (const std::optional<DropReason> reason = step(packet)) {
      if (*reason == DropReason::kAuthFailed) {
        packet.sender->auth_failures.add();
        note_stranger(state, *packet.sender, packet);
      }
      state.counters().drop(*reason);
      dropped[dropped_count++] = packet.mbuf;
    } else {
      if (&packets[kept] != &packet) packets[kept] = packet;
      ++kept;
    }
  }
  if (dropped_count != 0) rte_pktmbuf_free_bulk(dropped.data(), dropped_count);
  return kept;
}

}  // namespace

DropReason reason_of(crypto::SrtpStatus status) {
  switch (status) {
    case crypto::SrtpStatus::kMalformed:
      return DropReason::kBadRtp;
    case crypto::SrtpStatus::kAuthFailed:
      return DropReason::kAuthFailed;
    default:
      return DropReason::kCryptoError;
  }
}

void count_refusal(StreamSlot& stream) {
  if (!stream.rtp_window.started()) return;
  if (stream.refused_packets != stream.packets.read()) {
    stream.refused_packets = stream.packets.read();
    stream.refusals = 0;
  }
  ++stream.refusals;
  stream.restart_suspected = stream.refusals >= kRefusals;
}

void Unprotect::rtp(WorkerState& state, ClassifiedBatch& batch) {
  std::size_t jobs = 0;
  Newcomer newcomer;
  batch.rtp_count = keep(
      state, std::span(batch.rtp).first(batch.rtp_count),
      [&](MediaPacket& packet) -> std::optional<DropReason> {
        if (const auto reason = admit_rtp(state, newcomer, packet)) {
          note_refused(state, packet, *reason);
          return reason;
        }
        if (!packet.sender->encrypted) return std::nullopt;
        const crypto::SrtpKeys& keys = state.memory.keys[packet.endpoint].receive;
        if (keys.mki_length != 0 && !crypto::remove_mki(keys, crypto::MkiOf::kRtp, packet.data,
                                                        packet.rtp.header_length, packet.length)) [[unlikely]]
          return DropReason::kAuthFailed;
        crypto::RtpUnprotectJob& job = rtp_jobs_[jobs++];
        job.keys = &keys;
        job.packet = packet.data;
        job.index = packet.index;
        job.ssrc = packet.rtp.ssrc;
        job.header_length = packet.rtp.header_length;
        job.length = packet.length;
        return std::nullopt;
      });
  if (jobs != 0) state.engine->unprotect(std::span(rtp_jobs_).first(jobs));
  const crypto::RtpUnprotectJob* done = rtp_jobs_.data();
  batch.rtp_count = keep(state, std::span(batch.rtp).first(batch.rtp_count),
                         [&](MediaPacket& packet) -> std::optional<DropReason> {
                           if (packet.sender->encrypted) {
                             const crypto::RtpUnprotectJob& job = *done++;
                             if (job.status != crypto::SrtpStatus::kOk) {
                               note_refused(state, packet, reason_of(job.status));
                               return reason_of(job.status);
                             }
                             packet.length = job.length;
                           }
                           return commit_next(state, packet) ? std::nullopt : commit_rtp(state, packet);
                         });
}

void Unprotect::rtcp(WorkerState& state, ClassifiedBatch& batch) {
  batch.rtcp_count = keep(state, std::span(batch.rtcp).first(batch.rtcp_count),
                          [&](MediaPacket& packet) { return admit_rtcp(state, packet); });
  const auto packets = std::span(batch.rtcp).first(batch.rtcp_count);
  std::size_t jobs = 0;
  for (const MediaPacket& packet : packets) {
    if (!packet.sender->encrypted) continue;
    rtcp_jobs_[jobs++] = {&state.memory.keys[packet.endpoint].receive, packet.data, packet.length, {}};
  }
  if (jobs != 0) state.engine->unprotect_rtcp(std::span(rtcp_jobs_).first(jobs));
  std::size_t job = 0;
  batch.rtcp_count = keep(state, packets, [&](MediaPacket& packet) -> std::optional<DropReason> {
    if (packet.sender->encrypted) {
      const crypto::RtcpUnprotectJob& done = rtcp_jobs_[job++];
      if (done.status == crypto::SrtpStatus::kMalformed) return DropReason::kBadRtcp;
      if (done.status != crypto::SrtpStatus::kOk) return reason_of(done.status);
      packet.length = done.length;
    }
    return commit_rtcp(state, packet);
  });
}

}  // namespace sluice::dataplane
