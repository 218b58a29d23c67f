// Source, sink and verification over the generator's loop device. Each packet is received and counted, and
// libsrtp2 opens it. A packet that changes on the way is detected.
#include <gtest/gtest.h>

#include "bench/gen/forger.h"
#include "bench/gen/player.h"
#include "bench/gen/verify.h"
#include "crypto/engine_factory.h"
#include "tests/bench/gen/plans.h"

namespace sluice::gen {
namespace {

std::unique_ptr<crypto::SrtpEngine> engine() {
  std::string error;
  auto made = crypto::make_engine(crypto::EngineKind::kIpsecMb, error);
  return made ? std::move(made) : crypto::make_engine(crypto::EngineKind::kLibsrtp, error);
}

/// The one link of the process: DPDK starts once.
Link& loop() {
  static const std::unique_ptr<Link> link = [] {
    LinkOptions options;
    options.loop = true;
    options.mbufs = 16383;
    std::string error;
    auto opened = Link::open(options, error);
    EXPECT_TRUE(opened) << error;
    return opened;
  }();
  return *link;
}

Plan plan_of(const nlohmann::json& json) {
  std::string error;
  auto plan = read_plan(json.dump(), error);
  EXPECT_TRUE(plan) << error;
  return *plan;
}

// A player of a plan over the loop.
struct Running {
  explicit Running(const nlohmann::json& json) : plan(plan_of(json)) {}
  void warm_up() {
    std::string error;
    ASSERT_TRUE(player.warm_up(5, error)) << error;
  }

  const Plan plan;
  std::atomic<bool> stop = false;
  const Clock clock = Clock::calibrate(10'000'000);
  Player player{plan, loop(), clock, engine(), true, stop};
};

TEST(Loop, WhatIsSentArrivesAndOpens) {
  Running running(test::calls(30));
  ASSERT_NO_FATAL_FAILURE(running.warm_up());
  for (const double rate : {50'000.0, 0.0}) {
    const Trial trial = running.player.run({.rate = rate, .seconds = 0.3, .verify = true});
    EXPECT_EQ(trial.lost, 0U);
    EXPECT_EQ(trial.counts.received, trial.counts.sent);
    EXPECT_EQ(trial.counts.repeated + trial.counts.strangers + trial.counts.other, 0U);
    EXPECT_GT(trial.verified, 3U);
    EXPECT_EQ(trial.verify_failures, 0U) << trial.failure_reasons.front();
    EXPECT_GT(trial.latency.max, 0);
  }
}

TEST(Loop, WhoSharesTheCpuLeavesSomeOfItAndKeepsThePace) {
  Running running(test::calls(30));
  running.player.share_cpu();
  ASSERT_NO_FATAL_FAILURE(running.warm_up());
  const std::uint64_t before = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
  const Trial trial = running.player.run({.rate = 50'000, .seconds = 0.3, .verify = false});
  EXPECT_LT(nanoseconds(CLOCK_THREAD_CPUTIME_ID) - before, 240'000'000U);
  EXPECT_EQ(trial.lost, 0U);
  // Without SCHED_FIFO the player may wake late. It does not send the packets that are late, but counts them.
  EXPECT_GT(trial.counts.sent, 1000U);
  EXPECT_NEAR(static_cast<double>(trial.counts.sent + trial.counts.skipped), 15'000, 1000);
}

TEST(Loop, StreamsOutliveTheRollOverOfTheirNumbers) {
  auto json = test::calls(3);
  json["streams"].erase(0);
  json["receivers"].erase(0);
  json["receivers"][0]["stream"] = 0;
  json["receivers"][1]["stream"] = 1;
  Running running(json);
  ASSERT_NO_FATAL_FAILURE(running.warm_up());
  Trial trial;
  std::uint64_t total = 0;
  while (total < 2 * 140'000) {
    trial = running.player.run({.rate = 0, .seconds = 0.2, .verify = true});
    total += trial.counts.sent;
    EXPECT_EQ(trial.lost, 0U);
    EXPECT_EQ(trial.verify_failures, 0U) << trial.failure_reasons.front();
  }
}

TEST(Loop, FramesAreSentWholeAndAtTheirRate) {
  Running running(test::calls(30));
  ASSERT_NO_FATAL_FAILURE(running.warm_up());
  const Trial trial =
      running.player.run({.seconds = 0.5, .frames = {.streams = 20, .packets = 64, .per_second = 30}});
  EXPECT_EQ(trial.lost, 0U);
  EXPECT_EQ(trial.counts.sent % 64, 0U);
  EXPECT_NEAR(static_cast<double>(trial.counts.sent + trial.counts.skipped) / 64, 300, 20);
  EXPECT_EQ(trial.verify_failures, 0U);
}

// Sends 64 forged packets, and returns how many came from another address than the sender's own.
int forged_by_strangers(bool spoofed) {
  const Plan plan = plan_of(test::calls(1));
  Source source(plan, loop(), engine());
  Forger forger(source, loop());
  Counts counts;
  source.send(32, counts, forger.make({.per_packet = 2, .spoofed = spoofed}, 32, counts));
  EXPECT_EQ(counts.sent, 32U);
  EXPECT_EQ(counts.forged, 64U);
  EXPECT_EQ(counts.refused + counts.forged_refused, 0U);
  std::array<rte_mbuf*, 128> arrived;
  const std::size_t count = loop().receive(0, arrived.data(), arrived.size());
  EXPECT_EQ(count, 96U);
  int strangers = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (i % 3 == 0) continue;  // media: they are evenly mixed
    const auto* frame = rte_pktmbuf_mtod(arrived[i], const std::uint8_t*);
    const auto& flow = source.stream(0);
    EXPECT_EQ(arrived[i]->pkt_len, flow.frame_length);
    EXPECT_EQ(dataplane::load_be32(frame + 50), flow.ssrc);
    EXPECT_LE(static_cast<std::uint16_t>(dataplane::load_be16(frame + 44) - flow.index), 1000U);
    EXPECT_EQ(dataplane::checksum_finish(dataplane::checksum_add({frame + 14, 20})), 0U);
    strangers += std::memcmp(frame + 26, flow.header.data() + 26, 4) != 0 ? 1 : 0;
  }
  rte_pktmbuf_free_bulk(arrived.data(), static_cast<unsigned>(count));
  return strangers;
}

TEST(Loop, ForgedPacketsComeFromStrangersOrClaimToBeTheSenders) {
  EXPECT_EQ(forged_by_strangers(false), 64);
  EXPECT_EQ(forged_by_strangers(true), 0);
}

class Tampered : public ::testing::Test {
 protected:
  Tampered()
      : plan_(plan_of(test::calls(3))), source_(plan_, loop(), engine()), sink_(plan_, source_, true) {}

  /// Sends packets, changes each by `change`, and receives them.
  Counts pass(std::size_t packets, const std::function<void(std::uint8_t* rtp, rte_mbuf* packet)>& change) {
    Counts counts;
    for (std::size_t i = 0; i < packets; i += 3) {
      source_.send(3, counts);
      std::array<rte_mbuf*, 64> arrived;
      const std::size_t count = loop().receive(0, arrived.data(), arrived.size());
      for (std::size_t k = 0; k < count; ++k)
        change(rte_pktmbuf_mtod_offset(arrived[k], std::uint8_t*, 42), arrived[k]);
      sink_.take(std::span(arrived).first(count), rte_rdtsc(), counts);
      rte_pktmbuf_free_bulk(arrived.data(), static_cast<unsigned>(count));
    }
    return counts;
  }

  Plan plan_;
  Source source_;
  Sink sink_;
};

TEST_F(Tampered, AChangedPayloadIsFoundOut) {
  sink_.begin_trial(true);
  pass(9000, [](std::uint8_t*, rte_mbuf*) {});
  EXPECT_EQ(verify(plan_, sink_, source_.pattern(), true).failures, 0U);
  sink_.begin_trial(true);
  pass(30000, [](std::uint8_t* rtp, rte_mbuf*) { rtp[20] ^= 1; });
  const Verdict verdict = verify(plan_, sink_, source_.pattern(), true);
  EXPECT_GT(verdict.verified, 5U);
  EXPECT_EQ(verdict.failures, verdict.verified);
  EXPECT_FALSE(verdict.reasons.empty());
}

TEST_F(Tampered, StrangersAndRepeatsAreNotCountedAsReceived) {
  sink_.begin_trial(false);
  EXPECT_EQ(pass(300, [](std::uint8_t*, rte_mbuf*) {}).received, 300U);
  const Counts strangers = pass(300, [](std::uint8_t* rtp, rte_mbuf*) { rtp[8] ^= 1; });
  EXPECT_EQ(strangers.strangers, 300U);
  EXPECT_EQ(strangers.received, 0U);
  const Counts repeated = pass(300, [](std::uint8_t* rtp, rte_mbuf*) {
    dataplane::store_be16(rtp + 2, static_cast<std::uint16_t>(dataplane::load_be16(rtp + 2) - 200));
  });
  EXPECT_EQ(repeated.repeated, 300U);
  const Counts other = pass(300, [](std::uint8_t*, rte_mbuf* packet) { packet->data_len = 20; });
  EXPECT_EQ(other.other, 300U);
}

}  // namespace
}  // namespace sluice::gen
