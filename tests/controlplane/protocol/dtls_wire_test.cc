// dtls on bad wires and with attackers: loss, repetition, reordering, fragments, truncation, garbage and
// forgeries.
#include <algorithm>
#include <random>
#include <thread>

#include "tests/controlplane/protocol/dtls_fixture.h"

namespace sluice::control {
namespace {

using namespace test;

class DtlsWire : public DtlsRoles {};
INSTANTIATE_TEST_SUITE_P(Both, DtlsWire, ::testing::Values(DtlsRole::kActive, DtlsRole::kPassive),
                         [](const auto& param) {
                           return param.param == DtlsRole::kActive ? "Active" : "Passive";
                         });

TEST_P(DtlsWire, HoldsABoundedNumberOfDatagrams) {
  DtlsPeer peer(peer_options());
  Endpoint endpoint(GetParam());
  begin(endpoint, peer);
  exchange(endpoint, peer);
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(5ms);
    peer.on_timer();
    exchange(endpoint, peer);
  }
  endpoint.transport->set_fingerprints(fingerprints_of(peer), Clock::now());
  for (int round = 0; round < 50 && (endpoint.connected == 0 || !peer.connected); ++round) {
    exchange(endpoint, peer);
    std::this_thread::sleep_for(5ms);
    peer.on_timer();
    endpoint.transport->on_timer(Clock::now());
  }
  EXPECT_EQ(endpoint.connected, 1);
  EXPECT_TRUE(peer.connected);
}

TEST_P(DtlsWire, FragmentsToTheMtuAndTakesFragments) {
  for (const std::uint16_t mtu : {kDtlsMtuMin, std::uint16_t{300}, std::uint16_t{576}}) {
    PeerOptions options = peer_options();
    options.mtu = 256;
    options.server_name = std::string(200, 'a');  // makes the ClientHello longer than the MTU
    DtlsPeer peer(options);
    Endpoint endpoint(GetParam(), kAll, mtu);
    endpoint.transport->set_fingerprints(fingerprints_of(peer), Clock::now());
    begin(endpoint, peer);
    if (GetParam() == DtlsRole::kPassive) {
      // The ClientHello comes in fragments: the first fragment is shorter than the message.
      const Bytes& hello = peer.sent.front();
      ASSERT_GE(peer.sent.size(), 2U);
      EXPECT_LT(hello[23] << 8 | hello[24], hello[15] << 8 | hello[16]);
    }
    std::size_t longest = 0;
    while (!endpoint.sent.empty() || !peer.sent.empty()) {
      for (const Bytes& datagram : endpoint.sent) longest = std::max(longest, datagram.size());
      exchange(endpoint, peer);
    }
    EXPECT_EQ(endpoint.connected, 1) << endpoint.text << " mtu " << mtu;
    EXPECT_LE(longest, mtu);
  }
}

TEST_P(DtlsWire, NoDatagramIsLongerThanTheMtu) {
  DtlsPeer peer(peer_options());
  Endpoint endpoint(GetParam(), kAll, 300);
  endpoint.transport->set_fingerprints(fingerprints_of(peer), Clock::now());
  begin(endpoint, peer);
  std::size_t longest = 0;
  std::size_t datagrams = 0;
  while (!endpoint.sent.empty() || !peer.sent.empty()) {
    for (; !peer.sent.empty(); peer.sent.pop_front())
      endpoint.transport->receive(peer.sent.front(), Clock::now());
    for (; !endpoint.sent.empty(); endpoint.sent.pop_front()) {
      longest = std::max(longest, endpoint.sent.front().size());
      ++datagrams;
      peer.receive(endpoint.sent.front());
    }
  }
  EXPECT_EQ(endpoint.connected, 1);
  EXPECT_LE(longest, 300U);
  EXPECT_GE(datagrams, 3U);
}

// Loss, repetition and reordering in both directions, from a seed, with real retransmission timers of 20 ms.
TEST_P(DtlsWire, SurvivesABadWire) {
  for (unsigned seed = 1; seed <= 25; ++seed) {
    std::mt19937 random(seed);
    PeerOptions options = peer_options();
    options.mtu = 400;
    DtlsPeer peer(options);
    Endpoint endpoint(GetParam(), kAll, 400);
    endpoint.transport->set_fingerprints(fingerprints_of(peer), Clock::now());
    begin(endpoint, peer);
    std::deque<std::pair<bool, Bytes>> wire;  // true: to the peer
    const auto put = [&](bool to_peer, std::deque<Bytes>& from) {
      for (; !from.empty(); from.pop_front()) {
        const auto fate = random() % 10;
        if (fate < 2) continue;
        wire.emplace_back(to_peer, from.front());
        if (fate == 9) wire.emplace_back(to_peer, from.front());
      }
    };
    const auto deadline = Clock::now() + 10s;
    while ((endpoint.connected == 0 || !peer.connected) && endpoint.failed == 0 && Clock::now() < deadline) {
      put(true, endpoint.sent);
      put(false, peer.sent);
      if (wire.empty()) {
        std::this_thread::sleep_for(5ms);
        endpoint.transport->on_timer(Clock::now());
        peer.on_timer();
        continue;
      }
      std::swap(wire.front(), wire[random() % wire.size()]);
      const auto [to_peer, datagram] = wire.front();
      wire.pop_front();
      if (to_peer) {
        peer.receive(datagram);
      } else {
        endpoint.transport->receive(datagram, Clock::now());
      }
    }
    EXPECT_EQ(endpoint.connected, 1) << "seed " << seed << ": " << endpoint.text;
    EXPECT_TRUE(peer.connected) << "seed " << seed << ": " << peer.error;
  }
}

TEST(Dtls, RetransmitsWithGrowingPausesAndGivesUp) {
  Endpoint endpoint(DtlsRole::kActive, kAll, 1200, 30ms);
  auto now = Clock::now();
  const auto started = now;
  endpoint.transport->start(now);
  EXPECT_EQ(endpoint.sent.size(), 1U);
  std::vector<Clock::duration> pauses;
  for (int i = 0; i < 3; ++i) {
    const auto due = endpoint.transport->next_timeout();
    ASSERT_TRUE(due);
    pauses.push_back(*due - now);
    endpoint.transport->on_timer(*due - 25ms);
    EXPECT_EQ(endpoint.sent.size(), 1U + static_cast<std::size_t>(i)) << "too early";
    std::this_thread::sleep_until(*due + 1ms);
    now = Clock::now();
    endpoint.transport->on_timer(now);
    EXPECT_EQ(endpoint.sent.size(), 2U + static_cast<std::size_t>(i));
  }
  EXPECT_EQ(endpoint.transport->counters().retransmissions, 3U);
  EXPECT_GT(pauses[1], pauses[0] + 15ms);
  EXPECT_GT(pauses[2], pauses[1] + 30ms);
  endpoint.transport->on_timer(started + 14999ms);
  EXPECT_EQ(endpoint.failed, 0);
  endpoint.transport->on_timer(started + 15s);
  EXPECT_EQ(endpoint.failure, DtlsFailure::kHandshakeTimeout);
  EXPECT_FALSE(endpoint.transport->next_timeout());
  endpoint.transport->on_timer(started + 30s);
  EXPECT_EQ(endpoint.failed, 1);
}

TEST(Dtls, ALostLastFlightIsSentAgain) {
  DtlsPeer peer({.client = true});
  Endpoint endpoint(DtlsRole::kPassive);
  endpoint.transport->set_fingerprints(fingerprints_of(peer), Clock::now());
  peer.run();
  while (endpoint.connected == 0) {
    ASSERT_FALSE(peer.sent.empty());
    for (; !peer.sent.empty(); peer.sent.pop_front())
      endpoint.transport->receive(peer.sent.front(), Clock::now());
    if (endpoint.connected != 0) break;
    for (; !endpoint.sent.empty(); endpoint.sent.pop_front()) peer.receive(endpoint.sent.front());
  }
  endpoint.sent.clear();
  std::this_thread::sleep_for(25ms);
  peer.on_timer();
  exchange(endpoint, peer);
  EXPECT_TRUE(peer.connected);
  EXPECT_EQ(endpoint.connected, 1);
  EXPECT_EQ(endpoint.failed, 0);
}

// Each datagram of the handshake arrives cut at each length and between garbage, before it arrives whole.
TEST_P(DtlsWire, TruncatedDatagramsAndGarbageDoNotEndTheHandshake) {
  std::mt19937 random(3);
  PeerOptions options = peer_options();
  options.mtu = 500;
  DtlsPeer peer(options);
  Endpoint endpoint(GetParam());
  endpoint.transport->set_fingerprints(fingerprints_of(peer), Clock::now());
  begin(endpoint, peer);
  const auto insult = [&](const Bytes& datagram) {
    for (std::size_t length = 0; length < datagram.size(); ++length) {
      Bytes cut(datagram.begin(), datagram.begin() + static_cast<std::ptrdiff_t>(length));
      cut.shrink_to_fit();
      endpoint.transport->receive(cut, Clock::now());
      Bytes garbage(1 + random() % 200);
      for (auto& byte : garbage) byte = static_cast<std::uint8_t>(random());
      garbage[0] = static_cast<std::uint8_t>(20 + random() % 44);
      endpoint.transport->receive(garbage, Clock::now());
      if (garbage.size() > 13) {  // a well-formed record around garbage
        garbage[1] = 0xfe;
        garbage[2] = 0xfd;
        garbage[11] = 0;
        garbage[12] = static_cast<std::uint8_t>(garbage.size() - 13);
        endpoint.transport->receive(garbage, Clock::now());
      }
      ASSERT_EQ(endpoint.failed, 0) << endpoint.text << " at length " << length << " of " << datagram.size();
    }
  };
  while (!endpoint.sent.empty() || !peer.sent.empty()) {
    for (; !peer.sent.empty(); peer.sent.pop_front()) {
      insult(peer.sent.front());
      endpoint.transport->receive(peer.sent.front(), Clock::now());
    }
    for (; !endpoint.sent.empty(); endpoint.sent.pop_front()) peer.receive(endpoint.sent.front());
  }
  EXPECT_EQ(endpoint.connected, 1) << endpoint.text;
  EXPECT_TRUE(peer.connected) << peer.error;
  EXPECT_GT(endpoint.transport->counters().records_refused, 0U);
}

// Of every number and level, before each datagram of the peer, and from the first one on.
TEST_P(DtlsWire, AForgedAlertDoesNotEndAHandshake) {
  DtlsPeer peer(peer_options());
  Endpoint endpoint(GetParam());
  endpoint.transport->set_fingerprints(fingerprints_of(peer), Clock::now());
  begin(endpoint, peer);
  const auto forge = [&] {
    for (const std::uint8_t level : {1, 2})
      for (const std::uint8_t number : {0, 10, 40, 42, 80, 90, 100})
        endpoint.transport->receive(Bytes{21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, level, number},
                                    Clock::now());
  };
  while (!endpoint.sent.empty() || !peer.sent.empty()) {
    for (; !peer.sent.empty(); peer.sent.pop_front()) {
      forge();
      endpoint.transport->receive(peer.sent.front(), Clock::now());
    }
    forge();
    for (; !endpoint.sent.empty(); endpoint.sent.pop_front()) peer.receive(endpoint.sent.front());
  }
  EXPECT_EQ(endpoint.connected, 1) << endpoint.text;
  EXPECT_TRUE(peer.connected) << peer.error;
  let_alert_grace_pass(endpoint);
  EXPECT_EQ(endpoint.failed + endpoint.closed, 0) << endpoint.text;
}

TEST_P(DtlsWire, RecordsAfterAnAlertGiveThePeerMoreTime) {
  DtlsPeer peer(peer_options());
  Endpoint endpoint(GetParam());
  endpoint.transport->set_fingerprints(fingerprints_of(peer), Clock::now());
  begin(endpoint, peer);
  if (GetParam() == DtlsRole::kActive) peer.receive(endpoint.sent.front());
  ASSERT_FALSE(peer.sent.empty());
  endpoint.transport->start(Clock::now());
  const auto now = Clock::now();
  if (GetParam() == DtlsRole::kPassive) endpoint.transport->receive(peer.sent.front(), now);
  endpoint.transport->receive(Bytes{21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 1, 0}, now);
  endpoint.transport->receive(peer.sent.front(), now + kDtlsAlertGrace / 2);
  endpoint.transport->on_timer(now + kDtlsAlertGrace);
  EXPECT_EQ(endpoint.failed, 0);
  endpoint.transport->on_timer(now + 2 * kDtlsAlertGrace);
  EXPECT_EQ(endpoint.failure, DtlsFailure::kAlertReceived);
  EXPECT_EQ(endpoint.text, "close_notify");
  EXPECT_EQ(endpoint.closed, 0);
}

TEST_P(DtlsWire, AnEstablishedAssociationIsNotMovedByStrangers) {
  DtlsPeer peer(peer_options()), stranger({.client = true});
  Endpoint endpoint(GetParam());
  connect(endpoint, peer);
  stranger.run();
  const auto give = [&](const Bytes& datagram) { endpoint.transport->receive(datagram, Clock::now()); };
  give(stranger.sent.front());                                   // another ClientHello
  give({21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 2, 40});  // unencrypted fatal alert
  give({21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 1, 0});   // unencrypted close_notify
  give(Bytes(2049, 22));
  give({});
  EXPECT_EQ(endpoint.transport->counters().datagrams_refused, 2U);
  peer.write("ignored");
  const Bytes data = peer.sent.front();
  for (std::size_t i = 0; i < data.size(); ++i) {
    Bytes flipped = data;
    flipped[i] ^= 0x01;
    give(flipped);
    give(Bytes(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(i)));
  }
  give(data);
  give(data);
  EXPECT_EQ(endpoint.transport->state(), DtlsState::kConnected) << endpoint.text;
  EXPECT_EQ(endpoint.failed + endpoint.closed, 0);
  EXPECT_TRUE(endpoint.sent.empty());
  // The association still works.
  endpoint.transport->close();
  exchange(endpoint, peer);
  EXPECT_TRUE(peer.closed);
}

Bytes forged_fragment(std::uint8_t type, std::uint16_t number, std::uint16_t length, std::uint8_t size,
                      std::uint8_t record_number = 99) {
  Bytes record{22,   0xfe, 0xfd, 0, 0, 0, 0, record_number, 0, 0, 0, 0, static_cast<std::uint8_t>(12 + size),
               type, 0};
  for (const std::uint16_t field : {length, number}) {
    record.push_back(static_cast<std::uint8_t>(field >> 8));
    record.push_back(static_cast<std::uint8_t>(field));
  }
  record.insert(record.end(), {0, 0, 0, 0, 0, size});
  record.resize(record.size() + size, 0x5a);
  return record;
}

// Of each message of the peer, before each of its datagrams: another length, another content, another type,
// and a record number ahead of all others.
TEST_P(DtlsWire, AForgedFragmentDoesNotBlockAHandshake) {
  for (const long mtu : {1200L, 300L}) {
    PeerOptions options = peer_options();
    options.mtu = mtu;
    DtlsPeer peer(options);
    Endpoint endpoint(GetParam());
    endpoint.transport->set_fingerprints(fingerprints_of(peer), Clock::now());
    begin(endpoint, peer);
    const bool passive = GetParam() == DtlsRole::kPassive;
    const Bytes types = passive ? Bytes{1, 11, 15, 16} : Bytes{2, 11, 12, 13, 14};
    const auto forge = [&] {
      for (const std::uint8_t type : types)
        for (std::uint16_t number = 0; number < 6; ++number)
          for (const std::uint16_t length : {21, 66, 400})
            endpoint.transport->receive(forged_fragment(type, number, length, 20), Clock::now());
    };
    while (!endpoint.sent.empty() || !peer.sent.empty()) {
      for (; !peer.sent.empty(); peer.sent.pop_front()) {
        forge();
        endpoint.transport->receive(peer.sent.front(), Clock::now());
      }
      for (; !endpoint.sent.empty(); endpoint.sent.pop_front()) peer.receive(endpoint.sent.front());
    }
    EXPECT_EQ(endpoint.connected, 1) << endpoint.text << ", mtu " << mtu;
    EXPECT_TRUE(peer.connected) << peer.error;
  }
}

// The true ClientKeyExchange comes in one datagram with the Certificate before it.
TEST(Dtls, AWholeForgedMessageThatComesEarlyDoesNotStandBeforeTheTrueOne) {
  DtlsPeer peer({.client = true});
  Endpoint endpoint(DtlsRole::kPassive);
  endpoint.transport->set_fingerprints(fingerprints_of(peer), Clock::now());
  peer.run();
  endpoint.transport->receive(peer.sent.front(), Clock::now());
  peer.sent.clear();
  endpoint.transport->receive(forged_fragment(16, 2, 66, 66), Clock::now());
  endpoint.transport->receive(forged_fragment(15, 3, 76, 76), Clock::now());
  exchange(endpoint, peer);
  EXPECT_EQ(endpoint.connected, 1) << endpoint.text;
}

TEST(Dtls, AForgedClientHelloDoesNotKeepThePeerOut) {
  DtlsPeer peer({.client = true}), stranger({.client = true});
  Endpoint endpoint(DtlsRole::kPassive);
  endpoint.transport->set_fingerprints(fingerprints_of(peer), Clock::now());
  stranger.run();
  endpoint.transport->receive(stranger.sent.front(), Clock::now());
  EXPECT_FALSE(endpoint.sent.empty());
  endpoint.sent.clear();
  peer.run();
  endpoint.transport->receive(peer.sent.front(), Clock::now());
  endpoint.transport->receive(peer.sent.front(), Clock::now());  // the same again is a retransmission
  exchange(endpoint, peer);
  EXPECT_EQ(endpoint.connected, 1) << endpoint.text;
  EXPECT_TRUE(peer.connected) << peer.error;
  endpoint.transport->receive(stranger.sent.front(), Clock::now());
  EXPECT_EQ(endpoint.transport->state(), DtlsState::kConnected);
}

TEST(Dtls, GarbageDoesNotStartAPassiveHandshake) {
  Endpoint endpoint(DtlsRole::kPassive);
  endpoint.transport->receive(Bytes{21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40}, Clock::now());
  endpoint.transport->receive(Bytes{22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1}, Clock::now());
  EXPECT_EQ(endpoint.transport->state(), DtlsState::kNew);
  EXPECT_FALSE(endpoint.transport->next_timeout());
}

TEST(DtlsRecord, ScreensPlainTextByRole) {
  DtlsPeer peer({.client = true});
  peer.run();
  const Bytes hello = peer.sent.front();
  EXPECT_EQ(screen_datagram(hello, DtlsRole::kPassive).records, hello);
  EXPECT_TRUE(screen_datagram(hello, DtlsRole::kPassive).handshake);
  EXPECT_EQ(screen_datagram(hello, DtlsRole::kActive).refused, 1U);
  EXPECT_TRUE(screen_datagram(hello, DtlsRole::kActive).records.empty());
  // A good record is kept beside a bad one. The rest of a cut datagram counts as one refusal.
  const Bytes bad{23, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0};
  Bytes both = bad;
  both.insert(both.end(), hello.begin(), hello.end());
  both.push_back(22);
  const auto screened = screen_datagram(both, DtlsRole::kPassive);
  EXPECT_EQ(screened.records, hello);
  EXPECT_EQ(screened.refused, 2U);
  // A fragment that claims to lie outside its message.
  for (const std::size_t field : {14U, 19U, 22U}) {
    Bytes broken = hello;
    broken[field] = 0xff;
    EXPECT_TRUE(screen_datagram(broken, DtlsRole::kPassive).records.empty()) << field;
  }
}

}  // namespace
}  // namespace sluice::control
