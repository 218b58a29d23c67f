// support: helpers for the tests of crypto/: a seeded random source, packets, keys, and libsrtp2 as the
// oracle. The oracle calls the library directly, not through our engine of that name.
#pragma once

#include <gtest/gtest.h>
#include <srtp2/srtp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "crypto/srtp/srtp_engine.h"

namespace sluice::crypto::test {

using Bytes = std::vector<std::uint8_t>;

/// Bytes of a hexadecimal text, which may contain spaces.
Bytes from_hex(std::string_view text);
std::string to_hex(std::span<const std::uint8_t> bytes);
/// What stays of a packet that does not authenticate: the fixed header of RTP, or of RTCP with its SSRC.
inline std::string head_of(std::span<const std::uint8_t> packet, std::size_t length = 12) {
  return to_hex(packet.first(std::min(length, packet.size())));
}

/// SLUICE_TEST_SEED, or a new seed for each run of the program. Put SEED_TRACE in every test that uses it.
std::uint64_t test_seed();
#define SEED_TRACE() \
  SCOPED_TRACE("repeat with SLUICE_TEST_SEED=" + std::to_string(::sluice::crypto::test::test_seed()))

class Random {
 public:
  explicit Random(std::uint64_t salt = 0) : engine_(test_seed() ^ (salt * 0x9e3779b97f4a7c15u)) {}
  std::uint64_t below(std::uint64_t bound) {
    return std::uniform_int_distribution<std::uint64_t>(0, bound - 1)(engine_);
  }
  std::uint64_t between(std::uint64_t low, std::uint64_t high) { return low + below(high - low + 1); }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  std::uint32_t word() { return static_cast<std::uint32_t>(engine_()); }
  Bytes bytes(std::size_t length);
  std::mt19937_64& engine() { return engine_; }

 private:
  std::mt19937_64 engine_;
};

/// A random length. Includes the edge cases: 0, 1, around AES and SHA-1 blocks, audio, video.
std::size_t random_length(Random& random);

MasterKey random_master(Random& random, SrtpProfile profile);
MasterKey master_of(SrtpProfile profile, std::string_view key_hex, std::string_view salt_hex);

/// A plain RTP packet. CSRCs are random, and so is the header extension: none, one-byte or two-byte form.
struct RtpPacket {
  Bytes bytes;
  std::size_t header_length = 12;
  std::span<const std::uint8_t> payload() const { return std::span(bytes).subspan(header_length); }
};
RtpPacket random_rtp(Random& random, std::uint32_t ssrc, std::uint64_t index, std::size_t payload_length);
Bytes random_rtcp(Random& random, std::uint32_t ssrc, std::size_t length);

/// The header length that a packet claims. 0 when the packet is shorter.
std::size_t claimed_header_length(std::span<const std::uint8_t> packet);

/// libsrtp2 itself: one SSRC, one direction, its own ROC and replay window.
class Oracle {
 public:
  Oracle(const MasterKey& master, std::uint32_t ssrc, unsigned long window_size = 128,
         bool rtcp_encrypted = true);
  ~Oracle();
  Oracle(const Oracle&) = delete;
  Oracle& operator=(const Oracle&) = delete;
  void set_roc(std::uint32_t roc);

  /// The protected or opened packet. Empty when libsrtp refuses, with its status.
  Bytes protect(Bytes packet);
  Bytes unprotect(Bytes packet);
  Bytes protect_rtcp(Bytes packet);
  Bytes unprotect_rtcp(Bytes packet);
  srtp_err_status_t status() const { return status_; }

 private:
  template <class Verb>
  Bytes run(Verb verb, Bytes packet);
  srtp_t session_ = nullptr;
  std::uint32_t ssrc_;
  std::array<std::uint8_t, SRTP_MAX_KEY_LEN> key_{};
  srtp_err_status_t status_ = srtp_err_status_ok;
};

/// An oracle for one packet at any index.
Bytes oracle_protect(const MasterKey& master, std::uint32_t ssrc, std::uint64_t index, const Bytes& packet);
Bytes oracle_unprotect(const MasterKey& master, std::uint32_t ssrc, std::uint64_t index, const Bytes& packet);

/// The number of calls of operator new on this thread.
std::size_t allocation_count();

std::unique_ptr<SrtpEngine> engine_or_fail(EngineKind kind);

/// Expanded keys. The destructor releases them.
class Keys {
 public:
  Keys(SrtpEngine& engine, const MasterKey& master, Direction direction);
  ~Keys() { engine_.release(*keys_); }
  Keys(const Keys&) = delete;
  Keys& operator=(const Keys&) = delete;
  const SrtpKeys& operator*() const { return *keys_; }
  SrtpKeys* get() { return keys_.get(); }

 private:
  SrtpEngine& engine_;
  std::unique_ptr<SrtpKeys> keys_;
};

struct Outcome {
  SrtpStatus status;
  Bytes packet;  // with the job's length, for each status
};
// Each function gives one job to one engine. All work in place except protect, whose payload is in another
// buffer.
Outcome protect(SrtpEngine& engine, const SrtpKeys& keys, const RtpPacket& packet, std::uint32_t ssrc,
                std::uint64_t index);
Outcome unprotect(SrtpEngine& engine, const SrtpKeys& keys, const Bytes& packet, std::size_t header_length,
                  std::uint32_t ssrc, std::uint64_t index);
Outcome protect_rtcp(SrtpEngine& engine, const SrtpKeys& keys, const Bytes& packet, std::uint32_t index);
Outcome unprotect_rtcp(SrtpEngine& engine, const SrtpKeys& keys, const Bytes& packet);

/// Tests over every engine and profile.
class EveryEngineAndProfile : public ::testing::TestWithParam<std::tuple<EngineKind, SrtpProfile>> {
 protected:
  EngineKind kind() const { return std::get<0>(GetParam()); }
  SrtpProfile profile() const { return std::get<1>(GetParam()); }
  const SrtpProfileInfo info() const { return profile_info(profile()); }
  void SetUp() override {
    engine_ = engine_or_fail(kind());
    ASSERT_NE(engine_, nullptr);
  }
  SrtpEngine& engine() { return *engine_; }
  std::unique_ptr<SrtpEngine> engine_;
};
std::string parameter_name(const ::testing::TestParamInfo<std::tuple<EngineKind, SrtpProfile>>& info);

#define FOR_EVERY_ENGINE_AND_PROFILE(suite)                                                                  \
  INSTANTIATE_TEST_SUITE_P(Crypto, suite,                                                                    \
                           ::testing::Combine(::testing::Values(EngineKind::kIpsecMb, EngineKind::kLibsrtp), \
                                              ::testing::ValuesIn(kAllSrtpProfiles)),                        \
                           ::sluice::crypto::test::parameter_name)

}  // namespace sluice::crypto::test

namespace sluice::crypto {
void PrintTo(SrtpStatus status, std::ostream* out);
}
