// What signalling decides again in the middle of a call (kUpdateEndpoint): the keys of either side, SRTP or
// plain RTP, the port of RTCP. Nothing is lost, no nonce repeats, and the receiver's sequence goes on.
#include <gtest/gtest.h>

#include "dataplane/wire/rtp.h"
#include "tests/dataplane/stages/call_fixture.h"

namespace sluice::dataplane::test {
namespace {

using crypto::SrtpProfile;

std::uint16_t sequence_of(const Bytes& packet) {
  return load_be16(&packet[2]);
}

EndpointTerms with_new_receive(const Harness& plane, const Peer& peer) {
  EndpointTerms terms = plane.terms_of(peer);
  terms.new_receive = true;
  return terms;
}

EndpointTerms with_new_send(const Harness& plane, const Peer& peer) {
  EndpointTerms terms = plane.terms_of(peer);
  terms.new_send = terms.send_restarts = true;
  return terms;
}

EndpointTerms of_kind(const Harness& plane, const Peer& peer, EndpointKind kind) {
  EndpointTerms terms = plane.terms_of(peer);
  terms.kind = kind;
  return terms;
}

class SignalledTest : public ::testing::TestWithParam<SrtpProfile> {};
INSTANTIATE_TEST_SUITE_P(Profiles, SignalledTest, ::testing::ValuesIn(crypto::kAllSrtpProfiles));

// RFC 3711 8.1: another key is another context. The sender's roll-over counter is zero again, although its
// sequence numbers go on.
TEST_P(SignalledTest, ANewReceiveKeyLosesNothingAndStartsWithARolloverOfZero) {
  Harness plane;
  PeerOptions options;
  options.kind = EndpointKind::kSdes;
  options.profile = GetParam();
  Peer from = plane.add_peer(options);
  const Peer to = plane.add_peer();
  const std::uint32_t source = plane.add_source(from, {});
  plane.add_route(source, to, {});
  RtpOptions rtp;
  rtp.sequence = 65500;
  std::optional<std::uint16_t> last;
  const auto talk = [&](Oracle& sender, int packets) {
    for (int i = 0; i < packets; ++i) {
      plane.deliver(from, sender.protect(make_rtp(rtp)));
      ++rtp.sequence;
      const auto sent = plane.sent();
      ASSERT_EQ(sent.size(), 1u) << "packet " << i;
      if (last) {
        ASSERT_EQ(sequence_of(sent[0].payload), static_cast<std::uint16_t>(*last + 1));
      }
      last = sequence_of(sent[0].payload);
      plane.advance(kPacketTime);
    }
  };
  Oracle former(from.to_sluice, false, 1024);
  talk(former, 100);  // past the wrap
  const Bytes late = former.protect(make_rtp(rtp));
  from.to_sluice = make_master(GetParam(), 77);
  plane.update(from, with_new_receive(plane, from));
  plane.deliver(from, late);
  EXPECT_EQ(plane.drops(DropReason::kAuthFailed), 1u) << "the former key is over";
  Oracle sender(from.to_sluice, false, 1024);
  talk(sender, 100);
  EXPECT_EQ(plane.drops(DropReason::kAuthFailed), 1u);
}

// A receiver that has just learned a key begins with a roll-over counter of zero.
TEST_P(SignalledTest, ANewSendKeyStartsWithARolloverOfZeroAndTheSequenceGoesOn) {
  for (const std::uint64_t first_index : {65530u, 65526u}) {  // at the key 65540; 65536: the next number is 0
    Harness plane;
    PeerOptions options;
    options.kind = EndpointKind::kSdes;
    options.profile = GetParam();
    const Peer from = plane.add_peer();
    Peer to = plane.add_peer(options);
    RouteOptions route;
    route.first_index = first_index;
    const std::uint32_t source = plane.add_source(from, route);
    const std::uint32_t route_slot = plane.add_route(source, to, route);
    RtpOptions rtp;
    std::optional<std::uint16_t> last;
    int left_out = 0;
    const auto talk = [&](Oracle& receiver, int packets) {
      for (int i = 0; i < packets; ++i) {
        plane.deliver(from, make_rtp(rtp));
        ++rtp.sequence;
        const auto sent = plane.sent();
        ASSERT_EQ(sent.size(), 1u);
        const auto got = receiver.unprotect(sent[0].payload);
        ASSERT_TRUE(got) << "packet " << i << ": libsrtp2 status " << receiver.last_status();
        if (last) left_out += static_cast<std::uint16_t>(sequence_of(*got) - *last - 1);
        last = sequence_of(*got);
        plane.advance(kPacketTime);
      }
    };
    Oracle before(to.from_sluice, true);
    talk(before, 10);
    const std::uint64_t rtcp_index = plane.memory().endpoints[to.slot].rtcp_index.read();
    to.from_sluice = make_master(GetParam(), 78);
    plane.update(to, with_new_send(plane, to));
    Oracle after(to.from_sluice, true);
    talk(after, 70);
    EXPECT_EQ(left_out, first_index == 65526u ? 1 : 0);
    EXPECT_LT(plane.memory().routes[route_slot].highest_index.read(), 65536u);
    EXPECT_GE(plane.memory().endpoints[to.slot].rtcp_index.read(), rtcp_index);
  }
}

TEST(SignalledPlainTest, TheSameTermsChangeNothing) {
  Call call(EndpointKind::kSdes);
  RtpOptions rtp = talker(1000);
  EXPECT_EQ(call.talk(rtp, 10), 10);
  const Bytes recorded = call.sealed(rtp);
  EXPECT_EQ(call.deliver(recorded), 1);
  Call::next(rtp);
  call.plane.update(call.from, call.plane.terms_of(call.from));
  call.plane.update(call.to, call.plane.terms_of(call.to));
  EXPECT_EQ(call.deliver(recorded), 0) << "a replay";
  EXPECT_EQ(call.talk(rtp, 10), 10);
  EXPECT_EQ(call.plane.memory().routes[0].switches.read(), 0u);
}

TEST(SignalledPlainTest, AReportThatWaitsLeavesUnderTheFormerKey) {
  Harness plane;
  PeerOptions options;
  options.kind = EndpointKind::kSdes;
  const Peer from = plane.add_peer();
  Peer to = plane.add_peer(options);
  const std::uint32_t source = plane.add_source(from, {});
  Command remove;
  remove.kind = CommandKind::kRemoveRoute;
  remove.ref = {plane.add_route(source, to, {}), 1};
  Oracle former(to.from_sluice, true);
  const RtpOptions rtp = talker(1000);
  plane.deliver(from, make_rtp(rtp));
  ASSERT_EQ(plane.sent().size(), 1u);
  // The BYE of the route waits for the end of the turn.
  ASSERT_TRUE(plane.memory().commands.push(remove));
  to.from_sluice = make_master(options.profile, 81);
  plane.update(to, with_new_send(plane, to));
  const auto sent = plane.sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_TRUE(former.unprotect_rtcp(sent[0].payload)) << "status " << former.last_status();
}

// RFC 4585: what was sent under the former key is not sent again under the new one.
TEST(SignalledPlainTest, NothingOfBeforeIsSentAgainUnderANewKey) {
  RouteOptions route;
  route.retransmit = true;
  Harness plane;
  PeerOptions options;
  options.kind = EndpointKind::kWebrtc;  // packets are kept for it from the begin
  const Peer from = plane.add_peer();
  Peer to = plane.add_peer(options);
  const std::uint32_t source = plane.add_source(from, route);
  plane.add_route(source, to, route);
  RtpOptions rtp;
  for (int i = 0; i < 10; ++i) {
    plane.deliver(from, make_rtp(rtp));
    ++rtp.sequence;
    static_cast<void>(plane.sent());
    plane.advance(kPacketTime);
  }
  Oracle receiver(to.to_sluice, false);
  const auto nack = [&](std::uint16_t sequence) {
    Bytes fci(4, 0);
    store_be16(fci.data(), sequence);
    const Bytes plain = compound([&](RtcpWriter& writer) {
      EXPECT_TRUE(writer.report(9, {}, {}));
      EXPECT_TRUE(writer.feedback(RtcpType::kTransportFeedback, kFeedbackNack, 9, route.ssrc, fci));
    });
    plane.deliver(to, receiver.protect_rtcp(plain));
    return plane.sent().size();
  };
  EXPECT_EQ(nack(105), 1u);
  to.from_sluice = make_master(options.profile, 79);
  plane.update(to, with_new_send(plane, to));
  EXPECT_EQ(nack(106), 0u);
  plane.deliver(from, make_rtp(rtp));
  EXPECT_EQ(plane.sent().size(), 1u);
  EXPECT_EQ(nack(107), 0u);
}

// RFC 8643: SRTP was offered, and the answer is plain RTP. Later the peer changes its mind: the numbers under
// the key go on, and what was heard under it stays spent.
TEST(SignalledPlainTest, APeerThatAnswersWithPlainRtpIsServedPlain) {
  Harness plane;
  PeerOptions options;
  options.kind = EndpointKind::kSdes;
  const Peer a = plane.add_peer(options);
  const Peer b = plane.add_peer();
  RouteOptions to_a;
  to_a.ssrc = 0x52000000;
  plane.add_route(plane.add_source(a, {}), b, {});
  plane.add_route(plane.add_source(b, to_a), a, to_a);
  Oracle sender(a.to_sluice, false);
  Oracle receiver(a.from_sluice, true);
  RtpOptions from_a = talker(1), from_b = talker(2);
  const auto exchange = [&](bool encrypted) {
    plane.deliver(a, encrypted ? sender.protect(make_rtp(from_a)) : make_rtp(from_a));
    ++from_a.sequence;
    EXPECT_EQ(plane.sent().size(), 1u);
    plane.deliver(b, make_rtp(from_b));
    ++from_b.sequence;
    const auto sent = plane.sent();
    ASSERT_EQ(sent.size(), 1u);
    if (encrypted) {
      EXPECT_TRUE(receiver.unprotect(sent[0].payload)) << "status " << receiver.last_status();
    } else {
      EXPECT_EQ(sent[0].payload.size(), make_rtp(from_b).size()) << "no tag";
    }
    plane.advance(kPacketTime);
  };
  const Bytes recorded = sender.protect(make_rtp(from_a));
  ++from_a.sequence;
  plane.deliver(a, recorded);
  EXPECT_EQ(plane.sent().size(), 1u);
  for (int i = 0; i < 5; ++i) exchange(true);
  plane.update(a, of_kind(plane, a, EndpointKind::kRtp));
  for (int i = 0; i < 5; ++i) exchange(false);
  plane.update(a, of_kind(plane, a, EndpointKind::kSdes));
  plane.deliver(a, recorded);
  EXPECT_EQ(plane.sent().size(), 0u) << "a replay";
  for (int i = 0; i < 5; ++i) exchange(true);
}

TEST(SignalledPlainTest, RtcpMovesToThePortAboveAndBack) {
  Harness plane;
  const Peer peer = plane.add_peer();  // with RTCP on the RTP port
  const Bytes report{0x80, 201, 0, 1, 0, 0, 0, 1};
  EndpointTerms muxed = plane.terms_of(peer);
  EndpointTerms apart = muxed;
  apart.rtcp_mux = false;
  apart.rtcp_port = static_cast<std::uint16_t>(muxed.rtcp_port + 1);
  apart.latch = LatchPolicy::kOnce;
  plane.deliver(peer, report, true);
  EXPECT_EQ(plane.drops(DropReason::kNoEndpoint), 1u);
  plane.update(peer, apart);
  Peer rtcp = peer;
  ++rtcp.remote.address.port;
  const std::uint64_t before = plane.memory().endpoints[peer.slot].packets_received.read();
  plane.deliver(peer, report, true);
  EXPECT_EQ(plane.memory().endpoints[peer.slot].packets_received.read(), before + 1);
  EXPECT_EQ(template_remote(plane.memory().endpoints[peer.slot].rtcp), rtcp.remote.address);
  plane.update(peer, muxed);
  plane.deliver(peer, report, true);
  EXPECT_EQ(plane.drops(DropReason::kNoEndpoint), 2u);
  plane.deliver(peer, make_rtp({}));
  EXPECT_EQ(plane.drops(DropReason::kNoRoute), 1u) << "RTP is still heard";
}

// The peer moves its RTCP to the RTP port, and back to another port than the one that it was heard from.
TEST(SignalledPlainTest, RtcpThatIsApartAgainGoesWhereSignallingSays) {
  Harness plane;
  PeerOptions options;
  options.rtcp_mux = false;
  options.latch = LatchPolicy::kOnce;
  const Peer peer = plane.add_peer(options);
  const EndpointSlot& slot = plane.memory().endpoints[peer.slot];
  const Bytes report{0x80, 201, 0, 1, 0, 0, 0, 1};
  const EndpointTerms apart = plane.terms_of(peer);
  EndpointTerms muxed = apart;
  muxed.rtcp_mux = true;
  muxed.rtcp_port = peer.local.address.port;
  Peer heard = peer;
  heard.remote.address.port += 100;
  plane.deliver(heard, report, true);
  ASSERT_EQ(template_remote(slot.rtcp).port, heard.remote.address.port + 1);

  static_cast<void>(plane.notes());
  plane.update(peer, muxed);
  auto notes = plane.notes();
  ASSERT_EQ(notes.size(), 2u);
  EXPECT_EQ(notes[1].address.port, 0) << "RTCP goes where RTP goes";
  plane.update(peer, apart);
  Command command;
  command.kind = CommandKind::kSetRemote;
  command.component = Component::kRtcp;
  command.ref = {peer.slot, 1};
  LinkEnd local = peer.local, remote = peer.remote;
  ++local.address.port;
  remote.address.port += 201;
  command.remote = make_header_template(local, remote, 0);
  plane.command(command);
  EXPECT_EQ(template_remote(slot.rtcp), remote.address);
  const std::uint64_t before = slot.packets_received.read();
  Peer moved = peer;
  moved.remote.address.port += 200;
  plane.deliver(moved, report, true);
  EXPECT_EQ(slot.packets_received.read(), before + 1);
}

TEST(SignalledPlainTest, AnUpdateIsAnsweredForEachComponent) {
  Harness plane;
  const Peer peer = plane.add_peer();
  static_cast<void>(plane.notes());
  plane.update(peer, plane.terms_of(peer));
  const auto notes = plane.notes();
  ASSERT_EQ(notes.size(), 2u);
  EXPECT_EQ(notes[0].kind, NoteKind::kEndpointUpdated);
  EXPECT_EQ(notes[0].component, Component::kRtp);
  EXPECT_EQ(notes[1].component, Component::kRtcp);
  EXPECT_EQ(notes[0].address.port, 0) << "nothing was learned from media";
}

}  // namespace
}  // namespace sluice::dataplane::test
