// RTCP through routes: translated SSRCs, times and sequence numbers, under SRTCP. libsrtp2 is the oracle.
#include <gtest/gtest.h>

#include <bit>
#include <memory>

#include "tests/dataplane/stages/rtcp_support.h"

namespace sluice::dataplane::test {
namespace {

using crypto::SrtpProfile;

Bytes text(std::string_view value) {
  return {value.begin(), value.end()};
}

// A publisher with SSRC 1000 and a receiver, both with SRTP. Two packets have taken the route and left as 100
// and 101.
struct Call {
  explicit Call(SrtpProfile profile = SrtpProfile::kAeadAes128Gcm, bool mux = true,
                crypto::EngineKind engine = crypto::EngineKind::kIpsecMb)
      : plane(engine) {
    PeerOptions options;
    options.kind = EndpointKind::kSdes;
    options.profile = profile;
    options.rtcp_mux = mux;
    publisher = plane.add_peer(options);
    receiver = plane.add_peer(options);
    route = plane.add_route(plane.add_source(publisher, route_options), receiver, route_options);
    to_publisher = std::make_unique<Oracle>(publisher.from_sluice, true);
    from_publisher = std::make_unique<Oracle>(publisher.to_sluice, false);
    to_receiver = std::make_unique<Oracle>(receiver.from_sluice, true);
    from_receiver = std::make_unique<Oracle>(receiver.to_sluice, false);
    for (std::uint16_t sequence : {7000, 7001}) {
      RtpOptions rtp;
      rtp.sequence = sequence;
      rtp.timestamp = 50000;
      plane.deliver(publisher, from_publisher->protect(make_rtp(rtp)));
    }
    plane.sent();
  }
  std::vector<Bytes> publisher_says(const Bytes& packet, bool rtcp_port = false) {
    plane.deliver(publisher, from_publisher->protect_rtcp(packet), rtcp_port);
    return opened(*to_receiver, receiver, rtcp_port);
  }
  std::vector<Bytes> receiver_says(const Bytes& packet, bool rtcp_port = false) {
    plane.deliver(receiver, from_receiver->protect_rtcp(packet), rtcp_port);
    return opened(*to_publisher, publisher, rtcp_port);
  }
  std::vector<Bytes> opened(Oracle& oracle, const Peer& to, bool rtcp_port) {
    std::vector<Bytes> out;
    for (const Sent& sent : plane.sent()) {
      EXPECT_EQ(sent.layers.destination_port, to.remote.address.port + (rtcp_port ? 1 : 0));
      auto plain = oracle.unprotect_rtcp(sent.payload);
      EXPECT_TRUE(plain) << "libsrtp2 status " << oracle.last_status();
      if (plain) out.push_back(*plain);
    }
    return out;
  }
  Harness plane;
  RouteOptions route_options;
  Peer publisher, receiver;
  std::uint32_t route = 0;
  std::unique_ptr<Oracle> to_publisher, from_publisher, to_receiver, from_receiver;
};

class FeedbackTest : public ::testing::TestWithParam<std::tuple<SrtpProfile, bool, crypto::EngineKind>> {};
INSTANTIATE_TEST_SUITE_P(Profiles, FeedbackTest,
                         ::testing::Combine(::testing::ValuesIn(crypto::kAllSrtpProfiles), ::testing::Bool(),
                                            ::testing::Values(crypto::EngineKind::kIpsecMb,
                                                              crypto::EngineKind::kLibsrtp)));

TEST_P(FeedbackTest, SenderReportIsTranslatedToTheRoute) {
  const auto [profile, mux, engine] = GetParam();
  Call call(profile, mux, engine);
  for (int i = 0; i < 5; ++i) {
    const Bytes report = compound([&](RtcpWriter& w) {
      EXPECT_TRUE(w.report(1000, sender_info(50000 + i), {}));
      EXPECT_TRUE(w.cname(1000, text("publisher@example")));
    });
    const auto got = call.publisher_says(report, !mux);
    call.plane.advance(1);
    ASSERT_EQ(got.size(), 1u);
    const auto sr = find_item(got[0], RtcpType::kSenderReport);
    ASSERT_TRUE(sr);
    EXPECT_EQ(load_be32(&sr->body[0]), call.route_options.ssrc);
    EXPECT_EQ(load_be32(&sr->body[4]), 0xe0000001u);
    EXPECT_EQ(load_be32(&sr->body[8]), 0x80000000u);
    EXPECT_EQ(load_be32(&sr->body[12]), 50000u + i + call.plane.memory().routes[call.route].timestamp_delta);
    EXPECT_EQ(load_be32(&sr->body[16]), 2u);
    EXPECT_EQ(load_be32(&sr->body[20]), 200u);
    const auto sdes = find_item(got[0], RtcpType::kSourceDescription);
    ASSERT_TRUE(sdes);
    const auto name = find_cname(*sdes, call.route_options.ssrc);
    EXPECT_EQ(Bytes(name.begin(), name.end()), text("publisher@example"));
  }
}

TEST_P(FeedbackTest, ReceiverReportReachesThePublisherWithItsOwnNumbers) {
  const auto [profile, mux, engine] = GetParam();
  Call call(profile, mux, engine);
  Bytes block(24);
  store_be32(&block[0], call.route_options.ssrc);
  store_be32(&block[4], 0x10000002);  // fraction lost and cumulative number lost
  store_be32(&block[8], 101);         // highest sequence number received
  store_be32(&block[12], 33);
  store_be32(&block[16], 0x12345678);
  store_be32(&block[20], 0x100);
  Bytes info = sender_info(50000);
  store_be32(&info[2], 0x12345678);  // the sender report that the receiver means
  call.publisher_says(compound([&](RtcpWriter& w) { EXPECT_TRUE(w.report(1000, info, {})); }), !mux);
  const auto got =
      call.receiver_says(compound([&](RtcpWriter& w) { EXPECT_TRUE(w.report(42, {}, block)); }), !mux);
  ASSERT_EQ(got.size(), 1u);
  const auto rr = find_item(got[0], RtcpType::kReceiverReport);
  ASSERT_TRUE(rr);
  ASSERT_EQ(rr->count, 1);
  EXPECT_EQ(load_be32(&rr->body[0]), 0x10ca1000u + call.publisher.slot);
  EXPECT_EQ(load_be32(&rr->body[4]), 1000u);
  EXPECT_EQ(load_be32(&rr->body[8]), 0x10000002u);
  EXPECT_EQ(load_be32(&rr->body[12]), 7001u);
  EXPECT_EQ(load_be32(&rr->body[16]), 33u);
  EXPECT_EQ(load_be32(&rr->body[20]), 0x12345678u);
  EXPECT_EQ(load_be32(&rr->body[24]), 0x100u);
}

TEST_P(FeedbackTest, PliFirAndNackReachThePublisherWithItsOwnSsrc) {
  const auto [profile, mux, engine] = GetParam();
  Call call(profile, mux, engine);
  const std::uint32_t ssrc = call.route_options.ssrc;
  auto got =
      call.receiver_says(compound([&](RtcpWriter& w) {
                           EXPECT_TRUE(w.feedback(RtcpType::kPayloadFeedback, kFeedbackPli, 42, ssrc, {}));
                         }),
                         !mux);
  ASSERT_EQ(got.size(), 1u);
  auto item = find_item(got[0], RtcpType::kPayloadFeedback);
  ASSERT_TRUE(item);
  EXPECT_EQ(item->count, kFeedbackPli);
  EXPECT_EQ(load_be32(&item->body[4]), 1000u);

  call.plane.advance(1);
  Bytes fir(8);
  store_be32(&fir[0], ssrc);
  fir[4] = 9;
  got = call.receiver_says(compound([&](RtcpWriter& w) {
                             EXPECT_TRUE(w.feedback(RtcpType::kPayloadFeedback, kFeedbackFir, 42, 0, fir));
                           }),
                           !mux);
  ASSERT_EQ(got.size(), 1u);
  item = find_item(got[0], RtcpType::kPayloadFeedback);
  ASSERT_TRUE(item);
  EXPECT_EQ(item->count, kFeedbackFir);
  EXPECT_EQ(load_be32(&item->body[8]), 1000u);

  RtpOptions rtp;
  rtp.sequence = 7003;
  call.plane.deliver(call.publisher, call.from_publisher->protect(make_rtp(rtp)));
  call.plane.sent();
  Bytes nack(8);
  store_be16(&nack[0], 101);  // came here: the publisher is not asked
  store_be16(&nack[2], 1);    // 7002, which did not come
  store_be16(&nack[4], 50);   // from before the route: it cannot be sent again
  got = call.receiver_says(
      compound([&](RtcpWriter& w) {
        EXPECT_TRUE(w.feedback(RtcpType::kTransportFeedback, kFeedbackNack, 42, ssrc, nack));
      }),
      !mux);
  ASSERT_EQ(got.size(), 1u);
  item = find_item(got[0], RtcpType::kTransportFeedback);
  ASSERT_TRUE(item);
  ASSERT_EQ(item->body.size(), 12u);
  EXPECT_EQ(load_be32(&item->body[4]), 1000u);
  EXPECT_EQ(load_be16(&item->body[8]), 7002);
  EXPECT_EQ(load_be16(&item->body[10]), 0);
  const StreamSlot& stream = call.plane.memory().streams[0];
  EXPECT_EQ(stream.plis.read(), 1u);
  EXPECT_EQ(stream.firs.read(), 1u);
  EXPECT_EQ(stream.nacks.read(), 1u);
}

TEST(FeedbackRuleTest, FeedbackAboutAStrangerGoesNowhere) {
  Call call;
  const auto got = call.receiver_says(compound([&](RtcpWriter& w) {
    EXPECT_TRUE(w.feedback(RtcpType::kPayloadFeedback, kFeedbackPli, 42, 1000, {}));
  }));
  EXPECT_TRUE(got.empty()) << "the publisher's SSRC is not the receiver's";
  EXPECT_EQ(call.plane.counters().feedback_unmatched.read(), 1u);
}

TEST(FeedbackRuleTest, AByeEndsTheStreamAndNotTheRoute) {
  Call call;
  call.plane.notes();
  const auto got = call.publisher_says(compound([](RtcpWriter& w) {
    EXPECT_TRUE(w.report(1000, {}, {}));
    EXPECT_TRUE(w.bye(1000));
  }));
  EXPECT_TRUE(got.empty());
  const auto notes = call.plane.notes();
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].kind, NoteKind::kStreamEnded);
  EXPECT_EQ(notes[0].ssrc, 1000u);
  EXPECT_TRUE(call.plane.memory().streams[0].ended.load());
}

// Browsers say BYE at a negotiation and go on with the same SSRC.
TEST(FeedbackRuleTest, AStreamThatGoesOnAfterItsByeIsNotEnded) {
  Call call;
  call.publisher_says(compound([](RtcpWriter& w) {
    EXPECT_TRUE(w.report(1000, {}, {}));
    EXPECT_TRUE(w.bye(1000));
  }));
  call.plane.notes();
  for (const std::uint16_t sequence : {7002, 7003}) {
    RtpOptions rtp;
    rtp.sequence = sequence;
    call.plane.deliver(call.publisher, call.from_publisher->protect(make_rtp(rtp)));
    EXPECT_EQ(call.plane.sent().size(), 1u);
  }
  EXPECT_FALSE(call.plane.memory().streams[0].ended.load());
  const auto notes = call.plane.notes();
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].kind, NoteKind::kStreamStarted);
  EXPECT_EQ(notes[0].ssrc, 1000u);
}

TEST(FeedbackRuleTest, RemovingARouteSaysByeUnderTheKeys) {
  Call call;
  Command remove;
  remove.kind = CommandKind::kRemoveRoute;
  remove.ref = {call.route, 1};
  call.plane.command(remove);
  Command end;
  end.kind = CommandKind::kRemoveEndpoint;
  end.ref = {call.receiver.slot, 1};
  call.plane.command(end);
  const auto got = call.opened(*call.to_receiver, call.receiver, false);
  ASSERT_EQ(got.size(), 1u);
  const auto bye = find_item(got[0], RtcpType::kBye);
  ASSERT_TRUE(bye);
  EXPECT_EQ(load_be32(&bye->body[0]), call.route_options.ssrc);
}

TEST(FeedbackRuleTest, AReportFromBeforeTheSwitchIsNotBlamedOnTheNewSource) {
  Call call;
  PeerOptions options;
  options.kind = EndpointKind::kSdes;
  const Peer other = call.plane.add_peer(options);
  Oracle sender(other.to_sluice, false);
  call.plane.switch_route(call.route, call.plane.add_source(other, call.route_options));
  RtpOptions rtp;
  rtp.sequence = 30;
  call.plane.deliver(other, sender.protect(make_rtp(rtp)));
  call.plane.sent();
  Bytes block(24);
  store_be32(&block[0], call.route_options.ssrc);
  store_be32(&block[8], 101);  // the last number before the switch; the new source begins at 102
  EXPECT_TRUE(
      call.receiver_says(compound([&](RtcpWriter& w) { EXPECT_TRUE(w.report(42, {}, block)); })).empty());
  EXPECT_EQ(call.plane.counters().feedback_unmatched.read(), 1u);
}

TEST(FeedbackRuleTest, ReplayedAndForgedSrtcpIsDropped) {
  for (const SrtpProfile profile : crypto::kAllSrtpProfiles) {
    Call call(profile);
    const Bytes sealed = call.from_publisher->protect_rtcp(
        compound([&](RtcpWriter& w) { EXPECT_TRUE(w.report(1000, sender_info(1), {})); }));
    for (std::size_t i = 8; i < sealed.size(); ++i) {
      Bytes forged = sealed;
      forged[i] ^= 1;
      call.plane.deliver(call.publisher, forged);
    }
    EXPECT_TRUE(call.plane.sent().empty());
    call.plane.deliver(call.publisher, sealed);
    EXPECT_EQ(call.plane.sent().size(), 1u);
    call.plane.deliver(call.publisher, sealed);
    EXPECT_TRUE(call.plane.sent().empty());
    EXPECT_EQ(call.plane.drops(DropReason::kReplayed), 1u);
    for (std::size_t length = 0; length < sealed.size(); ++length)
      call.plane.deliver(call.publisher, std::span(sealed).first(length));
    EXPECT_TRUE(call.plane.sent().empty());
  }
}

// RFC 3550 A.2: what stands before a malformed or unknown packet counts, under SRTCP and in the clear.
TEST(FeedbackRuleTest, WhatStandsBeforeAMalformedPacketCounts) {
  Call call;
  const Bytes sound = compound([&](RtcpWriter& w) {
    EXPECT_TRUE(w.report(42, {}, {}));
    EXPECT_TRUE(w.feedback(RtcpType::kPayloadFeedback, kFeedbackPli, 42, call.route_options.ssrc, {}));
  });
  const std::vector<Bytes> tails = {
      {0x80, 207, 0, 9, 1, 2, 3, 4},    // longer than the datagram
      {0x40, 207, 0, 1, 1, 2, 3, 4},    // version 1
      {0x80, 90, 0, 1, 1, 2, 3, 4},     // no RTCP type
      {0xa0, 207, 0, 1, 1, 2, 3, 200},  // more padding than bytes
      {0x80, 207},                      // half a header
  };
  for (const Bytes& tail : tails) {
    call.plane.advance(1);
    Bytes packet = sound;
    packet.insert(packet.end(), tail.begin(), tail.end());
    const auto got = call.receiver_says(packet);
    ASSERT_EQ(got.size(), 1u) << "the PLI before it";
    EXPECT_TRUE(find_item(got[0], RtcpType::kPayloadFeedback));
  }
  call.plane.advance(1);
  Bytes unknown = {0x80, 222, 0, 1, 1, 2, 3, 4};
  unknown.insert(unknown.begin(), sound.begin(), sound.begin() + 8);
  unknown.insert(unknown.end(), sound.begin() + 8, sound.end());
  EXPECT_EQ(call.receiver_says(unknown).size(), 1u) << "an unknown type does not end the compound";
  EXPECT_EQ(call.plane.drops(DropReason::kBadRtcp), 0u);
}

TEST(FeedbackRuleTest, CompoundsWithoutASoundPacketAreNamed) {
  Harness plane;
  const Peer peer = plane.add_peer();
  const Bytes good = compound([](RtcpWriter& w) {
    EXPECT_TRUE(w.report(1, sender_info(1), {}));
    EXPECT_TRUE(w.cname(1, text("x")));
  });
  const std::size_t first = 28;
  for (std::size_t length = 2; length < good.size(); ++length)
    plane.deliver(peer, std::span(good).first(length));
  EXPECT_EQ(plane.counters().consumed.read(), good.size() - first);
  EXPECT_EQ(plane.drops(DropReason::kBadRtcp), first - 2);
}

// LSR and DLSR are times of one publisher's clock, and the receiver counts losses for the route's whole life.
TEST(FeedbackRuleTest, AfterASwitchTheNewPublisherHearsOnlyOfItself) {
  Call call;
  const auto reported = [&](std::uint32_t losses, std::uint32_t highest, std::uint32_t lsr) {
    Bytes block(24);
    store_be32(&block[0], call.route_options.ssrc);
    store_be32(&block[4], 0x10000000 | losses);
    store_be32(&block[8], highest);
    store_be32(&block[16], lsr);
    store_be32(&block[20], 0x100);
    return compound([&](RtcpWriter& w) { EXPECT_TRUE(w.report(42, {}, block)); });
  };
  Bytes info = sender_info(50000);
  store_be32(&info[2], 0x11111111);
  call.publisher_says(compound([&](RtcpWriter& w) { EXPECT_TRUE(w.report(1000, info, {})); }));
  ASSERT_EQ(call.receiver_says(reported(7, 101, 0x11111111)).size(), 1u);

  PeerOptions options;
  options.kind = EndpointKind::kSdes;
  const Peer other = call.plane.add_peer(options);
  Oracle sender(other.to_sluice, false);
  Oracle to_other(other.from_sluice, true);
  call.plane.switch_route(call.route, call.plane.add_source(other, call.route_options));
  RtpOptions rtp;
  rtp.ssrc = 3000;
  rtp.sequence = 30;
  call.plane.deliver(other, sender.protect(make_rtp(rtp)));
  call.plane.sent();
  const auto other_hears = [&](const Bytes& packet) {
    call.plane.advance(1);
    call.plane.deliver(call.receiver, call.from_receiver->protect_rtcp(packet));
    const auto got = call.opened(to_other, other, false);
    EXPECT_EQ(got.size(), 1u);
    return got.empty() ? Bytes(24) : Bytes(got[0].begin() + 8, got[0].begin() + 32);
  };
  Bytes block = other_hears(reported(7, 102, 0x11111111));
  EXPECT_EQ(load_be32(&block[4]), 0x10000000u) << "the seven losses are the other publisher's";
  EXPECT_EQ(load_be32(&block[16]), 0u);
  EXPECT_EQ(load_be32(&block[20]), 0u);
  store_be32(&info[2], 0x22222222);
  call.plane.deliver(
      other, sender.protect_rtcp(compound([&](RtcpWriter& w) { EXPECT_TRUE(w.report(3000, info, {})); })));
  call.plane.sent();
  block = other_hears(reported(9, 102, 0x22222222));
  EXPECT_EQ(load_be32(&block[4]), 0x10000002u);
  EXPECT_EQ(load_be32(&block[16]), 0x22222222u);
  EXPECT_EQ(load_be32(&block[20]), 0x100u);
}

TEST(FeedbackRuleTest, APacketThatNeverCameIsAskedOfThePublisherOnceForAll) {
  Harness plane;
  const Peer publisher = plane.add_peer();
  RouteOptions options;
  const std::uint32_t source = plane.add_source(publisher, options);
  std::vector<Peer> receivers;
  for (int i = 0; i < 10; ++i) {
    receivers.push_back(plane.add_peer());
    plane.add_route(source, receivers.back(), options);
  }
  for (const std::uint16_t sequence : {7000, 7002}) {
    RtpOptions rtp;
    rtp.sequence = sequence;
    plane.deliver(publisher, make_rtp(rtp));
  }
  plane.sent();
  Bytes nack(4);
  store_be16(&nack[0], 101);
  const Bytes asking = compound([&](RtcpWriter& w) {
    EXPECT_TRUE(w.feedback(RtcpType::kTransportFeedback, kFeedbackNack, 42, options.ssrc, nack));
  });
  for (const Peer& receiver : receivers) plane.deliver(receiver, asking);
  EXPECT_EQ(plane.sent().size(), 1u);
}

// A plain publisher with 15 streams, of which each lost 98 packets on its way here, and a receiver of all of
// them.
struct ManyLosses {
  static constexpr std::uint32_t kStreams = 15;
  static constexpr std::uint16_t kLost = 98;  // 7001 to 7098, 101 to 198 for the receiver

  ManyLosses() {
    PeerOptions options;
    options.max_streams = 32;
    publisher = plane.add_peer(options);
    receiver = plane.add_peer();
    for (std::uint32_t i = 0; i < kStreams; ++i) {
      RouteOptions route;
      route.ssrc = ssrc_of(i);
      route.match = SourceMatch::kSsrc;
      route.match_ssrc = 1000 + i;
      plane.add_route(plane.add_source(publisher, route), receiver, route);
    }
    for (std::uint32_t i = 0; i < kStreams; ++i)
      for (const std::uint16_t sequence : {7000, 7000 + kLost + 1})
        plane.deliver(publisher, make_rtp({.ssrc = 1000 + i, .sequence = sequence}));
    plane.sent();
  }
  static std::uint32_t ssrc_of(std::uint32_t stream) { return 0x51000000 + stream; }
  // One that was lost. Each has an entry of its own where they are in descending order.
  static void put_lost(std::uint8_t* entry, std::uint16_t n) {
    store_be16(entry, static_cast<std::uint16_t>(100 + kLost - n));
  }
  // How many lost packets the publisher was asked for, and how many report blocks it got.
  struct Asked {
    std::size_t packets = 0, blocks = 0, compounds = 0;
  };
  Asked told() {
    Asked asked;
    for (const Sent& sent : plane.sent()) {
      if (sent.layers.destination_port != publisher.remote.address.port) continue;
      EXPECT_EQ(sound_rtcp_length(sent.payload), sent.payload.size());
      ++asked.compounds;
      RtcpItem item;
      for (RtcpWalk walk(sent.payload); walk.next(item);) {
        if (item.type == static_cast<std::uint8_t>(RtcpType::kReceiverReport)) asked.blocks += item.count;
        if (item.type != static_cast<std::uint8_t>(RtcpType::kTransportFeedback)) continue;
        for (std::size_t at = 8; at + 4 <= item.body.size(); at += 4)
          asked.packets += 1 + static_cast<std::size_t>(std::popcount(load_be16(&item.body[at + 2])));
      }
    }
    return asked;
  }

  Harness plane;
  Peer publisher, receiver;
};

TEST(FeedbackRuleTest, WhatDoesNotFitIntoOneCompoundGoesIntoAnother) {
  ManyLosses call;
  constexpr std::uint16_t kEach = 12;
  Bytes blocks(ManyLosses::kStreams * kReportBlockLength);
  for (std::uint32_t i = 0; i < ManyLosses::kStreams; ++i) {
    store_be32(&blocks[i * kReportBlockLength], ManyLosses::ssrc_of(i));
    store_be32(&blocks[i * kReportBlockLength + 8], 199);
  }
  call.plane.deliver(call.receiver, compound([&](RtcpWriter& w) {
                       EXPECT_TRUE(w.report(42, {}, blocks));
                       for (std::uint32_t i = 0; i < ManyLosses::kStreams; ++i) {
                         Bytes nack(kEach * 4);
                         for (std::uint16_t n = 0; n < kEach; ++n) ManyLosses::put_lost(&nack[n * 4], n);
                         EXPECT_TRUE(w.feedback(RtcpType::kTransportFeedback, kFeedbackNack, 42,
                                                ManyLosses::ssrc_of(i), nack));
                       }
                     }));
  const auto asked = call.told();
  EXPECT_EQ(asked.blocks, ManyLosses::kStreams);
  EXPECT_EQ(asked.packets, ManyLosses::kStreams * kEach);
  EXPECT_EQ(asked.compounds, 2u);
  EXPECT_EQ(call.plane.counters().feedback_forwarded.read(), 2 * ManyLosses::kStreams);
}

TEST(FeedbackRuleTest, ManyItemsAndLongOnesLoseNothing) {
  for (const bool in_one : {true, false}) {
    ManyLosses call;
    call.plane.deliver(
        call.receiver, compound([&](RtcpWriter& w) {
          Bytes nack;
          for (std::uint16_t n = 0; n < ManyLosses::kLost; ++n) {
            nack.resize(nack.size() + 4);
            ManyLosses::put_lost(&nack[nack.size() - 4], n);
            if (in_one && n + 1 != ManyLosses::kLost) continue;
            if (!w.feedback(RtcpType::kTransportFeedback, kFeedbackNack, 42, ManyLosses::ssrc_of(3), nack))
              break;
            nack.clear();
          }
        }));
    const auto asked = call.told();
    EXPECT_EQ(asked.packets, in_one ? ManyLosses::kLost : 1400u / 16);
  }
}

TEST(FeedbackRuleTest, WhatIsForAPublisherWithoutAnAddressIsCounted) {
  Harness plane;
  PeerOptions options;
  options.rtcp_mux = false;
  options.known_remote = false;
  options.latch = LatchPolicy::kOnce;
  const Peer publisher = plane.add_peer(options);
  RouteOptions route;
  const Peer receiver = plane.add_peer();
  plane.add_route(plane.add_source(publisher, route), receiver, route);
  plane.deliver(publisher, make_rtp({}));
  Bytes block(24);
  store_be32(&block[0], route.ssrc);
  store_be32(&block[8], 100);
  plane.deliver(receiver, compound([&](RtcpWriter& w) { EXPECT_TRUE(w.report(42, {}, block)); }));
  EXPECT_EQ(plane.counters().feedback_forwarded.read(), 0u);
  EXPECT_EQ(plane.counters().feedback_suppressed.read(), 1u);
}

}  // namespace
}  // namespace sluice::dataplane::test
