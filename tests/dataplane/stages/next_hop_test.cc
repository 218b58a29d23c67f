// The MAC that the worker sends to when a peer moves by its media. Of a peer behind routers it is that of the
// gateway, which the control thread has resolved, and not that of the router that brings packets.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/harness.h"

namespace sluice::dataplane::test {
namespace {

// Routers of a VRRP group share this address and answer ARP with it (RFC 5798 7.3). What they forward has the
// MAC of their own interface.
constexpr MacAddress kVirtualMac{0, 0, 0x5e, 0, 1, 1};
constexpr MacAddress kFirstRouter{2, 0, 0, 0, 7, 1};
constexpr MacAddress kSecondRouter{2, 0, 0, 0, 7, 2};

config::SocketAddress remote_of(Harness& plane, const Peer& peer) {
  return template_remote(plane.memory().endpoints[peer.slot].rtp);
}

// What the control thread answers when the gateway's MAC is known.
Command resolved(const Peer& peer, const config::SocketAddress& remote) {
  Command command;
  command.kind = CommandKind::kSetNextHop;
  command.ref = {peer.slot, 1};
  command.remote = make_header_template(peer.local, {kVirtualMac, remote}, 0);
  return command;
}

std::ptrdiff_t latches(Harness& plane) {
  const auto notes = plane.notes();
  return std::count_if(notes.begin(), notes.end(),
                       [](const Note& note) { return note.kind == NoteKind::kLatched; });
}

MacAddress destination(const Sent& sent) {
  MacAddress mac;
  std::copy_n(sent.frame.begin(), mac.size(), mac.begin());
  return mac;
}

TEST(NextHopTest, TwoRoutersByTurnsAreOneAddress) {
  Harness plane;
  PeerOptions options;
  options.kind = EndpointKind::kSdes;
  options.latch = LatchPolicy::kAuthenticated;
  options.known_remote = false;
  Peer peer = plane.add_peer(options);
  peer.remote.address.ip = config::IpAddress::v4(203, 0, 113, 9);  // off-link
  Oracle sender(peer.to_sluice, false);
  RtpOptions rtp;
  Peer other = peer;
  other.remote.mac = {2, 0, 0, 0, 7, 7};
  for (int i = 0; i < 100; ++i) {
    ++rtp.sequence;
    plane.deliver(i % 2 == 0 ? peer : other, sender.protect(make_rtp(rtp)));
  }
  const auto notes = plane.notes();
  EXPECT_EQ(std::count_if(notes.begin(), notes.end(),
                          [](const Note& note) { return note.kind == NoteKind::kLatched; }),
            1);
  EXPECT_EQ(template_next_hop(plane.memory().endpoints[peer.slot].rtp), peer.remote.mac);
  // The control thread knows the router's address, and so the MAC that all routers of it share.
  const Command command = resolved(peer, peer.remote.address);
  plane.command(command);
  const HeaderTemplate& now = plane.memory().endpoints[peer.slot].rtp;
  EXPECT_EQ(template_next_hop(now), kVirtualMac);
  for (const Peer& router : {peer, other}) {
    ++rtp.sequence;
    plane.deliver(router, sender.protect(make_rtp(rtp)));
    EXPECT_EQ(template_next_hop(now), kVirtualMac);
  }
  // A new address behind the routers keeps it; an on-link one does not.
  Peer moved = other;
  moved.remote.address = {config::IpAddress::v4(203, 0, 113, 10), 7000};
  ++rtp.sequence;
  plane.deliver(moved, sender.protect(make_rtp(rtp)));
  EXPECT_EQ(remote_of(plane, peer), moved.remote.address);
  EXPECT_EQ(template_next_hop(now), kVirtualMac);
  plane.command(command);
  EXPECT_EQ(remote_of(plane, peer), moved.remote.address) << "a command for the former address came late";
  moved.remote.address = {config::IpAddress::v4(198, 18, 3, 3), 7000};
  ++rtp.sequence;
  plane.deliver(moved, sender.protect(make_rtp(rtp)));
  EXPECT_EQ(template_next_hop(now), moved.remote.mac);
}

TEST(NextHopTest, AVrrpRouterThatDiesLeavesNoSilentPeerInABlackHole) {
  Harness plane;
  PeerOptions options;
  options.known_remote = false;
  options.rtcp_mux = false;
  options.latch = LatchPolicy::kOnce;
  Peer silent = plane.add_peer(options);
  silent.remote.address.ip = config::IpAddress::v4(203, 0, 113, 9);  // off-link
  silent.remote.mac = kFirstRouter;
  const Peer talker = plane.add_peer();
  plane.add_route(plane.add_source(talker, {}), silent, {});
  RtpOptions rtp;
  const auto next_hop = [&] {
    ++rtp.sequence;
    plane.deliver(talker, make_rtp(rtp));
    const auto sent = plane.sent();
    return sent.size() == 1 ? destination(sent[0]) : MacAddress{};
  };
  plane.deliver(silent, make_rtp({.ssrc = 7}));
  EXPECT_EQ(next_hop(), kFirstRouter) << "media is not held up until the control thread has answered";
  plane.command(resolved(silent, silent.remote.address));
  EXPECT_EQ(next_hop(), kVirtualMac);
  plane.deliver(silent, make_rtp({.ssrc = 7, .sequence = 2}));
  EXPECT_EQ(next_hop(), kVirtualMac);
  // The first router dies. The peer says nothing more but a report, which the second one brings.
  EXPECT_EQ(next_hop(), kVirtualMac);
  silent.remote.mac = kSecondRouter;
  plane.deliver(silent, Bytes{0x80, 201, 0, 1, 0, 0, 0, 7}, true);
  const EndpointSlot& slot = plane.memory().endpoints[silent.slot];
  ASSERT_TRUE(slot.rtcp.known());
  EXPECT_EQ(template_next_hop(slot.rtcp), kVirtualMac) << "RTCP goes by the gateway that RTP goes by";
  EXPECT_EQ(next_hop(), kVirtualMac);
  EXPECT_EQ(latches(plane), 2) << "RTP once, RTCP once";
}

// fe80::/10 is on each link, whatever the prefixes of the port are.
TEST(NextHopTest, ALinkLocalPeerIsNotBehindTheGateway) {
  Harness plane;
  PeerOptions options;
  options.kind = EndpointKind::kSdes;
  options.latch = LatchPolicy::kAuthenticated;
  options.known_remote = false;
  options.v6 = true;
  Peer peer = plane.add_peer(options);
  Oracle sender(peer.to_sluice, false);
  peer.remote.address.ip = *config::IpAddress::parse("2001:4860::9");  // off-link
  peer.remote.mac = kFirstRouter;
  plane.deliver(peer, sender.protect(make_rtp({})));
  plane.command(resolved(peer, peer.remote.address));
  const HeaderTemplate& now = plane.memory().endpoints[peer.slot].rtp;
  ASSERT_EQ(template_next_hop(now), kVirtualMac);
  peer.remote.address.ip = *config::IpAddress::parse("fe80::9");
  peer.remote.mac = {2, 0, 0, 0, 3, 3};
  plane.deliver(peer, sender.protect(make_rtp({.sequence = 2})));
  EXPECT_EQ(remote_of(plane, peer), peer.remote.address);
  EXPECT_EQ(template_next_hop(now), peer.remote.mac);
}

}  // namespace
}  // namespace sluice::dataplane::test
