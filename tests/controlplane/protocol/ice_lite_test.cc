// ice_lite: a peer that is written here sends good and bad checks. The tests compare answers and state with
// RFC 8445 and RFC 8489.
#include "controlplane/protocol/ice/ice_lite.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace sluice::control {
namespace {

using namespace std::chrono_literals;
using Bytes = std::vector<std::uint8_t>;

RandomSource seeded(unsigned seed) {
  return [engine = std::mt19937(seed)](std::span<std::uint8_t> out) mutable {
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(engine());
  };
}

config::SocketAddress address(std::string_view ip, std::uint16_t port) {
  return {*config::IpAddress::parse(ip), port};
}

bool nothing_taken(std::string_view) {
  return false;
}

struct Check {
  std::string username;
  std::string password;
  bool use_candidate = false;
  std::optional<std::uint64_t> controlling = 7;
  std::optional<std::uint64_t> controlled = std::nullopt;
  bool integrity = true;
  bool fingerprint = true;
  std::optional<std::uint16_t> extra_attribute = std::nullopt;
  StunClass message_class = StunClass::kRequest;
  std::uint16_t method = kStunBinding;
  std::uint32_t priority = 1853824767;

  Bytes bytes() const {
    StunWriter writer(message_class, method, {9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2});
    if (!username.empty()) writer.add_text(StunAttribute::kUsername, username);
    writer.add_u32(StunAttribute::kPriority, priority);
    if (controlling) writer.add_u64(StunAttribute::kIceControlling, *controlling);
    if (controlled) writer.add_u64(StunAttribute::kIceControlled, *controlled);
    if (use_candidate) writer.add_flag(StunAttribute::kUseCandidate);
    if (extra_attribute) writer.add_u32(static_cast<StunAttribute>(*extra_attribute), 0);
    if (integrity) writer.add_message_integrity(password);
    if (fingerprint) writer.add_fingerprint();
    return writer.take();
  }
};

class IceLiteTest : public ::testing::Test {
 protected:
  IceLiteTest() : random_(seeded(42)), ice_(make_ice_credentials(random_, nothing_taken), 30000ms) {}

  Check good() const {
    return {.username = ice_.credentials().ufrag + ":peer",
            .password = std::string(ice_.credentials().password_text())};
  }
  IceOutcome send(const Bytes& bytes) { return send(bytes, peer_); }
  IceOutcome send(const Bytes& bytes, const config::SocketAddress& from) {
    const auto view = StunView::parse(bytes);
    EXPECT_TRUE(view);
    return ice_.on_request(*view, from, local_, now_);
  }
  // Sends a check that must be refused and must not change any state.
  void expect_refused(const Check& check, IceRefusal refusal, std::uint16_t code) {
    const Bytes bytes = check.bytes();
    const std::size_t pairs = ice_.pair_count();
    const auto selected = ice_.selected(now_);
    const std::uint64_t count = ice_.refused(refusal);
    const IceOutcome outcome = send(bytes);
    EXPECT_EQ(outcome.refusal, refusal) << ice_refusal_name(outcome.refusal);
    EXPECT_EQ(ice_.refused(refusal), count + 1);
    EXPECT_FALSE(outcome.validated);
    EXPECT_FALSE(outcome.nominated);
    EXPECT_EQ(ice_.pair_count(), pairs);
    EXPECT_EQ(ice_.selected(now_), selected);
    if (code == 0) {
      EXPECT_TRUE(outcome.response.empty());
      return;
    }
    const auto view = StunView::parse(outcome.response);
    ASSERT_TRUE(view);
    EXPECT_EQ(view->message_class(), StunClass::kError);
    ASSERT_TRUE(view->error_code());
    EXPECT_EQ(view->error_code()->code, code);
    EXPECT_TRUE(view->fingerprint_ok());
    const bool authenticated = refusal == IceRefusal::kUnknownAttribute || refusal == IceRefusal::kBadRole ||
                               refusal == IceRefusal::kRoleConflict;
    EXPECT_EQ(view->has(StunAttribute::kMessageIntegrity), authenticated);
    if (authenticated) {
      EXPECT_TRUE(view->integrity_ok(check.password));
    } else {
      EXPECT_LE(outcome.response.size(), bytes.size());
    }
  }

  RandomSource random_;
  IceLite ice_;
  config::SocketAddress peer_ = address("198.18.0.9", 50000);
  config::SocketAddress local_ = address("198.18.0.1", 3478);
  IceLite::TimePoint now_{1000s};
};

TEST_F(IceLiteTest, AnswersAGoodCheck) {
  const IceOutcome outcome = send(good().bytes());
  EXPECT_EQ(outcome.refusal, IceRefusal::kNone);
  EXPECT_TRUE(outcome.validated);
  EXPECT_FALSE(outcome.nominated);
  const auto view = StunView::parse(outcome.response);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->message_class(), StunClass::kResponse);
  EXPECT_EQ(view->xor_mapped_address(), peer_);
  EXPECT_TRUE(view->integrity_ok(ice_.credentials().password_text()));
  EXPECT_TRUE(view->fingerprint_ok());
  EXPECT_EQ(view->transaction_id(), (StunTransactionId{9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2}));
  EXPECT_TRUE(ice_.is_validated({local_, peer_}, now_));
  EXPECT_FALSE(ice_.is_validated({local_, address("198.18.0.9", 50001)}, now_));
  EXPECT_FALSE(ice_.is_validated({address("198.18.0.2", 3478), peer_}, now_));
  EXPECT_FALSE(ice_.nominated(now_));
  EXPECT_EQ(ice_.selected(now_), (IcePair{local_, peer_}));
}

// pjnath sets USE-CANDIDATE in every check.
TEST_F(IceLiteTest, UnderAggressiveNominationTheHighestPriorityCounts) {
  Check high = good(), low = good();
  high.use_candidate = low.use_candidate = true;
  low.priority = 100;
  const auto relay = address("198.18.0.7", 40000);
  const IcePair best{local_, peer_};
  send(low.bytes(), relay);
  EXPECT_EQ(ice_.nominated(now_), (IcePair{local_, relay}));
  int moves = 0;
  for (int i = 0; i < 8; ++i) {
    now_ += 500ms;
    moves += send(high.bytes()).nominated ? 1 : 0;
    EXPECT_EQ(ice_.nominated(now_), best);
    now_ += 500ms;
    moves += send(low.bytes(), relay).nominated ? 1 : 0;
    EXPECT_EQ(ice_.nominated(now_), best);
  }
  EXPECT_EQ(moves, 1);
}

TEST_F(IceLiteTest, ALowerPriorityCountsWhenThePeerLeavesTheHigherOne) {
  Check high = good(), low = good(), keep_alive = good();
  high.use_candidate = low.use_candidate = true;
  low.priority = 100;
  const auto second = address("198.18.0.7", 40000);
  // The peer still checks the first pair, but nominates it no longer.
  send(high.bytes());
  send(low.bytes(), second);
  EXPECT_EQ(ice_.nominated(now_), (IcePair{local_, peer_}));
  send(keep_alive.bytes());
  EXPECT_EQ(ice_.nominated(now_), (IcePair{local_, second}));
  // The first pair is silent.
  send(high.bytes());
  EXPECT_EQ(ice_.nominated(now_), (IcePair{local_, peer_}));
  now_ += kIceNominationHold - 1ms;
  EXPECT_FALSE(send(low.bytes(), second).nominated);
  now_ += 1ms;
  EXPECT_TRUE(send(low.bytes(), second).nominated);
  EXPECT_EQ(ice_.nominated(now_), (IcePair{local_, second}));
  // A nomination that was never repeated counts no longer than the pair's consent.
  const auto forged = address("198.18.0.66", 6);
  high.priority = 0xffffffff;
  send(high.bytes(), forged);
  EXPECT_EQ(ice_.nominated(now_), (IcePair{local_, forged}));
  now_ += 29s;
  send(keep_alive.bytes(), second);
  now_ += 1s;
  EXPECT_EQ(ice_.nominated(now_), (IcePair{local_, second}));
  EXPECT_FALSE(ice_.consent_expired(now_));
}

TEST_F(IceLiteTest, ThePairInUseIsNotEvicted) {
  Check check = good();
  check.use_candidate = true;
  send(check.bytes());
  ice_.set_in_use(IcePair{local_, peer_});
  now_ += 10s;
  for (std::uint16_t port = 1; port <= 2 * kIceMaxPairs; ++port) {
    now_ += 1ms;
    send(check.bytes(), address("198.18.0.8", port));
  }
  EXPECT_EQ(ice_.pair_count(), kIceMaxPairs);
  EXPECT_TRUE(ice_.is_validated({local_, peer_}, now_));
}

TEST_F(IceLiteTest, TheLastNominationOfOnePriorityWins) {
  Check check = good();
  check.use_candidate = true;
  IceOutcome outcome = send(check.bytes());
  EXPECT_TRUE(outcome.validated);
  EXPECT_TRUE(outcome.nominated);
  outcome = send(check.bytes());
  EXPECT_FALSE(outcome.validated);
  EXPECT_FALSE(outcome.nominated);
  const auto second = address("2001:db8::7", 40000);
  outcome = send(good().bytes(), second);
  EXPECT_TRUE(outcome.validated);
  EXPECT_EQ(ice_.nominated(now_), (IcePair{local_, peer_}));
  outcome = send(check.bytes(), second);
  EXPECT_TRUE(outcome.nominated);
  EXPECT_EQ(ice_.nominated(now_), (IcePair{local_, second}));
}

TEST_F(IceLiteTest, SilentAboutWhatIsNotIce) {
  Check check = good();
  check.fingerprint = false;
  expect_refused(check, IceRefusal::kNoFingerprint, 0);
  check = good();
  check.method = 0x003;
  expect_refused(check, IceRefusal::kNotBinding, 0);
  for (const StunClass message_class : {StunClass::kIndication, StunClass::kResponse, StunClass::kError}) {
    check = good();
    check.message_class = message_class;
    expect_refused(check, IceRefusal::kNotARequest, 0);
  }
}

TEST_F(IceLiteTest, RefusesWhatIsNotAuthentic) {
  Check check = good();
  check.username.clear();
  expect_refused(check, IceRefusal::kNoCredentials, 400);
  check = good();
  check.integrity = false;
  expect_refused(check, IceRefusal::kNoCredentials, 400);
  check = good();
  check.password = "wrong password, long enough";
  expect_refused(check, IceRefusal::kBadIntegrity, 401);
  check = good();
  check.username = "AAAAAAAA:peer";
  expect_refused(check, IceRefusal::kWrongLocalUfrag, 401);
  for (const std::string& username :
       {std::string("noColon"), ice_.credentials().ufrag + ":", std::string(":peer"),
        ice_.credentials().ufrag + ":pe er", ice_.credentials().ufrag + ":a:b",
        ice_.credentials().ufrag + ":abc",  // RFC 8839 5.4: 4*256ice-char
        ice_.credentials().ufrag + ":" + std::string(257, 'x'), std::string("a\0b:peer", 8)}) {
    check = good();
    check.username = username;
    expect_refused(check, IceRefusal::kMalformedUsername, 401);
  }
  EXPECT_EQ(ice_.pair_count(), 0U);
  EXPECT_FALSE(ice_.selected(now_));
}

TEST_F(IceLiteTest, RefusesRolesAndAttributesThatItDoesNotKnow) {
  Check check = good();
  check.controlling.reset();
  check.controlled = 0;
  check.use_candidate = true;
  expect_refused(check, IceRefusal::kRoleConflict, 487);
  check.controlled = ~0ULL;
  expect_refused(check, IceRefusal::kRoleConflict, 487);
  check.controlling = 1;
  expect_refused(check, IceRefusal::kBadRole, 400);
  check = good();
  check.extra_attribute = 0x7fee;
  expect_refused(check, IceRefusal::kUnknownAttribute, 420);
  const IceOutcome outcome = send(check.bytes());
  const auto view = StunView::parse(outcome.response);
  const auto unknown = view->find(StunAttribute::kUnknownAttributes);
  ASSERT_TRUE(unknown);
  EXPECT_EQ(Bytes(unknown->begin(), unknown->end()), (Bytes{0x7f, 0xee}));
}

TEST_F(IceLiteTest, AnUnauthenticatedRequestIsNeverAmplified) {
  // The shortest datagrams that get a 400 or 401: header and FINGERPRINT, with a USERNAME of growing length.
  for (std::size_t length = 0; length < 40; ++length) {
    StunWriter writer(StunClass::kRequest, kStunBinding, {});
    if (length > 0) writer.add_text(StunAttribute::kUsername, std::string(length, 'u'));
    if (length % 2 != 0) writer.add(StunAttribute::kMessageIntegrity, Bytes(20));
    writer.add_fingerprint();
    const IceOutcome outcome = send(writer.bytes());
    EXPECT_NE(outcome.refusal, IceRefusal::kNone);
    EXPECT_LE(outcome.response.size(), writer.bytes().size());
    if (length == 0) {
      EXPECT_TRUE(outcome.response.empty());
    }
  }
  EXPECT_GT(ice_.kept_back(), 0U);
}

TEST_F(IceLiteTest, EveryFlippedByteOfACheckIsRefused) {
  Check check = good();
  check.use_candidate = true;
  const Bytes whole = check.bytes();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes flipped = whole;
      flipped[i] = static_cast<std::uint8_t>(flipped[i] ^ (1 << bit));
      const auto view = StunView::parse(flipped);
      if (!view) continue;
      const IceOutcome outcome = ice_.on_request(*view, peer_, local_, now_);
      EXPECT_NE(outcome.refusal, IceRefusal::kNone) << "byte " << i << " bit " << bit;
    }
  }
  EXPECT_EQ(ice_.pair_count(), 0U);
}

TEST_F(IceLiteTest, TheRemoteUfragCountsOnceItIsKnown) {
  Check other = good();
  other.username = ice_.credentials().ufrag + ":other";
  EXPECT_TRUE(send(other.bytes(), address("198.18.0.8", 1)).validated);
  EXPECT_TRUE(send(good().bytes()).validated);
  const auto forgotten = ice_.set_remote_ufrag("peer");
  ASSERT_EQ(forgotten.size(), 1U);
  EXPECT_EQ(forgotten[0].remote, address("198.18.0.8", 1));
  EXPECT_TRUE(ice_.is_validated({local_, peer_}, now_));
  expect_refused(other, IceRefusal::kWrongRemoteUfrag, 401);
  EXPECT_EQ(send(good().bytes()).refusal, IceRefusal::kNone);
}

TEST_F(IceLiteTest, ConsentRunsOutAndComesBack) {
  EXPECT_FALSE(ice_.consent_expired(now_ + 1h));
  Check check = good();
  check.use_candidate = true;
  send(check.bytes());
  EXPECT_FALSE(ice_.consent_expired(now_ + 29999ms));
  EXPECT_TRUE(ice_.is_validated({local_, peer_}, now_ + 29999ms));
  EXPECT_TRUE(ice_.consent_expired(now_ + 30s));
  EXPECT_FALSE(ice_.is_validated({local_, peer_}, now_ + 30s));
  // Checks of another pair do not renew the consent of the nominated pair.
  now_ += 30s;
  send(good().bytes(), address("198.18.0.8", 1));
  EXPECT_TRUE(ice_.consent_expired(now_));
  // A forged check does not renew it either.
  Check forged = check;
  forged.password = "x";
  send(forged.bytes());
  EXPECT_TRUE(ice_.consent_expired(now_));
  send(check.bytes());
  EXPECT_FALSE(ice_.consent_expired(now_));
}

TEST_F(IceLiteTest, StalePairsAreForgottenButTheSelectedOne) {
  Check check = good();
  check.use_candidate = true;
  send(check.bytes());
  const auto second = address("198.18.0.8", 1);
  send(good().bytes(), second);
  EXPECT_TRUE(ice_.expire(now_ + 29s).empty());
  const auto forgotten = ice_.expire(now_ + 31s);
  ASSERT_EQ(forgotten.size(), 1U);
  EXPECT_EQ(forgotten[0].remote, second);
  EXPECT_EQ(ice_.selected(now_), (IcePair{local_, peer_}));
  IceLite empty(make_ice_credentials(random_, nothing_taken), 30000ms);
  EXPECT_TRUE(empty.expire(now_).empty());
}

TEST_F(IceLiteTest, PairsAreBoundedAndTheNominatedOneStays) {
  Check check = good();
  check.use_candidate = true;
  send(check.bytes());
  for (std::uint16_t port = 1; port <= 100; ++port) {
    now_ += 1ms;
    const IceOutcome outcome = send(good().bytes(), address("198.18.0.8", port));
    EXPECT_TRUE(outcome.validated);
    EXPECT_LE(ice_.pair_count(), kIceMaxPairs);
    ASSERT_EQ(outcome.evicted.has_value(), port >= kIceMaxPairs);
    if (outcome.evicted) {
      EXPECT_EQ(outcome.evicted->remote.port, port - kIceMaxPairs + 1);
    }
  }
  EXPECT_EQ(ice_.nominated(now_), (IcePair{local_, peer_}));
}

TEST_F(IceLiteTest, RestartKeepsTheCallUntilTheNewCredentialsAreUsed) {
  Check old_check = good();
  old_check.use_candidate = true;
  send(old_check.bytes());
  ice_.set_remote_ufrag("peer");
  const std::string old_ufrag = ice_.credentials().ufrag;
  EXPECT_FALSE(ice_.restart(make_ice_credentials(random_, nothing_taken)));
  EXPECT_NE(ice_.credentials().ufrag, old_ufrag);
  EXPECT_EQ(ice_.nominated(now_), (IcePair{local_, peer_}));
  now_ += 20s;
  EXPECT_EQ(send(old_check.bytes()).refusal, IceRefusal::kNone);
  EXPECT_FALSE(ice_.consent_expired(now_ + 20s));
  EXPECT_TRUE(ice_.set_remote_ufrag("fresh").empty());
  // The old ufrag with the new password, and the new ufrag with the old password, are both refused.
  Check mixed = old_check;
  mixed.password = std::string(ice_.credentials().password_text());
  expect_refused(mixed, IceRefusal::kBadIntegrity, 401);
  expect_refused(good(), IceRefusal::kWrongRemoteUfrag, 401);

  Check fresh = good();
  fresh.username = ice_.credentials().ufrag + ":fresh";
  fresh.use_candidate = true;
  const auto second = address("198.18.0.8", 1);
  const IceOutcome outcome = send(fresh.bytes(), second);
  EXPECT_TRUE(outcome.nominated);
  EXPECT_EQ(outcome.retired_ufrag, old_ufrag);
  EXPECT_EQ(ice_.nominated(now_), (IcePair{local_, second}));
  expect_refused(old_check, IceRefusal::kWrongLocalUfrag, 401);
}

// Another device answers the offer that the first one had answered: a transfer, or a fork.
TEST_F(IceLiteTest, AnAnswerToTheFormerOfferIsTheNewPeer) {
  Check former = good();
  former.use_candidate = true;
  send(former.bytes());
  ice_.set_remote_ufrag("peer");
  const std::string offered = ice_.credentials().ufrag;
  EXPECT_FALSE(ice_.restart(make_ice_credentials(random_, nothing_taken)));
  EXPECT_TRUE(ice_.set_remote_ufrag("other").empty());
  Check answer = former;
  answer.username = offered + ":third";
  expect_refused(answer, IceRefusal::kWrongRemoteUfrag, 401);
  answer.username = offered + ":other";
  const auto device = address("198.18.0.8", 1);
  const IceOutcome outcome = send(answer.bytes(), device);
  EXPECT_TRUE(outcome.nominated);
  EXPECT_FALSE(outcome.retired_ufrag) << "the new peer uses it";
  EXPECT_EQ(ice_.nominated(now_), (IcePair{local_, device}));
  now_ += 1s;
  EXPECT_EQ(send(former.bytes()).refusal, IceRefusal::kNone) << "it has consent until it ends";
  EXPECT_EQ(ice_.nominated(now_), (IcePair{local_, device})) << "and does not take the media back";
}

TEST_F(IceLiteTest, ASecondRestartRetiresTheFirstGeneration) {
  const std::string first = ice_.credentials().ufrag;
  EXPECT_FALSE(ice_.restart(make_ice_credentials(random_, nothing_taken)));
  EXPECT_EQ(ice_.restart(make_ice_credentials(random_, nothing_taken)), first);
}

TEST(IceCredentials, AreLongRandomIceChars) {
  const RandomSource random = seeded(7);
  std::set<std::string> ufrags;
  for (int i = 0; i < 1000; ++i) {
    const IceCredentials credentials =
        make_ice_credentials(random, [&](std::string_view u) { return ufrags.contains(std::string(u)); });
    EXPECT_EQ(credentials.ufrag.size(), kIceUfragChars);
    EXPECT_TRUE(kIceUfrag.fits(credentials.ufrag));
    EXPECT_EQ(credentials.password_text().size(), kIcePasswordChars);
    EXPECT_TRUE(kIcePassword.fits(credentials.password_text()));
    ufrags.insert(credentials.ufrag);
  }
  EXPECT_EQ(ufrags.size(), 1000U);
}

TEST(IceCredentials, ATakenUfragIsDrawnAgain) {
  int asked = 0;
  std::string first;
  const IceCredentials credentials = make_ice_credentials(seeded(7), [&](std::string_view ufrag) {
    if (asked == 0) first = ufrag;
    return ++asked < 4;
  });
  EXPECT_EQ(asked, 4);
  EXPECT_NE(credentials.ufrag, first);
}

TEST(PeekUsernameUfrag, FindsTheLocalPart) {
  Check check{.username = "abcd:wxyz", .password = "p"};
  const Bytes whole = check.bytes();
  EXPECT_EQ(peek_username_ufrag(whole), "abcd");
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(peek_username_ufrag(std::span(whole).first(length))) << length;
  check.username = "abcd";
  EXPECT_FALSE(peek_username_ufrag(check.bytes()));
  check.username = ":wxyz";
  EXPECT_FALSE(peek_username_ufrag(check.bytes()));
  check.username = "ab cd:wxyz";
  EXPECT_FALSE(peek_username_ufrag(check.bytes()));
  check.username.clear();
  EXPECT_FALSE(peek_username_ufrag(check.bytes()));
  check.username = "abcd:wxyz";
  check.message_class = StunClass::kResponse;
  EXPECT_FALSE(peek_username_ufrag(check.bytes()));
}

}  // namespace
}  // namespace sluice::control
