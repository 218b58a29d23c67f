#include "crypto/ipsec_mb/wide_gcm.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "crypto/ipsec_mb/ipsec_mb_keys.h"
#include "crypto/srtp/counter_iv.h"
#include "crypto/srtp/secret.h"
#include "crypto/srtp/srtp_bytes.h"

namespace sluice::crypto {
namespace {

// Packets of a pass. Their round keys are made at once, and the powers of the next pass are prefetched
// meanwhile.
constexpr std::size_t kPass = 4;

// Prefetches the cache lines of powers that a text of this length needs, except for the line that every
// packet needs, which the caller has prefetched (prefetch(SrtpKeys)). Whole chunks need the powers up to the
// sixteenth, and so do most rests.
void fetch_powers(const GcmText& text) {
  constexpr std::size_t kShort = 48;  // three blocks, the lengths and the header need eight powers
  const auto& powers = text.powers->descending;
  const std::size_t from = text.length <= kShort ? 8 : 16;
  prefetch_lines(&powers[GcmPowers::kCount - from], (from - 4) * sizeof powers[0]);
}

template <class Job>
GcmText text_of(const Job& job, const std::uint8_t* from, std::uint8_t* to, std::size_t length) {
  return {.key = job.keys->near.data(),
          .powers = &own_gcm_keys(job.keys->rtp),
          .iv = gcm_iv(job.keys->rtp_salt, job.ssrc, job.index),
          .aad = job.packet,
          .from = from,
          .to = to,
          .length = static_cast<std::uint32_t>(length),
          .aad_length = job.header_length};
}

}  // namespace

WideGcm::~WideGcm() {
  wipe(texts_.data(), sizeof texts_);  // initialisation vectors contain the session salts
}

template <class Crypt>
void WideGcm::in_passes(std::size_t count, Crypt crypt) {
  const auto texts = std::span(texts_).first(count);
  for (std::size_t i = 0; i < std::min(kPass, count); ++i) fetch_powers(texts[i]);
  for (std::size_t at = 0; at < count; at += kPass) {
    for (std::size_t i = at + kPass; i < std::min(count, at + 2 * kPass); ++i) fetch_powers(texts[i]);
    crypt(texts.subspan(at, std::min(kPass, count - at)), &tags_[at]);
  }
}

void WideGcm::process(std::span<RtpProtectJob*> jobs) {
  assert(are_checked<RtpProtectJob>(jobs, {KeyForm::kOwnGcm}));
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const RtpProtectJob& job = *jobs[i];
    texts_[i] = text_of(job, job.payload, job.packet + job.header_length, job.payload_length);
  }
  in_passes(jobs.size(), aes128_gcm_seal);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    RtpProtectJob& job = *jobs[i];
    const std::size_t length = std::size_t{job.header_length} + job.payload_length;
    std::memcpy(job.packet + length, tags_[i].data(), kGcmTagLength);
    job.length = static_cast<std::uint16_t>(length + kGcmTagLength);
  }
}

void WideGcm::process(std::span<RtpUnprotectJob*> jobs) {
  assert(are_checked<RtpUnprotectJob>(jobs, {KeyForm::kOwnGcm}));
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const RtpUnprotectJob& job = *jobs[i];
    std::uint8_t* text = job.packet + job.header_length;
    texts_[i] = text_of(job, text, text, job.length - kGcmTagLength - job.header_length);
  }
  in_passes(jobs.size(), aes128_gcm_open);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    RtpUnprotectJob& job = *jobs[i];
    const GcmText& text = texts_[i];
    if (equal_tags(tags_[i].data(), text.to + text.length, kGcmTagLength))
      job.length = static_cast<std::uint16_t>(job.length - kGcmTagLength);
    else
      job.status = SrtpStatus::kAuthFailed;
  }
}

}  // namespace sluice::crypto
