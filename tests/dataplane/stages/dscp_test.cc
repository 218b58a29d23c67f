// The DSCP of media: that of the endpoint, or of the route.
#include <gtest/gtest.h>

#include "tests/support/harness.h"

namespace sluice::dataplane::test {
namespace {

constexpr std::uint8_t kVoice = 46;   // EF
constexpr std::uint8_t kVideo = 34;   // AF41
constexpr std::uint8_t kOthers = 10;  // of the endpoint

int dscp_of(const Sent& sent) {
  const std::uint8_t* ip = sent.frame.data() + sent.layers.l3_offset;
  return sent.layers.ip_version == 6 ? load_be16(ip) >> 6 & 0x3f : ip[1] >> 2;
}

// Audio, video and something else of one sender go to one receiver.
void expect_classes(bool v6, EndpointKind kind) {
  Harness plane;
  const Peer sender = plane.add_peer();
  const Peer receiver = plane.add_peer({.kind = kind, .v6 = v6});
  HeaderTemplate& header = plane.memory().endpoints[receiver.slot].rtp;
  header = make_header_template(receiver.local, receiver.remote, 0, kOthers);
  const auto route = [&](std::uint8_t type, std::uint32_t ssrc, std::optional<std::uint8_t> dscp) {
    RouteOptions options;
    options.ssrc = ssrc;
    options.match = SourceMatch::kPayloadType;
    options.match_payload_types = {type};
    options.dscp = dscp;
    plane.add_route(plane.add_source(sender, options), receiver, options);
  };
  route(0, 1, kVoice);
  route(96, 2, kVideo);
  route(97, 3, std::nullopt);
  route(98, 4, std::uint8_t{0});
  Oracle oracle(receiver.from_sluice, true);
  const auto expect_class = [&](std::uint8_t type, std::uint16_t sequence, int dscp) {
    plane.deliver(sender, make_rtp({.ssrc = 100u + type, .sequence = sequence, .payload_type = type}));
    const auto sent = plane.sent();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(dscp_of(sent[0]), dscp) << "type " << int{type} << " number " << sequence;
    EXPECT_EQ(sent[0].frame[sent[0].layers.l3_offset + (v6 ? 1u : 8u)] & (v6 ? 0x0f : 0xff), v6 ? 0 : 64);
    if (kind == EndpointKind::kSdes) {
      EXPECT_TRUE(oracle.unprotect(sent[0].payload));
    }
  };
  // By turns, and several: the first ones go through the stages, later ones may continue a flow.
  for (std::uint16_t sequence = 1; sequence < 6; ++sequence) {
    expect_class(0, sequence, kVoice);
    expect_class(96, sequence, kVideo);
    expect_class(97, sequence, kOthers);
    expect_class(98, sequence, 0);
  }
  for (std::uint16_t sequence = 6; sequence < 12; ++sequence) expect_class(0, sequence, kVoice);
  for (std::uint16_t sequence = 6; sequence < 12; ++sequence) expect_class(97, sequence, kOthers);
}

TEST(DscpTest, ARouteHasAClassOfItsOwnOrThatOfItsEndpoint) {
  for (const EndpointKind kind : {EndpointKind::kRtp, EndpointKind::kSdes})
    for (const bool v6 : {false, true}) expect_classes(v6, kind);
}

// Copies are made in other places than a packet with a single route.
TEST(DscpTest, ACopyOfALargeFanOutHasIt) {
  Harness plane;
  const Peer sender = plane.add_peer();
  const std::uint32_t source = plane.add_source(sender, {});
  for (std::uint8_t i = 0; i < 40; ++i) {
    RouteOptions options;
    options.ssrc = 1000u + i;
    if (i % 2 == 0) options.dscp = i;
    plane.add_route(source, plane.add_peer(), options);
  }
  plane.deliver(sender, make_rtp({}));
  const auto sent = plane.sent();
  ASSERT_EQ(sent.size(), 40u);
  for (const Sent& copy : sent) {
    const std::uint32_t i = load_be32(copy.payload.data() + 8) - 1000;
    EXPECT_EQ(dscp_of(copy), i % 2 == 0 ? static_cast<int>(i) : 0);
  }
}

}  // namespace
}  // namespace sluice::dataplane::test
