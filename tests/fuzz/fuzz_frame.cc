// frame: any bytes as an Ethernet frame. The layers lie within each other, and a second, simpler reader finds
// the same. The fast parser for common frames agrees with the full parser. Checksums are those of RFC 1071. A
// UDP datagram parses as the same again behind headers that are written from the parsed values.
#include "dataplane/wire/frame.h"

#include "dataplane/wire/header_template.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace sluice;
using namespace sluice::dataplane;
using fuzz::Bytes;
using Span = std::span<const std::uint8_t>;

// Adds sixteen bits at a time, in network order.
std::uint16_t plain_sum(Span bytes, std::uint64_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); i += 2)
    sum += static_cast<unsigned>(bytes[i]) << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0U);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

unsigned be16(Span bytes, std::size_t at) {
  FUZZ_CHECK(at + 2 <= bytes.size());
  return static_cast<unsigned>(bytes[at]) << 8 | bytes[at + 1];
}

// A second reader of the same formats. Each function gets the bytes of its layer and returns those of the
// next.
struct PlainFrame {
  std::optional<DropReason> problem;
  unsigned ether_type = 0;
  unsigned vlan = 0;
  Span l3;
  unsigned version = 0;
  unsigned protocol = 0;
  Span l4;
  unsigned ports[2] = {0, 0};
  Span payload;
};

std::optional<DropReason> plain_ipv4(PlainFrame& frame, bool known_good) {
  const Span packet = frame.l3;
  if (packet.size() < 20 || packet[0] >> 4 != 4 || (packet[0] & 15) < 5) return DropReason::kBadIp;
  const std::size_t header = 4U * (packet[0] & 15U);
  const std::size_t total = be16(packet, 2);
  if (total < header || total > packet.size()) return DropReason::kBadIp;
  if (!known_good && plain_sum(packet.first(header)) != 0) return DropReason::kBadIp;
  const unsigned fragment = be16(packet, 6);
  if ((fragment & 0x2000) != 0 || (fragment & 0x1fff) != 0) return DropReason::kIpFragment;
  frame.version = 4;
  frame.protocol = packet[9];
  frame.l3 = packet.first(total);
  frame.l4 = frame.l3.subspan(header);
  return std::nullopt;
}

std::optional<DropReason> plain_ipv6(PlainFrame& frame) {
  const Span packet = frame.l3;
  if (packet.size() < 40 || packet[0] >> 4 != 6) return DropReason::kBadIp;
  const std::size_t length = be16(packet, 4);
  if (length + 40 > packet.size()) return DropReason::kBadIp;
  frame.l3 = packet.first(40 + length);
  unsigned next = packet[6];
  Span rest = frame.l3.subspan(40);
  for (int count = 0; next == 0 || next == 60; ++count) {
    if (count == 4 || rest.size() < 8) return DropReason::kBadIp;
    const std::size_t header = 8U + 8U * rest[1];
    if (header > rest.size()) return DropReason::kBadIp;
    next = rest[0];
    rest = rest.subspan(header);
  }
  if (next == 44) return DropReason::kIpFragment;
  frame.version = 6;
  frame.protocol = next;
  frame.l4 = rest;
  return std::nullopt;
}

PlainFrame plain_parse(Span bytes, bool known_good) {
  PlainFrame frame;
  frame.problem = DropReason::kBadEthernet;
  if (bytes.size() < 14 || bytes.size() > 65535) return frame;
  frame.ether_type = be16(bytes, 12);
  frame.l3 = bytes.subspan(14);
  if (frame.ether_type == 0x8100) {
    if (bytes.size() < 18) return frame;
    frame.vlan = be16(bytes, 14) % 4096;
    frame.ether_type = be16(bytes, 16);
    frame.l3 = bytes.subspan(18);
  }
  frame.problem.reset();
  if (frame.ether_type == 0x0800) frame.problem = plain_ipv4(frame, known_good);
  if (frame.ether_type == 0x86dd) frame.problem = plain_ipv6(frame);
  if (frame.problem || frame.version == 0 || frame.protocol != 17) return frame;
  const std::size_t length = frame.l4.size() < 8 ? 0 : be16(frame.l4, 4);
  if (length < 8 || length > frame.l4.size()) {
    frame.problem = DropReason::kBadUdp;
    return frame;
  }
  frame.l4 = frame.l4.first(length);
  frame.ports[0] = be16(frame.l4, 0);
  frame.ports[1] = be16(frame.l4, 2);
  frame.payload = frame.l4.subspan(8);
  return frame;
}

void check_lies(Span layer, Span bytes, std::size_t offset, std::size_t length) {
  FUZZ_CHECK(offset + length <= bytes.size());
  FUZZ_CHECK(layer.size() == length);
  FUZZ_CHECK(length == 0 || layer.data() == bytes.data() + offset);
}

void check_same(const Frame& frame, const PlainFrame& plain, Span bytes) {
  FUZZ_CHECK(frame.ether_type == plain.ether_type && frame.vlan == plain.vlan);
  FUZZ_CHECK(frame.ip_version == plain.version && frame.ip_protocol == plain.protocol);
  check_lies(plain.l3, bytes, frame.l3_offset, frame.l3_length);
  check_lies(plain.l4, bytes, frame.l4_offset, frame.l4_length);
  FUZZ_CHECK(frame.source_port == plain.ports[0] && frame.destination_port == plain.ports[1]);
  check_lies(plain.payload, bytes, frame.payload_offset, frame.payload_length);
}

bool is_udp(const Frame& frame) {
  return frame.ip_version != 0 && frame.ip_protocol == kIpProtoUdp;
}

void check_udp_checksum(Span bytes, const Frame& frame) {
  const Span udp = bytes.subspan(frame.l4_offset, frame.l4_length);
  const Span addresses = frame.ip_version == 4 ? bytes.subspan(frame.l3_offset + 12U, 8)
                                               : bytes.subspan(frame.l3_offset + 8U, 32);
  const bool absent = udp[6] == 0 && udp[7] == 0;
  const auto pseudo = static_cast<std::uint16_t>(~plain_sum(addresses, 17U + udp.size()));
  const bool good = absent ? frame.ip_version == 4 : plain_sum(udp, pseudo) == 0;
  FUZZ_CHECK(udp_checksum_ok(bytes, frame) == good);
}

// Writes a frame that sends the datagram's payload back to its sender, and parses it.
void check_written(Span bytes, const Frame& frame) {
  const LinkEnd local{{2, 0, 0, 0, 0, 1}, {destination_ip(bytes, frame), frame.destination_port}};
  const LinkEnd remote{{2, 0, 0, 0, 0, 2}, {source_ip(bytes, frame), frame.source_port}};
  const HeaderTemplate header = make_header_template(local, remote, frame.vlan, bytes[0] & 63);
  FUZZ_CHECK(header.known() && header.length <= HeaderTemplate::kMaxLength);
  FUZZ_CHECK(template_remote(header) == remote.address && template_next_hop(header) == remote.mac);
  const Span payload = bytes.subspan(frame.payload_offset, frame.payload_length);
  if (payload.size() + header.length > 65535) return;
  Bytes written(header.length);
  written.insert(written.end(), payload.begin(), payload.end());
  write_headers(header, written.data(), frame.payload_length);
  Frame again;
  FUZZ_CHECK(!parse_frame(written, again));
  FUZZ_CHECK(is_udp(again) && udp_checksum_ok(written, again));
  FUZZ_CHECK(again.vlan == frame.vlan && again.ip_version == frame.ip_version);
  FUZZ_CHECK(source_ip(written, again) == local.address.ip && again.source_port == local.address.port);
  FUZZ_CHECK(destination_ip(written, again) == remote.address.ip &&
             again.destination_port == remote.address.port);
  const Span sent = Span(written).subspan(again.payload_offset, again.payload_length);
  FUZZ_CHECK(std::equal(sent.begin(), sent.end(), payload.begin(), payload.end()));
}

void check_parsed(Span bytes, bool known_good) {
  Frame frame;
  const auto problem = parse_frame(bytes, frame, known_good);
  const PlainFrame plain = plain_parse(bytes, known_good);
  FUZZ_CHECK(problem == plain.problem);
  if (problem) return;
  check_same(frame, plain, bytes);
  if (!is_udp(frame)) return;
  check_udp_checksum(bytes, frame);
  check_written(bytes, frame);
}

// Writes the right checksum of the IPv4 header, which a fuzzer cannot guess.
Bytes with_ipv4_checksum(Span bytes) {
  Bytes mended(bytes.begin(), bytes.end());
  Frame frame;
  if (parse_frame(mended, frame, true) || frame.ip_version != 4) return mended;
  std::uint8_t* ip = mended.data() + frame.l3_offset;
  store_be16(ip + 10, 0);
  store_be16(ip + 10, plain_sum({ip, static_cast<std::size_t>(frame.l4_offset - frame.l3_offset)}));
  return mended;
}

void check_common(Span bytes) {
  const std::uint32_t length = CommonFrame::payload_length(bytes);
  if (length == CommonFrame::kNone || bytes.size() > 65535) return;
  Frame frame;
  FUZZ_CHECK(!parse_frame(bytes, frame, true));
  FUZZ_CHECK(frame.vlan == 0 && frame.ip_version == 4 && is_udp(frame));
  FUZZ_CHECK(frame.l3_offset == CommonFrame::kL3Offset && frame.l4_offset == CommonFrame::kL4Offset);
  FUZZ_CHECK(frame.payload_offset == CommonFrame::kPayloadOffset && frame.payload_length == length);
}

void check_sums(Span bytes) {
  const std::uint16_t whole = checksum_finish(checksum_add(bytes));
  FUZZ_CHECK(whole == plain_sum(bytes));
  const std::size_t half = bytes.size() / 4 * 2;  // even, so that it cuts no 16-bit word
  FUZZ_CHECK(checksum_finish(checksum_add(bytes.subspan(half), checksum_add(bytes.first(half)))) == whole);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Span bytes(data, size);
  check_sums(bytes);
  check_common(bytes);
  check_parsed(bytes, true);
  check_parsed(bytes, false);
  check_parsed(with_ipv4_checksum(bytes), false);
  return 0;
}
