// frame: parses frames that are written field by field, and frames cut at every length before an inaccessible
// page.
#include "dataplane/wire/frame.h"

#include "tests/support/pure_support.h"

namespace sluice::dataplane::test {
namespace {

constexpr std::size_t kL3 = 14;

class FrameTest : public ::testing::Test {
 protected:
  std::optional<DropReason> parse(std::span<const std::uint8_t> bytes) {
    held_ = room_.hold(bytes);
    return parse_frame(held_, frame_);
  }
  void expect_udp(const FrameSpec& spec, std::size_t l3_offset, std::size_t l4_offset) {
    EXPECT_EQ(frame_.ether_type, spec.v6 ? kEtherTypeIpv6 : kEtherTypeIpv4);
    EXPECT_EQ(frame_.vlan, spec.vlan.value_or(0) & 0x0fff);
    EXPECT_EQ(frame_.l3_offset, l3_offset);
    EXPECT_EQ(frame_.ip_version, spec.v6 ? 6 : 4);
    EXPECT_EQ(frame_.ip_protocol, 17);
    EXPECT_EQ(frame_.l4_offset, l4_offset);
    EXPECT_EQ(frame_.l4_length, 8 + spec.payload.size());
    EXPECT_EQ(frame_.l3_length, l4_offset - l3_offset + 8 + spec.payload.size());
    EXPECT_EQ(frame_.source_port, spec.source_port);
    EXPECT_EQ(frame_.destination_port, spec.destination_port);
    EXPECT_EQ(frame_.payload_offset, l4_offset + 8);
    EXPECT_EQ(frame_.payload_length, spec.payload.size());
    EXPECT_EQ(source_ip(held_, frame_), spec.source);
    EXPECT_EQ(destination_ip(held_, frame_), spec.destination);
    EXPECT_TRUE(udp_checksum_ok(held_, frame_));
  }

  GuardedRoom room_;
  std::span<std::uint8_t> held_;
  Frame frame_;
};

std::vector<FrameSpec> all_shapes() {
  std::vector<FrameSpec> shapes;
  for (FrameSpec spec : {FrameSpec{}, v6_spec()}) {
    spec.payload = {0x80, 96, 0, 1, 0, 0, 0, 2, 0, 0, 3, 0xe8, 7};
    for (const std::optional<std::uint16_t> vlan :
         {std::optional<std::uint16_t>{}, std::optional<std::uint16_t>{100}}) {
      spec.vlan = vlan;
      shapes.push_back(spec);
      if (spec.v6) {
        spec.extension_headers = {{0, Bytes(6)}, {60, Bytes(14)}};
      } else {
        spec.options = Bytes(8, 1);  // no-operation
      }
      shapes.push_back(spec);
      spec.options.clear();
      spec.extension_headers.clear();
    }
  }
  return shapes;
}

TEST_F(FrameTest, FindsEveryLayer) {
  for (const FrameSpec& spec : all_shapes()) {
    const std::size_t l3 = spec.vlan ? 18 : 14;
    std::size_t l4 = l3 + (spec.v6 ? 40 : 20) + spec.options.size();
    for (const auto& [type, body] : spec.extension_headers) l4 += 2 + body.size();
    ASSERT_EQ(parse(build_frame(spec)), std::nullopt);
    expect_udp(spec, l3, l4);
  }
}

TEST_F(FrameTest, VlanPriorityBitsAreNotTheId) {
  FrameSpec spec;
  spec.vlan = 0xe000 | 4094;
  ASSERT_EQ(parse(build_frame(spec)), std::nullopt);
  EXPECT_EQ(frame_.vlan, 4094);
  spec.vlan = 0xe000;  // a priority tag (VLAN id 0)
  ASSERT_EQ(parse(build_frame(spec)), std::nullopt);
  EXPECT_EQ(frame_.vlan, 0);
}

TEST_F(FrameTest, RefusesEveryTruncation) {
  for (const FrameSpec& spec : all_shapes()) {
    const Bytes whole = build_frame(spec);
    const std::size_t l2 = spec.vlan ? 18 : 14;
    for (std::size_t length = 0; length < whole.size(); ++length) {
      const auto reason = parse(std::span(whole).first(length));
      EXPECT_EQ(reason, length < l2 ? DropReason::kBadEthernet : DropReason::kBadIp)
          << length << " of " << whole.size() << " bytes, v6 " << spec.v6;
    }
  }
}

// The IP length shrinks with the bytes, so that each cut reaches the layer above.
TEST_F(FrameTest, RefusesEveryIpPacketTooShortForItsUdp) {
  for (FrameSpec spec : {FrameSpec{}, v6_spec()}) {
    spec.payload = Bytes(20, 0xab);
    const Bytes whole = build_frame(spec);
    const std::size_t l4 = kL3 + (spec.v6 ? 40 : 20);
    for (std::size_t length = l4; length < whole.size(); ++length) {
      Bytes cut(whole.begin(), whole.begin() + static_cast<long>(length));
      store_be16(&cut[kL3 + (spec.v6 ? 4 : 2)],
                 static_cast<std::uint16_t>(length - kL3 - (spec.v6 ? 40 : 0)));
      if (!spec.v6) fix_ipv4_checksum(cut);
      EXPECT_EQ(parse(cut), DropReason::kBadUdp) << length;
    }
  }
}

TEST_F(FrameTest, UdpLengthMustFitItsHeaderAndThePacket) {
  for (FrameSpec spec : {FrameSpec{}, v6_spec()}) {
    spec.payload = Bytes(20, 0xab);
    Bytes bytes = build_frame(spec);
    const std::size_t l4 = kL3 + (spec.v6 ? 40 : 20);
    for (unsigned length = 0; length <= 0xffff; ++length) {
      store_be16(&bytes[l4 + 4], static_cast<std::uint16_t>(length));
      const auto reason = parse(bytes);
      if (length < 8 || length > 28) {
        ASSERT_EQ(reason, DropReason::kBadUdp) << length;
      } else {  // a datagram may be shorter than the packet
        ASSERT_EQ(reason, std::nullopt) << length;
        EXPECT_EQ(frame_.payload_length, length - 8);
        EXPECT_EQ(frame_.l4_length, length);
      }
    }
  }
}

TEST_F(FrameTest, EthernetPaddingIsNotPayload) {
  for (FrameSpec spec : {FrameSpec{}, v6_spec()}) {
    spec.payload = {1};
    spec.trailer = Bytes(17, 0xee);
    ASSERT_EQ(parse(build_frame(spec)), std::nullopt);
    expect_udp(spec, kL3, kL3 + (spec.v6 ? 40 : 20));
  }
}

TEST_F(FrameTest, Ipv4HeaderLengthsAndVersions) {
  for (unsigned words = 0; words < 16; ++words) {
    FrameSpec spec;
    spec.payload = Bytes(64, 0x55);
    if (words > 5) spec.options = Bytes((words - 5) * 4, 1);
    Bytes bytes = build_frame(spec);
    for (unsigned version = 0; version < 16; ++version) {
      bytes[kL3] = static_cast<std::uint8_t>(version << 4 | words);
      if (words >= 5) fix_ipv4_checksum(bytes);
      const bool good = version == 4 && words >= 5;
      EXPECT_EQ(parse(bytes), good ? std::nullopt : std::optional(DropReason::kBadIp))
          << version << "/" << words;
      if (good) {
        EXPECT_EQ(frame_.payload_offset, kL3 + words * 4 + 8);
      }
    }
  }
}

TEST_F(FrameTest, Ipv4TotalLengthWithinItsHeaderOrBeyondTheFrame) {
  FrameSpec spec;
  spec.payload = Bytes(20);
  Bytes bytes = build_frame(spec);
  for (const std::uint16_t total : {0, 1, 19, 49, 0xffff}) {
    store_be16(&bytes[kL3 + 2], total);
    fix_ipv4_checksum(bytes);
    EXPECT_EQ(parse(bytes), DropReason::kBadIp) << total;
  }
}

TEST_F(FrameTest, EachFlippedBitOfAnIpv4HeaderIsCaught) {
  FrameSpec spec;
  spec.options = {1, 1, 1, 0};
  spec.payload = Bytes(40);
  const Bytes good = build_frame(spec);
  for (std::size_t bit = 0; bit < 24 * 8; ++bit) {
    Bytes bytes = good;
    bytes[kL3 + bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_EQ(parse(bytes), DropReason::kBadIp) << "bit " << bit;
  }
}

TEST_F(FrameTest, Ipv4Fragments) {
  for (unsigned bit = 0; bit < 16; ++bit) {
    FrameSpec spec;
    spec.fragment = static_cast<std::uint16_t>(1u << bit);
    const bool harmless = bit >= 14;  // don't fragment, and the reserved flag
    EXPECT_EQ(parse(build_frame(spec)), harmless ? std::nullopt : std::optional(DropReason::kIpFragment))
        << bit;
  }
}

TEST_F(FrameTest, Ipv6PayloadLength) {
  FrameSpec spec = v6_spec();
  spec.payload = Bytes(20);
  Bytes bytes = build_frame(spec);
  for (unsigned length = 0; length <= 0xffff; ++length) {
    store_be16(&bytes[kL3 + 4], static_cast<std::uint16_t>(length));
    const auto reason = parse(bytes);
    ASSERT_EQ(reason, length > 28   ? std::optional(DropReason::kBadIp)
                      : length < 28 ? std::optional(DropReason::kBadUdp)
                                    : std::nullopt)
        << length;
  }
  bytes = build_frame(spec);
  for (unsigned version = 0; version < 16; ++version) {
    bytes[kL3] = static_cast<std::uint8_t>(version << 4);
    EXPECT_EQ(parse(bytes), version == 6 ? std::nullopt : std::optional(DropReason::kBadIp)) << version;
  }
}

TEST_F(FrameTest, Ipv6ExtensionHeaders) {
  for (std::size_t count = 0; count <= 6; ++count) {
    FrameSpec spec = v6_spec();
    spec.payload = {1, 2, 3};
    for (std::size_t i = 0; i < count; ++i)
      spec.extension_headers.emplace_back(i == 0 ? 0 : 60, Bytes(6 + 8 * i));
    const auto reason = parse(build_frame(spec));
    EXPECT_EQ(reason, count <= 4 ? std::nullopt : std::optional(DropReason::kBadIp)) << count;
  }
  FrameSpec longest = v6_spec();
  longest.extension_headers = {{0, Bytes(2046)}, {60, Bytes(2046)}};
  ASSERT_EQ(parse(build_frame(longest)), std::nullopt);
  expect_udp(longest, kL3, kL3 + 40 + 4096);
}

TEST_F(FrameTest, Ipv6FragmentsAtAnyPlaceInTheChain) {
  for (std::size_t before = 0; before <= 3; ++before) {
    FrameSpec spec = v6_spec();
    for (std::size_t i = 0; i < before; ++i) spec.extension_headers.emplace_back(60, Bytes(6));
    spec.extension_headers.emplace_back(44, Bytes(6));
    EXPECT_EQ(parse(build_frame(spec)), DropReason::kIpFragment) << before;
  }
}

// The payload length shrinks with the bytes, so the walk over the chain must detect the cut.
TEST_F(FrameTest, Ipv6ExtensionChainCutAtEveryLength) {
  FrameSpec spec = v6_spec();
  spec.extension_headers = {{0, Bytes(14)}, {60, Bytes(6)}, {60, Bytes(22)}};
  const Bytes whole = build_frame(spec);
  const std::size_t chain = 16 + 8 + 24;
  for (std::size_t length = 0; length < chain + 8; ++length) {
    Bytes cut(whole.begin(), whole.begin() + static_cast<long>(kL3 + 40 + length));
    store_be16(&cut[kL3 + 4], static_cast<std::uint16_t>(length));
    EXPECT_EQ(parse(cut), length < chain ? DropReason::kBadIp : DropReason::kBadUdp) << length;
  }
}

TEST_F(FrameTest, OtherProtocolsAreWellFormed) {
  for (FrameSpec spec : {FrameSpec{}, v6_spec()}) {
    for (const std::uint8_t protocol : {kIpProtoIcmp, kIpProtoIcmpv6, std::uint8_t{6}, std::uint8_t{43}}) {
      spec.protocol = protocol;
      spec.payload = {8, 0};
      ASSERT_EQ(parse(build_frame(spec)), std::nullopt);
      EXPECT_EQ(frame_.ip_protocol, protocol);
      EXPECT_EQ(frame_.l4_length, 2);
      EXPECT_EQ(frame_.payload_offset, 0);
      EXPECT_EQ(frame_.destination_port, 0);
    }
  }
  Bytes arp(60);
  store_be16(&arp[12], kEtherTypeArp);
  ASSERT_EQ(parse(arp), std::nullopt);
  EXPECT_EQ(frame_.ether_type, kEtherTypeArp);
  EXPECT_EQ(frame_.ip_version, 0);
  EXPECT_EQ(frame_.l3_offset, 14);
  EXPECT_EQ(frame_.l3_length, 46);
}

TEST_F(FrameTest, FramesBeyond16BitOffsetsAreRefused) {
  Bytes bytes(0xffff);
  EXPECT_EQ(parse(bytes), std::nullopt);
  bytes.push_back(0);
  EXPECT_EQ(parse(bytes), DropReason::kBadEthernet);
}

TEST_F(FrameTest, UdpChecksumCatchesEachFlippedBit) {
  for (FrameSpec spec : {FrameSpec{}, v6_spec()}) {
    spec.payload = {0x80, 1, 2, 3, 0xff};  // odd
    const Bytes good = build_frame(spec);
    const std::size_t l4 = kL3 + (spec.v6 ? 40 : 20);
    const std::size_t addresses = kL3 + (spec.v6 ? 8 : 12);
    for (std::size_t at = addresses; at < good.size(); ++at) {
      if (at == l4 + 4 || at == l4 + 5) continue;  // the UDP length, which parse_frame checks
      for (unsigned bit = 0; bit < 8; ++bit) {
        Bytes bytes = good;
        bytes[at] ^= static_cast<std::uint8_t>(1 << bit);
        if (!spec.v6) fix_ipv4_checksum(bytes);
        ASSERT_EQ(parse(bytes), std::nullopt);
        EXPECT_FALSE(udp_checksum_ok(held_, frame_)) << "byte " << at << " bit " << bit;
      }
    }
  }
}

TEST_F(FrameTest, NoUdpChecksumIsForIpv4Only) {
  for (FrameSpec spec : {FrameSpec{}, v6_spec()}) {
    spec.payload = {1, 2, 3};
    spec.udp_checksum = false;
    ASSERT_EQ(parse(build_frame(spec)), std::nullopt);
    EXPECT_EQ(udp_checksum_ok(held_, frame_), !spec.v6);
  }
}

TEST_F(FrameTest, UdpChecksumCoversTheDatagramNotThePacket) {
  for (FrameSpec spec : {FrameSpec{}, v6_spec()}) {
    spec.payload = {1, 2, 3, 4};
    Bytes bytes = build_frame(spec);
    const std::size_t l3_length_at = kL3 + (spec.v6 ? 4 : 2);
    store_be16(&bytes[l3_length_at], static_cast<std::uint16_t>(load_be16(&bytes[l3_length_at]) + 5));
    if (!spec.v6) fix_ipv4_checksum(bytes);
    bytes.insert(bytes.end(), 5, 0xdd);  // inside the IP packet, behind the datagram
    ASSERT_EQ(parse(bytes), std::nullopt);
    EXPECT_EQ(frame_.payload_length, 4);
    EXPECT_TRUE(udp_checksum_ok(held_, frame_));
  }
}

TEST_F(FrameTest, ChecksumAgreesWithTheReference) {
  SEED_TRACE();
  Random random(test_seed());
  for (std::size_t length = 0; length < 2000; ++length) {
    Bytes bytes = random_bytes(random, length);
    if (length % 7 == 0) std::fill(bytes.begin(), bytes.end(), std::uint8_t{0xff});
    const auto held = room_.hold(bytes);
    ASSERT_EQ(checksum_finish(checksum_add(held)), reference_checksum(bytes)) << length;
    const std::size_t cut = pick(random, 0, length) & ~std::size_t{1};
    ASSERT_EQ(checksum_finish(checksum_add(held.subspan(cut), checksum_add(held.first(cut)))),
              reference_checksum(bytes))
        << length << " in two parts, " << cut;
  }
}

TEST_F(FrameTest, ChecksumFinishFoldsAnySum) {
  SEED_TRACE();
  Random random(test_seed());
  const auto check = [](std::uint64_t sum) {
    const std::uint64_t folded = sum == 0 ? 0 : sum % 0xffff == 0 ? 0xffff : sum % 0xffff;
    ASSERT_EQ(checksum_finish(sum), static_cast<std::uint16_t>(~folded)) << sum;
  };
  for (const std::uint64_t sum : {0ull, 1ull, 0xfffeull, 0xffffull, 0x10000ull, 0x1fffeull, 0xffffffffull,
                                  0x1fffffffeull, 0xffffffffffffffffull, 0xffff0000ffff0001ull})
    check(sum);
  for (int i = 0; i < 100000; ++i) check(random() >> random() % 64);
}

// CommonFrame is the fast parser. For every frame that is changed in one byte or cut, it finds the same as
// parse_frame, or nothing.
TEST_F(FrameTest, TheCommonFrameIsWhatParseFrameFinds) {
  int common = 0;
  const auto check = [&](std::span<const std::uint8_t> bytes) {
    held_ = room_.hold(bytes);
    const std::uint32_t length = CommonFrame::payload_length(held_);
    if (length == CommonFrame::kNone) return;
    ++common;
    ASSERT_EQ(parse_frame(held_, frame_, true), std::nullopt);
    ASSERT_EQ(frame_.ip_version, 4);
    ASSERT_EQ(frame_.ip_protocol, kIpProtoUdp);
    ASSERT_EQ(frame_.vlan, 0);
    ASSERT_EQ(frame_.l3_offset, CommonFrame::kL3Offset);
    ASSERT_EQ(frame_.l4_offset, CommonFrame::kL4Offset);
    ASSERT_EQ(frame_.payload_offset, CommonFrame::kPayloadOffset);
    ASSERT_EQ(frame_.payload_length, length);
  };
  for (const FrameSpec& spec : all_shapes()) {
    const Bytes whole = build_frame(spec);
    for (std::size_t size = 0; size <= whole.size(); ++size) check(std::span(whole).first(size));
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (unsigned value = 0; value < 256; ++value) {
        Bytes changed = whole;
        changed[at] = static_cast<std::uint8_t>(value);
        check(changed);
        if (HasFatalFailure()) return;
      }
    }
  }
  EXPECT_GT(common, 1000);
}

TEST_F(FrameTest, MutatedFramesStayWithinBounds) {
  SEED_TRACE();
  Random random(test_seed());
  const auto shapes = all_shapes();
  std::size_t accepted = 0;
  for (int round = 0; round < 300000; ++round) {
    Bytes bytes = build_frame(shapes[random() % shapes.size()]);
    bytes.resize(pick(random, 0, bytes.size()) < 8 ? pick(random, 0, bytes.size()) : bytes.size());
    for (std::uint64_t flips = random() % 4; flips > 0 && !bytes.empty(); --flips)
      bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    const std::size_t l3 = bytes.size() > 13 && load_be16(&bytes[12]) == kEtherTypeVlan ? 18 : 14;
    if (bytes.size() >= l3 + 20 && (bytes[l3] & 0x0fu) * 4 + l3 <= bytes.size() && (bytes[l3] & 0x0f) >= 5 &&
        bytes[l3] >> 4 == 4)
      fix_ipv4_checksum(bytes, l3);
    if (parse(bytes)) continue;
    ++accepted;
    const std::size_t size = bytes.size();
    ASSERT_LE(frame_.l3_offset + frame_.l3_length, size);
    if (frame_.ip_version == 0) continue;
    ASSERT_LE(frame_.l4_offset + frame_.l4_length, frame_.l3_offset + frame_.l3_length);
    source_ip(held_, frame_);
    destination_ip(held_, frame_);
    if (frame_.ip_protocol != kIpProtoUdp) continue;
    ASSERT_EQ(frame_.payload_offset, frame_.l4_offset + 8);
    ASSERT_EQ(frame_.payload_length + 8, frame_.l4_length);
    static_cast<void>(udp_checksum_ok(held_, frame_));  // must only stay within the frame
  }
  EXPECT_GT(accepted, 10000u);
}

}  // namespace
}  // namespace sluice::dataplane::test
