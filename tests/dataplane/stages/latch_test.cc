// The address that the worker sends to: fixed, latched once, or that of authentic media (CVE-2025-53399, RTP
// bleed).
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "tests/support/harness.h"

namespace sluice::dataplane::test {
namespace {

config::SocketAddress remote_of(Harness& plane, const Peer& peer) {
  return template_remote(plane.memory().endpoints[peer.slot].rtp);
}

TEST(LatchTest, PlainWithASignalledAddressHearsNoOtherSender) {
  Harness plane;
  const Peer peer = plane.add_peer();
  Peer stranger = peer;
  stranger.remote.address.ip = config::IpAddress::v4(198, 19, 0, 9);
  plane.deliver(stranger, make_rtp({}));
  EXPECT_EQ(plane.drops(DropReason::kWrongSource), 1u);
  plane.deliver(peer, make_rtp({}));
  EXPECT_EQ(plane.drops(DropReason::kNoRoute), 1u);
  EXPECT_EQ(remote_of(plane, peer), peer.remote.address);
}

// The first packets come before ARP has found the way back.
TEST(LatchTest, TheSignalledPeerIsHeardBeforeItsNextHopIsKnown) {
  Harness plane;
  PeerOptions options;
  options.known_remote = false;
  options.rtcp_mux = false;
  const Peer peer = plane.add_peer(options);
  EndpointSlot& slot = plane.memory().endpoints[peer.slot];
  plane.deliver(peer, make_rtp({}));
  EXPECT_EQ(plane.drops(DropReason::kWrongSource), 1u) << "nothing is signalled";
  slot.signalled = peer.remote.address;
  plane.deliver(peer, make_rtp({.sequence = 2}));
  EXPECT_EQ(slot.packets_received.read(), 1u);
  const std::uint64_t before = slot.packets_received.read();
  plane.deliver(peer, Bytes{0x80, 201, 0, 1, 0, 0, 0, 9}, true);
  EXPECT_EQ(slot.packets_received.read(), before + 1) << "RTCP of the same host";
  Peer stranger = peer;
  stranger.remote.address.port = 7;
  plane.deliver(stranger, make_rtp({.sequence = 3}));
  EXPECT_EQ(plane.drops(DropReason::kWrongSource), 2u);
  stranger.remote.address.ip = config::IpAddress::v4(198, 18, 1, 200);
  plane.deliver(stranger, Bytes{0x80, 201, 0, 1, 0, 0, 0, 9}, true);
  EXPECT_EQ(plane.drops(DropReason::kWrongSource), 3u);
  EXPECT_FALSE(slot.rtp.known()) << "hearing moves nothing";
}

TEST(LatchTest, PlainWithoutOneLatchesOnceAndStays) {
  Harness plane;
  PeerOptions options;
  options.known_remote = false;
  options.latch = LatchPolicy::kOnce;
  const Peer peer = plane.add_peer(options);
  plane.memory().endpoints[peer.slot].latch_network = *config::IpPrefix::parse("198.18.1.0/24");
  Peer outside = peer;
  outside.remote.address.ip = config::IpAddress::v4(198, 18, 2, 1);
  plane.deliver(outside, make_rtp({}));
  EXPECT_EQ(plane.drops(DropReason::kWrongSource), 1u);
  plane.deliver(peer, make_rtp({}));
  EXPECT_EQ(remote_of(plane, peer), peer.remote.address);
  EXPECT_EQ(template_next_hop(plane.memory().endpoints[peer.slot].rtp), peer.remote.mac);
  const auto notes = plane.notes();
  ASSERT_FALSE(notes.empty());
  EXPECT_EQ(notes.back().kind, NoteKind::kLatched);
  EXPECT_EQ(notes.back().address, peer.remote.address);
  Peer injector = peer;
  injector.remote.address.port = 7;
  RtpOptions rtp;
  rtp.sequence = 2;
  plane.deliver(injector, make_rtp(rtp));
  EXPECT_EQ(plane.drops(DropReason::kWrongSource), 2u);
  EXPECT_EQ(remote_of(plane, peer), peer.remote.address);
}

TEST(LatchTest, ASignalledAddressBehindNatIsCorrectedOnce) {
  Harness plane;
  PeerOptions options;
  options.latch = LatchPolicy::kOnce;
  const Peer peer = plane.add_peer(options);
  plane.memory().endpoints[peer.slot].latch_network = *config::IpPrefix::parse("198.19.0.0/16");
  Peer natted = peer;
  natted.remote.address = {config::IpAddress::v4(198, 19, 4, 4), 61000};
  plane.deliver(natted, make_rtp({}));
  EXPECT_EQ(remote_of(plane, peer), natted.remote.address);
  Peer other = natted;
  other.remote.address.port = 61001;
  RtpOptions rtp;
  rtp.sequence = 2;
  plane.deliver(other, make_rtp(rtp));
  EXPECT_EQ(plane.drops(DropReason::kWrongSource), 1u);
  EXPECT_EQ(remote_of(plane, peer), natted.remote.address);
}

TEST(LatchTest, APacketFromTheSignalledAddressSettlesIt) {
  Harness plane;
  PeerOptions options;
  options.latch = LatchPolicy::kOnce;
  const Peer peer = plane.add_peer(options);
  plane.deliver(peer, make_rtp({}));
  Peer other = peer;
  other.remote.address.port = 61001;
  RtpOptions rtp;
  rtp.sequence = 2;
  plane.deliver(other, make_rtp(rtp));
  EXPECT_EQ(plane.drops(DropReason::kWrongSource), 1u);
  EXPECT_EQ(remote_of(plane, peer), peer.remote.address);
}

TEST(LatchTest, TheWindowCloses) {
  Harness plane;
  PeerOptions options;
  options.known_remote = false;
  options.latch = LatchPolicy::kOnce;
  const Peer peer = plane.add_peer(options);
  plane.memory().endpoints[peer.slot].latch_deadline_tsc = 1'000'000'000 + 5 * plane.tsc_hz();
  plane.advance(6);
  plane.deliver(peer, make_rtp({}));
  EXPECT_EQ(plane.drops(DropReason::kWrongSource), 1u);
  EXPECT_FALSE(plane.memory().endpoints[peer.slot].rtp.known());
}

// Signalling has moved a peer that had latched behind a NAT (RFC 3264 8.3): a re-INVITE, or a transfer to
// another phone. The window is open again for five seconds.
class RelatchTest : public ::testing::Test {
 protected:
  explicit RelatchTest(LatchPolicy latch = LatchPolicy::kOnce, EndpointKind kind = EndpointKind::kRtp) {
    PeerOptions options;
    options.known_remote = false;
    options.latch = latch;
    options.kind = kind;
    phone = plane.add_peer(options);
    if (kind != EndpointKind::kRtp) sender = std::make_unique<Oracle>(phone.to_sluice, false);
    stranger = elsewhere(9, 999);
  }

  Peer elsewhere(std::uint8_t host, std::uint16_t port) const {
    Peer other = phone;
    other.remote.address = {config::IpAddress::v4(198, 19, 0, host), port};
    return other;
  }
  /// What endpoint.connect does: the terms, then the way to the address.
  void signal(const Peer& to, bool resolves = true) {
    EndpointTerms terms = plane.terms_of(phone);
    terms.signalled = to.remote.address;
    terms.latch_deadline_tsc = now() + 5 * plane.tsc_hz();
    plane.update(phone, terms);
    if (!resolves) return;
    Command command;
    command.kind = CommandKind::kSetRemote;
    command.ref = {phone.slot, 1};
    command.remote = make_header_template(phone.local, to.remote, 0);
    plane.command(command);
  }
  /// Whether a packet from there is heard.
  bool hears(const Peer& from) {
    const std::uint64_t refused = plane.drops(DropReason::kWrongSource);
    const Bytes packet = make_rtp(rtp);
    plane.deliver(from, sender ? sender->protect(packet) : packet);
    ++rtp.sequence;
    plane.advance(0.02);
    passed_ += 0.02;
    return plane.drops(DropReason::kWrongSource) == refused;
  }
  void pass(double seconds) {
    plane.advance(seconds);
    passed_ += seconds;
  }
  config::SocketAddress remote() { return remote_of(plane, phone); }
  std::uint64_t now() const {
    return 1'000'000'000 + static_cast<std::uint64_t>(passed_ * static_cast<double>(plane.tsc_hz()));
  }

  Harness plane;
  Peer phone, stranger;
  RtpOptions rtp;
  std::unique_ptr<Oracle> sender;

 private:
  double passed_ = 0;
};

class RelatchSrtpTest : public RelatchTest {
 protected:
  RelatchSrtpTest() : RelatchTest(LatchPolicy::kAuthenticated, EndpointKind::kSdes) {}
};

TEST_F(RelatchTest, APhoneBehindAnotherNatIsHeardWhenTheFormerOneIsSilent) {
  EXPECT_TRUE(hears(phone));
  signal(elsewhere(1, 5000));
  signal(elsewhere(2, 5000));
  EXPECT_EQ(remote(), elsewhere(2, 5000).remote.address) << "sends there at once";
  pass(0.6);
  const Peer natted = elsewhere(3, 61000);
  EXPECT_TRUE(hears(natted));
  EXPECT_EQ(remote(), natted.remote.address);
  EXPECT_FALSE(hears(stranger));
  EXPECT_FALSE(hears(phone)) << "the former phone has left the call";
}

TEST_F(RelatchTest, TheSameAddressAgainChangesNothing) {
  const Peer privately = elsewhere(1, 5000);
  signal(privately);
  EXPECT_TRUE(hears(phone));
  pass(60);
  signal(privately);
  EXPECT_EQ(remote(), phone.remote.address);
  EXPECT_FALSE(hears(stranger));
  EXPECT_TRUE(hears(phone));
}

TEST_F(RelatchTest, TheWindowOpensAgainUntilThePeerHasLatched) {
  const Peer privately = elsewhere(1, 5000);
  signal(privately);
  pass(90);  // ringing
  EXPECT_FALSE(hears(phone));
  signal(privately);
  EXPECT_TRUE(hears(phone));
  EXPECT_EQ(remote(), phone.remote.address);
}

TEST_F(RelatchTest, AnAnswerDoesNotCutEarlyMedia) {
  EXPECT_TRUE(hears(phone));
  signal(elsewhere(1, 5000));  // the private address of the same phone, signalled for the first time
  EXPECT_EQ(remote(), phone.remote.address);
  EXPECT_TRUE(hears(phone));
  pass(10);
  EXPECT_TRUE(hears(phone));
  EXPECT_FALSE(hears(stranger));
}

TEST_F(RelatchTest, AStrangerTakesNoCallWhosePeerStillSpeaks) {
  EXPECT_TRUE(hears(phone));
  signal(elsewhere(1, 5000));
  signal(elsewhere(2, 5000));
  for (int i = 0; i < 300; ++i) {  // 12 s, past the window
    EXPECT_TRUE(hears(phone)) << i;
    EXPECT_FALSE(hears(stranger)) << i;
    EXPECT_EQ(remote(), phone.remote.address) << "only its SDP has changed";
  }
}

TEST_F(RelatchTest, TheSignalledAddressWinsAgainstAStranger) {
  EXPECT_TRUE(hears(phone));
  const Peer moved = elsewhere(2, 5000);
  signal(moved);
  pass(1);
  EXPECT_TRUE(hears(stranger)) << "may be the phone behind another NAT";
  EXPECT_EQ(remote(), stranger.remote.address);
  EXPECT_TRUE(hears(moved));
  EXPECT_EQ(remote(), moved.remote.address);
  EXPECT_FALSE(hears(stranger));
  EXPECT_EQ(remote(), moved.remote.address);
}

TEST_F(RelatchTest, TheSignalledAddressEndsTheFormerOne) {
  EXPECT_TRUE(hears(phone));
  const Peer moved = elsewhere(2, 5000);
  signal(moved);
  EXPECT_TRUE(hears(phone));
  EXPECT_TRUE(hears(moved));
  EXPECT_EQ(remote(), moved.remote.address);
  EXPECT_FALSE(hears(phone));
}

// The control thread may have found the way to the signalled address before it heard of the latch.
TEST_F(RelatchTest, ALateWayToTheSignalledAddressDoesNotUndoTheLatch) {
  signal(elsewhere(1, 5000), false);
  EXPECT_TRUE(hears(phone));
  Command command;
  command.kind = CommandKind::kSetRemote;
  command.ref = {phone.slot, 1};
  command.remote = make_header_template(phone.local, elsewhere(1, 5000).remote, 0);
  plane.command(command);
  EXPECT_EQ(remote(), phone.remote.address);
  // Another MAC of the same address is taken.
  LinkEnd next = phone.remote;
  next.mac = {2, 0, 0, 0, 9, 9};
  command.remote = make_header_template(phone.local, next, 0);
  plane.command(command);
  EXPECT_EQ(template_next_hop(plane.memory().endpoints[phone.slot].rtp), next.mac);
}

TEST_F(RelatchSrtpTest, ThePrivateAddressOfAnSdpCutsNoPeerWhoseMediaFlows) {
  EXPECT_TRUE(hears(phone));
  for (const std::uint8_t host : {1, 2}) {
    static_cast<void>(plane.notes());
    signal(elsewhere(host, 5000));
    EXPECT_EQ(remote(), phone.remote.address);
    const auto notes = plane.notes();
    ASSERT_FALSE(notes.empty());
    EXPECT_EQ(notes[0].kind, NoteKind::kEndpointUpdated);
    EXPECT_EQ(notes[0].address, phone.remote.address) << "the control thread learns where the peer is";
    EXPECT_TRUE(hears(phone));
  }
  const Peer moved = elsewhere(2, 5000);
  EXPECT_TRUE(hears(moved));
  EXPECT_EQ(remote(), moved.remote.address) << "its packets are authentic";
}

TEST_F(RelatchSrtpTest, APeerThatIsSilentMovesWithSignalling) {
  signal(elsewhere(1, 5000));
  EXPECT_TRUE(hears(phone));
  pass(3);
  signal(elsewhere(1, 5000));
  EXPECT_EQ(remote(), phone.remote.address) << "on hold behind its NAT";
  signal(elsewhere(2, 5000));
  EXPECT_EQ(remote(), elsewhere(2, 5000).remote.address);
}

TEST_F(RelatchSrtpTest, AnotherPhoneWithAnotherKeyIsServedAtOnce) {
  EXPECT_TRUE(hears(phone));
  phone.to_sluice = make_master(phone.profile, 91);
  EndpointTerms terms = plane.terms_of(phone);
  terms.signalled = elsewhere(2, 5000).remote.address;
  terms.new_receive = true;
  plane.update(phone, terms);
  signal(elsewhere(2, 5000));
  EXPECT_EQ(remote(), elsewhere(2, 5000).remote.address);
}

TEST(LatchTest, RtcpOfALatchedPeerComesFromTheSameHost) {
  Harness plane;
  PeerOptions options;
  options.known_remote = false;
  options.latch = LatchPolicy::kOnce;
  options.rtcp_mux = false;
  const Peer peer = plane.add_peer(options);
  plane.deliver(peer, make_rtp({}));
  Peer stranger = peer;
  stranger.remote.address.ip = config::IpAddress::v4(198, 18, 1, 200);
  const Bytes report{0x80, 201, 0, 1, 0, 0, 0, 1};
  plane.deliver(stranger, report, true);
  EXPECT_EQ(plane.drops(DropReason::kWrongSource), 1u);
  plane.deliver(peer, report, true);
  EXPECT_EQ(template_remote(plane.memory().endpoints[peer.slot].rtcp).port, peer.remote.address.port + 1);
}

TEST(LatchTest, SrtpFollowsTheNewestAuthenticPacketOnly) {
  Harness plane;
  PeerOptions options;
  options.kind = EndpointKind::kSdes;
  options.known_remote = false;
  options.latch = LatchPolicy::kAuthenticated;
  const Peer peer = plane.add_peer(options);
  Oracle sender(peer.to_sluice, false);
  RtpOptions rtp;
  const auto next = [&] {
    ++rtp.sequence;
    return sender.protect(make_rtp(rtp));
  };
  const Bytes late = next();
  plane.deliver(peer, next());
  EXPECT_EQ(remote_of(plane, peer), peer.remote.address);
  Peer moved = peer;
  moved.remote.address = {config::IpAddress::v4(198, 18, 3, 3), 4321};
  plane.deliver(moved, late);  // authentic, but older than the highest index
  EXPECT_EQ(remote_of(plane, peer), peer.remote.address);
  plane.deliver(moved, next());
  EXPECT_EQ(remote_of(plane, peer), moved.remote.address);
  plane.deliver(peer, make_rtp(rtp));  // plain: no tag
  EXPECT_EQ(remote_of(plane, peer), moved.remote.address);
}

// RTP moves media, and RTCP does: a peer that only receives sends nothing else.
TEST(LatchTest, WebrtcMovesOnceToTheAwaitedAddressWhenAnAuthenticPacketComesFromThere) {
  for (const bool by_rtcp : {false, true}) {
    Harness plane;
    const Peer peer = plane.add_peer({.kind = EndpointKind::kWebrtc});
    Oracle sender(peer.to_sluice, false);
    RtpOptions rtp;
    const auto next = [&] {
      ++rtp.sequence;
      if (by_rtcp) return sender.protect_rtcp(Bytes{0x80, 201, 0, 1, 0, 0, 0, 1});
      return sender.protect(make_rtp(rtp));
    };
    Peer moved = peer;
    moved.remote.address = {config::IpAddress::v4(198, 18, 3, 3), 4321};
    moved.remote.mac = {2, 0, 0, 0, 3, 3};
    plane.deliver(moved, next());
    EXPECT_EQ(remote_of(plane, peer), peer.remote.address) << "ICE has not named the address";
    Command await;
    await.kind = CommandKind::kAwaitRemote;
    await.ref = {peer.slot, plane.memory().endpoints[peer.slot].generation};
    await.tuple.remote = moved.remote.address;
    plane.command(await);
    plane.notes();
    Bytes forged = next();
    forged.back() ^= 1;
    plane.deliver(moved, forged);
    plane.deliver(peer, next());
    EXPECT_EQ(remote_of(plane, peer), peer.remote.address);
    plane.deliver(moved, next());
    EXPECT_EQ(remote_of(plane, peer), moved.remote.address);
    EXPECT_EQ(template_next_hop(plane.memory().endpoints[peer.slot].rtp), moved.remote.mac);
    const auto notes = plane.notes();
    const auto latched = std::find_if(notes.begin(), notes.end(),
                                      [](const Note& note) { return note.kind == NoteKind::kLatched; });
    ASSERT_NE(latched, notes.end());
    EXPECT_EQ(latched->address, moved.remote.address);
    plane.deliver(peer, next());
    EXPECT_EQ(remote_of(plane, peer), moved.remote.address) << "it moves once";
    await.tuple.remote = peer.remote.address;
    plane.command(await);
    await.tuple.remote = {};
    plane.command(await);
    plane.deliver(peer, next());
    EXPECT_EQ(remote_of(plane, peer), moved.remote.address) << "the control thread has taken it back";
  }
}

// The cipher is not asked for a source that ICE does not know. RTCP too.
TEST(LatchTest, AWebrtcPeerIsHeardFromValidPairsOnly) {
  Harness plane;
  const Peer peer = plane.add_peer({.kind = EndpointKind::kWebrtc});
  Oracle sender(peer.to_sluice, false);
  RtpOptions rtp;
  Peer other = peer;
  other.remote.address = {config::IpAddress::v4(198, 18, 3, 3), 4321};
  const auto deliver_both = [&] {
    ++rtp.sequence;
    plane.deliver(other, sender.protect(make_rtp(rtp)));
    plane.deliver(other, sender.protect_rtcp(Bytes{0x80, 201, 0, 1, 0, 0, 0, 1}));
  };
  deliver_both();
  EXPECT_EQ(plane.drops(DropReason::kWrongSource), 2u);
  EndpointSlot& endpoint = plane.memory().endpoints[peer.slot];
  Command bind;
  bind.kind = CommandKind::kBindTuple;
  bind.ref = {peer.slot, endpoint.generation};
  bind.tuple = {other.remote.address, endpoint.local.address.port, endpoint.local_address};
  plane.command(bind);
  deliver_both();
  EXPECT_EQ(plane.drops(DropReason::kWrongSource), 2u);
  EXPECT_EQ(plane.drops(DropReason::kNoRoute), 1u);
  EXPECT_EQ(remote_of(plane, peer), peer.remote.address) << "ICE decides where media goes";
  bind.kind = CommandKind::kUnbindTuple;
  plane.command(bind);
  deliver_both();
  EXPECT_EQ(plane.drops(DropReason::kWrongSource), 4u);
}

// Forged packets from elsewhere cost the cipher a bounded time, and the peer loses nothing. When it moves, it
// is heard again as soon as the flood ends.
TEST(LatchTest, StrangersOfAnSdesPeerHaveABudget) {
  Harness plane;
  PeerOptions sdes;
  sdes.kind = EndpointKind::kSdes;
  sdes.latch = LatchPolicy::kAuthenticated;
  const Peer peer = plane.add_peer(sdes);
  const Peer to = plane.add_peer();
  RouteOptions route;
  plane.add_route(plane.add_source(peer, route), to, route);
  Oracle sender(peer.to_sluice, false);
  Peer stranger = peer;
  stranger.remote.address = {config::IpAddress::v4(198, 18, 3, 3), 4321};
  RtpOptions rtp;
  for (int i = 0; i < 1000; ++i) {
    ++rtp.sequence;
    const Bytes good = sender.protect(make_rtp(rtp));
    Bytes forged = good;
    forged.back() ^= 1;
    plane.deliver(stranger, forged);
    plane.deliver(stranger, forged);
    plane.deliver(peer, good);
    EXPECT_EQ(plane.sent().size(), 1u);
    plane.advance(0.001);
  }
  // 50 at once, and 100 a second.
  EXPECT_NEAR(static_cast<double>(plane.drops(DropReason::kAuthFailed)), 150, 5);
  EXPECT_EQ(plane.drops(DropReason::kAuthFailed) + plane.drops(DropReason::kWrongSource), 2000u);
  plane.advance(0.011);
  ++rtp.sequence;
  plane.deliver(stranger, sender.protect(make_rtp(rtp)));
  EXPECT_EQ(plane.sent().size(), 1u);
  EXPECT_EQ(remote_of(plane, peer), stranger.remote.address);
}

// Both are allowed when the batch begins. The one that comes first latches, and the other one is refused.
TEST(LatchTest, AStrangerInTheSameBatchIsRefused) {
  Harness plane;
  PeerOptions options;
  options.known_remote = false;
  options.latch = LatchPolicy::kOnce;
  const Peer peer = plane.add_peer(options);
  const RouteOptions route;
  plane.add_route(plane.add_source(peer, route), plane.add_peer(), route);
  Peer stranger = peer;
  stranger.remote.address.ip = config::IpAddress::v4(198, 19, 0, 9);
  std::vector<Bytes> frames;
  RtpOptions voice, noise;
  noise.ssrc = 2000;
  frames.push_back(plane.frame_from(peer, make_rtp(voice)));
  for (int i = 0; i < 3; ++i, ++noise.sequence) frames.push_back(plane.frame_from(stranger, make_rtp(noise)));
  plane.deliver_frames(frames);
  EXPECT_EQ(plane.sent().size(), 1u);
  EXPECT_EQ(plane.drops(DropReason::kWrongSource), 3u);
  EXPECT_EQ(remote_of(plane, peer), peer.remote.address);
  for (int i = 0; i < 5; ++i) {
    ++voice.sequence;
    plane.deliver(peer, make_rtp(voice));
    EXPECT_EQ(plane.sent().size(), 1u);
  }
}

}  // namespace
}  // namespace sluice::dataplane::test
