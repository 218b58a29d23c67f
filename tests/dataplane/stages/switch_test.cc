// The receiver of a route sees one continuous stream when sources change. Sources are told apart by their
// identity, never by their SSRC.
#include <gtest/gtest.h>

#include <random>

#include "dataplane/wire/rtp.h"
#include "tests/support/harness.h"

namespace sluice::dataplane::test {
namespace {

using crypto::SrtpProfile;

struct Fixture {
  explicit Fixture(SrtpProfile profile, std::uint64_t first_index = 100, std::uint32_t clock_rate = 90000) {
    PeerOptions options;
    options.kind = EndpointKind::kSdes;
    options.profile = profile;
    a = plane.add_peer(options);
    b = plane.add_peer(options);
    to = plane.add_peer(options);
    route_options.first_index = first_index;
    route_options.clock_rate = clock_rate;
    source_a = plane.add_source(a, route_options);
    source_b = plane.add_source(b, route_options);
    route = plane.add_route(source_a, to, route_options);
  }
  Harness plane;
  Peer a, b, to;
  RouteOptions route_options;
  std::uint32_t source_a = 0, source_b = 0, route = 0;
};

class SwitchTest : public ::testing::TestWithParam<SrtpProfile> {};
INSTANTIATE_TEST_SUITE_P(Profiles, SwitchTest, ::testing::ValuesIn(crypto::kAllSrtpProfiles));

// Both sources use SSRC 1000 with unrelated numbers. A strict receiver with a window of 64 accepts all
// packets.
TEST_P(SwitchTest, TenThousandSwitchesBetweenTwoSourcesOfOneSsrc) {
  Fixture f(GetParam(), 60000);
  Oracle sender_a(f.a.to_sluice, false);
  Oracle sender_b(f.b.to_sluice, false);
  Oracle receiver(f.to.from_sluice, true, 64);
  std::mt19937 random(7);
  RtpOptions rtp_a;
  rtp_a.sequence = 65000;  // near the wrap
  rtp_a.timestamp = 17;
  RtpOptions rtp_b;
  rtp_b.sequence = 3;
  rtp_b.timestamp = 4294960000u;
  std::uint64_t expected_index = 60000;
  std::uint32_t last_timestamp = 0;
  bool on_a = true;
  bool first = true;
  for (int turn = 0; turn < 10001; ++turn) {
    const int packets = 1 + static_cast<int>(random() % 3);
    for (int i = 0; i < packets; ++i) {
      RtpOptions& rtp = on_a ? rtp_a : rtp_b;
      rtp.size = random() % 60;
      const Bytes plain = make_rtp(rtp);
      f.plane.deliver(on_a ? f.a : f.b, (on_a ? sender_a : sender_b).protect(plain));
      ++rtp.sequence;
      rtp.timestamp += 1800;
      const auto sent = f.plane.sent();
      ASSERT_EQ(sent.size(), 1u) << "switch " << turn;
      const auto got = receiver.unprotect(sent[0].payload);
      ASSERT_TRUE(got) << "libsrtp2 status " << receiver.last_status() << " at switch " << turn;
      ASSERT_EQ(load_be16(&(*got)[2]), static_cast<std::uint16_t>(expected_index++)) << "switch " << turn;
      ASSERT_EQ(load_be32(&(*got)[8]), f.route_options.ssrc);
      const std::uint32_t timestamp = load_be32(&(*got)[4]);
      // Packets are 20 ms apart, within a source (1800 at 90 kHz) and across the switch (elapsed time).
      if (!first) {
        ASSERT_NEAR(timestamp - last_timestamp, 1800u, 1u) << "switch " << turn;
      }
      first = false;
      last_timestamp = timestamp;
      f.plane.advance(0.02);
    }
    on_a = !on_a;
    f.plane.switch_route(f.route, on_a ? f.source_a : f.source_b);
    f.plane.notes();
  }
  EXPECT_EQ(f.plane.memory().routes[f.route].switches.read(), 10000u);
  EXPECT_EQ(f.plane.drops(DropReason::kAuthFailed), 0u);
  EXPECT_EQ(f.plane.drops(DropReason::kReplayed), 0u);
}

TEST_P(SwitchTest, TimestampMovesByElapsedTimeAtTheNegotiatedRate) {
  for (const std::uint32_t rate : {8000u, 16000u, 44100u, 48000u, 90000u, 1000u}) {
    Fixture f(GetParam(), 100, rate);
    Oracle sender_a(f.a.to_sluice, false);
    Oracle sender_b(f.b.to_sluice, false);
    Oracle receiver(f.to.from_sluice, true, 64);
    RtpOptions rtp;
    rtp.timestamp = 0xffffff00;
    f.plane.deliver(f.a, sender_a.protect(make_rtp(rtp)));
    const auto first = receiver.unprotect(f.plane.sent().at(0).payload);
    f.plane.switch_route(f.route, f.source_b);
    f.plane.advance(1.5);
    rtp.timestamp = 5;
    rtp.sequence = 40000;
    f.plane.deliver(f.b, sender_b.protect(make_rtp(rtp)));
    const auto second = receiver.unprotect(f.plane.sent().at(0).payload);
    ASSERT_TRUE(first && second);
    EXPECT_NEAR(load_be32(&(*second)[4]) - load_be32(&(*first)[4]), rate * 3 / 2, 1u) << rate;
    EXPECT_EQ(load_be16(&(*second)[2]), load_be16(&(*first)[2]) + 1);
  }
}

TEST_P(SwitchTest, WhatIsLateFromBeforeTheSwitchIsDroppedByName) {
  Fixture f(GetParam());
  Oracle sender_a(f.a.to_sluice, false);
  Oracle sender_b(f.b.to_sluice, false);
  Oracle receiver(f.to.from_sluice, true, 64);
  RtpOptions rtp;
  std::vector<Bytes> packets;
  for (std::uint16_t i = 1; i <= 4; ++i) {
    rtp.sequence = i;
    packets.push_back(sender_a.protect(make_rtp(rtp)));
  }
  f.plane.deliver(f.a, packets[0]);
  f.plane.deliver(f.a, packets[2]);
  f.plane.switch_route(f.route, f.source_b);
  f.plane.deliver(f.b, sender_b.protect(make_rtp({})));
  f.plane.switch_route(f.route, f.source_a);
  f.plane.deliver(f.a, packets[3]);
  f.plane.deliver(f.a, packets[1]);  // its outgoing number is already used
  for (const Sent& sent : f.plane.sent()) EXPECT_TRUE(receiver.unprotect(sent.payload));
  EXPECT_EQ(f.plane.drops(DropReason::kStaleAfterSwitch), 1u);
}

TEST(SwitchIdentityTest, APeerThatStartsANewSsrcGoesOnInTheSameRoute) {
  Fixture f(SrtpProfile::kAeadAes128Gcm);
  Oracle sender(f.a.to_sluice, false);
  Oracle receiver(f.to.from_sluice, true, 64);
  RtpOptions rtp;
  for (int i = 0; i < 20; ++i) {
    rtp.ssrc = i < 10 ? 1000 : 2000;
    rtp.sequence = static_cast<std::uint16_t>(i < 10 ? 500 + i : 30000 + i);
    f.plane.deliver(f.a, sender.protect(make_rtp(rtp)));
    const auto got = receiver.unprotect(f.plane.sent().at(0).payload);
    ASSERT_TRUE(got);
    EXPECT_EQ(load_be16(&(*got)[2]), 100 + i);
    f.plane.advance(0.02);
  }
}

TEST(SwitchIdentityTest, APlainSenderThatRestartsItsNumberingGoesOnToo) {
  Harness plane;
  const Peer from = plane.add_peer();
  PeerOptions options;
  options.kind = EndpointKind::kSdes;
  const Peer to = plane.add_peer(options);
  RouteOptions route;
  plane.add_route(plane.add_source(from, route), to, route);
  Oracle receiver(to.from_sluice, true, 64);
  std::uint16_t expected = 100;
  for (const std::uint16_t start : {5u, 40000u, 65530u, 100u}) {
    // The run from 65530 wraps and ends at 3. Then 100 is not a restart but a loss of 96 packets, which the
    // receiver must see.
    if (start == 100) expected += 96;
    for (std::uint16_t i = 0; i < 10; ++i) {
      RtpOptions rtp;
      rtp.sequence = static_cast<std::uint16_t>(start + i);
      plane.deliver(from, make_rtp(rtp));
      for (const Sent& sent : plane.sent()) {
        const auto got = receiver.unprotect(sent.payload);
        ASSERT_TRUE(got);
        EXPECT_EQ(load_be16(&(*got)[2]), expected++);
      }
    }
  }
  // The first packet of each restart is dropped, since one packet may be a stray. There are two restarts:
  // 40000 and 65530.
  EXPECT_EQ(plane.drops(DropReason::kSequenceJump), 2u);
}

TEST(SwitchIndexTest, ARouteEndsWithItsKeysPacketLimit) {
  Harness plane;
  const Peer from = plane.add_peer();
  PeerOptions options;
  options.kind = EndpointKind::kSdes;
  const Peer to = plane.add_peer(options);
  RouteOptions route;
  route.first_index = (std::uint64_t{1} << 48) - 2;
  plane.add_route(plane.add_source(from, route), to, route);
  for (std::uint16_t i = 1; i <= 4; ++i) {
    RtpOptions rtp;
    rtp.sequence = i;
    plane.deliver(from, make_rtp(rtp));
  }
  EXPECT_EQ(plane.sent().size(), 2u) << "no index is used twice, and none past 2^48-1";
  EXPECT_EQ(plane.drops(DropReason::kStaleAfterSwitch) + plane.drops(DropReason::kProtectFailed), 2u);
}

TEST(SwitchMatchTest, BySsrcPayloadTypeAndMid) {
  Harness plane;
  PeerOptions options;
  options.mid_extension_id = 3;
  const Peer from = plane.add_peer(options);
  const Peer to = plane.add_peer();
  const auto route_to = [&](std::uint32_t ssrc, RouteOptions match) {
    match.ssrc = ssrc;
    plane.add_route(plane.add_source(from, match), to, match);
  };
  RouteOptions by_ssrc;
  by_ssrc.match = SourceMatch::kSsrc;
  by_ssrc.match_ssrc = 77;
  route_to(1, by_ssrc);
  RouteOptions by_type;
  by_type.match = SourceMatch::kPayloadType;
  by_type.match_payload_types = {111, 110};
  route_to(2, by_type);
  RouteOptions by_mid;
  by_mid.match = SourceMatch::kName;
  by_mid.match_mid = "v1";
  route_to(3, by_mid);
  const auto outgoing = [&](const RtpOptions& rtp) {
    plane.deliver(from, make_rtp(rtp));
    std::vector<std::uint32_t> ssrcs;
    for (const Sent& sent : plane.sent()) ssrcs.push_back(load_be32(&sent.payload[8]));
    return ssrcs;
  };
  RtpOptions rtp;
  rtp.ssrc = 77;
  EXPECT_EQ(outgoing(rtp), (std::vector<std::uint32_t>{1}));
  rtp.ssrc = 78;
  rtp.payload_type = 110;
  EXPECT_EQ(outgoing(rtp), (std::vector<std::uint32_t>{2}));
  rtp.ssrc = 79;
  rtp.payload_type = 96;
  EXPECT_EQ(outgoing(rtp), (std::vector<std::uint32_t>{}));
  rtp.sequence = 2;
  rtp.extension = {0xbe, 0xde, 0, 1, 0x31, 'v', '1', 0};
  EXPECT_EQ(outgoing(rtp), (std::vector<std::uint32_t>{3}));
  rtp.sequence = 3;
  rtp.extension.clear();
  EXPECT_EQ(outgoing(rtp), (std::vector<std::uint32_t>{3})) << "the mid is remembered once named";
}

}  // namespace
}  // namespace sluice::dataplane::test
