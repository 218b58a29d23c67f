#include "bench/gen/forger.h"

#include <rte_memcpy.h>

#include <algorithm>

#include "dataplane/wire/frame.h"

namespace sluice::gen {
namespace {

constexpr std::size_t kRtpHeader = 12;
constexpr std::size_t kUdpHeader = 8;
constexpr std::size_t kIpv4Header = 20;
// Of the sequence number: ahead of the media of the same burst, and where RFC 3711 3.3.1 estimates the right
// roll-over counter.
constexpr std::uint16_t kLeastAhead = kBurst + 1;
constexpr std::uint16_t kMostAhead = 1000;

// Another host of the same network: the last bit of the address and the first of the port differ.
void write_stranger(std::uint8_t* rtp, bool is_v6) {
  std::uint8_t* udp = rtp - kUdpHeader;
  udp[0] ^= 0x80;
  if (is_v6) {
    udp[-17] ^= 0x01;
    return;
  }
  std::uint8_t* ip = udp - kIpv4Header;
  ip[15] ^= 0x01;
  dataplane::store_be16(ip + 10, 0);
  dataplane::store_be16(ip + 10, dataplane::checksum_finish(dataplane::checksum_add({ip, kIpv4Header})));
}

}  // namespace

std::span<rte_mbuf* const> Forger::make(const Flood& flood, std::size_t media, Counts& counts) {
  owed_ += flood.per_packet * static_cast<double>(media);
  const std::size_t count = std::min(kMostBeside, static_cast<std::size_t>(owed_));
  owed_ -= static_cast<double>(count);
  if (rte_pktmbuf_alloc_bulk(link_.pool(), packets_.data(), static_cast<unsigned>(count)) != 0) {
    ++counts.no_buffer;
    return {};
  }
  for (rte_mbuf* mbuf : std::span(packets_).first(count)) {
    fill(mbuf, source_.stream(at_), flood.spoofed);
    if (++at_ == source_.stream_count()) at_ = 0;
  }
  return std::span(packets_).first(count);
}

void Forger::fill(rte_mbuf* mbuf, const StreamFlow& flow, bool spoofed) {
  auto* frame = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  rte_mov64(frame, flow.header.data());
  rte_mov16(frame + 64, flow.header.data() + 64);
  std::uint8_t* rtp = frame + flow.rtp_offset;
  if (!spoofed) write_stranger(rtp, flow.is_v6);
  const auto ahead = static_cast<std::uint16_t>(kLeastAhead + random_() % (kMostAhead - kLeastAhead));
  dataplane::store_be16(rtp + 2, static_cast<std::uint16_t>(flow.index + ahead));
  dataplane::store_be32(rtp + 4, static_cast<std::uint32_t>(random_()));
  // Any bytes will do for a ciphertext and its tag: without the key they look like real ones.
  const Pattern& pattern = source_.pattern();
  const auto salt = static_cast<std::uint32_t>(random_());
  std::uint8_t* tag = rtp + kRtpHeader + flow.payload_length;
  rte_memcpy(rtp + kRtpHeader, pattern.of(salt, 0), flow.payload_length);
  rte_memcpy(tag, pattern.of(salt, 1), static_cast<std::size_t>(frame + flow.frame_length - tag));
  mbuf->data_len = flow.frame_length;
  mbuf->pkt_len = flow.frame_length;
  mbuf->ol_flags = link_.mac() ? 0 : kGoodChecksums;
}

}  // namespace sluice::gen
