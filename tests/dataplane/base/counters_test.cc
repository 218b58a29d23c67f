// counters: the sums of the ledger, the names of the drop reasons, and one writer with a concurrent reader.
#include "dataplane/base/counters.h"

#include <atomic>
#include <set>
#include <thread>

#include "dataplane/shared/worker_memory.h"
#include "tests/support/pure_support.h"

namespace sluice::dataplane::test {
namespace {

struct Named {
  DropReason reason;
  std::string_view name;
  bool send;
};

// A second list of the reasons: the test fails when one is added, moved or renamed by accident.
constexpr Named kReasons[] = {
    {DropReason::kNotForUs, "not_for_us", false},
    {DropReason::kBadEthernet, "bad_ethernet", false},
    {DropReason::kBadIp, "bad_ip", false},
    {DropReason::kIpFragment, "ip_fragment", false},
    {DropReason::kBadUdp, "bad_udp", false},
    {DropReason::kNoEndpoint, "no_endpoint", false},
    {DropReason::kUnknownProtocol, "unknown_protocol", false},
    {DropReason::kBadRtp, "bad_rtp", false},
    {DropReason::kBadRtcp, "bad_rtcp", false},
    {DropReason::kNoKeys, "no_keys", false},
    {DropReason::kReplayed, "replayed", false},
    {DropReason::kTooOld, "too_old", false},
    {DropReason::kSequenceJump, "sequence_jump", false},
    {DropReason::kAuthFailed, "auth_failed", false},
    {DropReason::kWrongSource, "wrong_source", false},
    {DropReason::kStreamLimit, "stream_limit", false},
    {DropReason::kCryptoError, "crypto_error", false},
    {DropReason::kNoRoute, "no_route", false},
    {DropReason::kPuntRingFull, "punt_ring_full", false},
    {DropReason::kHandoffRingFull, "handoff_ring_full", false},
    {DropReason::kStaleAfterSwitch, "stale_after_switch", true},
    {DropReason::kNoRemote, "no_remote", true},
    {DropReason::kReceiverNotReady, "receiver_not_ready", true},
    {DropReason::kTooBig, "too_big", true},
    {DropReason::kNoBuffer, "no_buffer", true},
    {DropReason::kProtectFailed, "protect_failed", true},
    {DropReason::kPayloadTypeUnmapped, "payload_type_unmapped", true},
    {DropReason::kTransmitQueueFull, "transmit_queue_full", true},
    {DropReason::kLendRingFull, "lend_ring_full", true},
    {DropReason::kFanoutLate, "fanout_late", true},
};

TEST(DropReasonTest, EveryReasonHasItsOwnName) {
  ASSERT_EQ(std::size(kReasons), kDropReasonCount);
  std::set<std::string_view> names;
  std::set<DropReason> reasons;
  for (const Named& named : kReasons) {
    EXPECT_EQ(kDropReasonNames[static_cast<std::size_t>(named.reason)], named.name);
    EXPECT_EQ(is_send_drop(named.reason), named.send) << named.name;
    EXPECT_TRUE(names.insert(named.name).second) << named.name;
    EXPECT_TRUE(reasons.insert(named.reason).second) << named.name;
    EXPECT_EQ(named.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos)
        << named.name;
  }
}

struct LedgerColumn {
  Counter WorkerCounters::*counter;
  std::uint64_t Ledger::*entry;
  bool send;
  bool in;  // true: counts packets that came in; false: counts where they went
};

const LedgerColumn kColumns[] = {
    {&WorkerCounters::received, &Ledger::received, false, true},
    {&WorkerCounters::forwarded, &Ledger::forwarded, false, false},
    {&WorkerCounters::consumed, &Ledger::consumed, false, false},
    {&WorkerCounters::punted, &Ledger::punted, false, false},
    {&WorkerCounters::handed_off, &Ledger::handed_off, false, false},
    {&WorkerCounters::copies, &Ledger::copies, true, true},
    {&WorkerCounters::retransmitted, &Ledger::retransmitted, true, true},
    {&WorkerCounters::reports, &Ledger::reports, true, true},
    {&WorkerCounters::injected, &Ledger::injected, true, true},
    {&WorkerCounters::transmitted, &Ledger::transmitted, true, false},
};

TEST(LedgerTest, EachColumnCountsOnItsSide) {
  for (const LedgerColumn& column : kColumns) {
    WorkerCounters counters;
    EXPECT_TRUE(read_ledger(counters).balanced()) << "an idle worker";
    (counters.*column.counter).add(3);
    Ledger ledger = read_ledger(counters);
    EXPECT_EQ(ledger.*column.entry, 3u);
    EXPECT_FALSE(ledger.balanced());
    for (const LedgerColumn& other :
         kColumns) {  // only a column on the other side of the same sum closes the ledger
      if (other.counter == column.counter) continue;
      (counters.*other.counter).add(3);
      EXPECT_EQ(read_ledger(counters).balanced(), other.send == column.send && other.in != column.in);
      (counters.*other.counter).set(0);
    }
  }
}

TEST(LedgerTest, EachDropCloses) {
  for (const Named& named : kReasons) {
    WorkerCounters counters;
    (named.send ? counters.copies : counters.received).add(7);
    EXPECT_FALSE(read_ledger(counters).balanced());
    counters.drop(named.reason, 6);
    EXPECT_FALSE(read_ledger(counters).balanced());
    counters.drop(named.reason);
    const Ledger ledger = read_ledger(counters);
    EXPECT_TRUE(ledger.balanced()) << named.name;
    EXPECT_EQ(ledger.receive_drops, named.send ? 0u : 7u);
    EXPECT_EQ(ledger.send_drops, named.send ? 7u : 0u);
    EXPECT_EQ(counters.drops[static_cast<std::size_t>(named.reason)].read(), 7u);
  }
}

TEST(LedgerTest, RandomTrafficBalances) {
  SEED_TRACE();
  Random random(test_seed());
  WorkerCounters counters;
  for (int i = 0; i < 10000; ++i) {
    counters.received.add();
    switch (random() % 5) {
      case 0:
        counters.consumed.add();
        break;
      case 1:
        counters.punted.add();
        break;
      case 2:
        counters.drop(static_cast<DropReason>(random() % kFirstSendDrop));
        break;
      default:
        counters.forwarded.add();
        for (std::uint64_t copies = random() % 9; copies > 0; --copies) {
          counters.copies.add();
          if (random() % 6 == 0) {
            counters.drop(static_cast<DropReason>(pick(random, kFirstSendDrop, kDropReasonCount - 1)));
          } else {
            counters.transmitted.add();
          }
        }
    }
    ASSERT_TRUE(read_ledger(counters).balanced()) << i;
  }
}

TEST(CounterTest, ExactWithOneWriterAndMonotonousForAReader) {
  constexpr std::uint64_t kAdds = 2'000'000;
  Counter counter;
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::uint64_t i = 0; i < kAdds; ++i) counter.add(3);
    done.store(true);
  });
  std::uint64_t last = 0;
  std::uint64_t backwards = 0;
  while (!done.load()) {
    const std::uint64_t now = counter.read();
    backwards += now < last || now % 3 != 0;
    last = now;
  }
  writer.join();
  EXPECT_EQ(backwards, 0u);
  EXPECT_EQ(counter.read(), 3 * kAdds);
}

// The counters of a worker share no cache line with other data.
TEST(CounterTest, LieOnCacheLinesOfTheirOwn) {
  EXPECT_EQ(alignof(WorkerCounters), 64u);
  EXPECT_EQ(sizeof(WorkerCounters) % 64, 0u);
  EXPECT_EQ(alignof(EndpointSlot) % 64, 0u);
  EXPECT_EQ(alignof(StreamSlot) % 64, 0u);
  EXPECT_EQ(alignof(RouteSlot) % 64, 0u);
  EXPECT_EQ(sizeof(FanoutChunk), 64u) << "a chunk is one cache line";
}

}  // namespace
}  // namespace sluice::dataplane::test
