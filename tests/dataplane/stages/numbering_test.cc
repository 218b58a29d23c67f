// Outgoing numbers: what a route takes out leaves no hole, and no index ever stands for two packets. A sender
// that restarts is followed, and what follows a digit comes after its end.
#include "dataplane/stages/numbering.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <set>

#include "dataplane/wire/rtcp.h"
#include "tests/dataplane/stages/rtcp_support.h"
#include "tests/support/harness.h"

namespace sluice::dataplane::test {
namespace {

// Random streams with late packets, losses and packets that are taken out, against a record of all numbers.
TEST(NumberingTest, NoOutgoingIndexEverStandsForTwoPackets) {
  std::mt19937_64 random(4733);
  std::uint64_t taken_back = 0;
  for (int round = 0; round < 300; ++round) {
    RouteSlot route{};
    std::uint64_t newest = random() % 100'000;
    start_numbering(route, newest, 1000);
    route.highest_index.set(1000);
    std::map<std::uint64_t, std::uint64_t> sent{{1000, newest}};  // outgoing -> incoming
    std::set<std::uint64_t> came{newest};
    for (int i = 0; i < 400; ++i) {
      const bool late = random() % 4 == 0;
      const std::uint64_t incoming =
          late ? newest - std::min(newest, 1 + random() % 20) : newest + 1 + random() % 3;
      if (!came.insert(incoming).second) continue;  // a replay never comes here
      newest = std::max(newest, incoming);
      if (random() % 4 == 0) {
        if (incoming >= route.segment_from && incoming + route.index_delta > route.highest_index.read())
          skip_number(route, incoming);
        continue;
      }
      const auto outgoing = outgoing_index(route, incoming);
      if (!outgoing || *outgoing < route.base_index) continue;
      ASSERT_TRUE(sent.emplace(*outgoing, incoming).second) << "index " << *outgoing << " twice";
      route.highest_index.set(std::max(route.highest_index.read(), *outgoing));
    }
    for (const auto& [outgoing, incoming] : sent) {
      const auto back = incoming_index(route, outgoing);
      if (!back) continue;  // older than the segment that is remembered
      ASSERT_EQ(*back, incoming) << "index " << outgoing;
      ++taken_back;
    }
  }
  EXPECT_GT(taken_back, 1000u);
}

class FilterTest : public ::testing::Test {
 protected:
  FilterTest() {
    PeerOptions secure;
    secure.kind = EndpointKind::kWebrtc;  // packets are kept for it from the begin
    from_ = plane_.add_peer();
    to_ = plane_.add_peer(secure);
    RouteOptions options;
    options.payload_types = {{0, 0}};
    options.retransmit = true;
    plane_.add_route(plane_.add_source(from_, options), to_, options);
    receiver_ = std::make_unique<Oracle>(to_.from_sluice, true, 128);
  }
  Bytes packet(std::uint16_t sequence, std::uint8_t type) {
    RtpOptions rtp;
    rtp.sequence = sequence;
    rtp.timestamp = 160u * sequence;
    rtp.payload_type = type;
    return make_rtp(rtp);
  }
  // The outgoing numbers of what left, as a strict receiver takes it.
  std::vector<std::uint16_t> send(std::uint16_t sequence, std::uint8_t type) {
    plane_.deliver(from_, packet(sequence, type));
    plane_.advance(0.02);
    std::vector<std::uint16_t> numbers;
    for (const Sent& sent : plane_.sent()) {
      sealed_[load_be16(&sent.payload[2])] = sent.payload;
      const auto plain = receiver_->unprotect(sent.payload);
      EXPECT_TRUE(plain) << "libsrtp2 refuses: " << receiver_->last_status();
      if (plain) numbers.push_back(load_be16(&(*plain)[2]));
    }
    return numbers;
  }

  Harness plane_;
  Peer from_, to_;
  std::unique_ptr<Oracle> receiver_;
  std::map<std::uint16_t, Bytes> sealed_;  // as it left, by its number
};

TEST_F(FilterTest, WhatTheRouteTakesOutLeavesNoHole) {
  std::uint16_t expected = 100;
  for (std::uint16_t i = 1; i < 200; ++i) {
    const bool noise = i % 5 == 4 || i % 17 == 0 || (i > 100 && i < 113);
    const auto numbers = send(i, noise ? 13 : 0);
    if (noise) {
      EXPECT_TRUE(numbers.empty());
    } else {
      ASSERT_EQ(numbers, std::vector<std::uint16_t>{expected++}) << i;
    }
  }
}

TEST_F(FilterTest, ARealLossStaysALoss) {
  EXPECT_EQ(send(1, 0), std::vector<std::uint16_t>{100});
  send(3, 13);  // 2 is lost
  EXPECT_EQ(send(4, 0), std::vector<std::uint16_t>{102});
}

TEST_F(FilterTest, WhatComesLateHasItsPlace) {
  EXPECT_EQ(send(1, 0), std::vector<std::uint16_t>{100});
  EXPECT_EQ(send(3, 0), std::vector<std::uint16_t>{102});
  send(4, 13);
  EXPECT_EQ(send(5, 0), std::vector<std::uint16_t>{103});
  EXPECT_EQ(send(2, 0), std::vector<std::uint16_t>{101}) << "late, from before the packet that was taken out";
  send(7, 13);
  EXPECT_EQ(send(6, 0), std::vector<std::uint16_t>{104});
  EXPECT_EQ(send(8, 0), std::vector<std::uint16_t>{105});
}

// The nonce is spent: what is sent again is the same packet, byte for byte.
TEST_F(FilterTest, WhatIsSentAgainIsWhatWasSent) {
  for (std::uint16_t i = 1; i < 60; ++i) send(i, i % 7 == 0 ? 13 : 0);
  const std::uint16_t newest = sealed_.rbegin()->first;
  Oracle asker(to_.to_sluice, false, 128);
  int again = 0;
  for (std::uint16_t number = 100; number <= newest; ++number) {
    Bytes entry(4);
    store_be16(entry.data(), number);
    const Bytes nack = compound([&](RtcpWriter& writer) {
      EXPECT_TRUE(writer.feedback(RtcpType::kTransportFeedback, kFeedbackNack, 7, 0x51000000, entry));
    });
    plane_.deliver(to_, asker.protect_rtcp(nack));
    plane_.advance(0.02);
    for (const Sent& sent : plane_.sent()) {
      if (sent.payload[1] >= 192 && sent.payload[1] < 224) continue;
      EXPECT_EQ(sent.payload, sealed_[load_be16(&sent.payload[2])]);
      EXPECT_EQ(load_be16(&sent.payload[2]), number);
      ++again;
    }
  }
  EXPECT_GE(again, 6) << "those of the present segment and of the one before";
}

// ---- senders that restart

TEST(RestartTest, ASenderThatRestartsALittleBehindIsFollowed) {
  for (const std::uint32_t timestamp : {900'000u, 0u}) {
    Harness plane;
    const Peer from = plane.add_peer(), to = plane.add_peer();
    plane.add_route(plane.add_source(from, {}), to, {});
    RtpOptions rtp;
    const auto say = [&](std::uint16_t first, int packets) {
      int heard = 0;
      for (int i = 0; i < packets; ++i) {
        rtp.sequence = static_cast<std::uint16_t>(first + i);
        plane.deliver(from, make_rtp(rtp));
        rtp.timestamp += 160;
        plane.advance(0.02);
        heard += static_cast<int>(plane.sent().size());
      }
      return heard;
    };
    EXPECT_EQ(say(1, 60), 60);
    rtp.timestamp = timestamp;
    EXPECT_GE(say(1, 100), 97);
    EXPECT_GE(say(1, 30), 24) << "and once more: the first three are late packets of the run before";
  }
}

// A network that duplicates, and a publisher that answers NACKs: no restart.
TEST(RestartTest, RepeatedPacketsAreDropped) {
  Harness plane;
  const Peer from = plane.add_peer(), to = plane.add_peer();
  plane.add_route(plane.add_source(from, {}), to, {});
  RtpOptions rtp;
  int heard = 0, sent = 0;
  const auto deliver = [&](std::uint16_t sequence) {
    rtp.sequence = sequence;
    plane.deliver(from, make_rtp(rtp));
    heard += static_cast<int>(plane.sent().size());
  };
  for (std::uint16_t i = 1; i <= 300; ++i) {
    deliver(i);
    ++sent;
    if (i > 20) deliver(static_cast<std::uint16_t>(i - 20));  // each once more, later
    if (i % 50 == 0)
      for (std::uint16_t again = 15; again > 0; --again)
        deliver(static_cast<std::uint16_t>(i - again));  // at once
    plane.advance(0.02);
  }
  EXPECT_EQ(heard, sent);
}

// The last packet of the old run and the first ones of the new come in one batch. The receiver is strict
// SRTP.
TEST(RestartTest, ARestartWithinABatchKeepsTheReceiver) {
  Harness plane;
  PeerOptions secure;
  secure.kind = EndpointKind::kSdes;
  const Peer from = plane.add_peer(), to = plane.add_peer(secure);
  plane.add_route(plane.add_source(from, {}), to, {});
  Oracle receiver(to.from_sluice, true, 64);
  RtpOptions rtp;
  int opened = 0, refused = 0;
  const auto take = [&] {
    for (const Sent& sent : plane.sent()) (receiver.unprotect(sent.payload) ? opened : refused) += 1;
  };
  const auto frame = [&](std::uint16_t sequence) {
    rtp.sequence = sequence;
    rtp.timestamp += 160;
    return plane.frame_from(from, make_rtp(rtp));
  };
  for (std::uint16_t i = 0; i < 5; ++i) {
    const auto old_run = static_cast<std::uint16_t>(20'000 + 10'000 * i);
    for (std::uint16_t n = 0; n < 20; ++n) {
      plane.deliver_frames({frame(static_cast<std::uint16_t>(old_run + n))});
      plane.advance(0.02);
      take();
    }
    std::vector<Bytes> batch{frame(static_cast<std::uint16_t>(old_run + 20))};
    for (std::uint16_t n = 0; n < 4; ++n) batch.push_back(frame(static_cast<std::uint16_t>(5 + n)));
    batch.push_back(frame(static_cast<std::uint16_t>(old_run + 21)));
    plane.deliver_frames(batch);
    take();
  }
  EXPECT_EQ(refused, 0);
  EXPECT_GE(opened, 5 * 20);
}

// ---- timestamps

// RFC 4733 2.5.1.2: all packets of a digit have the timestamp of its beginning.
TEST(TimestampTest, WhatFollowsADigitComesAfterItsEnd) {
  RouteOptions options;
  options.clock_rate = 8000;
  Harness plane;
  const Peer a = plane.add_peer(), b = plane.add_peer(), to = plane.add_peer();
  const auto source_a = plane.add_source(a, options), source_b = plane.add_source(b, options);
  const auto route = plane.add_route(source_a, to, options);
  RtpOptions digit;
  digit.payload_type = 101;
  digit.timestamp = 16'000;
  std::uint32_t begin = 0;
  for (int i = 0; i < 100; ++i, ++digit.sequence) {  // two seconds: 16,000 units
    plane.deliver(a, make_rtp(digit));
    for (const Sent& sent : plane.sent()) begin = load_be32(&sent.payload[4]);
    plane.advance(0.02);
  }
  plane.switch_route(route, source_b);
  RtpOptions voice;
  voice.ssrc = 5000;
  plane.deliver(b, make_rtp(voice));
  const auto sent = plane.sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_NEAR(load_be32(&sent[0].payload[4]) - begin, 16'000, 1);
}

}  // namespace
}  // namespace sluice::dataplane::test
