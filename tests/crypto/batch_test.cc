// Batches of every size and mixture, and indices in any order. libsrtp2, used directly, checks each packet.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>

#include "crypto/ipsec_mb/ipsec_mb_engine.h"
#include "crypto/srtp/packet_index.h"
#include "tests/crypto/support.h"

namespace sluice::crypto::test {
namespace {

constexpr std::size_t kMaxBatch = 256;  // more than one stage of the engine

// Batches of every size, with jobs that differ in every property of a job.

/// The library alone does the work on a CPU without AVX-512, and for small batches on any CPU.
enum class Form { kOwnKernels, kLibraryAlone, kLibsrtp };

class Batch : public ::testing::TestWithParam<Form> {
 protected:
  static std::unique_ptr<SrtpEngine> make() {
    if (GetParam() != Form::kLibraryAlone)
      return engine_or_fail(GetParam() == Form::kLibsrtp ? EngineKind::kLibsrtp : EngineKind::kIpsecMb);
    std::string error;
    auto engine = IpsecMbEngine::create(error, false);
    EXPECT_NE(engine, nullptr) << error;
    return engine;
  }
};

struct MixedKeys {
  MasterKey master;
  std::unique_ptr<Keys> send, receive;
};

std::vector<MixedKeys> mixed_keys(Random& random, SrtpEngine& engine, std::size_t count) {
  std::vector<MixedKeys> all;
  for (std::size_t i = 0; i < count; ++i) {
    const MasterKey master = random_master(random, kAllSrtpProfiles[i % kAllSrtpProfiles.size()]);
    all.push_back({master, std::make_unique<Keys>(engine, master, Direction::kSend),
                   std::make_unique<Keys>(engine, master, Direction::kReceive)});
  }
  return all;
}

struct MixedPacket {
  const MixedKeys* keys;
  RtpPacket plain;
  std::uint64_t index;
  std::uint32_t ssrc;
  Bytes buffer;
};

void check_mixed_batch(Random& random, SrtpEngine& engine, const std::vector<MixedKeys>& all,
                       std::size_t size) {
  const Bytes shared = random.bytes(random_length(random));  // the one plaintext of a fan-out
  std::vector<MixedPacket> packets(size);
  std::vector<RtpProtectJob> seal;
  for (MixedPacket& packet : packets) {
    packet.keys = &all[random.below(all.size())];
    packet.index = (std::uint64_t{random.one_in(3) ? 0 : random.word()} << 16) | random.below(0x10000);
    packet.ssrc = random.word();
    packet.plain = random_rtp(random, packet.ssrc, packet.index, random_length(random));
    const std::uint64_t way = random.below(3);  // in place, from a separate buffer, from the shared buffer
    if (way == 2) {
      packet.plain.bytes.resize(packet.plain.header_length);
      packet.plain.bytes.insert(packet.plain.bytes.end(), shared.begin(), shared.end());
    }
    const std::size_t header = packet.plain.header_length;
    packet.buffer.assign(packet.plain.bytes.size() + kTailBytes, 0xcc);
    std::copy_n(packet.plain.bytes.begin(), way == 0 ? packet.plain.bytes.size() : header,
                packet.buffer.begin());
    const std::uint8_t* payload = way == 0   ? packet.buffer.data() + header
                                  : way == 1 ? packet.plain.bytes.data() + header
                                             : shared.data();
    seal.push_back({&**packet.keys->send,
                    packet.buffer.data(),
                    payload,
                    packet.index,
                    packet.ssrc,
                    static_cast<std::uint16_t>(header),
                    static_cast<std::uint16_t>(packet.plain.bytes.size() - header),
                    0,
                    {}});
  }
  const Bytes shared_before = shared;
  engine.protect(seal);
  ASSERT_EQ(shared, shared_before);

  std::vector<RtpUnprotectJob> open;
  for (std::size_t i = 0; i < size; ++i) {
    MixedPacket& packet = packets[i];
    ASSERT_EQ(seal[i].status, SrtpStatus::kOk) << engine.last_error();
    packet.buffer.resize(seal[i].length);
    ASSERT_EQ(to_hex(packet.buffer),
              to_hex(oracle_protect(packet.keys->master, packet.ssrc, packet.index, packet.plain.bytes)))
        << "job " << i << " of " << size << ", " << profile_info(packet.keys->master.profile).name;
    packet.buffer.resize(seal[i].length + kTailBytes);
    open.push_back({&**packet.keys->receive,
                    packet.buffer.data(),
                    packet.index,
                    packet.ssrc,
                    static_cast<std::uint16_t>(packet.plain.header_length),
                    seal[i].length,
                    {}});
  }
  // A tenth of the packets are forged. They keep their headers, and the others open.
  std::vector<std::optional<Bytes>> forged(size);
  for (std::size_t i = 0; i < size; ++i) {
    if (!random.one_in(10)) continue;
    packets[i].buffer[random.between(packets[i].plain.header_length, open[i].length - 1u)] ^= 0x10;
    forged[i] = Bytes(packets[i].buffer.begin(), packets[i].buffer.begin() + open[i].length);
  }
  engine.unprotect(open);
  for (std::size_t i = 0; i < size; ++i) {
    packets[i].buffer.resize(open[i].length);
    ASSERT_EQ(open[i].status, forged[i] ? SrtpStatus::kAuthFailed : SrtpStatus::kOk)
        << "job " << i << " of " << size;
    if (forged[i])
      ASSERT_EQ(head_of(packets[i].buffer), head_of(*forged[i])) << "job " << i << " of " << size;
    else
      ASSERT_EQ(to_hex(packets[i].buffer), to_hex(packets[i].plain.bytes)) << "job " << i << " of " << size;
  }
}

TEST_P(Batch, EverySizeMixed) {
  SEED_TRACE();
  Random random(30);
  const std::unique_ptr<SrtpEngine> engine = make();
  const std::vector<MixedKeys> all = mixed_keys(random, *engine, 24);
  for (std::size_t size = 1; size <= kMaxBatch; size += size < 70 ? 1 : random.between(5, 40)) {
    check_mixed_batch(random, *engine, all, size);
    if (HasFatalFailure()) return;
  }
  check_mixed_batch(random, *engine, all, kMaxBatch);
}

TEST_P(Batch, EverySizeOfOneLength) {
  SEED_TRACE();
  Random random(31);
  const std::unique_ptr<SrtpEngine> engine = make();
  const MasterKey master = random_master(random, SrtpProfile::kAesCm128HmacSha1_80);
  const Keys send(*engine, master, Direction::kSend);
  for (const std::size_t length : {std::size_t{0}, std::size_t{20}, std::size_t{1200}}) {
    const Bytes payload = random.bytes(length);
    for (std::size_t size = 1; size <= 48; ++size) {
      std::vector<RtpPacket> plain;
      std::vector<Bytes> buffers(size);
      std::vector<RtpProtectJob> jobs;
      for (std::size_t i = 0; i < size; ++i) {
        RtpPacket packet = random_rtp(random, 9, i, 0);
        buffers[i] = packet.bytes;
        buffers[i].resize(packet.bytes.size() + length + kTailBytes);
        jobs.push_back({&*send,
                        buffers[i].data(),
                        payload.data(),
                        i,
                        9,
                        static_cast<std::uint16_t>(packet.header_length),
                        static_cast<std::uint16_t>(length),
                        0,
                        {}});
        packet.bytes.insert(packet.bytes.end(), payload.begin(), payload.end());
        plain.push_back(packet);
      }
      engine->protect(jobs);
      for (std::size_t i = 0; i < size; ++i) {
        ASSERT_EQ(jobs[i].status, SrtpStatus::kOk);
        buffers[i].resize(jobs[i].length);
        ASSERT_EQ(to_hex(buffers[i]), to_hex(oracle_protect(master, 9, i, plain[i].bytes)))
            << "job " << i << " of " << size;
      }
    }
  }
}

std::string name_of(const ::testing::TestParamInfo<Form>& one) {
  return one.param == Form::kOwnKernels     ? "own_kernels"
         : one.param == Form::kLibraryAlone ? "library_alone"
                                            : "libsrtp";
}

INSTANTIATE_TEST_SUITE_P(Crypto, Batch,
                         ::testing::Values(Form::kOwnKernels, Form::kLibraryAlone, Form::kLibsrtp), name_of);

// An engine accepts each index at any time: for retransmissions from a cache, a peer that starts again, and
// two packets with one index.
class AnyOrder : public EveryEngineAndProfile {};

TEST_P(AnyOrder, OfExplicitIndices) {
  SEED_TRACE();
  Random random(40);
  const MasterKey master = random_master(random, profile());
  const Keys send(engine(), master, Direction::kSend);
  const Keys receive(engine(), master, Direction::kReceive);
  const std::uint32_t ssrc = random.word();
  std::vector<std::uint64_t> indices{
      0,       0,       65535,           5,      0x8000,          0x8001,  1,          0x10000,
      0xffff,  0x18001, 0x10000,         0x7fff, kMaxPacketIndex, 3,       0x20000000, 0x1fffffff,
      0x12345, 0x2345,  0xffffffff0000u, 0,      0xffff,          0x1ffff, 0x0ffff,    0x17fff};
  for (int i = 0; i < 150; ++i)
    indices.push_back(random.one_in(3) ? random.below(0x40000)
                                       : (std::uint64_t{random.word()} << 16 | random.below(0x10000)));
  for (const std::uint64_t index : indices) {
    const RtpPacket plain = random_rtp(random, ssrc, index, random.below(100));
    const Outcome sealed = protect(engine(), *send, plain, ssrc, index);
    ASSERT_EQ(sealed.status, SrtpStatus::kOk) << "index " << index << ": " << engine().last_error();
    ASSERT_EQ(to_hex(sealed.packet), to_hex(oracle_protect(master, ssrc, index, plain.bytes)))
        << "index " << index;
    for (int twice = 0; twice < 2; ++twice) {
      const Outcome back = unprotect(engine(), *receive, sealed.packet, plain.header_length, ssrc, index);
      ASSERT_EQ(back.status, SrtpStatus::kOk) << "index " << index << ": " << engine().last_error();
      ASSERT_EQ(to_hex(back.packet), to_hex(plain.bytes));
    }
  }
}

TEST_P(AnyOrder, OfMoreSsrcsThanAnEngineRemembers) {
  SEED_TRACE();
  Random random(41);
  const MasterKey master = random_master(random, profile());
  const Keys send(engine(), master, Direction::kSend);
  const Keys receive(engine(), master, Direction::kReceive);
  std::uint32_t rtcp_index = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::uint32_t ssrc = static_cast<std::uint32_t>(random.below(300));
    const std::uint64_t index = 0x20000 + static_cast<std::uint64_t>(i) * 500;
    const RtpPacket plain = random_rtp(random, ssrc, index, 30);
    const Outcome sealed = protect(engine(), *send, plain, ssrc, index);
    ASSERT_EQ(to_hex(sealed.packet), to_hex(oracle_protect(master, ssrc, index, plain.bytes)));
    ASSERT_EQ(unprotect(engine(), *receive, sealed.packet, plain.header_length, ssrc, index).packet,
              plain.bytes);
    const Bytes rtcp = random_rtcp(random, ssrc, 28);
    const Outcome sealed_rtcp = protect_rtcp(engine(), *send, rtcp, ++rtcp_index);
    std::uint32_t carried = 0;
    ASSERT_TRUE(srtcp_index(profile(), sealed_rtcp.packet, carried));
    ASSERT_EQ(carried, rtcp_index);
    ASSERT_EQ(unprotect_rtcp(engine(), *receive, sealed_rtcp.packet).packet, rtcp);
    if (random.one_in(20)) engine().forget(*send, ssrc);
    if (random.one_in(20)) engine().forget(*receive, ssrc);
  }
}
FOR_EVERY_ENGINE_AND_PROFILE(AnyOrder);

}  // namespace
}  // namespace sluice::crypto::test
