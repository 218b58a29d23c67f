// Requests for key frames: none is lost, and no receiver's are too many. libsrtp2 plays the SRTP peers.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/dataplane/stages/rtcp_support.h"

namespace sluice::dataplane::test {
namespace {

// What the publisher got: "PLI", or "FIR" and its command number.
using Requests = std::vector<std::string>;

// A plain publisher with SSRC 1000, and receivers with a route each.
struct Video {
  Video() : publisher(plane.add_peer()) {
    route_options.keyframe_on_switch = true;
    source = plane.add_source(publisher, route_options);
  }
  Peer add_viewer(const PeerOptions& options = {}) {
    const Peer viewer = plane.add_peer(options);
    routes.push_back(plane.add_route(source, viewer, route_options));
    return viewer;
  }
  void publish(std::uint32_t ssrc = 1000) {
    rtp.ssrc = ssrc;
    ++rtp.sequence;
    plane.deliver(publisher, make_rtp(rtp));
  }
  // Ends the turn.
  Requests told() {
    Requests out;
    for (const Sent& sent : plane.sent()) {
      if (sent.layers.destination_port != publisher.remote.address.port) continue;
      const auto item = find_item(sent.payload, RtcpType::kPayloadFeedback);
      if (!item) continue;
      out.push_back(item->count == kFeedbackPli ? "PLI" : "FIR " + std::to_string(item->body[12]));
    }
    return out;
  }
  // Over so many turns, `step` seconds each. `act` gets the number of the turn.
  Requests told_while(int turns, double step, auto act) {
    Requests all;
    for (int i = 0; i < turns; ++i) {
      plane.advance(step);
      act(i);
      for (std::string& request : told()) all.push_back(std::move(request));
    }
    return all;
  }
  Requests told_within(double seconds) {
    return told_while(static_cast<int>(seconds / 0.01 + 0.5), 0.01, [](int) {});
  }
  Bytes pli() const {
    return compound([&](RtcpWriter& w) {
      EXPECT_TRUE(w.feedback(RtcpType::kPayloadFeedback, kFeedbackPli, 42, route_options.ssrc, {}));
    });
  }
  Bytes fir(std::uint8_t number) const {
    Bytes entry(8);
    store_be32(&entry[0], route_options.ssrc);
    entry[4] = number;
    return compound([&](RtcpWriter& w) {
      EXPECT_TRUE(w.feedback(RtcpType::kPayloadFeedback, kFeedbackFir, 42, 0, entry));
    });
  }

  Harness plane;
  Peer publisher;
  RouteOptions route_options;
  std::uint32_t source = 0;
  std::vector<std::uint32_t> routes;
  RtpOptions rtp;
};

TEST(KeyframeTest, ARequestThatComesTooSoonIsSentLater) {
  Video video;
  const Peer first = video.add_viewer();
  video.publish();
  EXPECT_EQ(video.told(), Requests{"PLI"}) << "the route was there before the stream";
  video.plane.advance(1);
  video.plane.deliver(first, video.pli());
  EXPECT_EQ(video.told(), Requests{"PLI"});
  video.plane.advance(0.06);
  video.add_viewer();  // the key frame has passed: without another one it sees nothing
  EXPECT_EQ(video.told(), Requests{});
  EXPECT_EQ(video.told_within(0.2), Requests{"PLI"});
  EXPECT_EQ(video.told_within(10), Requests{}) << "each request is sent once";
}

TEST(KeyframeTest, OneReceiversRepetitionsDoNotStarveAnother) {
  Video video;
  const Peer loud = video.add_viewer();
  const Peer quiet = video.add_viewer();
  video.publish();
  video.told();
  video.plane.advance(1);
  const Requests all = video.told_while(250, 0.04, [&](int i) {  // 10 s
    video.plane.deliver(loud, video.fir(7));
    if (i % 12 == 6) video.plane.deliver(quiet, video.pli());
  });
  EXPECT_LE(all.size(), 51u);
  EXPECT_GE(std::count(all.begin(), all.end(), "PLI"), 20) << "one for each of the quiet receiver's 21";
  EXPECT_EQ(std::count(all.begin(), all.end(), "FIR 2"), 0) << "one command";
  EXPECT_EQ(all.front(), "FIR 1");
}

TEST(KeyframeTest, OneReceiverAloneMayAskTwiceASecond) {
  Video video;
  const Peer viewer = video.add_viewer();
  video.publish();
  video.told();
  video.plane.advance(1);
  const Requests all =
      video.told_while(1000, 0.01, [&](int) { video.plane.deliver(viewer, video.pli()); });  // 10 s
  EXPECT_GE(all.size(), 19u);
  EXPECT_LE(all.size(), 21u);
}

TEST(KeyframeTest, ManyReceiversTogetherDoNotExceedTheLimitOfThePublisher) {
  Video video;
  std::vector<Peer> viewers;
  for (int i = 0; i < 50; ++i) viewers.push_back(video.add_viewer());
  video.publish();
  video.told();
  video.plane.advance(1);
  const Requests all = video.told_while(1000, 0.01, [&](int i) {  // 10 s
    video.plane.deliver(viewers[i % viewers.size()], video.pli());
  });
  EXPECT_GE(all.size(), 45u);
  EXPECT_LE(all.size(), 51u);
}

TEST(KeyframeTest, FirNumbersCountUpToThePublisherAndRepeatWhenRepeated) {
  Video video;
  const Peer viewer = video.add_viewer();
  video.publish();
  video.told();
  const std::array<std::uint8_t, 3> numbers{200, 200, 201};
  const Requests all = video.told_while(
      3, 1, [&](int i) { video.plane.deliver(viewer, video.fir(numbers[static_cast<std::size_t>(i)])); });
  EXPECT_EQ(all, (Requests{"FIR 1", "FIR 1", "FIR 2"}));
}

// Routes are usually there before the receiver's DTLS is done. The key frame of the first request is lost.
TEST(KeyframeTest, AReceiverThatBecomesReadyAsksAgain) {
  Video video;
  video.publish();
  PeerOptions late;
  late.kind = EndpointKind::kSdes;
  late.keys_ready = false;
  const Peer viewer = video.add_viewer(late);
  EXPECT_EQ(video.told(), Requests{"PLI"});
  video.plane.advance(2);
  video.publish();
  EXPECT_EQ(video.plane.drops(DropReason::kReceiverNotReady), 1u);
  video.plane.make_keys_ready(viewer);
  EXPECT_EQ(video.told(), Requests{"PLI"});
}

TEST(KeyframeTest, AReceiverWhoseAddressBecomesKnownAsksAgain) {
  Video video;
  video.publish();
  PeerOptions late;
  late.known_remote = false;
  late.latch = LatchPolicy::kOnce;
  const Peer viewer = video.add_viewer(late);
  EXPECT_EQ(video.told(), Requests{"PLI"});
  video.plane.advance(2);
  RtpOptions voice;
  voice.ssrc = 77;
  video.plane.deliver(viewer, make_rtp(voice));
  EXPECT_EQ(video.told(), Requests{"PLI"});
}

TEST(KeyframeTest, ARequestWaitsUntilThePublisherCanBeSentTo) {
  Harness plane;
  PeerOptions unknown;
  unknown.kind = EndpointKind::kSdes;
  unknown.known_remote = false;
  const Peer publisher = plane.add_peer(unknown);
  RouteOptions options;
  options.keyframe_on_switch = true;
  const Peer viewer = plane.add_peer();
  plane.add_route(plane.add_source(publisher, options), viewer, options);
  Oracle sender(publisher.to_sluice, false);
  Oracle receiver(publisher.from_sluice, true);
  plane.deliver(publisher, sender.protect(make_rtp({})));
  std::size_t reports = plane.counters().reports.read();
  EXPECT_EQ(reports, 0u);
  plane.advance(1);
  Command known;
  known.kind = CommandKind::kSetRemote;
  known.ref = {publisher.slot, 1};
  known.remote = make_header_template(publisher.local, publisher.remote, 0, 0);
  plane.command(known);
  std::size_t plis = 0;
  for (const Sent& sent : plane.sent())
    if (const auto plain = receiver.unprotect_rtcp(sent.payload))
      plis += find_item(*plain, RtcpType::kPayloadFeedback).has_value();
  EXPECT_EQ(plis, 1u);
}

// The feeder falls silent, and a stream that was there before takes the source: it is in the middle of a
// group of pictures.
TEST(KeyframeTest, AnotherRunningStreamThatFeedsTheSourceIsAsked) {
  Video video;
  video.add_viewer();
  video.publish(2000);
  video.publish(2000);
  video.publish(1000);
  for (int i = 0; i < 20; ++i) video.publish(1000);
  video.told();
  for (int i = 0; i < 100; ++i) {
    video.plane.advance(0.02);
    video.publish(2000);
  }
  const StreamSlot& back = video.plane.memory().streams[0];
  ASSERT_EQ(back.ssrc.load(), 2000u);
  EXPECT_EQ(video.plane.memory().sources[video.source].stream, 0u);
  EXPECT_EQ(back.plis.read() + video.told().size(), 2u) << "when it began, and when it came back";
}

// A packet that came here and is lost behind us cannot be had again: the publisher's retransmission would be
// dropped as a replay.
TEST(KeyframeTest, ANackForWhatCannotBeHadAgainAsksForAKeyframe) {
  for (const bool is_video : {true, false}) {
    Video video;
    video.route_options.keyframe_on_switch = is_video;
    const Peer viewer = video.add_viewer();
    for (int i = 0; i < 10; ++i) video.publish();
    video.told();
    video.plane.advance(2);
    Bytes nack(4);
    store_be16(&nack[0], 103);
    const Bytes asking = compound([&](RtcpWriter& w) {
      EXPECT_TRUE(
          w.feedback(RtcpType::kTransportFeedback, kFeedbackNack, 42, video.route_options.ssrc, nack));
    });
    Requests all;
    for (int i = 0; i < 500; ++i) {  // 10 s, while losses go on
      video.plane.advance(0.02);
      video.publish();
      video.plane.deliver(viewer, asking);
      for (const Sent& sent : video.plane.sent()) {
        EXPECT_FALSE(find_item(sent.payload, RtcpType::kTransportFeedback)) << "no NACK goes on";
        if (find_item(sent.payload, RtcpType::kPayloadFeedback)) all.push_back("PLI");
      }
    }
    if (is_video) {
      EXPECT_GE(all.size(), 9u);
      EXPECT_LE(all.size(), 11u) << "once a second";
    } else {
      EXPECT_EQ(all, Requests{}) << "audio has no key frames";
    }
  }
}

// A slot in the queue may get another stream before its turn.
TEST(KeyframeTest, AStreamThatEndsLeavesTheQueueInOrder) {
  Video video;
  const Peer viewer = video.add_viewer();
  video.publish();
  video.told();
  video.plane.advance(1);
  video.plane.deliver(viewer, video.pli());
  video.told();
  video.plane.deliver(viewer, video.pli());  // waits
  Command idle;
  idle.kind = CommandKind::kStreamIdle;
  idle.ref = {0, video.plane.memory().streams[0].tenancy.load()};
  video.plane.command(idle);
  EXPECT_EQ(video.told_within(2), Requests{});
  video.publish(3000);
  ASSERT_EQ(video.plane.memory().streams[0].ssrc.load(), 3000u);
  video.told();
  video.plane.advance(1);
  video.plane.deliver(viewer, video.pli());
  EXPECT_EQ(video.told(), Requests{"PLI"});
  video.plane.deliver(viewer, video.pli());
  EXPECT_EQ(video.told_within(2), Requests{"PLI"});
}

}  // namespace
}  // namespace sluice::dataplane::test
