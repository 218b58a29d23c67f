// Parts of the daemon: the choice of crypto, the event loop, the log, the orderly end.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>

#include "controlplane/base/log.h"
#include "controlplane/daemon/crypto_choice.h"
#include "controlplane/daemon/event_loop.h"
#include "controlplane/daemon/shutdown.h"
#include "controlplane/server/api_socket.h"
#include "tests/controlplane/daemon/process.h"
#include "tests/controlplane/session/session_fixture.h"

namespace sluice::control {
namespace {

using namespace std::chrono_literals;

crypto::SelfTestReport report_with_failures(const std::vector<crypto::SrtpProfile>& failed) {
  crypto::SelfTestReport report;
  report.engine = crypto::EngineKind::kIpsecMb;
  report.library = "ipsec-mb 9.9.9, ABACUS";
  for (std::size_t i = 0; i < crypto::kAllSrtpProfiles.size(); ++i) {
    const auto profile = crypto::kAllSrtpProfiles[i];
    const bool passed = std::find(failed.begin(), failed.end(), profile) == failed.end();
    report.profiles[i] = {profile, passed, passed ? "" : "sealed, but not opened again"};
  }
  return report;
}

TEST(CryptoChoiceTest, OffersTheConfiguredProfilesThatPassedInTheirOrder) {
  CryptoChoice choice;
  std::string error;
  EXPECT_TRUE(choose_profiles({"AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM", "AEAD_AES_128_GCM"},
                              report_with_failures({crypto::SrtpProfile::kAeadAes256Gcm}), choice, error));
  EXPECT_EQ(choice.profiles,
            (std::vector{crypto::SrtpProfile::kAesCm128HmacSha1_80, crypto::SrtpProfile::kAeadAes128Gcm}));
  ASSERT_EQ(choice.warnings.size(), 1u);
  for (const char* part : {"AEAD_AES_256_GCM", "ABACUS", "not opened again"})
    EXPECT_NE(choice.warnings[0].find(part), std::string::npos) << choice.warnings[0];
}

TEST(CryptoChoiceTest, NothingLeftIsARefusalThatNamesProfilesAndLibrary) {
  CryptoChoice choice;
  std::string error;
  EXPECT_FALSE(choose_profiles(
      {"AEAD_AES_128_GCM", "AEAD_AES_256_GCM"},
      report_with_failures({crypto::SrtpProfile::kAeadAes128Gcm, crypto::SrtpProfile::kAeadAes256Gcm}),
      choice, error));
  for (const char* part : {"AEAD_AES_128_GCM", "AEAD_AES_256_GCM", "ipsec-mb 9.9.9", "not opened again"})
    EXPECT_NE(error.find(part), std::string::npos) << error;
}

TEST(CryptoChoiceTest, TheLibrariesOfThisMachinePass) {
  for (const auto engine : {config::CryptoEngine::kAuto, config::CryptoEngine::kLibsrtp}) {
    config::Crypto wanted;
    wanted.engine = engine;
    CryptoChoice choice;
    std::string error;
    EXPECT_TRUE(choose_crypto(wanted, choice, error)) << error;
    EXPECT_EQ(choice.profiles.size(), 4u);
  }
}

TEST(CryptoChoiceTest, TheInstructionSetIsThatOfTheConfiguration) {
  std::string error;
  config::Crypto wanted;
  wanted.engine = config::CryptoEngine::kIpsecMb;
  wanted.instruction_set = config::CryptoInstructions::kAvx2;
  CryptoChoice narrow;
  EXPECT_TRUE(choose_crypto(wanted, narrow, error)) << error;
  EXPECT_EQ(narrow.profiles.size(), 4u);
  EXPECT_EQ(narrow.library.find("AVX512"), std::string::npos) << narrow.library;
  wanted.instruction_set = config::CryptoInstructions::kAuto;
  CryptoChoice widest;
  EXPECT_TRUE(choose_crypto(wanted, widest, error)) << error;
  EXPECT_EQ(widest.library, crypto::run_self_test(crypto::EngineKind::kIpsecMb).library);
}

class EventLoopTest : public testing::Test {
 protected:
  dataplane::ControlWaker waker_;
  EventLoop loop_{waker_};
};

TEST_F(EventLoopTest, AWorkerWakesTheSleepingLoop) {
  std::atomic<std::uint64_t> pushed{0};  // takes the place of a ring
  std::atomic<std::uint64_t> seen{0};
  constexpr std::uint64_t kRounds = 20000;
  std::thread worker([&] {
    for (std::uint64_t i = 1; i <= kRounds; ++i) {
      pushed = i;
      waker_.wake();
      while (seen < i) std::this_thread::yield();
    }
  });
  const auto began = EventLoop::Clock::now();
  loop_.run({.poll =
                 [&](auto) {
                   seen = pushed.load();
                   if (seen == kRounds) loop_.stop();
                   return true;
                 },
             .tick = [](auto now) { return now + 1h; }});
  worker.join();
  // A lost wake-up costs a tick interval, 10 ms; 20,000 of them would be 200 s.
  EXPECT_LT(EventLoop::Clock::now() - began, 20s);
}

TEST_F(EventLoopTest, TicksComeWhenWantedAndNeverTooLate) {
  int ticks = 0;
  auto wanted = EventLoop::Clock::now();
  loop_.run({.poll = [](auto) { return true; },
             .tick =
                 [&](auto now) {
                   EXPECT_GE(now, wanted);
                   if (++ticks == 50) loop_.stop();
                   wanted = now + (ticks % 2 == 0 ? 1ms : 2ms);
                   return wanted;
                 }});
  EXPECT_EQ(ticks, 50);
  const auto began = EventLoop::Clock::now();
  EventLoop patient(waker_);
  int calls = 0;
  patient.run({.poll = [](auto) { return true; },
               .tick =
                   [&](auto now) {
                     if (++calls == 5) patient.stop();
                     return now + 1h;
                   }});
  EXPECT_LT(EventLoop::Clock::now() - began, 2s);
}

TEST_F(EventLoopTest, HandlersThatNeverEndDoNotKeepTheRingsWaiting) {
  std::function<void()> forever = [&] {
    std::this_thread::sleep_for(100us);
    boost::asio::post(loop_.io(), forever);
  };
  boost::asio::post(loop_.io(), forever);
  int polls = 0;
  auto last = EventLoop::Clock::now();
  EventLoop::Clock::duration longest{};
  loop_.run({.poll =
                 [&](auto) {
                   const auto now = EventLoop::Clock::now();
                   longest = std::max(longest, now - last);
                   last = now;
                   if (++polls == 100) loop_.stop();
                   return true;
                 },
             .tick = [](auto now) { return now + 1h; }});
  EXPECT_LT(longest, 500ms);
}

TEST_F(EventLoopTest, RingsThatNeverDrainDoNotKeepHandlersWaiting) {
  boost::asio::steady_timer timer(loop_.io(), 20ms);
  timer.async_wait([this](auto) { loop_.stop(); });
  loop_.run({.poll = [](auto) { return false; }, .tick = [](auto now) { return now + 1h; }});
}

/// Sessions over workers that the test plays, and the parts that take part in the end.
class OrderlyEndTest : public testing::Test {
 protected:
  void SetUp() override {
    bench_.session();
    bench_.create(bench_.rtp("a"));
    bench_.settle();
    config::Api api;
    api.socket = directory_.file("api.sock");
    std::string error;
    socket_ = ApiSocket::claim(api, error);
    ASSERT_TRUE(socket_) << error;
    server_ = std::make_unique<ApiServer>(loop_.io(), socket_->release_fd(), ApiServer::Options{}, hub_,
                                          [](const auto&, const auto&, const Answer&) {});
  }
  /// Runs the loop until the sequence ends it, and returns how long that took. Workers acknowledge removals
  /// only when `workers_ack`.
  std::chrono::milliseconds run(ShutdownSequence& end, bool workers_ack,
                                const std::function<void()>& meanwhile = {}) {
    const auto began = EventLoop::Clock::now();
    end.begin("test");
    loop_.run({.poll =
                   [&](auto) {
                     if (meanwhile) meanwhile();
                     if (workers_ack) bench_.plane.worker(0).turn();
                     return bench_.sessions->poll(bench_.now);
                   },
               .tick = [&](auto now) { return now + 1ms; }});
    return std::chrono::duration_cast<std::chrono::milliseconds>(EventLoop::Clock::now() - began);
  }

  test::TemporaryDirectory directory_;
  test::SessionFixture bench_;
  dataplane::ControlWaker waker_;
  EventLoop loop_{waker_};
  EventHub hub_;
  std::unique_ptr<ApiSocket> socket_;
  std::unique_ptr<ApiServer> server_;
};

TEST_F(OrderlyEndTest, WaitsForTheWorkersAndNoLonger) {
  ShutdownSequence end(loop_, *bench_.sessions, *server_, {.whole = 20s, .patience = 20s, .flush = 20s});
  EXPECT_LT(run(end, true), 10s);
  EXPECT_TRUE(end.is_clean());
  EXPECT_EQ(bench_.sessions->session_count(), 0u);
}

TEST_F(OrderlyEndTest, EndsWithoutWorkersThatNeverAckAndSaysSo) {
  ShutdownSequence end(loop_, *bench_.sessions, *server_, {.whole = 200ms, .patience = 20s, .flush = 20s});
  const auto took = run(end, false);
  EXPECT_GE(took, 200ms);
  EXPECT_LT(took, 10s);
  EXPECT_FALSE(end.is_clean());
}

TEST_F(OrderlyEndTest, ASecondSignalCountsOnceThePatienceIsOver) {
  ShutdownSequence end(loop_, *bench_.sessions, *server_, {.whole = 20s, .patience = 200ms, .flush = 20s});
  const auto took = run(end, false, [&] { end.begin("again"); });
  EXPECT_GE(took, 200ms);
  EXPECT_LT(took, 10s);
  EXPECT_FALSE(end.is_clean());
}

TEST(LogTest, ValuesCannotForgeALine) {
  EXPECT_EQ(log::value("plain-1.2:3"), "plain-1.2:3");
  EXPECT_EQ(log::value(""), "\"\"");
  EXPECT_EQ(log::value("two words"), "\"two words\"");
  EXPECT_EQ(log::value("a\nb\"c\\"), "\"a\\x0ab\\\"c\\\\\"");
}

TEST(LogTest, WritesToTheFileFromItsLevelOn) {
  const test::TemporaryDirectory directory;
  std::string error;
  config::Log settings;
  settings.file = "/dev/null/log";
  EXPECT_FALSE(log::start(settings, error));
  EXPECT_NE(error.find("/dev/null/log"), std::string::npos) << error;
  settings.file = directory.file("log");
  settings.level = config::LogLevel::kWarning;
  ASSERT_TRUE(log::start(settings, error)) << error;
  log::info("quiet");
  log::warning("loud key={}", 7);
  const auto text = test::read_file(settings.file);
  EXPECT_EQ(text.find("quiet"), std::string::npos);
  EXPECT_NE(text.find("Z warning loud key=7\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace sluice::control
