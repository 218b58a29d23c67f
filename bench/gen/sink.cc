#include "bench/gen/sink.h"

#include <array>
#include <cstring>
#include <stdexcept>

namespace sluice::gen {
namespace {

constexpr std::size_t kRtpHeader = 12;
// Offset of RTP in an untagged IPv4 frame without IP options.
constexpr std::uint16_t kPlainRtp = 42;

// A first packet has the roll-over counter 0 (RFC 3711 3.3.1). The sink stores it higher by one, so that
// there is an index before the first one.
constexpr std::uint64_t kFirstRoc = 1 << 16;

std::uint64_t folded(const std::uint8_t* address, bool is_v6) {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  if (!is_v6) {
    std::uint32_t word = 0;
    std::memcpy(&word, address, 4);
    return std::uint64_t{word} << 32 | word;
  }
  std::memcpy(&first, address, 8);
  std::memcpy(&last, address + 8, 8);
  return first ^ (last << 1 | last >> 63);
}

bool is_media(const std::uint8_t* rtp) {
  return (rtp[0] & 0xc0) == 0x80 && (rtp[1] < 192 || rtp[1] > 223);  // RFC 5761 4
}

std::uint64_t key_of(const config::SocketAddress& address, std::uint32_t ssrc) {
  return FlowTable::key(folded(address.ip.bytes.data(), address.ip.is_v6()), address.port, ssrc);
}

}  // namespace

Sink::Sink(const Plan& plan, const Source& source, bool mirrored)
    : plan_(plan),
      source_(source),
      mirrored_(mirrored),
      flows_(mirrored ? plan.streams.size() : plan.receivers.size()),
      sample_bytes_(kSampleBytes) {
  samples_.reserve(kMaxSamples);
  const std::size_t count = mirrored ? plan.streams.size() : plan.receivers.size();
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t key =
        mirrored ? key_of(plan.endpoints[plan.streams[i].endpoint].relay, plan.streams[i].ssrc)
                 : key_of(plan.endpoints[plan.receivers[i].endpoint].address, plan.receivers[i].ssrc);
    if (flows_.insert(key, i) == nullptr)
      throw std::runtime_error((mirrored ? "streams[" : "receivers[") + std::to_string(i) +
                               "]: another one has its address and SSRC");
  }
  silent_ = count;
}

void Sink::begin_trial(bool sampling) {
  latency_.clear();
  samples_.clear();
  sample_end_ = 0;
  until_sample_ = sampling ? 1 + kSampleEvery / 2 : 0;
  flows_.each([](ReceiverFlow& flow) { flow.count = 0; });
}

std::vector<std::uint32_t> Sink::silent_receivers() {
  std::vector<std::uint32_t> out;
  flows_.each([&](ReceiverFlow& flow) {
    if (!flow.seen) out.push_back(flow.receiver);
  });
  return out;
}

// Recognizes the form of most packets by a few loads. look_closer() parses the others.
Sink::Media Sink::look_at(const rte_mbuf* packet) const {
  const auto* frame = rte_pktmbuf_mtod(packet, const std::uint8_t*);
  const std::uint16_t length = packet->data_len;
  std::uint64_t types = 0;
  if (length >= kPlainRtp + kRtpHeader) std::memcpy(&types, frame + 12, 3);
  if (types != 0x450008 || frame[23] != dataplane::kIpProtoUdp) return look_closer({frame, length});
  const std::uint8_t* rtp = frame + kPlainRtp;
  const std::uint16_t udp = dataplane::load_be16(frame + 38);
  if (!is_media(rtp) || udp < 8 + kRtpHeader || 34 + udp > length) return {};
  return {FlowTable::key(folded(frame + 30, false), dataplane::load_be16(frame + 36),
                         dataplane::load_be32(rtp + 8)),
          kPlainRtp, static_cast<std::uint16_t>(udp - 8)};
}

Sink::Media Sink::look_closer(std::span<const std::uint8_t> bytes) const {
  dataplane::Frame frame;
  if (dataplane::parse_frame(bytes, frame) || frame.ip_protocol != dataplane::kIpProtoUdp) return {};
  const std::uint8_t* rtp = bytes.data() + frame.payload_offset;
  if (frame.payload_length < kRtpHeader || !is_media(rtp)) return {};
  const bool is_v6 = frame.ip_version == 6;
  const std::uint8_t* destination = bytes.data() + frame.l3_offset + (is_v6 ? 24 : 16);
  return {FlowTable::key(folded(destination, is_v6), frame.destination_port, dataplane::load_be32(rtp + 8)),
          frame.payload_offset, frame.payload_length};
}

void Sink::take(std::span<rte_mbuf* const> packets, std::uint64_t now, Counts& counts) {
  std::array<Media, 64> media;
  const auto steps = static_cast<std::uint32_t>(now / LatencyHistogram::kTicksPerStep);
  for (rte_mbuf* packet : packets) rte_prefetch0(packet);
  for (rte_mbuf* packet : packets) rte_prefetch0(rte_pktmbuf_mtod(packet, const void*));
  for (std::size_t i = 0; i < packets.size(); ++i) {
    media[i] = look_at(packets[i]);
    flows_.prefetch(media[i].key);
  }
  for (std::size_t i = 0; i < packets.size(); ++i) {
    const auto* frame = rte_pktmbuf_mtod(packets[i], const std::uint8_t*);
    if (media[i].key != 0) {
      count(media[i], frame, steps, counts);
    } else {
      ++counts.other;
      if (on_other) on_other({frame, packets[i]->data_len});
    }
  }
}

void Sink::count(const Media& media, const std::uint8_t* frame, std::uint32_t now, Counts& counts) {
  ReceiverFlow* flow = flows_.find(media.key);
  if (flow == nullptr) {
    ++counts.strangers;
    return;
  }
  const std::uint8_t* rtp = frame + media.rtp;
  const std::uint16_t sequence = dataplane::load_be16(rtp + 2);
  if (!flow->seen) count_first(*flow, sequence);
  const auto step = static_cast<std::int16_t>(sequence - static_cast<std::uint16_t>(flow->index));
  if (step <= 0) {
    ++counts.repeated;
    if (on_media) ++counts.retransmissions;
    return;
  }
  flow->index += static_cast<std::uint16_t>(step);
  ++flow->count;
  ++counts.received;
  latency_.add(source_.departures().age(dataplane::load_be32(rtp + 4), now));
  if (on_media) on_media(flow->receiver, sequence);
  if (until_sample_ != 0 && --until_sample_ == 0) keep(*flow, rtp, media.length);
}

// The relay's numbers differ from the sender's by a constant, which the first packet shows.
void Sink::count_first(ReceiverFlow& flow, std::uint16_t sequence) {
  const std::uint32_t stream = mirrored_ ? flow.receiver : plan_.receivers[flow.receiver].stream;
  flow.seen = true;
  --silent_;
  flow.shift = static_cast<std::uint16_t>(sequence - source_.stream(stream).index);
  // The index before this packet, so that the packet counts as new.
  flow.index = kFirstRoc + sequence - 1;
}

void Sink::keep(const ReceiverFlow& flow, const std::uint8_t* rtp, std::uint16_t length) {
  random_ = random_ * 6364136223846793005ULL + 1442695040888963407ULL;
  until_sample_ = 1 + static_cast<std::uint32_t>((random_ >> 33) % (2 * kSampleEvery - 1));
  if (samples_.size() == kMaxSamples || sample_end_ + length > sample_bytes_.size()) return;
  std::memcpy(sample_bytes_.data() + sample_end_, rtp, length);
  samples_.push_back({flow.index - kFirstRoc, flow.receiver, flow.shift, length, sample_end_});
  sample_end_ += length;
}

}  // namespace sluice::gen
