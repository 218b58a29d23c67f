#include "bench/gen/source.h"

#include <rte_cycles.h>
#include <rte_memcpy.h>

#include <cstring>
#include <random>
#include <stdexcept>

#include "bench/gen/schedule.h"
#include "dataplane/wire/header_template.h"

namespace sluice::gen {
namespace {

constexpr std::size_t kRtpHeader = 12;

std::vector<std::uint32_t> order_of(const Plan& plan) {
  std::vector<double> rates;
  for (const PlanStream& stream : plan.streams) rates.push_back(stream.packets_per_second);
  return make_schedule(rates);
}

void prefetch(const StreamFlow& flow) {
  __builtin_prefetch(&flow, 1);
  __builtin_prefetch(reinterpret_cast<const char*>(&flow) + 64, 1);
}

}  // namespace

Source::Source(const Plan& plan, Link& link, std::unique_ptr<crypto::SrtpEngine> engine)
    : link_(link),
      engine_(std::move(engine)),
      streams_(plan.streams.size()),
      keys_(plan.endpoints.size()),
      order_(order_of(plan)) {
  for (std::size_t i = 0; i < plan.endpoints.size(); ++i)
    if (plan.endpoints[i].profile &&
        !engine_->expand(plan.endpoints[i].send_key, crypto::Direction::kSend, keys_[i]))
      throw std::runtime_error("keys of endpoint " + std::to_string(i) + ": " + engine_->last_error());
  for (std::size_t i = 0; i < plan.streams.size(); ++i) make_stream(plan, i);
}

Source::~Source() {
  for (std::size_t i = 0; i < keys_.size(); ++i) engine_->release(keys_[i]);
}

void Source::make_stream(const Plan& plan, std::size_t index) {
  static std::mt19937 random{std::random_device{}()};
  const PlanStream& wanted = plan.streams[index];
  const PlanEndpoint& endpoint = plan.endpoints[wanted.endpoint];
  StreamFlow& flow = streams_[index];
  flow.ssrc = wanted.ssrc;
  flow.endpoint = wanted.endpoint;
  flow.outputs = wanted.outputs;
  flow.payload_length = wanted.payload_bytes;
  flow.sealed = endpoint.profile.has_value();
  flow.queue = static_cast<std::uint16_t>(endpoint.queue % link_.queues());
  // Below 2^15, so that the roll-over counter is clear even when the first packet is lost (RFC 3711 3.3.1).
  flow.index = flow.first_index = random() % 0x8000;
  const auto header = dataplane::make_header_template({plan.mac, endpoint.address},
                                                      {plan.relay_mac, endpoint.relay}, plan.vlan);
  const std::size_t tag = flow.sealed ? crypto::profile_info(*endpoint.profile).rtp_tag_length : 0;
  const std::size_t length = kRtpHeader + wanted.payload_bytes + tag;
  dataplane::write_headers_for_offload(header, flow.header.data(), static_cast<std::uint16_t>(length));
  // No UDP checksum. IPv4 allows that, an SRTP tag covers more, and a ring needs none.
  dataplane::store_be16(flow.header.data() + header.l4_offset + 6, 0);
  std::uint8_t* ip = flow.header.data() + header.l3_offset;
  if (!header.is_v6)
    dataplane::store_be16(ip + 10, dataplane::checksum_finish(dataplane::checksum_add({ip, 20})));
  flow.rtp_offset = header.length;
  flow.is_v6 = header.is_v6;
  flow.frame_length = static_cast<std::uint16_t>(header.length + length);
  std::uint8_t* rtp = flow.header.data() + header.length;
  rtp[0] = 0x80;
  rtp[1] = wanted.payload_type;
  dataplane::store_be32(rtp + 8, wanted.ssrc);
}

void Source::send(std::size_t count, Counts& counts, std::span<rte_mbuf* const> beside) {
  std::array<std::uint32_t, kBurst> streams;
  for (std::size_t i = 0; i < count; ++i) {
    streams[i] = order_[at_];
    if (++at_ == order_.size()) at_ = 0;
  }
  send_of(streams.data(), count, counts, beside);
  // Prefetches the streams of the next burst.
  for (std::size_t i = 0, at = at_; i < kBurst; ++i) {
    prefetch(streams_[order_[at]]);
    if (++at == order_.size()) at = 0;
  }
}

void Source::send_of(const std::uint32_t* streams, std::size_t count, Counts& counts,
                     std::span<rte_mbuf* const> beside) {
  std::array<rte_mbuf*, kBurst> packets;
  const std::uint64_t now = rte_rdtsc();
  if (rte_pktmbuf_alloc_bulk(link_.pool(), packets.data(), static_cast<unsigned>(count)) != 0) {
    ++counts.no_buffer;
    for (rte_mbuf* other : beside) rte_pktmbuf_free(other);
    return;
  }
  const auto timestamp = static_cast<std::uint32_t>(now / LatencyHistogram::kTicksPerStep);
  job_count_ = 0;
  for (std::size_t i = 0; i < count; ++i) {
    counts.expected += streams_[streams[i]].outputs;
    queue_of_[i] = streams_[streams[i]].queue;
    fill(packets[i], streams[i], timestamp);
  }
  engine_->protect(std::span(jobs_).first(job_count_));
  for (std::size_t i = 0; i < job_count_; ++i)
    if (jobs_[i].status != crypto::SrtpStatus::kOk)
      throw std::runtime_error("sealing failed: " + engine_->last_error());
  // Over IPv6 the UDP checksum is required (RFC 8200 8.1). It is written only for packets that go over a
  // wire.
  if (link_.mac())
    for (std::size_t i = 0; i < count; ++i)
      if (const StreamFlow& flow = streams_[streams[i]]; flow.is_v6) {
        auto* frame = rte_pktmbuf_mtod(packets[i], std::uint8_t*);
        dataplane::Frame layers;
        if (dataplane::parse_frame({frame, packets[i]->data_len}, layers)) continue;
        const std::uint8_t* ip = frame + layers.l3_offset;
        const std::uint64_t sum =
            dataplane::checksum_add({ip + 8, 32}, std::uint64_t{layers.l4_length} + dataplane::kIpProtoUdp);
        const auto checksum = dataplane::checksum_finish(
            dataplane::checksum_add({frame + layers.l4_offset, layers.l4_length}, sum));
        dataplane::store_be16(frame + layers.l4_offset + 6, checksum == 0 ? 0xffff : checksum);
      }
  const std::uint64_t left = rte_rdtsc();
  departures_.note(timestamp, static_cast<std::uint32_t>((left - now) / LatencyHistogram::kTicksPerStep));
  if (beside.empty())
    hand_over(packets.data(), count, counts);
  else
    hand_over_mixed(packets.data(), count, beside, counts);
}

void Source::fill(rte_mbuf* mbuf, std::uint32_t stream, std::uint32_t timestamp) {
  StreamFlow& flow = streams_[stream];
  ++flow.index;
  auto* frame = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  rte_mov64(frame, flow.header.data());
  rte_mov16(frame + 64, flow.header.data() + 64);
  std::uint8_t* rtp = frame + flow.rtp_offset;
  const auto sequence = static_cast<std::uint16_t>(flow.index);
  dataplane::store_be16(rtp + 2, sequence);
  dataplane::store_be32(rtp + 4, timestamp);
  mbuf->data_len = flow.frame_length;
  mbuf->pkt_len = flow.frame_length;
  mbuf->ol_flags = link_.mac() ? 0 : kGoodChecksums;
  const std::uint8_t* payload = pattern_.of(stream, sequence);
  if (!flow.sealed) {
    rte_memcpy(rtp + kRtpHeader, payload, flow.payload_length);
    return;
  }
  jobs_[job_count_++] = {.keys = &keys_[flow.endpoint],
                         .packet = rtp,
                         .payload = payload,
                         .index = flow.index,
                         .ssrc = flow.ssrc,
                         .header_length = kRtpHeader,
                         .payload_length = flow.payload_length,
                         .length = 0,
                         .status = {}};
}

void Source::hand_over(rte_mbuf** packets, std::size_t count, Counts& counts) {
  counts.sent += count;
  if (link_.queues() == 1) {
    const std::size_t sent = link_.send(0, packets, count);
    if (sent == count) return;
    counts.refused += count - sent;
    rte_pktmbuf_free_bulk(packets + sent, static_cast<unsigned>(count - sent));
    return;
  }
  for (std::uint16_t queue = 0; queue < link_.queues(); ++queue) {
    std::array<rte_mbuf*, kBurst> part;
    std::size_t n = 0;
    for (std::size_t i = 0; i < count; ++i)
      if (queue_of_[i] == queue) part[n++] = packets[i];
    const std::size_t sent = n == 0 ? 0 : link_.send(queue, part.data(), n);
    counts.refused += n - sent;
    if (sent < n) rte_pktmbuf_free_bulk(part.data() + sent, static_cast<unsigned>(n - sent));
  }
}

void Source::hand_over_mixed(rte_mbuf** packets, std::size_t count, std::span<rte_mbuf* const> beside,
                             Counts& counts) {
  std::array<rte_mbuf*, kBurst + kMostBeside> all;
  std::array<bool, kBurst + kMostBeside> is_media;
  const std::size_t total = count + beside.size();
  std::size_t media = 0;
  for (std::size_t i = 0; i < total; ++i) {
    is_media[i] = media < count && (media * total <= i * count || i - media == beside.size());
    all[i] = is_media[i] ? packets[media] : beside[i - media];
    media += is_media[i] ? 1 : 0;
  }
  counts.sent += count;
  counts.forged += beside.size();
  const std::size_t sent = link_.send(0, all.data(), total);
  for (std::size_t i = sent; i < total; ++i) ++(is_media[i] ? counts.refused : counts.forged_refused);
  if (sent < total) rte_pktmbuf_free_bulk(all.data() + sent, static_cast<unsigned>(total - sent));
}

}  // namespace sluice::gen
