// The flow cache against the stages. Two workers get the same traffic and the same commands. One port says
// that the checksums are good, so that its packets may take the fast path; the other one says nothing, so
// that all packets go through the stages. What leaves and all that is counted must be the same.
#include "dataplane/stages/flow_cache.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <utility>

#include "tests/dataplane/stages/rtcp_support.h"
#include "tests/support/harness.h"

namespace sluice::dataplane::test {
namespace {

using crypto::SrtpProfile;

// One peer of a call, and what it sends next.
struct Caller {
  Peer peer;
  RtpOptions rtp;
  std::unique_ptr<Oracle> sender;  // of an sdes peer
  std::uint32_t source = 0;
  std::uint32_t route = 0;  // from this caller to the other one of the call

  Bytes sealed(const Bytes& packet) const { return sender ? sender->protect(packet) : packet; }
};

// Two planes with the same calls.
class Twins {
 public:
  Twins() {
    fast.mark_checked(true);
    slow.mark_checked(false);
  }

  void both(auto act) {
    act(fast);
    act(slow);
  }

  void add_call(EndpointKind from, EndpointKind to, SrtpProfile profile, LatchPolicy latch) {
    for (const EndpointKind kind : {from, to}) {
      PeerOptions options;
      options.kind = kind;
      options.profile = profile;
      options.latch = kind == EndpointKind::kRtp ? latch : LatchPolicy::kAuthenticated;
      Caller& caller = callers.emplace_back();
      both([&](Harness& plane) { caller.peer = plane.add_peer(options); });
      caller.rtp.ssrc = 1000 + static_cast<std::uint32_t>(callers.size());
      caller.rtp.sequence = static_cast<std::uint16_t>(65500 + callers.size());  // wraps soon
      if (kind != EndpointKind::kRtp)
        caller.sender = std::make_unique<Oracle>(caller.peer.to_sluice, false, 1024);
    }
    connect(callers.size() - 2, callers.size() - 1);
    connect(callers.size() - 1, callers.size() - 2);
  }

  /// Gives both planes the frames as one batch, and compares what they make of it.
  void deliver(const std::vector<Bytes>& frames) {
    both([&](Harness& plane) { plane.deliver_frames(frames); });
    compare_frames();
    compare_state();
  }

  std::uint64_t flow_cache_hits() { return fast.counters().flow_cache_hits.read(); }

  Harness fast{crypto::EngineKind::kIpsecMb, 1, 64, true};
  Harness slow{crypto::EngineKind::kIpsecMb, 1, 64, true};
  std::vector<Caller> callers;

 private:
  void connect(std::size_t from, std::size_t to) {
    RouteOptions route;
    route.ssrc = 0x51000000 + static_cast<std::uint32_t>(from);
    route.clock_rate = 8000;
    both([&](Harness& plane) {
      callers[from].source = plane.add_source(callers[from].peer, route);
      callers[from].route = plane.add_route(callers[from].source, callers[to].peer, route);
    });
  }

  // The order of packets of different streams does not matter.
  void compare_frames() {
    std::array<std::map<std::uint32_t, std::vector<Bytes>>, 2> by_ssrc;
    std::size_t i = 0;
    both([&](Harness& plane) {
      for (Sent& sent : plane.sent())
        by_ssrc[i][load_be32(&sent.payload[8])].push_back(std::move(sent.frame));
      ++i;
    });
    ASSERT_EQ(by_ssrc[0].size(), by_ssrc[1].size());
    for (const auto& [ssrc, frames] : by_ssrc[0]) ASSERT_TRUE(frames == by_ssrc[1][ssrc]) << ssrc;
  }

  void compare_state() {
    WorkerMemory& a = fast.memory();
    WorkerMemory& b = slow.memory();
    for (std::size_t i = 0; i < kDropReasonCount; ++i)
      ASSERT_EQ(a.counters.drops[i].read(), b.counters.drops[i].read()) << kDropReasonNames[i];
    ASSERT_EQ(a.counters.forwarded.read(), b.counters.forwarded.read());
    ASSERT_EQ(a.counters.copies.read(), b.counters.copies.read());
    ASSERT_EQ(a.counters.transmitted.read(), b.counters.transmitted.read());
    ASSERT_EQ(a.counters.transmitted_bytes.read(), b.counters.transmitted_bytes.read());
    ASSERT_TRUE(read_ledger(a.counters).balanced());
    for (const Caller& caller : callers) {
      compare(a.endpoints[caller.peer.slot], b.endpoints[caller.peer.slot]);
      compare(a.routes[caller.route], b.routes[caller.route]);
    }
    const std::uint32_t streams = a.stream_high_water.load();
    ASSERT_EQ(streams, b.stream_high_water.load());
    for (std::uint32_t i = 0; i < streams; ++i) compare(a.streams[i], b.streams[i]);
  }

  static void compare(const EndpointSlot& a, const EndpointSlot& b) {
    ASSERT_EQ(a.packets_received.read(), b.packets_received.read());
    ASSERT_EQ(a.bytes_received.read(), b.bytes_received.read());
    ASSERT_EQ(a.last_received_tsc.read(), b.last_received_tsc.read());
    ASSERT_EQ(a.packets_sent.read(), b.packets_sent.read());
    ASSERT_EQ(a.bytes_sent.read(), b.bytes_sent.read());
    ASSERT_EQ(a.auth_failures.read(), b.auth_failures.read());
    ASSERT_EQ(a.rtp.bytes, b.rtp.bytes);
  }
  static void compare(const RouteSlot& a, const RouteSlot& b) {
    ASSERT_EQ(a.index_delta, b.index_delta);
    ASSERT_EQ(a.highest_index.read(), b.highest_index.read());
    ASSERT_EQ(a.last_timestamp_tsc, b.last_timestamp_tsc);
    ASSERT_EQ(a.packets.read(), b.packets.read());
    ASSERT_EQ(a.bytes.read(), b.bytes.read());
    ASSERT_EQ(a.timestamp_delta, b.timestamp_delta);
    ASSERT_EQ(a.last_timestamp, b.last_timestamp);
    ASSERT_EQ(a.stream, b.stream);
    ASSERT_EQ(a.switches.read(), b.switches.read());
  }
  static void compare(const StreamSlot& a, const StreamSlot& b) {
    ASSERT_EQ(a.tenancy.load(), b.tenancy.load());
    ASSERT_EQ(a.payload_type.load(), b.payload_type.load());
    ASSERT_EQ(a.direct_route, b.direct_route);
    ASSERT_EQ(a.packets.read(), b.packets.read());
    ASSERT_EQ(a.bytes.read(), b.bytes.read());
    ASSERT_EQ(a.base_index.read(), b.base_index.read());
    ASSERT_EQ(a.highest_index.read(), b.highest_index.read());
    ASSERT_EQ(a.last_packet_tsc.read(), b.last_packet_tsc.read());
    ASSERT_EQ(a.jitter.read(), b.jitter.read());
    ASSERT_EQ(a.transit, b.transit);
    ASSERT_EQ(a.restart_suspected, b.restart_suspected);
    ASSERT_EQ(a.rtp_window.started(), b.rtp_window.started());
    if (!a.rtp_window.started()) return;
    ASSERT_EQ(a.rtp_window.highest(), b.rtp_window.highest());
  }
};

// What peers, networks and attackers do, at random.
class Traffic {
 public:
  explicit Traffic(std::uint64_t seed) : random_(seed) {}

  bool one_in(std::uint64_t n) { return random_() % n == 0; }
  std::uint64_t below(std::uint64_t n) { return random_() % n; }

  /// The caller's next frame, or something that is not.
  void add(const Harness& plane, Caller& caller, std::vector<Bytes>& frames) {
    RtpOptions& rtp = caller.rtp;
    rtp.marker = one_in(10);
    rtp.size = one_in(8) ? below(1400) : 160;
    rtp.timestamp += 160;
    if (one_in(60)) rtp.timestamp += static_cast<std::uint32_t>(below(100000));
    Peer from = caller.peer;
    if (!one_in(6)) return put(plane, from, caller.sealed(make_rtp(rtp)), rtp, frames);
    switch (below(14)) {
      case 0:  // lost
        (void)caller.sealed(make_rtp(rtp));
        rtp.sequence = static_cast<std::uint16_t>(rtp.sequence + 1);
        return;
      case 1:  // twice
        put(plane, from, caller.sealed(make_rtp(rtp)), rtp, frames);
        frames.push_back(frames.back());
        return;
      case 2: {  // two in the wrong order
        const Bytes first = caller.sealed(make_rtp(rtp));
        rtp.sequence = static_cast<std::uint16_t>(rtp.sequence + 1);
        put(plane, from, caller.sealed(make_rtp(rtp)), rtp, frames);
        frames.push_back(plane.frame_from(from, first));
        return;
      }
      case 3: {  // another payload type
        RtpOptions other = rtp;
        other.payload_type = 13;
        return put(plane, from, caller.sealed(make_rtp(other)), rtp, frames);
      }
      case 4: {  // another SSRC for one packet
        RtpOptions other = rtp;
        other.ssrc += 100;
        other.sequence = ++stray_;
        frames.push_back(plane.frame_from(from, caller.sealed(make_rtp(other))));
        return;
      }
      case 5: {  // a header extension, CSRCs
        RtpOptions other = rtp;
        if (one_in(2)) other.extension = {0xbe, 0xde, 0, 1, 0x10, 5, 0, 0};
        if (one_in(2)) other.csrcs = {7, 8};
        return put(plane, from, caller.sealed(make_rtp(other)), rtp, frames);
      }
      case 6: {  // changed on its way, or forged
        Bytes packet = caller.sealed(make_rtp(rtp));
        packet[2 + below(packet.size() - 2)] ^= static_cast<std::uint8_t>(1 + below(255));
        return put(plane, from, packet, rtp, frames);
      }
      case 7:  // a stranger, or the peer has moved
        moves = true;
        from.remote.address.port = static_cast<std::uint16_t>(1024 + below(60000));
        if (caller.sender && one_in(2)) {
          caller.peer.remote = from.remote;
          return put(plane, from, caller.sealed(make_rtp(rtp)), rtp, frames);
        }
        frames.push_back(plane.frame_from(from, make_rtp(rtp)));
        return;
      case 8:  // the sender starts over
        if (!caller.sender) rtp.sequence = static_cast<std::uint16_t>(random_());
        return put(plane, from, caller.sealed(make_rtp(rtp)), rtp, frames);
      case 9: {  // RTCP on the same port
        const Bytes report{0x80, 201, 0, 1, 0, 0, 3, 0xe8};
        frames.push_back(
            plane.frame_from(from, caller.sender ? caller.sender->protect_rtcp(report) : report));
        return;
      }
      case 10: {  // cut short, or with bytes behind the IP packet
        put(plane, from, caller.sealed(make_rtp(rtp)), rtp, frames);
        Bytes& frame = frames.back();
        frame.resize(one_in(2) ? frame.size() - 1 - below(20) : frame.size() + 1 + below(20));
        return;
      }
      case 11: {  // what routers change
        put(plane, from, caller.sealed(make_rtp(rtp)), rtp, frames);
        Bytes& frame = frames.back();
        frame[15] = 0xb8;
        frame[18] = static_cast<std::uint8_t>(random_());
        frame[22] = 17;
        store_be16(&frame[24], 0);
        store_be16(&frame[24], checksum_finish(checksum_add({&frame[14], 20})));
        return;
      }
      case 12: {  // a wrong IP checksum, or a fragment
        put(plane, from, caller.sealed(make_rtp(rtp)), rtp, frames);
        Bytes& frame = frames.back();
        if (one_in(2)) frame[20] ^= 0x20;
        frame[24] ^= 1;
        return;
      }
      default:  // too long for the port
        rtp.size = 1450;
        return put(plane, from, caller.sealed(make_rtp(rtp)), rtp, frames);
    }
  }

  /// The last frame may move the peer. In the stages all packets of a batch go to the new address then; the
  /// fast path has sent some before. So this frame must be alone.
  bool moves = false;

  /// What the control thread may do meanwhile.
  void command(Twins& twins) {
    Caller& caller = twins.callers[below(twins.callers.size())];
    Command command;
    command.ref = {caller.peer.slot, 1};
    switch (below(4)) {
      case 0: {  // the way to the peer is another one; an sdes peer shows that itself
        if (caller.sender) return;
        command.kind = CommandKind::kSetRemote;
        caller.peer.remote.address.port = static_cast<std::uint16_t>(1024 + below(60000));
        caller.peer.remote.mac[5] = static_cast<std::uint8_t>(below(256));
        command.remote = make_header_template(caller.peer.local, caller.peer.remote, 0);
        break;
      }
      case 1:  // hold, and back
        command.kind = CommandKind::kSwitchRoute;
        command.ref = {caller.route, 1};
        command.source = {twins.callers[below(twins.callers.size())].source, 1};
        break;
      case 2:
        command.kind = CommandKind::kRemoveRoute;
        command.ref = {caller.route, 1};
        if (!one_in(8)) return;
        break;
      default:
        command.kind = CommandKind::kRequestKeyframe;
        command.ref = {caller.source, 1};
        break;
    }
    twins.both([&](Harness& plane) { plane.command(command); });
  }

 private:
  static void put(const Harness& plane, const Peer& from, const Bytes& packet, RtpOptions& rtp,
                  std::vector<Bytes>& frames) {
    frames.push_back(plane.frame_from(from, packet));
    rtp.sequence = static_cast<std::uint16_t>(rtp.sequence + 1);
  }

  std::mt19937_64 random_;
  std::uint16_t stray_ = 0;
};

void add_all_kinds(Twins& twins) {
  using enum EndpointKind;
  using enum SrtpProfile;
  twins.add_call(kRtp, kRtp, kAeadAes128Gcm, LatchPolicy::kFixed);
  twins.add_call(kRtp, kRtp, kAeadAes128Gcm, LatchPolicy::kOnce);
  twins.add_call(kRtp, kSdes, kAesCm128HmacSha1_80, LatchPolicy::kFixed);
  twins.add_call(kSdes, kSdes, kAesCm128HmacSha1_80, LatchPolicy::kFixed);
  twins.add_call(kSdes, kSdes, kAeadAes128Gcm, LatchPolicy::kFixed);
  twins.add_call(kSdes, kSdes, kAeadAes256Gcm, LatchPolicy::kFixed);
}

TEST(FlowCacheTest, DoesWhatTheStagesDo) {
  std::uint64_t packets = 0, flow_cache_hits = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    Traffic traffic(seed);
    Twins twins;
    add_all_kinds(twins);
    for (int batch = 0; batch < 250; ++batch) {
      std::vector<Bytes> frames;
      const std::size_t count = 1 + traffic.below(traffic.one_in(4) ? 60 : 14);
      // Sometimes one caller sends a burst.
      const bool burst = traffic.one_in(5);
      const std::size_t one = traffic.below(twins.callers.size());
      while (frames.size() < count && !traffic.moves)
        traffic.add(twins.fast, twins.callers[burst ? one : traffic.below(twins.callers.size())], frames);
      std::vector<Bytes> alone;
      if (std::exchange(traffic.moves, false)) alone.assign({std::move(frames.back())}), frames.pop_back();
      frames.resize(std::min(frames.size(), kBatch));
      twins.deliver(frames);
      twins.deliver(alone);
      if (testing::Test::HasFatalFailure()) return;
      const double step = traffic.one_in(40) ? 0.3 : 0.02;
      twins.both([&](Harness& plane) {
        plane.advance(step);
        plane.notes();
      });
      if (traffic.one_in(12)) traffic.command(twins);
    }
    packets += twins.fast.counters().forwarded.read();
    flow_cache_hits += twins.flow_cache_hits();
    EXPECT_EQ(twins.slow.counters().flow_cache_hits.read(), 0u);
  }
  // Most of what is forwarded takes the fast path even here.
  EXPECT_GT(flow_cache_hits, packets / 3);
}

// A payload type that looks like RTCP when the marker is set (RFC 5761 4).
TEST(FlowCacheTest, AMarkerThatMakesAPacketLookLikeRtcp) {
  Twins twins;
  twins.add_call(EndpointKind::kRtp, EndpointKind::kRtp, SrtpProfile::kAeadAes128Gcm, LatchPolicy::kFixed);
  Caller& caller = twins.callers.front();
  caller.rtp.payload_type = 72;
  for (int i = 0; i < 20; ++i) {
    caller.rtp.marker = i % 4 == 3;
    twins.deliver({twins.fast.frame_from(caller.peer, make_rtp(caller.rtp))});
    if (testing::Test::HasFatalFailure()) return;
    ++caller.rtp.sequence;
  }
}

// A steady call takes the fast path from its third packet on, in both directions and all pairings.
TEST(FlowCacheTest, SteadyCallsTakeTheFastPath) {
  Twins twins;
  add_all_kinds(twins);
  for (int i = 0; i < 50; ++i) {
    std::vector<Bytes> frames;
    for (Caller& caller : twins.callers) {
      caller.rtp.timestamp += 160;
      frames.push_back(twins.fast.frame_from(caller.peer, caller.sealed(make_rtp(caller.rtp))));
      ++caller.rtp.sequence;
    }
    twins.deliver(frames);
    if (testing::Test::HasFatalFailure()) return;
    twins.both([&](Harness& plane) { plane.advance(0.02); });
  }
  EXPECT_EQ(twins.fast.counters().forwarded.read(), 50 * twins.callers.size());
  EXPECT_EQ(twins.flow_cache_hits(), 48 * twins.callers.size());
}

}  // namespace
}  // namespace sluice::dataplane::test
