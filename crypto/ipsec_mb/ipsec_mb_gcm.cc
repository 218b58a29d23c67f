#include "crypto/ipsec_mb/ipsec_mb_gcm.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <type_traits>

#include "crypto/kernels/aes_gcm.h"
#include "crypto/srtp/counter_iv.h"
#include "crypto/srtp/secret.h"
#include "crypto/srtp/srtp_bytes.h"

namespace sluice::crypto {
namespace {

constexpr std::size_t kRtcpAadLength = kRtcpHeaderLength + kSrtcpWordLength;

/// How many packets ahead to prefetch keys. Measured with 8192 keys in turn: where the keys come from the
/// third cache level, 1 to 8 make no difference. 4 also suits slower memory.
constexpr std::size_t kPrefetchAhead = 4;

/// Short messages need only the round keys, which are at the front, and the lowest powers of the hash key,
/// which are at the end.
void prefetch_keys(const SrtpKeys::Block& block, std::size_t length) {
  constexpr std::size_t kShort = 256;
  if (length > kShort) {
    prefetch_lines(&block, sizeof(gcm_key_data));
  } else {
    prefetch_lines(&block, 4 * kCacheLine);
    prefetch_lines(&block.bytes[sizeof(gcm_key_data) - kShort], kShort);
  }
}

/// The length of the text, or a little more. Exact enough to know which keys it needs.
template <class Job>
std::size_t text_length_of(const Job& job) {
  if constexpr (std::is_same_v<Job, RtpProtectJob>)
    return job.payload_length;
  else
    return job.length;
}

void write_iv(const RtpProtectJob& job, std::uint8_t* iv) {
  write_gcm_iv(job.keys->rtp_salt, job.ssrc, job.index, iv);
}
void write_iv(const RtpUnprotectJob& job, std::uint8_t* iv) {
  write_gcm_iv(job.keys->rtp_salt, job.ssrc, job.index, iv);
}
void write_iv(const RtcpProtectJob& job, std::uint8_t* iv) {
  write_gcm_iv(job.keys->rtcp_salt, load_be32(job.packet + 4), job.index, iv);
}
void write_iv(const RtcpUnprotectJob& job, std::uint8_t* iv) {
  const std::uint32_t word = load_be32(job.packet + job.length - kSrtcpWordLength);
  write_gcm_iv(job.keys->rtcp_salt, load_be32(job.packet + 4), word & kMaxSrtcpIndex, iv);
}

}  // namespace

struct GcmCalls::Message {
  const SrtpKeys* keys;
  const gcm_key_data* key;
  const std::uint8_t* from;
  std::uint8_t* to;
  std::size_t length;
  const std::uint8_t* aad;
  std::size_t aad_length;
  const std::uint8_t* iv;

  bool is_256() const { return keys->profile == SrtpProfile::kAeadAes256Gcm; }
};

GcmCalls::~GcmCalls() {
  wipe(&context_, sizeof context_);
  wipe(ivs_.data(), sizeof ivs_);
}

template <class Job, class Work>
void GcmCalls::for_each(std::span<Job*> jobs, Work work) {
  // SRTCP goes through the library whatever form the keys of RTP have.
  assert(kIsRtp<Job> ? are_checked<Job>(jobs, {KeyForm::kGcm})
                     : are_checked<Job>(jobs, {KeyForm::kGcm, KeyForm::kOwnGcm}));
  const auto prefetch = [&](std::size_t i) {
    if (i < jobs.size()) prefetch_keys(block_of(*jobs[i]), text_length_of(*jobs[i]));
  };
  for (std::size_t i = 0; i < kPrefetchAhead; ++i) prefetch(i);
  for (std::size_t i = 0; i < jobs.size(); ++i) write_iv(*jobs[i], ivs_[i].data());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    prefetch(i + kPrefetchAhead);
    work(*jobs[i], ivs_[i].data());
  }
}

void GcmCalls::seal(IMB_MGR* manager, const Message& message, std::uint8_t* tag) {
  const aes_gcm_enc_dec_t encrypt = message.is_256() ? manager->gcm256_enc : manager->gcm128_enc;
  encrypt(message.key, &context_, message.to, message.from, message.length, message.iv, message.aad,
          message.aad_length, tag, kGcmTagLength);
}

/// The library decrypts while it computes the tag. Where the tag is wrong, what it wrote has no meaning.
bool GcmCalls::open(IMB_MGR* manager, const Message& message, const std::uint8_t* tag) {
  const aes_gcm_enc_dec_t decrypt = message.is_256() ? manager->gcm256_dec : manager->gcm128_dec;
  std::array<std::uint8_t, kGcmTagLength> computed;
  decrypt(message.key, &context_, message.to, message.from, message.length, message.iv, message.aad,
          message.aad_length, computed.data(), kGcmTagLength);
  return equal_tags(computed.data(), tag, kGcmTagLength);
}

void GcmCalls::process(IMB_MGR* manager, std::span<RtpProtectJob*> jobs) {
  for_each(jobs, [&](RtpProtectJob& job, const std::uint8_t* iv) {
    Message message{.keys = job.keys,
                    .key = gcm_keys(job.keys->rtp),
                    .from = job.payload,
                    .to = job.packet + job.header_length,
                    .length = job.payload_length,
                    .aad = job.packet,
                    .aad_length = job.header_length,
                    .iv = iv};
    seal(manager, message, message.to + message.length);
    job.length = static_cast<std::uint16_t>(job.header_length + message.length + kGcmTagLength);
  });
}

void GcmCalls::process(IMB_MGR* manager, std::span<RtpUnprotectJob*> jobs) {
  for_each(jobs, [&](RtpUnprotectJob& job, const std::uint8_t* iv) {
    std::uint8_t* text = job.packet + job.header_length;
    Message message{.keys = job.keys,
                    .key = gcm_keys(job.keys->rtp),
                    .from = text,
                    .to = text,
                    .length = job.length - kGcmTagLength - job.header_length,
                    .aad = job.packet,
                    .aad_length = job.header_length,
                    .iv = iv};
    if (open(manager, message, text + message.length))
      job.length = static_cast<std::uint16_t>(job.length - kGcmTagLength);
    else
      job.status = SrtpStatus::kAuthFailed;
  });
}

void GcmCalls::process(IMB_MGR* manager, std::span<RtcpProtectJob*> jobs) {
  for_each(jobs, [&](RtcpProtectJob& job, const std::uint8_t* iv) {
    std::uint8_t* text = job.packet + kRtcpHeaderLength;
    std::array<std::uint8_t, kRtcpAadLength> aad;
    std::memcpy(aad.data(), job.packet, kRtcpHeaderLength);
    store_be32(aad.data() + kRtcpHeaderLength, kSrtcpEncrypted | job.index);
    Message message{.keys = job.keys,
                    .key = gcm_keys(job.keys->rtcp),
                    .from = text,
                    .to = text,
                    .length = job.length - kRtcpHeaderLength,
                    .aad = aad.data(),
                    .aad_length = aad.size(),
                    .iv = iv};
    seal(manager, message, text + message.length);
    store_be32(text + message.length + kGcmTagLength, kSrtcpEncrypted | job.index);
    job.length = static_cast<std::uint16_t>(job.length + kGcmTagLength + kSrtcpWordLength);
  });
}

void GcmCalls::process(IMB_MGR* manager, std::span<RtcpUnprotectJob*> jobs) {
  for_each(jobs, [&](RtcpUnprotectJob& job, const std::uint8_t* iv) {
    const std::size_t length = job.length - kGcmTagLength - kSrtcpWordLength;
    std::uint8_t* text = job.packet + kRtcpHeaderLength;
    const std::uint32_t word = load_be32(job.packet + length + kGcmTagLength);
    std::array<std::uint8_t, kRtcpAadLength> aad;
    std::memcpy(aad.data(), job.packet, kRtcpHeaderLength);
    store_be32(aad.data() + kRtcpHeaderLength, word);
    Message message{.keys = job.keys,
                    .key = gcm_keys(job.keys->rtcp),
                    .from = text,
                    .to = text,
                    .length = length - kRtcpHeaderLength,
                    .aad = aad.data(),
                    .aad_length = aad.size(),
                    .iv = iv};
    const bool passed = (word & kSrtcpEncrypted) != 0 ? open(manager, message, job.packet + length)
                                                      : open_clear_rtcp(manager, job, message, length);
    if (passed)
      job.length = static_cast<std::uint16_t>(length);
    else
      job.status = SrtpStatus::kAuthFailed;
  });
}

/// E bit 0 (RFC 7714 9.3): nothing is encrypted, and the associated data is the whole packet and the index
/// word. The tag stands between the two. To make them contiguous, the word takes the place of the tag for the
/// call.
bool GcmCalls::open_clear_rtcp(IMB_MGR* manager, RtcpUnprotectJob& job, Message& message,
                               std::size_t length) {
  std::array<std::uint8_t, kGcmTagLength> received;
  std::uint8_t* tag = job.packet + length;
  std::memcpy(received.data(), tag, kGcmTagLength);
  std::memcpy(tag, tag + kGcmTagLength, kSrtcpWordLength);
  message.length = 0;
  message.aad = job.packet;
  message.aad_length = length + kSrtcpWordLength;
  const bool passed = open(manager, message, received.data());
  std::memcpy(tag, received.data(), kSrtcpWordLength);
  return passed;
}

}  // namespace sluice::crypto
