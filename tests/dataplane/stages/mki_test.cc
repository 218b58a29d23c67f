// The master key identifier of SRTP and SRTCP packets (RFC 3711 3.1). libsrtp2 plays the peers.
#include "tests/dataplane/stages/call_fixture.h"

namespace sluice::dataplane::test {
namespace {

struct Case {
  crypto::SrtpProfile profile;
  Bytes mki;
};

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const auto profile : crypto::kAllSrtpProfiles)
    for (const Bytes& mki : {Bytes{7}, Bytes{0, 1}, Bytes{1, 2, 3}, Bytes{0xff, 0, 0, 1}})
      cases.push_back({profile, mki});
  return cases;
}

class MkiTest : public ::testing::TestWithParam<Case> {
 protected:
  MkiTest() {
    PeerOptions options;
    options.kind = EndpointKind::kSdes;
    options.profile = GetParam().profile;
    options.mki_to_sluice = GetParam().mki;
    options.mki_from_sluice = {9, 8, 7, 6};
    from = plane.add_peer(options);
    options.mki_to_sluice.clear();
    to = plane.add_peer(options);
    route = plane.add_route(plane.add_source(from, {}), to, {});
  }

  Harness plane;
  Peer from, to;
  std::uint32_t route = 0;
};
INSTANTIATE_TEST_SUITE_P(All, MkiTest, ::testing::ValuesIn(all_cases()));

TEST_P(MkiTest, ComesInAndGoesOut) {
  Oracle sender(from.to_sluice, false, 1024, GetParam().mki);
  Oracle receiver(to.from_sluice, true, 1024, {9, 8, 7, 6});
  RtpOptions rtp;
  for (int i = 0; i < 50; ++i, Call::next(rtp)) {
    const Bytes plain = make_rtp(rtp);
    plane.deliver(from, sender.protect(plain));
    const auto sent = plane.sent();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].payload.size(),
              plain.size() + crypto::profile_info(GetParam().profile).rtp_tag_length + 4);
    const auto got = receiver.unprotect(sent[0].payload);
    ASSERT_TRUE(got) << receiver.last_status();
    EXPECT_TRUE(std::equal(got->begin() + 12, got->end(), plain.begin() + 12, plain.end()));
    plane.advance(kPacketTime);
  }
}

TEST_P(MkiTest, RtcpHasItToo) {
  Oracle sender(from.to_sluice, false, 1024, GetParam().mki);
  Oracle receiver(to.from_sluice, true, 1024, {9, 8, 7, 6});
  plane.deliver(from, sender.protect(make_rtp({})));
  (void)plane.sent();
  const std::uint64_t before = plane.memory().endpoints[from.slot].packets_received.read();
  plane.deliver(from, sender.protect_rtcp(sender_report(1000)));
  EXPECT_EQ(plane.memory().endpoints[from.slot].packets_received.read(), before + 1);
  Command remove;
  remove.kind = CommandKind::kRemoveRoute;
  remove.ref = {route, 1};
  (void)plane.sent();
  plane.command(remove);  // says BYE
  const auto sent = plane.sent();
  ASSERT_EQ(sent.size(), 1u);
  if (GetParam().profile != crypto::SrtpProfile::kAesCm128HmacSha1_32) {
    EXPECT_TRUE(receiver.unprotect_rtcp(sent[0].payload)) << receiver.last_status();
    return;
  }
  // libsrtp2 looks for the MKI of SRTCP before a tag of SRTP's length, and refuses what it has made itself.
  Oracle maker(to.from_sluice, false, 1024, {9, 8, 7, 6});
  ASSERT_FALSE(receiver.unprotect_rtcp(maker.protect_rtcp(sender_report(1000))));
  Bytes packet = sent[0].payload;
  const auto mki = packet.end() - 14;
  EXPECT_EQ(Bytes(mki, mki + 4), (Bytes{9, 8, 7, 6}));
  packet.erase(mki, mki + 4);
  Oracle unnamed(to.from_sluice, true);
  EXPECT_TRUE(unnamed.unprotect_rtcp(packet)) << unnamed.last_status();
}

TEST_P(MkiTest, AnotherOneOrNoneIsRefused) {
  Bytes other = GetParam().mki;
  other.back() ^= 1;
  Oracle stranger(from.to_sluice, false, 1024, other);
  Oracle without(from.to_sluice, false, 1024);
  RtpOptions rtp;
  for (int i = 0; i < 10; ++i, Call::next(rtp)) {
    plane.deliver(from, stranger.protect(make_rtp(rtp)));
    plane.deliver(from, without.protect(make_rtp(rtp)));
    plane.deliver(from, stranger.protect_rtcp(sender_report(1000)));
    plane.deliver(from, without.protect_rtcp(sender_report(1000)));
  }
  RtpOptions empty;
  empty.size = 0;
  plane.deliver(from, make_rtp(empty));
  EXPECT_TRUE(plane.sent().empty());
  EXPECT_EQ(plane.drops(DropReason::kAuthFailed), 41u);
  EXPECT_EQ(plane.memory().streams_in_use.read(), 0u);
}

// The flow cache knows no MKI, so the stages serve such packets.
TEST(MkiFlowTest, FlowsAreOfPacketsWithoutIt) {
  for (const auto& [in, out] : {std::pair<Bytes, Bytes>{{}, {}}, {{1}, {}}, {{}, {2}}, {{1}, {2}}}) {
    Harness plane(crypto::EngineKind::kIpsecMb, 1, 256, true);
    PeerOptions options;
    options.kind = EndpointKind::kSdes;
    options.mki_to_sluice = in;
    options.mki_from_sluice = out;
    const Peer from = plane.add_peer(options);
    const Peer to = plane.add_peer(options);
    plane.add_route(plane.add_source(from, {}), to, {});
    Oracle sender(from.to_sluice, false, 1024, in);
    Oracle receiver(to.from_sluice, true, 1024, out);
    RtpOptions rtp;
    for (int i = 0; i < 50; ++i, Call::next(rtp)) {
      plane.deliver(from, sender.protect(make_rtp(rtp)));
      const auto sent = plane.sent();
      ASSERT_EQ(sent.size(), 1u);
      EXPECT_TRUE(receiver.unprotect(sent[0].payload)) << receiver.last_status();
      plane.advance(kPacketTime);
    }
    EXPECT_EQ(plane.counters().flow_cache_hits.read() != 0, in.empty() && out.empty())
        << in.size() << " " << out.size();
  }
}

}  // namespace
}  // namespace sluice::dataplane::test
