#include "dataplane/stages/feedback.h"

#include <rte_mbuf.h>

#include <algorithm>

#include "crypto/srtp/packet_index.h"
#include "dataplane/stages/keyframes.h"
#include "dataplane/stages/lend.h"
#include "dataplane/stages/numbering.h"
#include "dataplane/stages/publisher_feedback.h"
#include "dataplane/stages/retransmit.h"
#include "dataplane/stages/rtcp_compound.h"
#include "dataplane/stages/sender_reports.h"
#include "dataplane/stages/streams.h"

namespace sluice::dataplane {
namespace {

bool report_is_too_soon(const WorkerState& state, const StreamSlot& stream) {
  return state.is_within(stream.last_receiver_report_tsc, 1000 / kReceiverReportsPerSecond);
}

// The route that sends `ssrc` to `receiver`, if a live stream feeds it now. kNoSlot otherwise.
std::uint32_t fed_route(const WorkerState& state, std::uint32_t receiver, std::uint32_t ssrc) {
  const std::uint32_t slot = state.route_by_ssrc.find({receiver, ssrc});
  if (slot == kNoSlot) return kNoSlot;
  const RouteSlot& route = state.memory.routes[slot];
  if (route.stream == kNoSlot) return kNoSlot;
  const StreamSlot& stream = state.memory.streams[route.stream];
  const bool current = stream.tenancy.load(std::memory_order_relaxed) == route.stream_tenancy &&
                       stream.epoch == route.stream_epoch;
  return current ? slot : kNoSlot;
}

// The incoming index of an outgoing sequence number near the highest one. nullopt when the number belongs to
// an earlier source or was not sent yet.
std::optional<std::uint64_t> incoming_of(const RouteSlot& route, std::uint16_t sequence) {
  return incoming_index(route, crypto::estimate_packet_index(route.highest_index.read(), sequence));
}

// ---- publisher -> receivers

void end_stream(WorkerState& state, const MediaPacket& packet, std::uint32_t ssrc) {
  const std::uint32_t slot = find_stream(state, packet.endpoint, ssrc);
  if (slot == kNoSlot || state.memory.streams[slot].ended.load(std::memory_order_relaxed)) return;
  StreamSlot& stream = state.memory.streams[slot];
  stream.ended.store(true, std::memory_order_relaxed);
  stream.contends = true;  // so that its next packet, if there is one, tells that it goes on
  refresh_direct_route(state, slot);
  Note note;
  note.kind = NoteKind::kStreamEnded;
  note.ref = {packet.endpoint, state.endpoint(packet.endpoint).generation};
  note.ssrc = ssrc;
  state.tell(note);
}

// ---- receiver -> publisher

// What the receiver says of a sender report that is not of this stream means nothing to its publisher: the
// other publisher's clock is another one. LSR 0 says "none received" (RFC 3550 6.4.1).
void keep_own_sender_report(const StreamSlot& stream, std::span<std::uint8_t> block) {
  const std::uint32_t lsr = load_be32(block.data() + 16);
  const auto& reports = stream.sender_reports;
  if (lsr != 0 && std::find(reports.begin(), reports.end(), lsr) != reports.end()) return;
  store_be32(block.data() + 16, 0);
  store_be32(block.data() + 20, 0);
}

// The receiver counts losses for as long as the route lives, and the publisher only for its own packets.
// Returns the 24 bits of RFC 3550 6.4.1, which may be negative.
std::uint32_t own_losses(RouteSlot& route, std::uint32_t reported) {
  constexpr std::int32_t kMost = 0x7fffff;
  const std::int32_t losses = static_cast<std::int32_t>(reported << 8) >> 8;
  if (!route.losses_known) {
    route.losses_known = true;
    route.earlier_losses = losses;
  }
  return static_cast<std::uint32_t>(std::clamp(losses - route.earlier_losses, -kMost - 1, kMost)) & 0xffffff;
}

// RFC 3550 6.4.1. The NTP times of sender reports pass unchanged, so LSR and DLSR are valid from end to end.
void translate_block(WorkerState& state, std::uint32_t receiver, std::span<const std::uint8_t> block,
                     PublisherFeedback& out) {
  const std::uint32_t route_slot = fed_route(state, receiver, load_be32(block.data()));
  if (route_slot == kNoSlot) return state.counters().feedback_unmatched.add();
  RouteSlot& route = state.memory.routes[route_slot];
  StreamSlot& stream = state.memory.streams[route.stream];
  const auto highest = incoming_of(route, load_be16(block.data() + 10));
  if (!highest) return state.counters().feedback_unmatched.add();
  const std::uint32_t losses = own_losses(route, load_be32(block.data() + 4));
  if (report_is_too_soon(state, stream)) return state.counters().feedback_suppressed.add();
  Outbound& item = out.add(route.stream, RtcpType::kReceiverReport, 0);
  stream.last_receiver_report_tsc = state.now;
  item.length = kReportBlockLength;
  std::copy(block.begin(), block.end(), item.bytes.begin());
  store_be32(item.bytes.data(), item.media);
  store_be32(item.bytes.data() + 4, (load_be32(block.data() + 4) & 0xff000000) | losses);
  keep_own_sender_report(stream, item.bytes);
  store_be32(item.bytes.data() + 8, static_cast<std::uint32_t>(*highest - stream.cycle_base));
}

// A packet that never came is asked of the publisher. One that came is sent again from the packet cache, if
// the route does that. If not, the publisher must not be asked for it: its retransmission would end here as a
// replay, and the publisher would take the request for congestion.
void translate_nack(WorkerState& state, std::uint32_t receiver, std::uint32_t media,
                    std::span<const std::uint8_t> entries, PublisherFeedback& out, Retransmit& retransmit) {
  const std::uint32_t route_slot = fed_route(state, receiver, media);
  if (route_slot == kNoSlot) return state.counters().feedback_unmatched.add();
  bool lost_for_good = false;
  for (std::size_t at = 0; at < entries.size(); at += Retransmit::kMostBytes) {
    const std::size_t length = std::min(Retransmit::kMostBytes, entries.size() - at);
    std::array<std::uint8_t, kMaxNackBytes> ask;
    const NackAnswer answer = retransmit.answer(state, route_slot, entries.subspan(at, length), ask);
    lost_for_good = lost_for_good || answer.lost_for_good;
    if (answer.ask_length == 0) continue;
    const std::uint32_t stream = state.memory.routes[route_slot].stream;
    Outbound& item = out.add(stream, RtcpType::kTransportFeedback, kFeedbackNack);
    item.length = static_cast<std::uint16_t>(answer.ask_length);
    std::copy_n(ask.begin(), answer.ask_length, item.bytes.begin());
    state.memory.streams[stream].nacks.add();
  }
  if (lost_for_good) replace_by_keyframe(state, route_slot);
}

void translate_pli(WorkerState& state, std::uint32_t receiver, std::uint32_t media) {
  const std::uint32_t route = fed_route(state, receiver, media);
  if (route == kNoSlot) return state.counters().feedback_unmatched.add();
  ask_for_keyframe(state, route, KeyframeRequest::kPli);
}

// RFC 5104 4.3.1: an entry has an SSRC and a command number. A repetition (the same number from one receiver)
// stays a repetition.
void translate_fir(WorkerState& state, std::uint32_t receiver, std::span<const std::uint8_t> entries) {
  for (; entries.size() >= 8; entries = entries.subspan(8)) {
    const std::uint32_t route_slot = fed_route(state, receiver, load_be32(entries.data()));
    if (route_slot == kNoSlot) {
      state.counters().feedback_unmatched.add();
      continue;
    }
    RouteSlot& route = state.memory.routes[route_slot];
    const bool again = route.fir_seen && route.fir_sequence == entries[4];
    route.fir_seen = true;
    route.fir_sequence = entries[4];
    ask_for_keyframe(state, route_slot, again ? KeyframeRequest::kFirAgain : KeyframeRequest::kFir);
  }
}

void translate_feedback(WorkerState& state, std::uint32_t receiver, const RtcpItem& item,
                        PublisherFeedback& out, Retransmit& retransmit) {
  if (item.body.size() < 8) return state.counters().feedback_unmatched.add();
  const std::uint32_t media = load_be32(item.body.data() + 4);
  const auto information = item.body.subspan(8);
  const bool transport = item.type == static_cast<std::uint8_t>(RtcpType::kTransportFeedback);
  if (transport && item.count == kFeedbackNack)
    return translate_nack(state, receiver, media, information, out, retransmit);
  if (!transport && item.count == kFeedbackPli) return translate_pli(state, receiver, media);
  if (!transport && item.count == kFeedbackFir) return translate_fir(state, receiver, information);
  state.counters().feedback_unmatched.add();
}

void take_in(WorkerState& state, const MediaPacket& packet, std::span<const std::uint8_t> bytes,
             PublisherFeedback& out, Retransmit& retransmit) {
  RtcpItem item;
  RtcpItem sdes;
  for (RtcpWalk walk(bytes); walk.next(item);)
    if (item.type == static_cast<std::uint8_t>(RtcpType::kSourceDescription)) sdes = item;
  for (RtcpWalk walk(bytes); walk.next(item);) {
    const auto type = static_cast<RtcpType>(item.type);
    if (type == RtcpType::kSenderReport || type == RtcpType::kReceiverReport) {
      const bool sender = type == RtcpType::kSenderReport;
      const std::size_t head = sender ? 4 + kSenderInfoLength : 4;
      if (item.body.size() < head + item.count * kReportBlockLength) continue;
      const std::uint32_t ssrc = load_be32(item.body.data());
      const std::uint32_t stream = sender ? find_stream(state, packet.endpoint, ssrc) : kNoSlot;
      if (stream != kNoSlot)
        take_sender_report(state, stream, item.body.subspan(4, kSenderInfoLength), find_cname(sdes, ssrc));
      for (std::uint8_t i = 0; i < item.count; ++i)
        translate_block(state, packet.endpoint,
                        item.body.subspan(head + i * kReportBlockLength, kReportBlockLength), out);
    } else if (type == RtcpType::kBye) {
      for (std::size_t i = 0; i < item.count && (i + 1) * 4 <= item.body.size(); ++i)
        end_stream(state, packet, load_be32(item.body.data() + i * 4));
    } else if (type == RtcpType::kTransportFeedback || type == RtcpType::kPayloadFeedback) {
      translate_feedback(state, packet.endpoint, item, out, retransmit);
    }
  }
  out.send();
}

}  // namespace

void feedback(WorkerState& state, std::span<MediaPacket> packets, Retransmit& retransmit) {
  PublisherFeedback out(state);
  retransmit.start();
  for (MediaPacket& packet : packets) {
    const std::span<const std::uint8_t> bytes{packet.data, packet.length};
    const std::size_t sound = sound_rtcp_length(bytes);
    if (sound == 0) {
      state.drop(packet.mbuf, DropReason::kBadRtcp);
      continue;
    }
    state.counters().consumed.add();
    if (sound != bytes.size()) state.counters().feedback_unmatched.add();
    take_in(state, packet, bytes.first(sound), out, retransmit);
    rte_pktmbuf_free(packet.mbuf);
  }
  retransmit.send(state);
}

void feedback_from_mirror(WorkerState& state, const Loan& loan, Retransmit& retransmit) {
  if (loan.stream.slot >= state.memory.streams.size()) return state.counters().feedback_unmatched.add();
  StreamSlot& stream = state.memory.streams[loan.stream.slot];
  const bool current = stream.tenancy.load(std::memory_order_relaxed) == loan.stream.tenancy &&
                       (loan.stream.tenancy & 1) == 1 && stream.epoch == loan.stream.epoch &&
                       !is_mirror(stream);
  const auto type = static_cast<RtcpType>(loan.feedback_type);
  if (!current || loan.length > kMaxNackBytes) return state.counters().feedback_unmatched.add();
  if (type == RtcpType::kPayloadFeedback) {
    const bool is_fir = loan.feedback_format == kFeedbackFir;
    const auto form = !is_fir         ? KeyframeRequest::kPli
                      : loan.repeated ? KeyframeRequest::kFirAgain
                                      : KeyframeRequest::kFir;
    return want_keyframe(state, loan.stream.slot, form, state.now);
  }
  const bool is_report = type == RtcpType::kReceiverReport;
  if (is_report && report_is_too_soon(state, stream)) return state.counters().feedback_suppressed.add();
  PublisherFeedback out(state);
  Outbound& item = out.add(loan.stream.slot, type, loan.feedback_format);
  if (is_report) {
    item.length = loan.length;
    std::copy_n(loan.data, loan.length, item.bytes.begin());
    stream.last_receiver_report_tsc = state.now;
  } else {
    const std::span entries(loan.data, loan.length);
    item.length = static_cast<std::uint16_t>(retransmit.merge(state, loan.stream.slot, entries, item.bytes));
    if (item.length == 0) return state.counters().feedback_suppressed.add();
    stream.nacks.add();
  }
  out.send();
}

void say_bye(WorkerState& state, std::uint32_t route_slot) {
  const RouteSlot& route = state.memory.routes[route_slot];
  if (!route.started || !can_send_rtcp(state.endpoint(route.endpoint.slot))) return;
  RtcpCompound compound(state, route.endpoint.slot);
  compound.begin(route.ssrc, {}, {}, own_cname());
  compound.bye(route.ssrc);
  compound.finish();
}

}  // namespace sluice::dataplane
