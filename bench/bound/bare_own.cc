#include "bench/bound/bare_own.h"

#include <x86intrin.h>

#include <algorithm>
#include <cassert>
#include <span>

#include "crypto/ipsec_mb/ipsec_mb_keys.h"
#include "crypto/kernels/aes_counter.h"
#include "crypto/kernels/aes_gcm.h"
#include "crypto/kernels/avx512.h"
#include "crypto/kernels/sha1_lanes.h"
#include "crypto/srtp/instruction_set.h"

namespace sluice::crypto {
namespace {

class OwnCounter final : public Bare {
 public:
  OwnCounter(const BareWork& work, BareKeys keys) : Bare(work, std::move(keys)) {
    for (std::size_t i = 0; i < kBatchMax; ++i) {
      texts_[i] = {.key = nullptr, .iv = {}, .from = source(i), .to = text(i), .length = work.payload};
      messages_[i] = {.data = packet(i),
                      .states = nullptr,
                      .length = static_cast<std::uint32_t>(kHeaderLength + work.payload),
                      .word = 0};
    }
  }

  std::uint64_t batch(std::size_t at, std::size_t packets) override {
    assert(packets <= kBatchMax);
    for (std::size_t i = 0; i < packets; ++i) {
      texts_[i].key = keys_of(at + i).near.data();
      messages_[i].states = counter_keys(key(at + i)).inner.data();
    }
    const std::uint64_t began = __rdtsc();
    for (std::size_t i = 0; i < packets; ++i) {
      __builtin_prefetch(texts_[i].key);
      __builtin_prefetch(messages_[i].states);
    }
    // As many as the lanes take: what is encrypted is then still in the first level cache when it is hashed.
    for (std::size_t i = 0; i < packets; i += kSha1Lanes) {
      const std::size_t some = std::min(packets - i, kSha1Lanes);
      if (!work_.seal) hmac_sha1(std::span(messages_).subspan(i, some), &tags_[i]);
      aes128_counter(std::span(texts_).subspan(i, some));
      if (work_.seal) hmac_sha1(std::span(messages_).subspan(i, some), &tags_[i]);
    }
    return __rdtsc() - began;
  }

 private:
  std::array<CounterText, kBatchMax> texts_{};
  std::array<LaneMessage, kBatchMax> messages_{};
  std::array<LaneTag, kBatchMax> tags_{};
};

class OwnGcm final : public Bare {
 public:
  OwnGcm(const BareWork& work, BareKeys keys) : Bare(work, std::move(keys)) {
    for (std::size_t i = 0; i < kBatchMax; ++i)
      texts_[i] = {.key = nullptr,
                   .powers = nullptr,
                   .iv = {},
                   .aad = packet(i),
                   .from = source(i),
                   .to = text(i),
                   .length = static_cast<std::uint32_t>(work.payload),
                   .aad_length = kHeaderLength};
  }

  std::uint64_t batch(std::size_t at, std::size_t packets) override {
    assert(packets <= kBatchMax);
    for (std::size_t i = 0; i < packets; ++i) {
      texts_[i].key = keys_of(at + i).near.data();
      texts_[i].powers = &own_gcm_keys(key(at + i));
    }
    const std::uint64_t began = __rdtsc();
    for (std::size_t i = 0; i < packets; ++i) {
      __builtin_prefetch(texts_[i].key);
      // A long packet needs the first sixteen powers, a short one the first eight.
      const std::size_t powers = work_.payload > kShort ? 16 : 8;
      prefetch_lines(&texts_[i].powers->descending[GcmPowers::kCount - powers], powers * 16);
    }
    const auto texts = std::span(texts_).first(packets);
    if (work_.seal)
      aes128_gcm_seal(texts, tags_.data());
    else
      aes128_gcm_open(texts, tags_.data());
    return __rdtsc() - began;
  }

 private:
  static constexpr std::size_t kShort = 48;

  std::array<GcmText, kBatchMax> texts_{};
  std::array<GcmTag, kBatchMax> tags_{};
};

}  // namespace

bool own_kernel_for(SrtpProfile profile) {
  return profile != SrtpProfile::kAeadAes256Gcm && widest_instruction_set() == InstructionSet::kAuto &&
         cpu_has_avx512_lanes();
}

std::unique_ptr<CryptoLoop> make_own_loop(const BareWork& work, BareKeys keys) {
  assert(own_kernel_for(work.profile));
  if (profile_info(work.profile).aead) return std::make_unique<OwnGcm>(work, std::move(keys));
  return std::make_unique<OwnCounter>(work, std::move(keys));
}

}  // namespace sluice::crypto
