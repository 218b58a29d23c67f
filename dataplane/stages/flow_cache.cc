#include "dataplane/stages/flow_cache.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "crypto/srtp/packet_index.h"
#include "dataplane/base/prefetch.h"
#include "dataplane/stages/classify.h"
#include "dataplane/stages/numbering.h"
#include "dataplane/stages/received_checksums.h"
#include "dataplane/stages/rtp_counts.h"
#include "dataplane/stages/transmit.h"
#include "dataplane/stages/unprotect.h"

namespace sluice::dataplane {
namespace {

constexpr std::size_t kIp = CommonFrame::kL3Offset;
constexpr std::size_t kUdp = CommonFrame::kL4Offset;
constexpr std::size_t kRtp = CommonFrame::kPayloadOffset;

// Sixteen bytes at once, which compilers know without intrinsics.
using Bytes16 [[gnu::vector_size(16)]] = std::uint64_t;

inline Bytes16 load16(const std::uint8_t* at) {
  Bytes16 bytes;
  std::memcpy(&bytes, at, sizeof bytes);
  return bytes;
}

// The bits of the first 64 bytes of a frame that its flow decides.
alignas(64) constexpr auto kMask = [] {
  std::array<std::uint8_t, 64> mask{};
  const auto all = [&](std::size_t from, std::size_t end) { std::fill(&mask[from], &mask[end], 0xff); };
  all(0, kIp + 1);       // both MACs, EtherType, version and header length
  mask[kIp + 6] = 0x3f;  // no fragment
  mask[kIp + 7] = 0xff;
  mask[kIp + 9] = 0xff;                   // protocol
  all(kIp + 12, kUdp + 4);                // addresses and UDP ports
  mask[kRtp] = 0xff;                      // version, no padding, no extension, no CSRC
  mask[kRtp + 1] = 0x7f;                  // payload type
  all(kRtp + 8, kRtp + kRtpFixedHeader);  // SSRC
  return mask;
}();

// REQUIRES: 64 bytes may be read at `frame`; an mbuf has them.
[[gnu::always_inline]] inline bool has_headers_of(const CachedFlow& flow, const std::uint8_t* frame) {
  const std::uint8_t* expected = std::assume_aligned<64>(flow.expected.data());
  const auto other = [&](std::size_t at) {
    return (load16(frame + at) ^ load16(expected + at)) & load16(std::assume_aligned<64>(kMask.data()) + at);
  };
  const Bytes16 all = other(0) | other(16) | other(32) | other(48);
  return (all[0] | all[1]) == 0;
}

std::uint32_t slot_of(const WorkerState& state, const EndpointSlot& endpoint) {
  return static_cast<std::uint32_t>(&endpoint - &state.memory.endpoints[0]);
}

// The parts of the payload that the cipher reads.
void fetch_payload(const std::uint8_t* frame, std::size_t length) {
  constexpr std::size_t kStart = 4 * kCacheLine;
  for (std::size_t at = kCacheLine; at < length; at += kCacheLine) {
    if (at < kStart)
      prefetch_to_write(frame + at);
    else
      prefetch_to_second(frame + at);
  }
}

}  // namespace

// Reads the UDP ports, and fetches what match() reads. Passes on what another worker owns: only its headers
// have been fetched so far.
void FlowCache::find(WorkerState& state, std::span<rte_mbuf* const> packets) {
  constexpr unsigned kNoPort = ~0u;
  unsigned port = kNoPort;
  const LocalPort* local_ports = nullptr;  // of the first IPv4 address of `port`
  const bool has_others = state.steering.workers() > 1;
  handed_off_ = 0;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    rte_mbuf* mbuf = packets[i];
    if (mbuf->port != port) [[unlikely]] {
      port = mbuf->port;
      const OwnAddresses& own = state.own_addresses[state.port_index[port & 0xff]];
      const bool has_flows = own.vlan == 0 && own.first_v4_number != kNoOwnAddress;
      local_ports = has_flows ? &state.local_port(own.first_v4_number, 0) : nullptr;
    }
    senders_[i] = nullptr;
    if (local_ports == nullptr) continue;
    const auto* frame = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
    const std::uint32_t slot = local_ports[load_be16(frame + kUdp + 2)].endpoint;
    if (slot == kNoSlot) {
      if (has_others && hand_off_at_once(state, mbuf)) handed_off_ |= std::uint64_t{1} << i;
      continue;
    }
    senders_[i] = &state.endpoint(slot);
    prefetch_to_write(senders_[i]);
    prefetch_to_write(&state.flows[slot], 2);
  }
}

// Compares the headers, and fetches what a packet of the flow reads and writes. False when the stages must
// serve it.
inline bool FlowCache::match(WorkerState& state, rte_mbuf* mbuf, EndpointSlot& sender, Item& item) {
  const std::uint32_t slot = slot_of(state, sender);
  CachedFlow& flow = state.flows[slot];
  auto* frame = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  const std::uint32_t total = load_be16(frame + kIp + 2);
  const std::uint32_t udp = load_be16(frame + kUdp + 4);
  // What is behind the RTP header; huge when it does not fit.
  const std::uint32_t rest = udp - std::uint32_t{8 + kRtpFixedHeader};
  if (!has_headers_of(flow, frame) || udp + 20 != total || rest > flow.longest ||
      total + kIp > mbuf->data_len || mbuf->nb_segs != 1 || !ip_checked(mbuf) || !udp_trusted(state, mbuf)) {
    sender.flow_missed_in = run_;
    return false;
  }
  item.mbuf = mbuf;
  item.frame = frame;
  item.flow = &flow;
  item.stream = &state.memory.streams[flow.stream];
  item.route = &state.memory.routes[flow.route];
  item.receiver = &state.endpoint(flow.receiver);
  item.length = static_cast<std::uint16_t>(udp - 8);
  prefetch_to_write(&item.stream->packets);
  prefetch_to_write(item.route);
  prefetch_to_write(&item.receiver->packets_sent);
  if (!sender.encrypted && !flow.seals) return true;
  if (sender.encrypted) crypto::prefetch(state.memory.keys[slot].receive);
  if (flow.seals) crypto::prefetch(state.memory.keys[flow.receiver].send);
  fetch_payload(frame, mbuf->data_len);
  return true;
}

// Whether the packet is the next one of its flow, and may leave.
inline bool FlowCache::admit(EndpointSlot& sender, Item& item) const {
  const CachedFlow& flow = *item.flow;
  if (sender.flow_missed_in == run_) return false;
  item.index = item.stream->rtp_window.highest() + 1 + flow.pending;
  const std::uint64_t leaves_as = item.index + item.route->index_delta;
  const bool goes_on = static_cast<std::uint16_t>(item.index) == load_be16(item.frame + kRtp + 2) &&
                       item.index <= crypto::kMaxPacketIndex && leaves_as <= crypto::kMaxPacketIndex &&
                       is_next_step(leaves_as - item.route->highest_index.read()) &&
                       item.route->stream == flow.stream && item.receiver->send_version == flow.version;
  if (!goes_on) sender.flow_missed_in = run_;
  return goes_on;
}

// Writes the headers as they leave.
inline void FlowCache::rewrite(const CachedFlow& flow, const RouteSlot& route, std::uint16_t udp,
                               std::uint8_t* frame) {
  const std::uint32_t marker = load_be32(frame + kRtp) & 0x800000;
  const std::uint8_t* image = std::assume_aligned<64>(flow.image.data());
  std::memcpy(frame, image, kRtp);
  store_be16(frame + kIp + 2, static_cast<std::uint16_t>(udp + 20));
  const std::uint32_t sum = flow.address_sum + udp;
  store_be32(frame + kUdp + 4, std::uint32_t{udp} << 16 | ((sum & 0xffff) + (sum >> 16)));
  const auto sequence = static_cast<std::uint16_t>(route.highest_index.read());
  store_be32(frame + kRtp, 0x80000000 | marker | std::uint32_t{flow.payload_type} << 16 | sequence);
  store_be32(frame + kRtp + 4, route.last_timestamp);
  store_be32(frame + kRtp + 8, flow.ssrc);
}

// The packet is authentic: counts it, rewrites its headers, and sends it or gives it to the cipher.
[[gnu::always_inline]] inline void FlowCache::leave(WorkerState& state, EndpointSlot& sender, Item item) {
  StreamSlot& stream = *item.stream;
  RouteSlot& route = *item.route;
  EndpointSlot& receiver = *item.receiver;
  const std::uint32_t timestamp = load_be32(item.frame + kRtp + 4);
  const auto payload = static_cast<std::uint16_t>(item.length - kRtpFixedHeader);
  stream.highest_index.set(item.index);
  count_rtp<false>(state, sender, stream, timestamp, payload, item.length);
  advance_to(route, item.index + route.index_delta, timestamp + route.timestamp_delta, state.now);
  route.packets.add();
  route.bytes.add(payload);
  const auto length = static_cast<std::uint16_t>(item.length + receiver.tag_length);
  rewrite(*item.flow, route, static_cast<std::uint16_t>(length + 8), item.frame);
  item.mbuf->data_len = static_cast<std::uint16_t>(length + kRtp);
  item.mbuf->pkt_len = item.mbuf->data_len;
  ++served_;
  if (!item.flow->seals) return send_made(state, item.mbuf, receiver, receiver.rtp, length);
  sealing_[seal_count_] = {item.mbuf, &receiver};
  seals_[seal_count_++] = {.keys = &state.memory.keys[item.flow->receiver].send,
                           .packet = item.frame + kRtp,
                           .payload = item.frame + kRtp + kRtpFixedHeader,
                           .index = route.highest_index.read(),
                           .ssrc = route.ssrc,
                           .header_length = kRtpFixedHeader,
                           .payload_length = payload,
                           .length = 0,
                           .status = {}};
}

// The cipher has refused the packet, which came from the sender's own address.
[[gnu::cold]] void FlowCache::refuse(WorkerState& state, EndpointSlot& sender, const Item& item,
                                     crypto::SrtpStatus status) {
  const DropReason reason = reason_of(status);
  if (reason == DropReason::kAuthFailed) {
    sender.auth_failures.add();
    count_refusal(*item.stream);
    item.flow->was_refused = true;
  }
  state.counters().drop(reason);
  refused_[refused_count_++] = item.mbuf;
}

inline void FlowCache::add_to_open(WorkerState& state, std::size_t i) {
  const Item& item = items_[i];
  ++item.flow->pending;
  opening_[open_count_] = static_cast<std::uint8_t>(i);
  opens_[open_count_++] = {.keys = &state.memory.keys[slot_of(state, *senders_[i])].receive,
                           .packet = item.frame + kRtp,
                           .index = item.index,
                           .ssrc = load_be32(item.frame + kRtp + 8),
                           .header_length = kRtpFixedHeader,
                           .length = item.length,
                           .status = {}};
}

// Asks the cipher for all admitted packets of encrypted senders. One that is refused leaves a gap.
void FlowCache::open(WorkerState& state) {
  state.engine->unprotect(std::span(opens_).first(open_count_));
  for (std::size_t i = 0; i < open_count_; ++i) {
    Item& item = items_[opening_[i]];
    EndpointSlot& sender = *senders_[opening_[i]];
    item.flow->pending = 0;
    if (opens_[i].status != crypto::SrtpStatus::kOk) {
      refuse(state, sender, item, opens_[i].status);
      continue;
    }
    item.length = opens_[i].length;
    item.stream->rtp_window.commit(item.index);
    if (std::exchange(item.flow->was_refused, false)) item.stream->restart_suspected = false;
    leave(state, sender, item);
  }
  open_count_ = 0;
  if (refused_count_ == 0) return;
  rte_pktmbuf_free_bulk(refused_.data(), refused_count_);
  refused_count_ = 0;
}

void FlowCache::seal(WorkerState& state) {
  state.engine->protect(std::span(seals_).first(seal_count_));
  for (std::size_t i = 0; i < seal_count_; ++i) {
    const auto [mbuf, receiver] = sealing_[i];
    if (seals_[i].status == crypto::SrtpStatus::kOk)
      send_made(state, mbuf, *receiver, receiver->rtp, seals_[i].length);
    else
      state.drop(mbuf, DropReason::kProtectFailed);
  }
  seal_count_ = 0;
}

std::span<rte_mbuf* const> FlowCache::run(WorkerState& state, std::span<rte_mbuf* const> packets) {
  ++run_;
  find(state, packets);
  for (std::size_t i = 0; i < packets.size(); ++i) {
    EndpointSlot*& sender = senders_[i];
    if (sender != nullptr && !(sender->has_cached_flow && match(state, packets[i], *sender, items_[i])))
      sender = nullptr;
  }
  std::size_t left = 0;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    EndpointSlot* sender = senders_[i];
    if (sender == nullptr || !admit(*sender, items_[i])) {
      if ((handed_off_ >> i & 1) != 0) continue;
      fetch_payload(rte_pktmbuf_mtod(packets[i], std::uint8_t*), packets[i]->data_len);
      left_[left++] = packets[i];
    } else if (sender->encrypted) {
      add_to_open(state, i);
    } else {
      items_[i].stream->rtp_window.commit_next();
      leave(state, *sender, items_[i]);
    }
  }
  if (open_count_ != 0) open(state);
  if (seal_count_ != 0) seal(state);
  if (served_ != 0) {
    state.counters().forwarded.add(served_);
    state.counters().copies.add(served_);
    state.counters().flow_cache_hits.add(served_);
    served_ = 0;
  }
  return std::span(left_).first(left);
}

}  // namespace sluice::dataplane
