// RTCP between workers: sender reports to receivers on another worker, and the RTCP of those receivers to the
// publisher.
#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include "tests/dataplane/stages/lend_fixture.h"
#include "tests/dataplane/stages/rtcp_support.h"

namespace sluice::dataplane::test {
namespace {

// A publisher that has sent 7000 and 7001, which left as 100 and 101.
class LendFeedbackTest : public ::testing::TestWithParam<crypto::SrtpProfile> {
 protected:
  LendFeedbackTest()
      : room(GetParam()), near(room.add_receiver(room.home)), far(room.add_receiver(room.away)) {
    for (const std::uint16_t sequence : {7000, 7001}) {
      RtpOptions rtp;
      rtp.sequence = sequence;
      rtp.timestamp = 50000;
      room.publish(rtp);
    }
    room.settle();
    room.home.sent();
    room.away.sent();
  }
  void TearDown() override { room.settle(); }
  std::vector<Bytes> far_says(const Bytes& packet) {
    room.receiver_says(far, packet);
    room.settle();
    return room.told();
  }
  Bytes pli() const {
    return compound([&](RtcpWriter& w) {
      EXPECT_TRUE(w.feedback(RtcpType::kPayloadFeedback, kFeedbackPli, 42, room.route_options.ssrc, {}));
    });
  }
  Bytes fir(std::uint8_t number) const {
    Bytes entry(8);
    store_be32(&entry[0], room.route_options.ssrc);
    entry[4] = number;
    return compound([&](RtcpWriter& w) {
      EXPECT_TRUE(w.feedback(RtcpType::kPayloadFeedback, kFeedbackFir, 42, 0, entry));
    });
  }
  void advance(double seconds) {
    room.home.advance(seconds);
    room.away.advance(seconds);
  }
  const StreamSlot& stream() { return room.home.memory().streams[0]; }

  Room room;
  Receiver& near;
  Receiver& far;
};
INSTANTIATE_TEST_SUITE_P(Profiles, LendFeedbackTest, ::testing::ValuesIn(crypto::kAllSrtpProfiles));

TEST_P(LendFeedbackTest, SenderReportsReachReceiversOnBothWorkers) {
  Bytes info(20);
  store_be32(&info[0], 0xe0000001);
  store_be32(&info[4], 0x80000000);
  store_be32(&info[8], 50000);
  const std::string_view name = "publisher@example";
  room.publish_rtcp(compound([&](RtcpWriter& w) {
    EXPECT_TRUE(w.report(1000, info, {}));
    EXPECT_TRUE(w.cname(1000, {reinterpret_cast<const std::uint8_t*>(name.data()), name.size()}));
  }));
  room.settle();
  for (Receiver* receiver : {&near, &far}) {
    const auto got = Room::opened(receiver->plane->sent(), *receiver, true);
    ASSERT_EQ(got.size(), 1u);
    const auto sr = find_item(got[0], RtcpType::kSenderReport);
    ASSERT_TRUE(sr);
    EXPECT_EQ(load_be32(&sr->body[0]), room.route_options.ssrc);
    EXPECT_EQ(load_be32(&sr->body[4]), 0xe0000001u);
    EXPECT_EQ(load_be32(&sr->body[16]), 2u) << "its own count of packets";
    const auto sdes = find_item(got[0], RtcpType::kSourceDescription);
    ASSERT_TRUE(sdes);
    const auto found = find_cname(*sdes, room.route_options.ssrc);
    EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(found.data()), found.size()), name);
  }
}

TEST_P(LendFeedbackTest, AReceiverReportReachesThePublisherWithItsOwnNumbers) {
  Bytes block(24);
  store_be32(&block[0], room.route_options.ssrc);
  store_be32(&block[4], 0x10000002);
  store_be32(&block[8], 101);
  store_be32(&block[12], 33);
  store_be32(&block[16], 0x12345678);
  Bytes info(20);
  store_be32(&info[2], 0x12345678);
  room.publish_rtcp(compound([&](RtcpWriter& w) { EXPECT_TRUE(w.report(1000, info, {})); }));
  room.settle();
  room.home.sent();
  room.away.sent();
  const Bytes report = compound([&](RtcpWriter& w) { EXPECT_TRUE(w.report(42, {}, block)); });
  const auto got = far_says(report);
  ASSERT_EQ(got.size(), 1u);
  const auto rr = find_item(got[0], RtcpType::kReceiverReport);
  ASSERT_TRUE(rr);
  ASSERT_EQ(rr->count, 1);
  EXPECT_EQ(load_be32(&rr->body[4]), 1000u);
  EXPECT_EQ(load_be32(&rr->body[8]), 0x10000002u);
  EXPECT_EQ(load_be32(&rr->body[12]), 7001u);
  EXPECT_EQ(load_be32(&rr->body[16]), 33u);
  EXPECT_EQ(load_be32(&rr->body[20]), 0x12345678u);
  // Receivers of both workers share the limit of ten reports a second.
  room.receiver_says(near, report);
  EXPECT_TRUE(room.told().empty());
  EXPECT_EQ(room.home.counters().feedback_suppressed.read(), 1u);
}

TEST_P(LendFeedbackTest, NackPliAndFirReachThePublisher) {
  RtpOptions rtp;
  rtp.sequence = 7003;
  room.publish(rtp);
  room.settle();
  room.home.sent();
  room.away.sent();
  Bytes nack(8);
  store_be16(&nack[0], 101);
  store_be16(&nack[2], 1);
  store_be16(&nack[4], 50);
  // The route does not retransmit, so the NACK goes to the publisher.
  auto got = far_says(compound([&](RtcpWriter& w) {
    EXPECT_TRUE(w.feedback(RtcpType::kTransportFeedback, kFeedbackNack, 42, room.route_options.ssrc, nack));
  }));
  ASSERT_EQ(got.size(), 1u);
  auto item = find_item(got[0], RtcpType::kTransportFeedback);
  ASSERT_TRUE(item);
  ASSERT_EQ(item->body.size(), 12u);
  EXPECT_EQ(load_be32(&item->body[4]), 1000u);
  EXPECT_EQ(load_be16(&item->body[8]), 7002) << "7001 came, 7002 did not";
  EXPECT_EQ(load_be16(&item->body[10]), 0);
  EXPECT_EQ(stream().nacks.read(), 1u);

  got = far_says(pli());
  ASSERT_EQ(got.size(), 1u);
  item = find_item(got[0], RtcpType::kPayloadFeedback);
  ASSERT_TRUE(item);
  EXPECT_EQ(item->count, kFeedbackPli);
  EXPECT_EQ(load_be32(&item->body[4]), 1000u);
  EXPECT_EQ(stream().plis.read(), 1u);

  std::vector<int> sequence;
  for (const std::uint8_t number : {200, 200, 201}) {
    advance(1);
    got = far_says(fir(number));
    ASSERT_EQ(got.size(), 1u);
    item = find_item(got[0], RtcpType::kPayloadFeedback);
    EXPECT_EQ(item->count, kFeedbackFir);
    EXPECT_EQ(load_be32(&item->body[8]), 1000u);
    sequence.push_back(item->body[12]);
  }
  EXPECT_EQ(sequence, (std::vector<int>{1, 1, 2}));
  EXPECT_EQ(stream().firs.read(), 3u);
}

// Receivers of all workers miss a packet that was lost on its way here.
TEST_P(LendFeedbackTest, NacksOfManyWorkersAreOne) {
  for (const std::uint16_t sequence : {7003, 7006}) {
    RtpOptions rtp;
    rtp.sequence = sequence;
    room.publish(rtp);
  }
  room.settle();
  const auto nack = [&](std::uint16_t sequence, std::uint16_t more) {
    Bytes entry(4);
    store_be16(&entry[0], sequence);
    store_be16(&entry[2], more);
    return compound([&](RtcpWriter& w) {
      EXPECT_TRUE(
          w.feedback(RtcpType::kTransportFeedback, kFeedbackNack, 42, room.route_options.ssrc, entry));
    });
  };
  room.receiver_says(near, nack(102, 0));
  ASSERT_EQ(room.told().size(), 1u);
  EXPECT_TRUE(far_says(nack(102, 0)).empty());
  EXPECT_EQ(room.home.counters().feedback_suppressed.read(), 1u);
  advance(0.1);
  room.receiver_says(far, nack(102, 0b110));  // 7002, 7004 and 7005
  RtpOptions late;
  late.sequence = 7004;
  room.publish(late);
  room.settle();
  const auto got = room.told();
  ASSERT_EQ(got.size(), 1u);
  const auto item = find_item(got[0], RtcpType::kTransportFeedback);
  ASSERT_TRUE(item);
  ASSERT_EQ(item->body.size(), 12u);
  EXPECT_EQ(load_be16(&item->body[8]), 7002);
  EXPECT_EQ(load_be16(&item->body[10]), 0b100) << "7005; 7004 has come meanwhile";
}

// The borrower caches packets for its own receivers.
TEST_P(LendFeedbackTest, ALostPacketIsSentAgainByTheBorrower) {
  RouteOptions options = room.route_options;
  options.retransmit = true;
  options.ssrc = 0x52000000;
  room.away.add_route(room.mirror(), far.peer, options);
  const auto ask = [&](std::uint16_t sequence) {
    Bytes nack(4);
    store_be16(&nack[0], sequence);
    return far_says(compound([&](RtcpWriter& w) {
      EXPECT_TRUE(w.feedback(RtcpType::kTransportFeedback, kFeedbackNack, 42, options.ssrc, nack));
    }));
  };
  for (const std::uint16_t sequence : {7002, 7003, 7005}) {
    RtpOptions rtp;
    rtp.sequence = sequence;
    room.publish(rtp);
    room.settle();
    if (sequence == 7002) {
      EXPECT_TRUE(ask(50).empty()) << "so that packets are kept";
    }
  }
  EXPECT_EQ(Room::opened(room.away.sent(), far).size(), 6u);
  EXPECT_TRUE(ask(101).empty()) << "7003 is in the cache";
  EXPECT_EQ(room.away.counters().retransmitted.read(), 1u);
  EXPECT_FALSE(room.away.sent().empty());
  const auto got = ask(102);
  ASSERT_EQ(got.size(), 1u) << "7004 never came";
  const auto item = find_item(got[0], RtcpType::kTransportFeedback);
  ASSERT_TRUE(item);
  EXPECT_EQ(load_be32(&item->body[4]), 1000u);
  EXPECT_EQ(load_be16(&item->body[8]), 7004);
}

TEST_P(LendFeedbackTest, KeyframeRequestsOfManyWorkersAreOneWithinAMoment) {
  room.receiver_says(near, pli());
  EXPECT_EQ(room.told().size(), 1u);
  EXPECT_TRUE(far_says(pli()).empty());
  advance(0.25);
  room.settle();
  EXPECT_EQ(room.told().size(), 1u) << "the one that came too soon";
}

// A receiver of the other worker also gets a key frame when another publisher feeds its source.
TEST_P(LendFeedbackTest, AChangeOfThePublishersStreamAsksForAKeyframe) {
  RouteOptions options = room.route_options;
  options.keyframe_on_switch = true;
  options.ssrc = 0x52000000;
  room.away.add_route(room.mirror(), far.peer, options);
  room.settle();
  room.told();
  advance(1);
  RtpOptions rtp;
  rtp.ssrc = 2000;
  room.publish(rtp);
  room.settle();
  const auto got = room.told();
  ASSERT_EQ(got.size(), 1u);
  const auto item = find_item(got[0], RtcpType::kPayloadFeedback);
  ASSERT_TRUE(item);
  EXPECT_EQ(load_be32(&item->body[4]), 2000u);
}

TEST_P(LendFeedbackTest, ASwitchAcrossWorkersAsksForAKeyframe) {
  RouteOptions options = room.route_options;
  options.keyframe_on_switch = true;
  options.ssrc = 0x52000000;
  room.away.add_route(room.mirror(), far.peer, options);
  room.settle();
  const auto got = room.told();
  ASSERT_EQ(got.size(), 1u);
  EXPECT_TRUE(find_item(got[0], RtcpType::kPayloadFeedback));
}

TEST_P(LendFeedbackTest, FeedbackForAStreamThatHasGoneGoesNowhere) {
  room.receiver_says(far, pli());
  Command remove;
  remove.kind = CommandKind::kRemoveEndpoint;
  remove.ref = {room.publisher.slot, 1};
  room.home.command(remove);
  room.settle();
  EXPECT_EQ(room.home.counters().feedback_unmatched.read() + stream().plis.read(), 1u);
}

// A wrong reference from another worker touches nothing outside the tables.
TEST_P(LendFeedbackTest, ReferencesOutOfRangeLeadNowhere) {
  auto& ring = room.home.steering().loans(1, 0);
  for (const LoanKind kind :
       {LoanKind::kPacket, LoanKind::kSenderReport, LoanKind::kFeedback, LoanKind::kKeyframe}) {
    Loan loan;
    loan.kind = kind;
    loan.mbuf = rte_pktmbuf_alloc(room.away.pool());
    loan.data = rte_pktmbuf_mtod(loan.mbuf, std::uint8_t*);
    loan.source = {1u << 30, 1};
    loan.stream = {1u << 30, 1, 0};
    ASSERT_TRUE(ring.push(loan));
    room.away.counters().lends.add();
    room.away.counters().lent.add();
    ++room.away.worker().state().lending.out[0];
  }
  room.settle();
  EXPECT_TRUE(room.told().empty());
}

}  // namespace
}  // namespace sluice::dataplane::test
