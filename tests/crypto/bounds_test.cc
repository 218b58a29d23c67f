// No engine reads or writes outside the memory that srtp_engine.h declares. Each packet is next to an
// unmapped page, at its front or at its back, so that one byte too far ends the test program.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "tests/crypto/support.h"

namespace sluice::crypto::test {
namespace {

/// Memory between two inaccessible pages.
class Guarded {
 public:
  static constexpr std::size_t kPage = 4096;

  explicit Guarded(std::size_t pages) : size_(pages * kPage) {
    void* mapped = mmap(nullptr, size_ + 2 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    base_ = static_cast<std::uint8_t*>(mapped);
    if (mprotect(base_ + kPage, size_, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
  }
  ~Guarded() { munmap(base_, size_ + 2 * kPage); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  std::uint8_t* at_front() { return base_ + kPage; }
  std::uint8_t* at_back(std::size_t length) { return base_ + kPage + size_ - length; }
  std::uint8_t* place(bool back, std::size_t length) {
    std::memset(base_ + kPage, 0xcc, size_);
    return back ? at_back(length) : at_front();
  }
  /// True when the accessible bytes outside [from, from + length) are as place() left them.
  bool untouched_outside(const std::uint8_t* from, std::size_t length) const {
    for (std::size_t i = 0; i < size_; ++i) {
      const std::uint8_t* at = base_ + kPage + i;
      if ((at < from || at >= from + length) && *at != 0xcc) return false;
    }
    return true;
  }

 private:
  std::size_t size_;
  std::uint8_t* base_ = nullptr;
};

std::vector<std::size_t> lengths() {
  std::vector<std::size_t> all;
  for (std::size_t length = 0; length <= 140; ++length) all.push_back(length);
  for (const std::size_t length :
       {159u, 160u, 161u, 255u, 256u, 257u, 511u, 767u, 1199u, 1200u, 1201u, 1400u, 9000u})
    all.push_back(length);
  return all;
}

class Bounds : public EveryEngineAndProfile {};

TEST_P(Bounds, Srtp) {
  SEED_TRACE();
  Random random(60);
  const MasterKey master = random_master(random, profile());
  const Keys send(engine(), master, Direction::kSend);
  const Keys receive(engine(), master, Direction::kReceive);
  constexpr std::uint32_t kSsrc = 5;
  Guarded buffer(4), text(3);
  std::uint64_t index = 0xffc0;
  for (const std::size_t length : lengths()) {
    for (const bool back : {false, true}) {
      const RtpPacket plain = random_rtp(random, kSsrc, ++index, length);
      const std::size_t declared = plain.bytes.size() + kTailBytes;
      std::uint8_t* packet = buffer.place(back, declared);
      // No bytes behind: the engine may read only the payload.
      std::uint8_t* payload = text.place(back, length);
      std::copy_n(plain.bytes.begin(), plain.header_length, packet);
      std::copy(plain.payload().begin(), plain.payload().end(), payload);
      RtpProtectJob seal{&*send,
                         packet,
                         payload,
                         index,
                         kSsrc,
                         static_cast<std::uint16_t>(plain.header_length),
                         static_cast<std::uint16_t>(length),
                         0,
                         {}};
      engine().protect({&seal, 1});
      ASSERT_EQ(seal.status, SrtpStatus::kOk) << length;
      ASSERT_TRUE(buffer.untouched_outside(packet, declared));
      ASSERT_TRUE(text.untouched_outside(payload, length));
      const Bytes sealed(packet, packet + seal.length);

      std::uint8_t* arrived = buffer.place(back, sealed.size() + kTailBytes);
      std::copy(sealed.begin(), sealed.end(), arrived);
      RtpUnprotectJob open{&*receive,
                           arrived,
                           index,
                           kSsrc,
                           static_cast<std::uint16_t>(plain.header_length),
                           static_cast<std::uint16_t>(sealed.size()),
                           {}};
      engine().unprotect({&open, 1});
      ASSERT_EQ(open.status, SrtpStatus::kOk) << length;
      ASSERT_TRUE(buffer.untouched_outside(arrived, sealed.size() + kTailBytes));
      ASSERT_EQ(Bytes(arrived, arrived + open.length), plain.bytes);
    }
  }
}

TEST_P(Bounds, Srtcp) {
  SEED_TRACE();
  Random random(61);
  const MasterKey master = random_master(random, profile());
  const Keys send(engine(), master, Direction::kSend);
  const Keys receive(engine(), master, Direction::kReceive);
  Guarded buffer(4);
  std::uint32_t index = 0;
  for (const std::size_t length : lengths()) {
    for (const bool back : {false, true}) {
      const Bytes plain = random_rtcp(random, 5, 8 + length);
      std::uint8_t* packet = buffer.place(back, plain.size() + kTailBytes);
      std::copy(plain.begin(), plain.end(), packet);
      RtcpProtectJob seal{&*send, packet, ++index, static_cast<std::uint16_t>(plain.size()), {}};
      engine().protect_rtcp({&seal, 1});
      ASSERT_EQ(seal.status, SrtpStatus::kOk);
      ASSERT_TRUE(buffer.untouched_outside(packet, plain.size() + kTailBytes));
      const Bytes sealed(packet, packet + seal.length);

      std::uint8_t* arrived = buffer.place(back, sealed.size() + kTailBytes);
      std::copy(sealed.begin(), sealed.end(), arrived);
      RtcpUnprotectJob open{&*receive, arrived, static_cast<std::uint16_t>(sealed.size()), {}};
      engine().unprotect_rtcp({&open, 1});
      ASSERT_EQ(open.status, SrtpStatus::kOk);
      ASSERT_TRUE(buffer.untouched_outside(arrived, sealed.size() + kTailBytes));
      ASSERT_EQ(Bytes(arrived, arrived + open.length), plain);
    }
  }
}

// Whole batches next to the unmapped page. The lanes of the hash have messages of different lengths, and no
// lane may run past the end of its own.
TEST_P(Bounds, Batches) {
  SEED_TRACE();
  Random random(62);
  const MasterKey master = random_master(random, profile());
  const Keys send(engine(), master, Direction::kSend);
  const Keys receive(engine(), master, Direction::kReceive);
  constexpr std::size_t kJobs = 40;
  std::vector<std::unique_ptr<Guarded>> rooms;
  for (std::size_t i = 0; i < kJobs; ++i) rooms.push_back(std::make_unique<Guarded>(1));
  for (int round = 0; round < 20; ++round) {
    std::vector<RtpPacket> plain;
    std::vector<RtpProtectJob> seal;
    for (std::size_t i = 0; i < kJobs; ++i) {
      const std::uint64_t index = static_cast<std::uint64_t>(round) * kJobs + i;
      plain.push_back(random_rtp(random, 7, index, random.below(1300)));
      const RtpPacket& one = plain.back();
      std::uint8_t* packet = rooms[i]->place(true, one.bytes.size() + kTailBytes);
      std::copy(one.bytes.begin(), one.bytes.end(), packet);
      seal.push_back({&*send,
                      packet,
                      packet + one.header_length,
                      index,
                      7,
                      static_cast<std::uint16_t>(one.header_length),
                      static_cast<std::uint16_t>(one.payload().size()),
                      0,
                      {}});
    }
    engine().protect(seal);
    std::vector<RtpUnprotectJob> open;
    for (std::size_t i = 0; i < kJobs; ++i) {
      ASSERT_EQ(seal[i].status, SrtpStatus::kOk);
      const Bytes sealed(seal[i].packet, seal[i].packet + seal[i].length);
      std::uint8_t* packet = rooms[i]->place(true, sealed.size() + kTailBytes);
      std::copy(sealed.begin(), sealed.end(), packet);
      open.push_back({&*receive, packet, seal[i].index, 7, seal[i].header_length, seal[i].length, {}});
    }
    engine().unprotect(open);
    for (std::size_t i = 0; i < kJobs; ++i) {
      ASSERT_EQ(open[i].status, SrtpStatus::kOk);
      ASSERT_EQ(Bytes(open[i].packet, open[i].packet + open[i].length), plain[i].bytes);
    }
  }
}

FOR_EVERY_ENGINE_AND_PROFILE(Bounds);

}  // namespace
}  // namespace sluice::crypto::test
