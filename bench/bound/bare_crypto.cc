#include "bench/bound/bare_crypto.h"

#include <intel-ipsec-mb.h>
#include <x86intrin.h>

#include <array>
#include <cassert>
#include <vector>

#include "bench/bound/bare_loop.h"
#include "bench/bound/bare_own.h"
#include "crypto/ipsec_mb/ipsec_mb_keys.h"
#include "crypto/srtp/instruction_set.h"

namespace sluice::crypto {
namespace {

using Manager = std::unique_ptr<IMB_MGR, ManagerDeleter>;

Manager widest_manager() {
  Manager manager(alloc_mb_mgr(0));
  if (!manager) return nullptr;
  const bool no_avx512 = widest_instruction_set() == InstructionSet::kAvx2;
  if (no_avx512 && (manager->features & IMB_FEATURE_AVX2) != 0)
    init_mb_mgr_avx2(manager.get());
  else
    init_mb_mgr_auto(manager.get(), nullptr);
  return manager;
}

bool has_sha_extensions() {
  return (imb_get_feature_flags() & IMB_FEATURE_SHANI) != 0;
}

class BareGcm final : public Bare {
 public:
  BareGcm(const BareWork& work, BareKeys keys, Manager manager)
      : Bare(work, std::move(keys)), manager_(std::move(manager)) {
    const bool wide = work.profile == SrtpProfile::kAeadAes256Gcm;
    call_ = work.seal ? (wide ? manager_->gcm256_enc : manager_->gcm128_enc)
                      : (wide ? manager_->gcm256_dec : manager_->gcm128_dec);
  }

  std::uint64_t batch(std::size_t at, std::size_t packets) override {
    assert(packets <= kBatchMax);
    const std::size_t payload = work_.payload;
    for (std::size_t i = 0; i < packets + kPrefetchAhead; ++i) blocks_[i] = &key(at + i);
    const std::uint64_t began = __rdtsc();
    for (std::size_t i = 0; i < packets; ++i) {
      const SrtpKeys::Block& ahead = *blocks_[i + kPrefetchAhead];
      // A long packet needs all powers of the hash key, a short one the last of them.
      prefetch_lines(&ahead, payload > 256 ? sizeof(gcm_key_data) : 256);
      if (payload <= 256) prefetch_lines(&ahead.bytes[sizeof(gcm_key_data) - 256], 256);
      call_(gcm_keys(*blocks_[i]), &context_, text(i), source(i), payload, iv_.data(), packet(i),
            kHeaderLength, text(i) + payload, 16);
    }
    return __rdtsc() - began;
  }

 private:
  static constexpr std::size_t kPrefetchAhead = 4;

  const Manager manager_;
  alignas(16) std::array<std::uint8_t, 16> iv_{};
  aes_gcm_enc_dec_t call_;
  gcm_context_data context_;
  std::array<const SrtpKeys::Block*, kBatchMax + kPrefetchAhead> blocks_;
};

class BareCounter final : public Bare {
 public:
  /// `narrow`: hashes in place of `manager`; may be null.
  BareCounter(const BareWork& work, BareKeys keys, Manager manager, Manager narrow)
      : Bare(work, std::move(keys)),
        manager_(std::move(manager)),
        narrow_(std::move(narrow)),
        direction_(work.seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT) {
    for (std::size_t i = 0; i < kBatchMax; ++i) {
      cipher_[i].cipher_mode = IMB_CIPHER_CNTR;
      cipher_[i].hash_alg = IMB_AUTH_NULL;
      cipher_[i].cipher_direction = direction_;
      cipher_[i].key_len_in_bytes = IMB_KEY_128_BYTES;
      cipher_[i].iv = iv_.data();
      cipher_[i].iv_len_in_bytes = iv_.size();
      cipher_[i].src = source(i);
      cipher_[i].dst = text(i);
      cipher_[i].msg_len_to_cipher_in_bytes = work.payload;
      hash_[i].cipher_mode = IMB_CIPHER_NULL;
      hash_[i].hash_alg = IMB_AUTH_HMAC_SHA_1;
      hash_[i].src = packet(i);
      hash_[i].msg_len_to_hash_in_bytes = kHeaderLength + work.payload + kRocLength;
      hash_[i].auth_tag_output = text(i) + work.payload + kRocLength;
      hash_[i].auth_tag_output_len_in_bytes = 12;
    }
  }

  std::uint64_t batch(std::size_t at, std::size_t packets) override {
    assert(packets <= kBatchMax);
    const auto n = static_cast<std::uint32_t>(packets);
    for (std::size_t i = 0; i < packets; ++i) {
      const CounterKeys& keys = counter_keys(key(at + i));
      cipher_[i].enc_keys = keys.round_keys.data();
      hash_[i].u.HMAC._hashed_auth_key_xor_ipad = keys.inner.data();
      hash_[i].u.HMAC._hashed_auth_key_xor_opad = keys.outer.data();
    }
    const std::uint64_t began = __rdtsc();
    for (std::size_t i = 0; i < packets; ++i) prefetch_lines(cipher_[i].enc_keys, sizeof(CounterKeys));
    if (!work_.seal) hash(n);
    IMB_SUBMIT_CIPHER_BURST_NOCHECK(manager_.get(), cipher_.data(), n, IMB_CIPHER_CNTR, direction_,
                                    IMB_KEY_128_BYTES);
    if (work_.seal) hash(n);
    return __rdtsc() - began;
  }

 private:
  static constexpr std::size_t kRocLength = 4;  // hashed behind the packet (RFC 3711 4.2)

  void hash(std::uint32_t n) {
    IMB_MGR* manager = narrow_ ? narrow_.get() : manager_.get();
    IMB_SUBMIT_HASH_BURST_NOCHECK(manager, hash_.data(), n, IMB_AUTH_HMAC_SHA_1);
  }

  const Manager manager_, narrow_;
  alignas(16) std::array<std::uint8_t, 16> iv_{};
  const IMB_CIPHER_DIRECTION direction_;
  std::array<IMB_JOB, kBatchMax> cipher_{};
  std::array<IMB_JOB, kBatchMax> hash_{};
};

}  // namespace

std::string_view kernel_name(BareKernel kernel) {
  switch (kernel) {
    case BareKernel::kLibrary:
      return "ipsec-mb";
    case BareKernel::kLibraryOf2:
      return "ipsec-mb, SHA-NI";
    case BareKernel::kOwn:
      return "own";
  }
  return "";
}

std::vector<BareKernel> bare_kernels(SrtpProfile profile) {
  std::vector<BareKernel> kernels{BareKernel::kLibrary};
  if (!profile_info(profile).aead && has_sha_extensions()) kernels.push_back(BareKernel::kLibraryOf2);
  if (own_kernel_for(profile)) kernels.push_back(BareKernel::kOwn);
  return kernels;
}

std::unique_ptr<CryptoLoop> make_bare_loop(const BareWork& work, std::string& error) {
  assert(work.keys > 0 && work.payload <= BareWork::kPayloadMax);
  BareKeys keys;
  keys.engine = IpsecMbEngine::create(error, work.kernel == BareKernel::kOwn);
  if (!keys.engine) return nullptr;
  keys.all =
      random_keys(*keys.engine, work.profile, work.keys, work.seal ? Direction::kSend : Direction::kReceive);
  if (keys.all.empty()) {
    error = keys.engine->last_error();
    return nullptr;
  }
  if (work.kernel == BareKernel::kOwn) return make_own_loop(work, std::move(keys));
  Manager manager = widest_manager();
  Manager narrow(work.kernel == BareKernel::kLibraryOf2 ? alloc_mb_mgr(0) : nullptr);
  if (!manager || (work.kernel == BareKernel::kLibraryOf2 && !narrow)) {
    error = "no memory for a multi-buffer manager";
    return nullptr;
  }
  if (narrow) init_mb_mgr_sse(narrow.get());
  if (profile_info(work.profile).aead)
    return std::make_unique<BareGcm>(work, std::move(keys), std::move(manager));
  return std::make_unique<BareCounter>(work, std::move(keys), std::move(manager), std::move(narrow));
}

}  // namespace sluice::crypto
