#include "crypto/self_test.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "crypto/engine_factory.h"
#include "crypto/srtp/srtp_bytes.h"

namespace sluice::crypto {
namespace {

using Bytes = std::vector<std::uint8_t>;

std::uint8_t digit(char c) {
  return static_cast<std::uint8_t>(c <= '9' ? c - '0' : c - 'a' + 10);
}

Bytes from_hex(std::string_view text) {
  Bytes bytes(text.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
  return bytes;
}

// The packets that libsrtp publishes: 16 bytes of 0xab behind an RTP header (sequence number 0x1234, ROC 0)
// and behind the first 8 bytes of an RTCP sender report (index 1), with the master keys that it publishes.
constexpr std::string_view kRtpPlain = "800f1234decafbadcafebabeabababababababababababababababab";
constexpr std::string_view kRtcpPlain = "81c8000bcafebabeabababababababababababababababab";
constexpr std::uint32_t kSsrc = 0xcafebabe;
constexpr std::uint64_t kRtpIndex = 0x1234;
constexpr std::uint32_t kRtcpIndex = 1;

struct KnownAnswer {
  std::string_view key;
  std::string_view salt;
  std::string_view rtp;   // what follows the RTP header
  std::string_view rtcp;  // what follows the first 8 bytes
};

KnownAnswer known_answer(SrtpProfile profile) {
  constexpr std::string_view kCounterKey = "e1f97a0d3e018be0d64fa32c06de4139";
  constexpr std::string_view kCounterSalt = "0ec675ad498afeebb6960b3aabe6";
  constexpr std::string_view kGcmSalt = "a0a1a2a3a4a5a6a7a8a9aaab";
  constexpr std::string_view kCounterRtcp = "7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798";
  switch (profile) {
    case SrtpProfile::kAeadAes128Gcm:
      return {"000102030405060708090a0b0c0d0e0f", kGcmSalt,
              "c5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df3131a127e8a392",
              "c98b8b5df0392a55852b6c21ac8e7025c52c6fbea2b3b446ea31123ba88ce61e80000001"};
    case SrtpProfile::kAeadAes256Gcm:
      return {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", kGcmSalt,
              "0af7f21e8a90bdad7a425c9c31ed4bb1d90238917e7390a2793500e1681acaea",
              "8abfafa780070a90e80f9161cf4aac081ed93aaa53c15b0f3ed1a3b984167b0380000001"};
    case SrtpProfile::kAesCm128HmacSha1_80:
      return {kCounterKey, kCounterSalt, "4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb",
              kCounterRtcp};
    case SrtpProfile::kAesCm128HmacSha1_32:
      return {kCounterKey, kCounterSalt, "4e55dc4ce79978d88ca4d215949d2402b78d6acc", kCounterRtcp};
  }
  __builtin_unreachable();
}

Bytes sealed_packet(std::string_view plain, std::size_t header_length, std::string_view rest) {
  Bytes packet = from_hex(plain.substr(0, 2 * header_length));
  const Bytes tail = from_hex(rest);
  packet.insert(packet.end(), tail.begin(), tail.end());
  return packet;
}

/// Keys for one test. They are large, so they are on the heap. The destructor releases them.
class TestKeys {
 public:
  TestKeys(SrtpEngine& engine, const MasterKey& master, Direction direction)
      : engine_(engine), keys_(std::make_unique<SrtpKeys>()) {
    usable_ = engine.expand(master, direction, *keys_);
  }
  TestKeys(const TestKeys&) = delete;
  TestKeys& operator=(const TestKeys&) = delete;
  ~TestKeys() { engine_.release(*keys_); }
  bool usable() const { return usable_; }
  const SrtpKeys& operator*() const { return *keys_; }

 private:
  SrtpEngine& engine_;
  std::unique_ptr<SrtpKeys> keys_;
  bool usable_ = false;
};

// Each of these puts one packet through one call of the engine. The result is empty when the status is not
// kOk.

Bytes seal_rtp(SrtpEngine& engine, const SrtpKeys& keys, const Bytes& plain, std::uint64_t index) {
  Bytes packet(plain.size() + kTailBytes);
  std::copy_n(plain.begin(), kRtpHeaderLengthMin, packet.begin());
  RtpProtectJob job{};
  job.keys = &keys;
  job.packet = packet.data();
  job.payload = plain.data() + kRtpHeaderLengthMin;
  job.index = index;
  job.ssrc = kSsrc;
  job.header_length = kRtpHeaderLengthMin;
  job.payload_length = static_cast<std::uint16_t>(plain.size() - kRtpHeaderLengthMin);
  engine.protect({&job, 1});
  packet.resize(job.status == SrtpStatus::kOk ? job.length : 0);
  return packet;
}

Bytes open_rtp(SrtpEngine& engine, const SrtpKeys& keys, Bytes packet, std::uint64_t index,
               SrtpStatus& status) {
  RtpUnprotectJob job{};
  job.length = static_cast<std::uint16_t>(packet.size());
  packet.resize(packet.size() + kTailBytes);
  job.keys = &keys;
  job.packet = packet.data();
  job.index = index;
  job.ssrc = kSsrc;
  job.header_length = kRtpHeaderLengthMin;
  engine.unprotect({&job, 1});
  status = job.status;
  packet.resize(job.status == SrtpStatus::kOk ? job.length : 0);
  return packet;
}

Bytes seal_rtcp(SrtpEngine& engine, const SrtpKeys& keys, Bytes packet, std::uint32_t index) {
  RtcpProtectJob job{};
  job.length = static_cast<std::uint16_t>(packet.size());
  packet.resize(packet.size() + kTailBytes);
  job.keys = &keys;
  job.packet = packet.data();
  job.index = index;
  engine.protect_rtcp({&job, 1});
  packet.resize(job.status == SrtpStatus::kOk ? job.length : 0);
  return packet;
}

Bytes open_rtcp(SrtpEngine& engine, const SrtpKeys& keys, Bytes packet, SrtpStatus& status) {
  RtcpUnprotectJob job{};
  job.length = static_cast<std::uint16_t>(packet.size());
  packet.resize(packet.size() + kTailBytes);
  job.keys = &keys;
  job.packet = packet.data();
  engine.unprotect_rtcp({&job, 1});
  status = job.status;
  packet.resize(job.status == SrtpStatus::kOk ? job.length : 0);
  return packet;
}

/// Returns the first step that fails, or "".
std::string check_known_answers(SrtpEngine& engine, const MasterKey& master) {
  const KnownAnswer answer = known_answer(master.profile);
  const Bytes rtp = from_hex(kRtpPlain);
  const Bytes rtcp = from_hex(kRtcpPlain);
  const Bytes srtp = sealed_packet(kRtpPlain, kRtpHeaderLengthMin, answer.rtp);
  const Bytes srtcp = sealed_packet(kRtcpPlain, kRtcpHeaderLength, answer.rtcp);
  const TestKeys send(engine, master, Direction::kSend);
  const TestKeys receive(engine, master, Direction::kReceive);
  if (!send.usable() || !receive.usable()) return "expanding keys: " + engine.last_error();

  SrtpStatus status{};
  if (seal_rtp(engine, *send, rtp, kRtpIndex) != srtp) return "sealing the known SRTP packet";
  if (open_rtp(engine, *receive, srtp, kRtpIndex, status) != rtp) return "opening the known SRTP packet";
  if (seal_rtcp(engine, *send, rtcp, kRtcpIndex) != srtcp) return "sealing the known SRTCP packet";
  if (open_rtcp(engine, *receive, srtcp, status) != rtcp) return "opening the known SRTCP packet";

  Bytes forged = srtp;
  forged[kRtpHeaderLengthMin] ^= 1;
  open_rtp(engine, *receive, forged, kRtpIndex, status);
  if (status != SrtpStatus::kAuthFailed) return "refusing a forged SRTP packet";
  forged = srtcp;
  forged[kRtcpHeaderLength] ^= 1;
  open_rtcp(engine, *receive, forged, status);
  if (status != SrtpStatus::kAuthFailed) return "refusing a forged SRTCP packet";
  return "";
}

/// One engine seals packets of several lengths, past a rollover, and the other opens them. Returns the first
/// step that fails, or "".
std::string check_crossing(SrtpEngine& sender, SrtpEngine& receiver, const MasterKey& master) {
  constexpr std::array<std::size_t, 6> kPayloads{0, 1, 20, 160, 500, 1200};
  const TestKeys send(sender, master, Direction::kSend);
  const TestKeys receive(receiver, master, Direction::kReceive);
  if (!send.usable()) return "expanding keys: " + sender.last_error();
  if (!receive.usable()) return "expanding keys: " + receiver.last_error();

  std::uint64_t index = 0x1fffd;
  std::uint32_t rtcp_index = kRtcpIndex;
  SrtpStatus status{};
  for (const std::size_t payload : kPayloads) {
    Bytes rtp = from_hex(kRtpPlain);
    rtp.resize(kRtpHeaderLengthMin + payload);
    for (std::size_t i = 0; i < payload; ++i)
      rtp[kRtpHeaderLengthMin + i] = static_cast<std::uint8_t>(i * 7 + payload);
    rtp[2] = static_cast<std::uint8_t>(index >> 8);
    rtp[3] = static_cast<std::uint8_t>(index);
    const Bytes srtp = seal_rtp(sender, *send, rtp, index);
    if (srtp.empty() || open_rtp(receiver, *receive, srtp, index, status) != rtp)
      return "SRTP of " + std::to_string(payload) + " bytes";
    ++index;

    Bytes rtcp = from_hex(kRtcpPlain);
    rtcp.resize(kRtcpHeaderLength + payload / 4 * 4, 0x5a);
    const Bytes srtcp = seal_rtcp(sender, *send, rtcp, rtcp_index++);
    if (srtcp.empty() || open_rtcp(receiver, *receive, srtcp, status) != rtcp)
      return "SRTCP of " + std::to_string(rtcp.size()) + " bytes";
  }
  return "";
}

std::string test_profile(SrtpProfile profile, SrtpEngine& engine, SrtpEngine* other) {
  const KnownAnswer answer = known_answer(profile);
  MasterKey master;
  master.profile = profile;
  master.key.assign(from_hex(answer.key));
  master.salt.assign(from_hex(answer.salt));
  const std::string name(profile_info(profile).name);
  if (std::string step = check_known_answers(engine, master); !step.empty())
    return name + ": " + step + " failed on " + engine.description();
  if (other == nullptr) return "";
  if (std::string step = check_crossing(engine, *other, master); !step.empty())
    return name + ": " + step + " failed, sealed by " + engine.description() + ", opened by " +
           other->description();
  if (std::string step = check_crossing(*other, engine, master); !step.empty())
    return name + ": " + step + " failed, sealed by " + other->description() + ", opened by " +
           engine.description();
  return "";
}

}  // namespace

bool SelfTestReport::passed(SrtpProfile profile) const {
  return std::any_of(profiles.begin(), profiles.end(),
                     [&](const ProfileSelfTest& test) { return test.profile == profile && test.passed; });
}

SelfTestReport run_self_test(EngineKind kind) {
  SelfTestReport report;
  report.engine = kind;
  std::string error;
  const std::unique_ptr<SrtpEngine> engine = make_engine(kind, error);
  report.library = engine ? engine->description() : error;

  const EngineKind other_kind = kind == EngineKind::kIpsecMb ? EngineKind::kLibsrtp : EngineKind::kIpsecMb;
  std::string other_error;
  const std::unique_ptr<SrtpEngine> other = make_engine(other_kind, other_error);
  if (!other) report.note = "no cross-check with the other engine: " + other_error;

  for (std::size_t i = 0; i < kAllSrtpProfiles.size(); ++i) {
    ProfileSelfTest& test = report.profiles[i];
    test.profile = kAllSrtpProfiles[i];
    test.reason = engine ? test_profile(test.profile, *engine, other.get())
                         : std::string(profile_info(test.profile).name) + ": " + error;
    test.passed = test.reason.empty();
  }
  return report;
}

}  // namespace sluice::crypto
