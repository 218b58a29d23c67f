// Random differential tests: both engines against libsrtp2 used directly, in both directions, all profiles,
// SRTP and SRTCP.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "crypto/srtp/packet_index.h"
#include "crypto/srtp/replay_window.h"
#include "crypto/srtp/srtp_bytes.h"
#include "tests/crypto/support.h"

namespace sluice::crypto::test {
namespace {

// A stream as the relay receives it. One side seals it in order. Then packets are lost, duplicated, reordered
// and forged. The other side opens it in batches, with our index estimate and replay window. libsrtp does the
// same packet by packet. Every sealed byte and every verdict must be the same.

enum class Verdict { kAccepted, kReplayed, kTooOld, kForged, kOther };

class Receiver {
 public:
  Receiver(SrtpEngine& engine, const SrtpKeys& keys, std::uint32_t ssrc, std::uint64_t first_index)
      : engine_(engine), keys_(keys), ssrc_(ssrc), first_index_(first_index) {}

  /// Does as a worker: checks all, opens all, then commits one by one. It checks again before each commit,
  /// since the batch may contain the same index twice.
  std::vector<Verdict> receive(std::vector<Bytes>& packets) {
    std::vector<std::uint64_t> indices;
    std::vector<RtpUnprotectJob> jobs;
    std::vector<const RtpUnprotectJob*> job_of(packets.size());
    jobs.reserve(packets.size());
    for (std::size_t i = 0; i < packets.size(); ++i) {
      const auto sequence = static_cast<std::uint16_t>(packets[i][2] << 8 | packets[i][3]);
      const std::uint64_t highest = window_.started() ? window_.highest() : first_index_;
      const std::uint64_t index = indices.emplace_back(estimate_packet_index(highest, sequence));
      if (window_.check(index) != ReplayVerdict::kFresh) continue;
      const auto length = static_cast<std::uint16_t>(packets[i].size());
      const std::size_t header = claimed_header_length(packets[i]);
      packets[i].resize(packets[i].size() + kTailBytes);
      jobs.push_back(
          {&keys_, packets[i].data(), index, ssrc_, static_cast<std::uint16_t>(header), length, {}});
      job_of[i] = &jobs.back();
    }
    engine_.unprotect(jobs);
    std::vector<Verdict> verdicts;
    for (std::size_t i = 0; i < packets.size(); ++i) {
      if (job_of[i] != nullptr) packets[i].resize(job_of[i]->length);
      verdicts.push_back(commit(indices[i], job_of[i]));
    }
    return verdicts;
  }

 private:
  Verdict commit(std::uint64_t index, const RtpUnprotectJob* job) {
    switch (window_.check(index)) {
      case ReplayVerdict::kReplayed:
        return Verdict::kReplayed;
      case ReplayVerdict::kTooOld:
        return Verdict::kTooOld;
      case ReplayVerdict::kFresh:
        break;
    }
    if (job->status == SrtpStatus::kAuthFailed) return Verdict::kForged;
    if (job->status != SrtpStatus::kOk) return Verdict::kOther;
    window_.commit(index);
    return Verdict::kAccepted;
  }

  SrtpEngine& engine_;
  const SrtpKeys& keys_;
  std::uint32_t ssrc_;
  std::uint64_t first_index_;
  ReplayWindow window_;
};

Verdict verdict_of(srtp_err_status_t status) {
  switch (status) {
    case srtp_err_status_ok:
      return Verdict::kAccepted;
    case srtp_err_status_replay_fail:
      return Verdict::kReplayed;
    case srtp_err_status_replay_old:
      return Verdict::kTooOld;
    case srtp_err_status_auth_fail:
    case srtp_err_status_cipher_fail:
      return Verdict::kForged;
    default:
      return Verdict::kOther;
  }
}

/// What a network does to a sealed stream. It loses packets, also many in a row, duplicates and forges some,
/// and delays some by up to 2,400 others, past the replay window. The first packet always arrives, so that
/// both receivers start in the same way. All packets of the gap are lost.
struct Gap {
  std::size_t first = 0;
  std::size_t count = 0;
};
std::vector<Bytes> disturbed(Random& random, const std::vector<Bytes>& sealed, Gap gap) {
  std::vector<std::pair<std::size_t, Bytes>> arrivals;
  std::size_t losing = 0;
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    if (i == 0) {
      arrivals.emplace_back(0, sealed[0]);
      continue;
    }
    if (i == gap.first) losing = gap.count;
    if (losing > 0) {
      --losing;
      continue;
    }
    if (random.one_in(200)) losing = random.below(150);
    if (random.one_in(15)) continue;
    std::size_t at = i + 1;
    if (random.one_in(6)) at += random.below(random.one_in(3) ? 2400 : 20);
    const bool forged_first = random.one_in(2);
    if (!forged_first) arrivals.emplace_back(at, sealed[i]);
    if (random.one_in(12)) arrivals.emplace_back(at + random.below(random.one_in(3) ? 2400 : 5), sealed[i]);
    if (random.one_in(12)) {
      Bytes forged = sealed[i];
      // Changes a bit behind the sequence number, because a forged sequence number would change the estimate.
      // forgery_test covers that.
      forged[random.between(12, forged.size() - 1)] ^= static_cast<std::uint8_t>(1u << random.below(8));
      if (claimed_header_length(forged) == claimed_header_length(sealed[i]))
        arrivals.emplace_back(at, forged);
    }
    if (forged_first) arrivals.emplace_back(at, sealed[i]);
  }
  std::stable_sort(arrivals.begin(), arrivals.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Bytes> out;
  for (auto& [at, packet] : arrivals) out.push_back(std::move(packet));
  return out;
}

class Stream : public EveryEngineAndProfile {
 protected:
  void run(Random& random, std::uint64_t first_index, std::size_t count, Gap gap = {}) {
    const MasterKey master = random_master(random, profile());
    const std::uint32_t ssrc = random.word();
    const auto roc = static_cast<std::uint32_t>(first_index >> 16);
    std::vector<RtpPacket> plain;
    for (std::size_t i = 0; i < count; ++i)
      plain.push_back(random_rtp(random, ssrc, first_index + i,
                                 random.one_in(4) ? random_length(random) : random.below(60)));

    const std::vector<Bytes> sealed = seal(random, master, ssrc, first_index, plain);
    Oracle sender(master, ssrc);
    sender.set_roc(roc);
    for (std::size_t i = 0; i < count; ++i)
      ASSERT_EQ(to_hex(sealed[i]), to_hex(sender.protect(plain[i].bytes))) << "index " << first_index + i;

    open(random, master, ssrc, first_index, disturbed(random, sealed, gap));
  }

 private:
  std::vector<Bytes> seal(Random& random, const MasterKey& master, std::uint32_t ssrc,
                          std::uint64_t first_index, const std::vector<RtpPacket>& plain) {
    const Keys keys(engine(), master, Direction::kSend);
    std::vector<Bytes> sealed;
    for (std::size_t at = 0; at < plain.size();) {
      const std::size_t batch = std::min<std::size_t>(random.between(1, 80), plain.size() - at);
      std::vector<Bytes> buffers(batch);
      std::vector<RtpProtectJob> jobs;
      for (std::size_t i = 0; i < batch; ++i) {
        const RtpPacket& packet = plain[at + i];
        const bool in_place = random.one_in(2);
        buffers[i].assign(packet.bytes.size() + kTailBytes, 0);
        std::copy_n(packet.bytes.begin(), in_place ? packet.bytes.size() : packet.header_length,
                    buffers[i].begin());
        jobs.push_back({&*keys,
                        buffers[i].data(),
                        (in_place ? buffers[i].data() : packet.bytes.data()) + packet.header_length,
                        first_index + at + i,
                        ssrc,
                        static_cast<std::uint16_t>(packet.header_length),
                        static_cast<std::uint16_t>(packet.payload().size()),
                        0,
                        {}});
      }
      engine().protect(jobs);
      for (std::size_t i = 0; i < batch; ++i) {
        EXPECT_EQ(jobs[i].status, SrtpStatus::kOk) << engine().last_error();
        buffers[i].resize(jobs[i].length);
        sealed.push_back(std::move(buffers[i]));
      }
      at += batch;
    }
    return sealed;
  }

  void open(Random& random, const MasterKey& master, std::uint32_t ssrc, std::uint64_t first_index,
            const std::vector<Bytes>& arrivals) {
    const Keys keys(engine(), master, Direction::kReceive);
    Receiver receiver(engine(), *keys, ssrc, first_index);
    Oracle oracle(master, ssrc, ReplayWindow::kBits);
    oracle.set_roc(static_cast<std::uint32_t>(first_index >> 16));
    std::map<Verdict, int> counts;
    for (std::size_t at = 0; at < arrivals.size();) {
      // The first batch is one packet. libsrtp gets its ROC and then counts by itself.
      const std::size_t batch =
          at == 0 ? 1 : std::min<std::size_t>(random.between(1, 40), arrivals.size() - at);
      std::vector<Bytes> packets(arrivals.begin() + static_cast<std::ptrdiff_t>(at),
                                 arrivals.begin() + static_cast<std::ptrdiff_t>(at + batch));
      const std::vector<Verdict> verdicts = receiver.receive(packets);
      for (std::size_t i = 0; i < batch; ++i) {
        const Bytes expected = oracle.unprotect(arrivals[at + i]);
        if (at == 0) oracle.set_roc(0);
        ASSERT_EQ(verdicts[i], verdict_of(oracle.status()))
            << "arrival " << at + i << " libsrtp " << oracle.status();
        if (verdicts[i] == Verdict::kAccepted) {
          ASSERT_EQ(to_hex(packets[i]), to_hex(expected)) << "arrival " << at + i;
        } else if (verdicts[i] == Verdict::kForged) {
          ASSERT_EQ(head_of(packets[i]), head_of(arrivals[at + i])) << "arrival " << at + i;
        }
        ++counts[verdicts[i]];
      }
      at += batch;
    }
    // Each verdict must occur, or the test proves nothing.
    for (const Verdict verdict : {Verdict::kAccepted, Verdict::kReplayed, Verdict::kTooOld, Verdict::kForged})
      EXPECT_GT(counts[verdict], 0);
    EXPECT_EQ(counts[Verdict::kOther], 0);
  }
};

TEST_P(Stream, FromTheStart) {
  SEED_TRACE();
  Random random(10);
  run(random, 0, 2500);
}
TEST_P(Stream, AcrossTheFirstWrap) {
  SEED_TRACE();
  Random random(11);
  run(random, 0x10000 - 1200, 2500);
}
TEST_P(Stream, AcrossALaterWrap) {
  SEED_TRACE();
  Random random(12);
  run(random, (std::uint64_t{random.between(1, 0xfffffffd)} << 16) + 0x10000 - 1200, 2500);
}
TEST_P(Stream, LossAcrossTheWrap) {
  SEED_TRACE();
  Random random(15);
  const std::size_t before = random.between(1, 700), after = random.between(1, 700);
  run(random, 0x30000 - 1200, 2500, {1200 - before, before + after});
}
TEST_P(Stream, ToTheLastRoc) {
  SEED_TRACE();
  Random random(13);
  run(random, (std::uint64_t{0xffffffff} << 16) - 1200, 2500);
}
TEST_P(Stream, ToTheLastIndex) {
  SEED_TRACE();
  Random random(14);
  run(random, kMaxPacketIndex - 2499, 2500);
}
FOR_EVERY_ENGINE_AND_PROFILE(Stream);

// SRTCP: one side opens what the other sealed with any index. With the indices of libsrtp the bytes are the
// same.

class Srtcp : public EveryEngineAndProfile {};

TEST_P(Srtcp, SealsWhatLibsrtpSeals) {
  SEED_TRACE();
  Random random(20);
  const MasterKey master = random_master(random, profile());
  const std::uint32_t ssrc = random.word();
  const Keys keys(engine(), master, Direction::kSend);
  Oracle oracle(master, ssrc);
  std::uint32_t index = 0;
  while (index < 400) {
    const std::size_t batch = random.between(1, 70);
    std::vector<Bytes> plain, buffers;
    std::vector<RtcpProtectJob> jobs;
    for (std::size_t i = 0; i < batch; ++i) {
      plain.push_back(random_rtcp(random, ssrc, 8 + 4 * random.below(random.one_in(10) ? 300 : 30)));
      buffers.push_back(plain.back());
      buffers.back().resize(plain.back().size() + kTailBytes);
    }
    for (std::size_t i = 0; i < batch; ++i)
      jobs.push_back({&*keys, buffers[i].data(), ++index, static_cast<std::uint16_t>(plain[i].size()), {}});
    engine().protect_rtcp(jobs);
    for (std::size_t i = 0; i < batch; ++i) {
      ASSERT_EQ(jobs[i].status, SrtpStatus::kOk) << engine().last_error();
      buffers[i].resize(jobs[i].length);
      ASSERT_EQ(to_hex(buffers[i]), to_hex(oracle.protect_rtcp(plain[i])));
    }
  }
}

TEST_P(Srtcp, AnyIndexOverManySsrcs) {
  SEED_TRACE();
  Random random(21);
  const MasterKey master = random_master(random, profile());
  const Keys send(engine(), master, Direction::kSend);
  const Keys receive(engine(), master, Direction::kReceive);
  // One counter for all SSRCs of an endpoint, with jumps. It goes back once, then on to the end of the range.
  std::vector<std::uint32_t> indices;
  for (std::uint32_t index = 1; indices.size() < 60;
       index += static_cast<std::uint32_t>(random.one_in(10) ? random.between(1, 100000) : 1))
    indices.push_back(index);
  for (const std::uint32_t index :
       {5u, 0x12345678u, 0x12345679u, 7u, 0x7fffff00u, 0x7fffff7fu, 0x7fffff80u, 0x7ffffff0u, 0x7fffffffu})
    indices.push_back(index);
  for (const std::uint32_t index : indices) {
    const std::uint32_t ssrc = 1000 + static_cast<std::uint32_t>(random.below(5));
    const Bytes plain = random_rtcp(random, ssrc, 8 + 4 * random.below(40));
    const Outcome sealed = protect_rtcp(engine(), *send, plain, index);
    ASSERT_EQ(sealed.status, SrtpStatus::kOk) << "index " << index << ": " << engine().last_error();
    std::uint32_t carried = 0;
    ASSERT_TRUE(srtcp_index(profile(), sealed.packet, carried));
    ASSERT_EQ(carried, index);
    ASSERT_EQ(to_hex(Oracle(master, ssrc).unprotect_rtcp(sealed.packet)), to_hex(plain)) << "index " << index;
    const Outcome back = unprotect_rtcp(engine(), *receive, sealed.packet);
    ASSERT_EQ(back.status, SrtpStatus::kOk) << "index " << index << ": " << engine().last_error();
    ASSERT_EQ(to_hex(back.packet), to_hex(plain));
  }
}

TEST_P(Srtcp, OpensWhatLibsrtpSealsWithoutEncryption) {
  SEED_TRACE();
  Random random(22);
  const MasterKey master = random_master(random, profile());
  const std::uint32_t ssrc = random.word();
  Oracle oracle(master, ssrc, ReplayWindow::kBits, false);
  const Keys receive(engine(), master, Direction::kReceive);
  std::vector<Bytes> plain, packets;
  std::vector<RtcpUnprotectJob> jobs;
  for (int i = 0; i < 40; ++i) {
    plain.push_back(random_rtcp(random, ssrc, 8 + 4 * random.below(60)));
    packets.push_back(oracle.protect_rtcp(plain.back()));
    ASSERT_FALSE(packets.back().empty()) << oracle.status();
  }
  for (Bytes& packet : packets) {
    const auto length = static_cast<std::uint16_t>(packet.size());
    packet.resize(packet.size() + kTailBytes);
    jobs.push_back({&*receive, packet.data(), length, {}});
  }
  engine().unprotect_rtcp(jobs);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    ASSERT_EQ(jobs[i].status, SrtpStatus::kOk) << engine().last_error();
    packets[i].resize(jobs[i].length);
    ASSERT_EQ(to_hex(packets[i]), to_hex(plain[i]));
  }
}
FOR_EVERY_ENGINE_AND_PROFILE(Srtcp);

}  // namespace
}  // namespace sluice::crypto::test
