#include "dataplane/stages/feedback.h"

#include <rte_mbuf.h>

#include <algorithm>

#include "crypto/srtp/packet_index.h"
#include "dataplane/stages/keyframes.h"
#include "dataplane/stages/lend.h"
#include "dataplane/stages/numbering.h"
#include "dataplane/stages/retransmit.h"
#include "dataplane/stages/rtcp_compound.h"
#include "dataplane/stages/sender_reports.h"
#include "dataplane/stages/streams.h"

namespace sluice::dataplane {
namespace {

constexpr std::size_t kMaxBlocks = RtcpCompound::kMaxBlocks;
constexpr std::size_t kMaxNackEntries = 64;

bool report_is_too_soon(const WorkerState& state, const StreamSlot& stream) {
  const std::uint64_t last = stream.last_receiver_report_tsc;
  return last != 0 && state.now - last < state.tsc_hz / kReceiverReportsPerSecond;
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
  return incoming_index(route, crypto::estimate_packet_index(route.highest_index, sequence));
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

// One item of feedback that an incoming compound has for a publisher.
struct Outbound {
  std::uint32_t publisher;  // endpoint slot; kNoSlot: already sent, or on another worker (lend.h)
  std::uint32_t stream;     // slot
  RtcpType type;            // kReceiverReport: `bytes` is a report block
  std::uint8_t format;
  std::uint32_t media;
  std::uint16_t length;
  std::array<std::uint8_t, kMaxNackEntries * 4> bytes;
};

std::uint32_t publisher_of(const StreamSlot& stream) {
  return stream.endpoint.load(std::memory_order_relaxed);
}
std::uint32_t ssrc_of(const StreamSlot& stream) {
  return stream.ssrc.load(std::memory_order_relaxed);
}

struct OutboundList {
  std::array<Outbound, kMaxBlocks + 9> items;
  std::size_t count = 0;

  /// Adds an item for the publisher of that stream. nullptr when the list is full.
  Outbound* add(const WorkerState& state, std::uint32_t stream_slot, RtcpType type, std::uint8_t format) {
    if (count == items.size()) return nullptr;
    const StreamSlot& stream = state.memory.streams[stream_slot];
    Outbound& item = items[count++];
    item.publisher = publisher_of(stream);
    item.stream = stream_slot;
    item.type = type;
    item.format = format;
    item.media = ssrc_of(stream);
    item.length = 0;
    return &item;
  }
};

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
                     OutboundList& out) {
  const std::uint32_t route_slot = fed_route(state, receiver, load_be32(block.data()));
  if (route_slot == kNoSlot) return state.counters().feedback_unmatched.add();
  RouteSlot& route = state.memory.routes[route_slot];
  StreamSlot& stream = state.memory.streams[route.stream];
  const auto highest = incoming_of(route, load_be16(block.data() + 10));
  if (!highest) return state.counters().feedback_unmatched.add();
  const std::uint32_t losses = own_losses(route, load_be32(block.data() + 4));
  if (report_is_too_soon(state, stream)) return state.counters().feedback_suppressed.add();
  Outbound* item = out.add(state, route.stream, RtcpType::kReceiverReport, 0);
  if (item == nullptr) return;
  stream.last_receiver_report_tsc = state.now;
  item->length = kReportBlockLength;
  std::copy(block.begin(), block.end(), item->bytes.begin());
  store_be32(item->bytes.data(), item->media);
  store_be32(item->bytes.data() + 4, (load_be32(block.data() + 4) & 0xff000000) | losses);
  keep_own_sender_report(stream, item->bytes);
  store_be32(item->bytes.data() + 8, static_cast<std::uint32_t>(*highest - stream.cycle_base));
}

// A packet that never came is asked of the publisher. One that came is sent again from the packet cache, if
// the route does that. If not, the publisher must not be asked for it: its retransmission would end here as a
// replay, and the publisher would take the request for congestion.
void translate_nack(WorkerState& state, std::uint32_t receiver, std::uint32_t media,
                    std::span<const std::uint8_t> entries, OutboundList& out, Retransmit& retransmit) {
  const std::uint32_t route_slot = fed_route(state, receiver, media);
  if (route_slot == kNoSlot) return state.counters().feedback_unmatched.add();
  std::array<std::uint8_t, kMaxNackEntries * 4> ask;
  const NackAnswer answer = retransmit.answer(state, route_slot, entries, ask);
  if (answer.lost_for_good) replace_by_keyframe(state, route_slot);
  if (answer.ask_length == 0) return;
  const std::uint32_t stream_slot = state.memory.routes[route_slot].stream;
  StreamSlot& stream = state.memory.streams[stream_slot];
  Outbound* item = out.add(state, stream_slot, RtcpType::kTransportFeedback, kFeedbackNack);
  if (item == nullptr) return;
  item->length = static_cast<std::uint16_t>(answer.ask_length);
  std::copy_n(ask.begin(), answer.ask_length, item->bytes.begin());
  stream.nacks.add();
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

void translate_feedback(WorkerState& state, std::uint32_t receiver, const RtcpItem& item, OutboundList& out,
                        Retransmit& retransmit) {
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

// Lends the items for publishers on other workers to those workers. They apply the limits again, together
// with feedback from elsewhere.
void lend_outbound(WorkerState& state, const OutboundList& list) {
  for (std::size_t i = 0; i < list.count; ++i) {
    const Outbound& item = list.items[i];
    if (item.publisher != kNoSlot) continue;
    Loan loan;
    loan.feedback_type = static_cast<std::uint8_t>(item.type);
    loan.feedback_format = item.format;
    lend_feedback(state, item.stream, loan, std::span(item.bytes).first(item.length));
    state.counters().feedback_forwarded.add();
  }
}

// Copies the report blocks for the publisher of the item at `first` into `blocks`. Returns how many bytes.
std::size_t gather_blocks(const OutboundList& list, std::size_t first, std::span<std::uint8_t> blocks) {
  std::size_t length = 0;
  for (std::size_t i = first; i < list.count && length < blocks.size(); ++i) {
    const Outbound& item = list.items[i];
    if (item.publisher != list.items[first].publisher || item.type != RtcpType::kReceiverReport) continue;
    std::copy_n(item.bytes.begin(), kReportBlockLength, blocks.begin() + static_cast<long>(length));
    length += kReportBlockLength;
  }
  return length;
}

// Sends one compound with all items for the publisher of the item at `first`: a receiver report with every
// block, our CNAME, then the feedback. Marks these items as sent.
void send_to_publisher(WorkerState& state, OutboundList& list, std::size_t first) {
  const std::uint32_t publisher = list.items[first].publisher;
  const EndpointSlot& endpoint = state.endpoint(publisher);
  std::array<std::uint8_t, kMaxBlocks * kReportBlockLength> blocks;
  const std::size_t blocks_length = gather_blocks(list, first, blocks);
  RtcpCompound compound(state, publisher);
  compound.begin(endpoint.local_ssrc, {}, std::span(blocks).first(blocks_length), own_cname());
  std::size_t written = blocks_length / kReportBlockLength;
  for (std::size_t i = first; i < list.count; ++i) {
    Outbound& item = list.items[i];
    if (item.publisher != publisher) continue;
    item.publisher = kNoSlot;
    if (item.type != RtcpType::kReceiverReport &&
        compound.writer().feedback(item.type, item.format, endpoint.local_ssrc, item.media,
                                   std::span(item.bytes).first(item.length)))
      ++written;
  }
  if (!can_send_rtcp(endpoint)) return;
  state.counters().feedback_forwarded.add(written);
  compound.finish();
}

void send_outbound(WorkerState& state, OutboundList& list) {
  if (state.lending.enabled) lend_outbound(state, list);
  for (std::size_t first = 0; first < list.count; ++first)
    if (list.items[first].publisher != kNoSlot) send_to_publisher(state, list, first);
}

void take_in(WorkerState& state, const MediaPacket& packet, std::span<const std::uint8_t> bytes,
             OutboundList& out, Retransmit& retransmit) {
  out.count = 0;
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
  send_outbound(state, out);
}

}  // namespace

void feedback(WorkerState& state, std::span<MediaPacket> packets, Retransmit& retransmit) {
  OutboundList out;
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
  OutboundList out;
  const auto type = static_cast<RtcpType>(loan.feedback_type);
  if (!current || loan.length > out.items[0].bytes.size()) return state.counters().feedback_unmatched.add();
  if (type == RtcpType::kPayloadFeedback) {
    const bool is_fir = loan.feedback_format == kFeedbackFir;
    const auto form = !is_fir         ? KeyframeRequest::kPli
                      : loan.repeated ? KeyframeRequest::kFirAgain
                                      : KeyframeRequest::kFir;
    return want_keyframe(state, loan.stream.slot, form, state.now);
  }
  const bool is_report = type == RtcpType::kReceiverReport;
  if (is_report && report_is_too_soon(state, stream)) return state.counters().feedback_suppressed.add();
  Outbound& item = *out.add(state, loan.stream.slot, type, loan.feedback_format);
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
  send_outbound(state, out);
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
