// Media through the stages: every pair of endpoint kinds, profiles and engines. libsrtp2 is the oracle.
#include <gtest/gtest.h>

#include <map>

#include "dataplane/wire/rtp.h"
#include "tests/support/harness.h"

namespace sluice::dataplane::test {
namespace {

using crypto::EngineKind;
using crypto::SrtpProfile;

struct Pairing {
  EngineKind engine;
  EndpointKind from;
  SrtpProfile from_profile;
  EndpointKind to;
  SrtpProfile to_profile;
};

class RelayTest : public ::testing::TestWithParam<Pairing> {};

std::vector<Pairing> all_pairings() {
  std::vector<Pairing> out;
  for (const EngineKind engine : {EngineKind::kIpsecMb, EngineKind::kLibsrtp}) {
    for (const SrtpProfile profile : crypto::kAllSrtpProfiles) {
      const SrtpProfile other = crypto::kAllSrtpProfiles[(static_cast<std::size_t>(profile) + 1) % 4];
      out.push_back({engine, EndpointKind::kSdes, profile, EndpointKind::kWebrtc, other});
      out.push_back({engine, EndpointKind::kWebrtc, profile, EndpointKind::kSdes, profile});
      out.push_back({engine, EndpointKind::kRtp, profile, EndpointKind::kSdes, profile});
      out.push_back({engine, EndpointKind::kSdes, profile, EndpointKind::kRtp, profile});
    }
    out.push_back({engine, EndpointKind::kRtp, SrtpProfile{}, EndpointKind::kRtp, SrtpProfile{}});
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(Pairings, RelayTest, ::testing::ValuesIn(all_pairings()),
                         [](const auto& info) { return "Case" + std::to_string(info.index); });

TEST_P(RelayTest, RewritesAndLosesNothing) {
  const Pairing& pairing = GetParam();
  Harness plane(pairing.engine);
  PeerOptions from_options;
  from_options.kind = pairing.from;
  from_options.profile = pairing.from_profile;
  PeerOptions to_options;
  to_options.kind = pairing.to;
  to_options.profile = pairing.to_profile;
  const Peer from = plane.add_peer(from_options);
  const Peer to = plane.add_peer(to_options);
  RouteOptions route;
  route.payload_types = {{96, 120}};
  plane.add_route(plane.add_source(from, route), to, route);

  Oracle sender(from.to_sluice, false);
  Oracle receiver(to.from_sluice, true);
  for (std::uint16_t i = 0; i < 300; ++i) {
    RtpOptions rtp;
    rtp.sequence = static_cast<std::uint16_t>(32700 + i);
    rtp.timestamp = 4000000000u + i * 3000u;  // wraps during the test
    rtp.marker = i % 7 == 0;
    rtp.size = i * 4 % 1200;
    if (i % 3 == 0) rtp.csrcs = {7, 8};
    if (i % 5 == 0) rtp.extension = {0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0};
    const Bytes plain = make_rtp(rtp);
    plane.deliver(from, pairing.from == EndpointKind::kRtp ? plain : sender.protect(plain));
    auto sent = plane.sent();
    ASSERT_EQ(sent.size(), 1u) << "packet " << i;
    EXPECT_EQ(sent[0].layers.destination_port, to.remote.address.port);
    EXPECT_EQ(sent[0].layers.source_port, to.local.address.port);
    std::optional<Bytes> got =
        pairing.to == EndpointKind::kRtp ? sent[0].payload : receiver.unprotect(sent[0].payload);
    ASSERT_TRUE(got) << "libsrtp2 status " << receiver.last_status() << " at packet " << i;
    Bytes expected = plain;
    expected[1] = static_cast<std::uint8_t>((expected[1] & 0x80) | 120);
    store_be16(&expected[2], static_cast<std::uint16_t>(route.first_index + i));
    store_be32(&expected[8], route.ssrc);
    EXPECT_EQ(*got, expected) << "packet " << i;
    plane.advance(0.02);
  }
  EXPECT_EQ(plane.counters().forwarded.read(), 300u);
  EXPECT_EQ(plane.counters().copies.read(), 300u);
  EXPECT_EQ(plane.counters().transmitted.read(), 300u);
}

// One SRTP publisher and receivers of any kind, each with several routes.
class Broadcast {
 public:
  Broadcast()
      : publisher_(
            plane.add_peer({.kind = EndpointKind::kSdes, .profile = SrtpProfile::kAesCm128HmacSha1_80})),
        source_(plane.add_source(publisher_, {})) {}

  void add_receiver(const PeerOptions& options, std::size_t routes) {
    const Peer peer = plane.add_peer(options);
    if (options.kind != EndpointKind::kRtp)
      openers_[peer.remote.address.port] = std::make_unique<Oracle>(peer.from_sluice, true);
    for (; routes != 0; --routes)
      plane.add_route(source_, peer, {.ssrc = ++last_ssrc_, .first_index = kFirstIndex});
  }
  /// Delivers both packets in one batch.
  void publish(const Bytes& first, const Bytes& second) {
    plane.deliver_frames({plane.frame_from(publisher_, sealer_.protect(first)),
                          plane.frame_from(publisher_, sealer_.protect(second))});
  }
  /// The packet as its receiver opens it; nullopt when libsrtp2 refuses it.
  std::optional<Bytes> opened(const Sent& packet) {
    const auto opener = openers_.find(packet.layers.destination_port);
    return opener == openers_.end() ? packet.payload : opener->second->unprotect(packet.payload);
  }

  static constexpr std::uint16_t kFirstIndex = 100;
  Harness plane;

 private:
  Peer publisher_;
  std::uint32_t source_;
  Oracle sealer_{publisher_.to_sluice, false};
  std::map<std::uint16_t, std::unique_ptr<Oracle>> openers_;  // by the receiver's UDP port; plain RTP: none
  std::uint32_t last_ssrc_ = 0x60000000;
};

TEST(FanoutTest, OneStreamToMoreReceiversThanABatchHolds) {
  constexpr std::size_t kReceivers = 40;
  constexpr std::size_t kRoutesEach = 15;  // 600 copies: more than two rounds of kOutputs
  Broadcast broadcast;
  for (std::size_t i = 0; i < kReceivers; ++i)
    broadcast.add_receiver({.kind = i % 3 == 0 ? EndpointKind::kRtp : EndpointKind::kSdes,
                            .profile = crypto::kAllSrtpProfiles[i % 4]},
                           kRoutesEach);
  const Bytes first = make_rtp({.sequence = 1, .size = 1000});
  const Bytes second = make_rtp({.sequence = 2, .size = 1000});
  broadcast.publish(first, second);
  const auto sent = broadcast.plane.sent();
  ASSERT_EQ(sent.size(), 2 * kReceivers * kRoutesEach);
  for (const Sent& packet : sent) {
    const auto got = broadcast.opened(packet);
    ASSERT_TRUE(got);
    const Bytes& truth = load_be16(&(*got)[2]) == Broadcast::kFirstIndex ? first : second;
    EXPECT_TRUE(std::equal(truth.begin() + 12, truth.end(), got->begin() + 12, got->end()));
  }
}

TEST(RelayStateTest, AForgedPacketMovesNothing) {
  for (const SrtpProfile profile : crypto::kAllSrtpProfiles) {
    Harness plane;
    PeerOptions options;
    options.kind = EndpointKind::kSdes;
    options.profile = profile;
    options.latch = LatchPolicy::kAuthenticated;
    const Peer from = plane.add_peer(options);
    const Peer to = plane.add_peer();
    RouteOptions route;
    plane.add_route(plane.add_source(from, route), to, route);
    Oracle sender(from.to_sluice, false);
    const auto packet = [&](std::uint16_t sequence) {
      RtpOptions rtp;
      rtp.sequence = sequence;
      return sender.protect(make_rtp(rtp));
    };
    plane.deliver(from, packet(10));
    ASSERT_EQ(plane.sent().size(), 1u);
    const Bytes good = packet(11);
    Peer elsewhere = from;
    elsewhere.remote.address.port = 9;
    for (std::size_t i = 2; i < good.size(); ++i) {  // with other bytes 0 and 1 it may not be RTP
      Bytes forged = good;
      forged[i] ^= 0x41;
      plane.deliver(elsewhere, forged);
      plane.advance(0.02);  // strangers have a budget
    }
    Bytes far_ahead = good;
    store_be16(&far_ahead[2], 60000);
    plane.deliver(elsewhere, far_ahead);
    EXPECT_TRUE(plane.sent().empty());
    EXPECT_EQ(plane.drops(DropReason::kAuthFailed), good.size() - 2 + 1);
    EXPECT_EQ(template_remote(plane.memory().endpoints[from.slot].rtp), from.remote.address);
    plane.deliver(from, good);  // the forged packets have not used up its index
    EXPECT_EQ(plane.sent().size(), 1u);
    plane.deliver(from, good);
    EXPECT_TRUE(plane.sent().empty());
    EXPECT_EQ(plane.drops(DropReason::kReplayed), 1u);
  }
}

TEST(RelayStateTest, TwinsInOneBatchLeaveOnce) {
  Harness plane;
  PeerOptions options;
  options.kind = EndpointKind::kSdes;
  const Peer from = plane.add_peer(options);
  const Peer to = plane.add_peer();
  RouteOptions route;
  plane.add_route(plane.add_source(from, route), to, route);
  Oracle sender(from.to_sluice, false);
  const Bytes frame = plane.frame_from(from, sender.protect(make_rtp({})));
  plane.deliver_frames({frame, frame, frame});
  EXPECT_EQ(plane.sent().size(), 1u);
  EXPECT_EQ(plane.drops(DropReason::kReplayed), 2u);
}

// The publisher sends the first packet of a key frame again, when it has sent the rest.
TEST(RelayStateTest, ALostPacketOfAKeyFrameMayComeAfterHundredsOfOthers) {
  for (const EndpointKind kind : {EndpointKind::kRtp, EndpointKind::kSdes}) {
    Harness plane;
    PeerOptions options;
    options.kind = kind;
    const Peer from = plane.add_peer(options);
    const Peer to = plane.add_peer();
    RouteOptions route;
    plane.add_route(plane.add_source(from, route), to, route);
    Oracle sender(from.to_sluice, false);
    std::vector<Bytes> packets;
    for (std::uint16_t i = 0; i < 1000; ++i) {
      const Bytes plain = make_rtp({.sequence = i, .size = 40});
      packets.push_back(kind == EndpointKind::kRtp ? plain : sender.protect(plain));
    }
    for (std::size_t i = 0; i < packets.size(); ++i)
      if (i != 20 && i != 400) plane.deliver(from, packets[i]);
    ASSERT_EQ(plane.sent().size(), 998u);
    for (const std::size_t late : {20u, 400u}) {
      plane.deliver(from, packets[late]);
      const auto sent = plane.sent();
      ASSERT_EQ(sent.size(), 1u) << late;
      EXPECT_TRUE(
          std::equal(sent[0].payload.begin() + 12, sent[0].payload.end(),
                     make_rtp({.sequence = static_cast<std::uint16_t>(late), .size = 40}).begin() + 12));
    }
    plane.deliver(from, packets[500]);
    EXPECT_TRUE(plane.sent().empty());
    EXPECT_EQ(plane.drops(DropReason::kReplayed), 1u);
    EXPECT_EQ(plane.drops(DropReason::kSequenceJump), 0u);
  }
}

TEST(RelayStateTest, ReorderingAndLossAcrossTheWrap) {
  Harness plane;
  PeerOptions options;
  options.kind = EndpointKind::kSdes;
  options.profile = SrtpProfile::kAesCm128HmacSha1_80;
  const Peer from = plane.add_peer(options);
  const Peer to = plane.add_peer(options);
  RouteOptions route;
  plane.add_route(plane.add_source(from, route), to, route);
  Oracle sender(from.to_sluice, false);
  Oracle receiver(to.from_sluice, true);
  std::vector<Bytes> packets;
  for (std::uint32_t i = 0; i < 66000; ++i) {
    RtpOptions rtp;
    rtp.sequence = static_cast<std::uint16_t>(i);
    rtp.size = 20;
    packets.push_back(sender.protect(make_rtp(rtp)));
  }
  std::size_t delivered = 0;
  for (std::size_t i = 0; i + 4 <= packets.size(); i += 4) {
    if (i > 65500 && i < 65560) continue;  // lost packets around the wrap
    std::vector<Bytes> frames;
    for (const std::size_t k : {2u, 0u, 3u, 1u})
      frames.push_back(plane.frame_from(from, packets[i + (i == 0 ? frames.size() : k)]));
    plane.deliver_frames(frames);
    for (const Sent& sent : plane.sent()) {
      ASSERT_TRUE(receiver.unprotect(sent.payload)) << "status " << receiver.last_status();
      ++delivered;
    }
  }
  EXPECT_EQ(delivered, 66000u - 14 * 4);
  plane.deliver(from, packets[64000]);
  EXPECT_EQ(plane.drops(DropReason::kTooOld), 1u);
}

TEST(RelayStateTest, ASilentSrtpStreamKeepsItsRolloverCounterAndItsReplayWindow) {
  Harness plane;
  PeerOptions options;
  options.kind = EndpointKind::kSdes;
  const Peer from = plane.add_peer(options);
  const Peer to = plane.add_peer();
  RouteOptions route;
  plane.add_route(plane.add_source(from, route), to, route);
  Oracle sender(from.to_sluice, false);
  RtpOptions rtp;
  rtp.sequence = 65535;
  std::vector<Bytes> heard;
  for (int i = 0; i < 3; ++i, ++rtp.sequence) {
    heard.push_back(sender.protect(make_rtp(rtp)));
    plane.deliver(from, heard.back());
  }
  EXPECT_EQ(plane.sent().size(), 3u);
  const StreamSlot& stream = plane.memory().streams[0];
  Command silent;
  silent.kind = CommandKind::kStreamIdle;
  silent.ref = {0, stream.tenancy.load()};
  plane.command(silent);
  EXPECT_TRUE(stream.dormant.load());
  for (const Bytes& packet : heard) plane.deliver(from, packet);
  EXPECT_TRUE(plane.sent().empty());
  EXPECT_EQ(plane.drops(DropReason::kReplayed), 3u);
  EXPECT_TRUE(stream.dormant.load());
  plane.notes();
  plane.deliver(from, sender.protect(make_rtp(rtp)));
  EXPECT_EQ(plane.sent().size(), 1u);
  EXPECT_FALSE(stream.dormant.load());
  EXPECT_EQ(plane.notes().at(0).kind, NoteKind::kStreamStarted);
}

TEST(RelayStateTest, ASilentPlainStreamIsForgotten) {
  Harness plane;
  const Peer from = plane.add_peer();
  plane.deliver(from, make_rtp({}));
  Command silent;
  silent.kind = CommandKind::kStreamIdle;
  silent.ref = {0, plane.memory().streams[0].tenancy.load()};
  plane.command(silent);
  EXPECT_EQ(plane.memory().endpoints[from.slot].stream_count, 0u);
  plane.command(silent);
  EXPECT_EQ(plane.counters().stale_commands.read(), 1u);
}

TEST(RelayStateTest, MediaBeforeKeysAndReceiversNotReadyAreNamed) {
  Harness plane;
  PeerOptions options;
  options.kind = EndpointKind::kWebrtc;
  options.keys_ready = false;
  const Peer from = plane.add_peer(options);
  plane.deliver(from, make_rtp({}));
  EXPECT_EQ(plane.drops(DropReason::kNoKeys), 1u);

  PeerOptions unknown;
  unknown.known_remote = false;
  const Peer plain = plane.add_peer();
  const Peer nowhere = plane.add_peer(unknown);
  RouteOptions route;
  const std::uint32_t source = plane.add_source(plain, route);
  plane.add_route(source, nowhere, route);
  route.ssrc = 2;
  plane.add_route(source, from, route);
  plane.deliver(plain, make_rtp({}));
  EXPECT_EQ(plane.drops(DropReason::kNoRemote), 1u);
  EXPECT_EQ(plane.drops(DropReason::kReceiverNotReady), 1u);
  EXPECT_EQ(plane.counters().forwarded.read(), 1u);
}

TEST(RelayStateTest, EveryOtherDropHasItsName) {
  Harness plane;
  PeerOptions small;
  small.max_streams = 2;
  const Peer from = plane.add_peer(small);
  const Peer to = plane.add_peer();
  RtpOptions rtp;
  plane.deliver(from, make_rtp(rtp));
  EXPECT_EQ(plane.drops(DropReason::kNoRoute), 1u);
  RouteOptions route;
  route.payload_types = {{96, 97}};
  plane.add_route(plane.add_source(from, route), to, route);
  rtp.sequence = 2;
  rtp.payload_type = 50;
  plane.deliver(from, make_rtp(rtp));
  EXPECT_EQ(plane.drops(DropReason::kPayloadTypeUnmapped), 1u);
  rtp = {};
  rtp.ssrc = 1001;
  plane.deliver(from, make_rtp(rtp));
  rtp.ssrc = 1002;
  plane.deliver(from, make_rtp(rtp));
  EXPECT_EQ(plane.drops(DropReason::kStreamLimit), 1u);
  Bytes padded = make_rtp({});
  padded[0] |= 0x20;
  padded.back() = 0;
  plane.deliver(from, padded);
  padded.back() = 255;
  plane.deliver(from, padded);
  EXPECT_EQ(plane.drops(DropReason::kBadRtp), 2u);
}

TEST(RelayStateTest, TooBigForThePortAfterProtection) {
  Harness plane;
  const Peer from = plane.add_peer();
  PeerOptions options;
  options.kind = EndpointKind::kSdes;
  const Peer to = plane.add_peer(options);
  RouteOptions route;
  plane.add_route(plane.add_source(from, route), to, route);
  RtpOptions rtp;
  rtp.size = 1500 - 28 - 12 - 16;
  plane.deliver(from, make_rtp(rtp));
  EXPECT_EQ(plane.sent().size(), 1u);
  ++rtp.size;
  ++rtp.sequence;
  plane.deliver(from, make_rtp(rtp));
  EXPECT_TRUE(plane.sent().empty());
  EXPECT_EQ(plane.drops(DropReason::kTooBig), 1u);
}

TEST(RelayStateTest, HeaderExtensionsAreRenumberedUnderTheTag) {
  Harness plane;
  const Peer from = plane.add_peer();
  PeerOptions options;
  options.kind = EndpointKind::kSdes;
  const Peer to = plane.add_peer(options);
  RouteOptions route;
  route.extension_ids.emplace();
  (*route.extension_ids)[3] = 5;
  plane.add_route(plane.add_source(from, route), to, route);
  RtpOptions rtp;
  rtp.extension = {0xbe, 0xde, 0, 2, 0x31, 1, 2, 0x40, 9, 0, 0, 0};  // id 3 becomes 5, id 4 is removed
  plane.deliver(from, make_rtp(rtp));
  Oracle receiver(to.from_sluice, true);
  const auto got = receiver.unprotect(plane.sent().at(0).payload);
  ASSERT_TRUE(got);
  EXPECT_EQ(Bytes(got->begin() + 12, got->begin() + 24),
            (Bytes{0xbe, 0xde, 0, 2, 0x51, 1, 2, 0, 0, 0, 0, 0}));
}

}  // namespace
}  // namespace sluice::dataplane::test
