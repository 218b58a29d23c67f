#include "bench/gen/verify.h"

#include <srtp2/srtp.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace sluice::gen {
namespace {

constexpr std::size_t kMaxReasons = 10;
constexpr std::size_t kRtpHeader = 12;

srtp_profile_t library_profile(crypto::SrtpProfile profile) {
  switch (profile) {
    case crypto::SrtpProfile::kAeadAes128Gcm:
      return srtp_profile_aead_aes_128_gcm;
    case crypto::SrtpProfile::kAeadAes256Gcm:
      return srtp_profile_aead_aes_256_gcm;
    case crypto::SrtpProfile::kAesCm128HmacSha1_80:
      return srtp_profile_aes128_cm_sha1_80;
    case crypto::SrtpProfile::kAesCm128HmacSha1_32:
      return srtp_profile_aes128_cm_sha1_32;
  }
  return srtp_profile_reserved;
}

/// A libsrtp2 session for one receiver. There is one at a time, since libsrtp2 on NSS finds keys in lists.
class Opener {
 public:
  Opener(const crypto::MasterKey& key, std::uint32_t ssrc) : ssrc_(ssrc) {
    static const bool started = srtp_init() == srtp_err_status_ok;
    std::vector<std::uint8_t> joined(key.key.bytes().begin(), key.key.bytes().end());
    joined.insert(joined.end(), key.salt.bytes().begin(), key.salt.bytes().end());
    srtp_policy_t policy{};
    srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, library_profile(key.profile));
    srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, library_profile(key.profile));
    policy.ssrc = {ssrc_specific, ssrc};
    policy.key = joined.data();
    if (!started || srtp_create(&session_, &policy) != srtp_err_status_ok)
      throw std::runtime_error("libsrtp2 refuses a key");
  }
  ~Opener() { srtp_dealloc(session_); }
  Opener(const Opener&) = delete;
  Opener& operator=(const Opener&) = delete;

  srtp_err_status_t open(std::uint8_t* packet, int& length, std::uint64_t index) {
    srtp_set_stream_roc(session_, ssrc_, static_cast<std::uint32_t>(index >> 16));
    return srtp_unprotect(session_, packet, &length);
  }

 private:
  srtp_t session_ = nullptr;
  std::uint32_t ssrc_;
};

/// The difference between the packet and what was sent; empty when there is none.
std::string compare(std::span<const std::uint8_t> packet, const Sample& sample, const PlanStream& wanted,
                    std::uint32_t stream, const Pattern& pattern) {
  if (packet.size() != kRtpHeader + wanted.payload_bytes)
    return "is " + std::to_string(packet.size()) + " bytes long, " +
           std::to_string(kRtpHeader + wanted.payload_bytes) + " expected";
  const auto sequence = static_cast<std::uint16_t>(sample.index - sample.shift);
  if (std::memcmp(packet.data() + kRtpHeader, pattern.of(stream, sequence), wanted.payload_bytes) != 0)
    return "carries another payload than stream " + std::to_string(stream) + " sent as number " +
           std::to_string(sequence);
  return "";
}

}  // namespace

Verdict verify(const Plan& plan, const Sink& sink, const Pattern& pattern, bool mirrored) {
  std::vector<Sample> samples(sink.samples().begin(), sink.samples().end());
  std::sort(samples.begin(), samples.end(), [](const Sample& a, const Sample& b) {
    return a.receiver != b.receiver ? a.receiver < b.receiver : a.index < b.index;
  });
  Verdict verdict;
  std::unique_ptr<Opener> opener;
  std::array<std::uint8_t, 2048> packet;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Sample& sample = samples[i];
    const std::uint32_t stream = mirrored ? sample.receiver : plan.receivers[sample.receiver].stream;
    const std::uint32_t ssrc = mirrored ? plan.streams[stream].ssrc : plan.receivers[sample.receiver].ssrc;
    const PlanEndpoint& endpoint =
        plan.endpoints[mirrored ? plan.streams[stream].endpoint : plan.receivers[sample.receiver].endpoint];
    std::memcpy(packet.data(), sink.bytes_of(sample), sample.length);
    int length = sample.length;
    std::string wrong;
    if (endpoint.profile) {
      if (i == 0 || samples[i - 1].receiver != sample.receiver)
        opener = std::make_unique<Opener>(mirrored ? endpoint.send_key : endpoint.receive_key, ssrc);
      const srtp_err_status_t status = opener->open(packet.data(), length, sample.index);
      if (status != srtp_err_status_ok) wrong = "libsrtp2 refuses it with status " + std::to_string(status);
    }
    if (wrong.empty())
      wrong = compare({packet.data(), static_cast<std::size_t>(length)}, sample, plan.streams[stream], stream,
                      pattern);
    ++verdict.verified;
    if (wrong.empty()) continue;
    ++verdict.failures;
    if (verdict.reasons.size() < kMaxReasons)
      verdict.reasons.push_back("packet " + std::to_string(sample.index) + " of SSRC " +
                                std::to_string(ssrc) + " at " + endpoint.address.to_string() + " " + wrong);
  }
  return verdict;
}

}  // namespace sluice::gen
