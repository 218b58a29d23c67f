#include "dataplane/stages/feedback.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <cassert>
#include <cstring>

#include "crypto/srtp/packet_index.h"
#include "crypto/srtp/srtp_profile.h"
#include "dataplane/stages/lend.h"
#include "dataplane/stages/numbering.h"
#include "dataplane/stages/protect.h"
#include "dataplane/stages/retransmit.h"
#include "dataplane/stages/streams.h"
#include "dataplane/wire/rtcp.h"

namespace sluice::dataplane {
namespace {

constexpr std::size_t kMaxCompound = 1200;  // bytes of an RTCP packet that we make, before protection
constexpr std::size_t kMaxBlocks = 31;
constexpr std::size_t kMaxNackEntries = 64;
constexpr std::string_view kCname = "sluice";

std::span<const std::uint8_t> own_cname() {
  return {reinterpret_cast<const std::uint8_t*>(kCname.data()), kCname.size()};
}

// An RTCP packet to one endpoint, while it is written. finish() queues it for sending. Without finish() the
// destructor frees it.
class Compound {
 public:
  Compound(WorkerState& state, std::uint32_t endpoint) : state_(state), endpoint_(endpoint) {
    mbuf_ = rte_pktmbuf_alloc(state.pool);
    if (mbuf_ != nullptr) writer_ = RtcpWriter({rte_pktmbuf_mtod(mbuf_, std::uint8_t*), kMaxCompound});
  }
  Compound(const Compound&) = delete;
  Compound& operator=(const Compound&) = delete;
  ~Compound() {
    if (mbuf_ != nullptr) rte_pktmbuf_free(mbuf_);
  }

  RtcpWriter& writer() { return writer_; }

  /// Writes the beginning of the compound: a report of at most kMaxBlocks blocks, and a CNAME. Always fits.
  void begin(std::uint32_t ssrc, std::span<const std::uint8_t> sender_info,
             std::span<const std::uint8_t> blocks, std::span<const std::uint8_t> cname) {
    [[maybe_unused]] const bool fits =
        writer_.report(ssrc, sender_info, blocks) && writer_.cname(ssrc, cname);
    assert(fits || mbuf_ == nullptr);
  }

  /// Always fits after begin() without blocks.
  void bye(std::uint32_t ssrc) {
    [[maybe_unused]] const bool fits = writer_.bye(ssrc);
    assert(fits || mbuf_ == nullptr);
  }

  void finish() {
    state_.counters().reports.add();
    if (mbuf_ == nullptr) return state_.counters().drop(DropReason::kNoBuffer);
    mbuf_->data_len = writer_.length();
    mbuf_->pkt_len = writer_.length();
    if (state_.reports.count == state_.reports.entries.size()) seal_reports(state_);
    state_.reports.entries[state_.reports.count++] = {mbuf_, endpoint_};
    mbuf_ = nullptr;
  }

 private:
  WorkerState& state_;
  std::uint32_t endpoint_;
  rte_mbuf* mbuf_;
  RtcpWriter writer_{std::span<std::uint8_t>{}};
};

bool can_send_rtcp(const EndpointSlot& endpoint) {
  return (endpoint.rtcp_mux ? endpoint.rtp : endpoint.rtcp).known() &&
         (!endpoint.encrypted || endpoint.keys_ready);
}

bool too_soon(const WorkerState& state, std::uint64_t last) {
  return last != 0 && state.now - last < state.tsc_hz / kFeedbackPerSecondMax;
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

void send_report(WorkerState& state, const RouteSlot& route, std::span<const std::uint8_t> sender_info,
                 std::span<const std::uint8_t> cname) {
  std::array<std::uint8_t, kSenderInfoLength> info;
  std::copy(sender_info.begin(), sender_info.end(), info.begin());
  store_be32(&info[8], load_be32(&info[8]) + route.timestamp_delta);
  store_be32(&info[12], static_cast<std::uint32_t>(route.packets.read()));
  store_be32(&info[16], static_cast<std::uint32_t>(route.bytes.read()));
  Compound compound(state, route.endpoint.slot);
  compound.begin(route.ssrc, info, {}, cname.empty() ? own_cname() : cname);
  compound.finish();
  state.counters().feedback_forwarded.add();
}

void end_stream(WorkerState& state, const MediaPacket& packet, std::uint32_t ssrc) {
  const std::uint32_t slot = find_stream(state, packet.endpoint, ssrc);
  if (slot == kNoSlot || state.memory.streams[slot].ended.load(std::memory_order_relaxed)) return;
  state.memory.streams[slot].ended.store(true, std::memory_order_relaxed);
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
  bool repeated;  // a FIR that has been sent on before
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
    item.repeated = false;
    item.media = ssrc_of(stream);
    item.length = 0;
    return &item;
  }
};

// RFC 5104 4.3.1: the SSRC of the publisher stands in the entry, not in the header.
void write_fir(StreamSlot& stream, bool repeated, Outbound& item) {
  if (!repeated) ++stream.fir_sequence;
  item.repeated = repeated;
  item.media = 0;
  item.length = 8;
  std::fill_n(item.bytes.begin(), 8, std::uint8_t{0});
  store_be32(item.bytes.data(), ssrc_of(stream));
  item.bytes[4] = stream.fir_sequence;
}

// RFC 3550 6.4.1. The NTP times of sender reports pass unchanged, so LSR and DLSR are valid from end to end.
void translate_block(WorkerState& state, std::uint32_t receiver, std::span<const std::uint8_t> block,
                     OutboundList& out) {
  const std::uint32_t route_slot = fed_route(state, receiver, load_be32(block.data()));
  if (route_slot == kNoSlot) return state.counters().feedback_unmatched.add();
  const RouteSlot& route = state.memory.routes[route_slot];
  StreamSlot& stream = state.memory.streams[route.stream];
  const auto highest = incoming_of(route, load_be16(block.data() + 10));
  if (!highest) return state.counters().feedback_unmatched.add();
  if (too_soon(state, stream.last_receiver_report_tsc)) return state.counters().feedback_suppressed.add();
  Outbound* item = out.add(state, route.stream, RtcpType::kReceiverReport, 0);
  if (item == nullptr) return;
  stream.last_receiver_report_tsc = state.now;
  item->length = kReportBlockLength;
  std::copy(block.begin(), block.end(), item->bytes.begin());
  store_be32(item->bytes.data(), item->media);
  store_be32(item->bytes.data() + 8, static_cast<std::uint32_t>(*highest - stream.cycle_base));
}

void answer_nack(WorkerState& state, std::uint32_t route_slot, std::span<const std::uint8_t> entries,
                 OutboundList& out, Retransmit& retransmit) {
  std::array<std::uint8_t, kMaxNackEntries * 4> ask;
  const std::size_t length = retransmit.answer(state, route_slot, entries, ask);
  if (length == 0) return;
  const std::uint32_t stream_slot = state.memory.routes[route_slot].stream;
  StreamSlot& stream = state.memory.streams[stream_slot];
  Outbound* item = out.add(state, stream_slot, RtcpType::kTransportFeedback, kFeedbackNack);
  if (item == nullptr) return;
  item->length = static_cast<std::uint16_t>(length);
  std::copy_n(ask.begin(), length, item->bytes.begin());
  stream.nacks.add();
}

void translate_nack(WorkerState& state, std::uint32_t receiver, std::uint32_t media,
                    std::span<const std::uint8_t> entries, OutboundList& out, Retransmit& retransmit) {
  const std::uint32_t route_slot = fed_route(state, receiver, media);
  if (route_slot == kNoSlot) return state.counters().feedback_unmatched.add();
  const RouteSlot& route = state.memory.routes[route_slot];
  if (route.retransmit) return answer_nack(state, route_slot, entries, out, retransmit);
  StreamSlot& stream = state.memory.streams[route.stream];
  Outbound* item = out.add(state, route.stream, RtcpType::kTransportFeedback, kFeedbackNack);
  if (item == nullptr) return;
  for (; entries.size() >= 4 && item->length + 4u <= item->bytes.size(); entries = entries.subspan(4)) {
    const auto index = incoming_of(route, load_be16(entries.data()));
    if (!index) continue;
    store_be16(item->bytes.data() + item->length, static_cast<std::uint16_t>(*index));
    store_be16(item->bytes.data() + item->length + 2, load_be16(entries.data() + 2));
    item->length = static_cast<std::uint16_t>(item->length + 4);
  }
  if (item->length == 0) {
    --out.count;
    return state.counters().feedback_unmatched.add();
  }
  stream.nacks.add();
}

void translate_pli(WorkerState& state, std::uint32_t receiver, std::uint32_t media, OutboundList& out) {
  const std::uint32_t route_slot = fed_route(state, receiver, media);
  if (route_slot == kNoSlot) return state.counters().feedback_unmatched.add();
  const std::uint32_t stream_slot = state.memory.routes[route_slot].stream;
  StreamSlot& stream = state.memory.streams[stream_slot];
  if (too_soon(state, stream.last_keyframe_request_tsc)) return state.counters().feedback_suppressed.add();
  if (out.add(state, stream_slot, RtcpType::kPayloadFeedback, kFeedbackPli) == nullptr) return;
  stream.last_keyframe_request_tsc = state.now;
  stream.plis.add();
}

// RFC 5104 4.3.1: an entry has an SSRC and a command number. The publisher gets one sequence of numbers for
// the requests of all receivers. A repetition (the same number from one receiver) stays a repetition.
void translate_fir(WorkerState& state, std::uint32_t receiver, std::span<const std::uint8_t> entries,
                   OutboundList& out) {
  for (; entries.size() >= 8; entries = entries.subspan(8)) {
    const std::uint32_t route_slot = fed_route(state, receiver, load_be32(entries.data()));
    if (route_slot == kNoSlot) {
      state.counters().feedback_unmatched.add();
      continue;
    }
    RouteSlot& route = state.memory.routes[route_slot];
    StreamSlot& stream = state.memory.streams[route.stream];
    const bool repeated = route.fir_seen && route.fir_sequence == entries[4];
    if (!repeated && too_soon(state, stream.last_keyframe_request_tsc)) {
      state.counters().feedback_suppressed.add();
      continue;
    }
    Outbound* item = out.add(state, route.stream, RtcpType::kPayloadFeedback, kFeedbackFir);
    if (item == nullptr) return;
    route.fir_seen = true;
    route.fir_sequence = entries[4];
    write_fir(stream, repeated, *item);
    stream.last_keyframe_request_tsc = state.now;
    stream.firs.add();
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
  if (!transport && item.count == kFeedbackPli) return translate_pli(state, receiver, media, out);
  if (!transport && item.count == kFeedbackFir) return translate_fir(state, receiver, information, out);
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
    loan.repeated = item.repeated;
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
  Compound compound(state, publisher);
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
      if (stream != kNoSlot) {
        const auto info = item.body.subspan(4, kSenderInfoLength);
        const auto cname = find_cname(sdes, ssrc);
        forward_sender_report(state, stream, info, cname);
        lend_report(state, packet.mbuf, stream, info, cname);
      }
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

void forward_sender_report(WorkerState& state, std::uint32_t stream_slot,
                           std::span<const std::uint8_t> sender_info, std::span<const std::uint8_t> cname) {
  const StreamSlot& stream = state.memory.streams[stream_slot];
  for (std::uint8_t i = 0; i < stream.source_count; ++i) {
    const SourceSlot& source = state.memory.sources[stream.sources[i]];
    if (source.stream != stream_slot) continue;
    for (std::uint32_t at = source.first_chunk; at != kNoSlot; at = state.chunks[at].next) {
      for (std::uint32_t entry = 0; entry < state.chunks[at].count; ++entry) {
        const RouteSlot& route = state.memory.routes[state.chunks[at].routes[entry]];
        // Only a route that has sent packets of this stream: before that its timestamp delta is not known.
        const bool speaks = route.stream == stream_slot && route.stream_epoch == stream.epoch;
        if (speaks && can_send_rtcp(state.endpoint(route.endpoint.slot)))
          send_report(state, route, sender_info, cname);
      }
    }
  }
}

void feedback(WorkerState& state, std::span<MediaPacket> packets, Retransmit& retransmit) {
  OutboundList out;
  retransmit.start();
  for (MediaPacket& packet : packets) {
    const std::span<const std::uint8_t> bytes{packet.data, packet.length};
    if (!rtcp_holds_together(bytes)) {
      state.drop(packet.mbuf, DropReason::kBadRtcp);
      continue;
    }
    state.counters().consumed.add();
    take_in(state, packet, bytes, out, retransmit);
    rte_pktmbuf_free(packet.mbuf);
  }
  retransmit.send(state);
}

void request_keyframe(WorkerState& state, std::uint32_t source_slot) {
  if (is_mirror(state.memory.sources[source_slot])) return lend_keyframe_request(state, source_slot);
  const std::uint32_t stream_slot = state.memory.sources[source_slot].stream;
  if (stream_slot == kNoSlot) return;
  StreamSlot& stream = state.memory.streams[stream_slot];
  if (!can_send_rtcp(state.endpoint(publisher_of(stream))) ||
      too_soon(state, stream.last_keyframe_request_tsc))
    return;
  stream.last_keyframe_request_tsc = state.now;
  stream.plis.add();
  OutboundList out;
  out.add(state, stream_slot, RtcpType::kPayloadFeedback, kFeedbackPli);
  send_outbound(state, out);
}

void keyframe_for_mirror(WorkerState& state, SlotRef ref) {
  if (ref.slot >= state.memory.sources.size()) return;
  const SourceSlot& source = state.memory.sources[ref.slot];
  if (source.installed && source.generation == ref.generation && !is_mirror(source))
    request_keyframe(state, ref.slot);
}

void feedback_from_mirror(WorkerState& state, const Loan& loan) {
  if (loan.stream.slot >= state.memory.streams.size()) return state.counters().feedback_unmatched.add();
  StreamSlot& stream = state.memory.streams[loan.stream.slot];
  const bool current = stream.tenancy.load(std::memory_order_relaxed) == loan.stream.tenancy &&
                       (loan.stream.tenancy & 1) == 1 && stream.epoch == loan.stream.epoch &&
                       !is_mirror(stream);
  OutboundList out;
  const auto type = static_cast<RtcpType>(loan.feedback_type);
  if (!current || loan.length > out.items[0].bytes.size()) return state.counters().feedback_unmatched.add();
  const bool is_report = type == RtcpType::kReceiverReport;
  const bool is_nack = type == RtcpType::kTransportFeedback;
  const bool is_fir = !is_report && !is_nack && loan.feedback_format == kFeedbackFir;
  // Each worker limits its own requests, so several workers together may exceed the limit.
  if ((is_report && too_soon(state, stream.last_receiver_report_tsc)) ||
      (!is_report && !is_nack && !loan.repeated && too_soon(state, stream.last_keyframe_request_tsc)))
    return state.counters().feedback_suppressed.add();
  Outbound& item = *out.add(state, loan.stream.slot, type, loan.feedback_format);
  item.length = loan.length;
  std::copy_n(loan.data, loan.length, item.bytes.begin());
  if (is_fir) write_fir(stream, loan.repeated, item);
  if (is_report) {
    stream.last_receiver_report_tsc = state.now;
  } else if (is_nack) {
    stream.nacks.add();
  } else {
    stream.last_keyframe_request_tsc = state.now;
    (is_fir ? stream.firs : stream.plis).add();
  }
  send_outbound(state, out);
}

void say_bye(WorkerState& state, std::uint32_t route_slot) {
  const RouteSlot& route = state.memory.routes[route_slot];
  if (!route.started || !can_send_rtcp(state.endpoint(route.endpoint.slot))) return;
  Compound compound(state, route.endpoint.slot);
  compound.begin(route.ssrc, {}, {}, own_cname());
  compound.bye(route.ssrc);
  compound.finish();
}

}  // namespace sluice::dataplane
