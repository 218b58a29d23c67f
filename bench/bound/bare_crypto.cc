#include "bench/bound/bare_crypto.h"

#include <intel-ipsec-mb.h>
#include <x86intrin.h>

#include <array>
#include <cassert>
#include <vector>

#include "bench/bound/crypto_packets.h"
#include "crypto/ipsec_mb/ipsec_mb_engine.h"
#include "crypto/ipsec_mb/ipsec_mb_keys.h"

namespace sluice::crypto {
namespace {

using Manager = std::unique_ptr<IMB_MGR, ManagerDeleter>;

// Keys with the engine that expanded them.
struct BareKeys {
  std::unique_ptr<IpsecMbEngine> engine;
  std::vector<SrtpKeys> all;

  BareKeys() = default;
  BareKeys(BareKeys&&) = default;
  ~BareKeys() {
    for (SrtpKeys& one : all) engine->release(one);
  }
};

class Bare : public CryptoLoop {
 public:
  Bare(const BareWork& work, BareKeys keys, Manager manager)
      : work_(work),
        keys_(std::move(keys)),
        manager_(std::move(manager)),
        packets_(kBatchMax),
        plain_(BareWork::kPayloadMax, 0xab) {
    for (std::size_t i = 0; i < kBatchMax; ++i) write_header(packets_[i].bytes.data(), i);
  }

 protected:
  const SrtpKeys::Block& key(std::size_t n) const { return keys_.all[n % keys_.all.size()].rtp; }

  const BareWork work_;
  const BareKeys keys_;
  const Manager manager_;
  std::vector<Packet> packets_;
  const std::vector<std::uint8_t> plain_;
  alignas(16) std::array<std::uint8_t, 16> iv_{};
};

class BareGcm final : public Bare {
 public:
  BareGcm(const BareWork& work, BareKeys keys, Manager manager)
      : Bare(work, std::move(keys), std::move(manager)) {
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
      std::uint8_t* packet = packets_[i].bytes.data();
      std::uint8_t* text = packet + kHeaderLength;
      call_(gcm_keys(*blocks_[i]), &context_, text, work_.seal ? plain_.data() : text, payload, iv_.data(),
            packet, kHeaderLength, text + payload, 16);
    }
    return __rdtsc() - began;
  }

 private:
  static constexpr std::size_t kPrefetchAhead = 4;

  aes_gcm_enc_dec_t call_;
  gcm_context_data context_;
  std::array<const SrtpKeys::Block*, kBatchMax + kPrefetchAhead> blocks_;
};

class BareCounter final : public Bare {
 public:
  BareCounter(const BareWork& work, BareKeys keys, Manager manager)
      : Bare(work, std::move(keys), std::move(manager)),
        direction_(work.seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT) {
    for (std::size_t i = 0; i < kBatchMax; ++i) {
      std::uint8_t* text = packets_[i].bytes.data() + kHeaderLength;
      cipher_[i].cipher_mode = IMB_CIPHER_CNTR;
      cipher_[i].hash_alg = IMB_AUTH_NULL;
      cipher_[i].cipher_direction = direction_;
      cipher_[i].key_len_in_bytes = IMB_KEY_128_BYTES;
      cipher_[i].iv = iv_.data();
      cipher_[i].iv_len_in_bytes = iv_.size();
      cipher_[i].src = work.seal ? plain_.data() : text;
      cipher_[i].dst = text;
      cipher_[i].msg_len_to_cipher_in_bytes = work.payload;
      hash_[i].cipher_mode = IMB_CIPHER_NULL;
      hash_[i].hash_alg = IMB_AUTH_HMAC_SHA_1;
      hash_[i].src = packets_[i].bytes.data();
      hash_[i].msg_len_to_hash_in_bytes = kHeaderLength + work.payload + kRocLength;
      hash_[i].auth_tag_output = text + work.payload + kRocLength;
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
    IMB_SUBMIT_HASH_BURST_NOCHECK(manager_.get(), hash_.data(), n, IMB_AUTH_HMAC_SHA_1);
  }

  const IMB_CIPHER_DIRECTION direction_;
  std::array<IMB_JOB, kBatchMax> cipher_{};
  std::array<IMB_JOB, kBatchMax> hash_{};
};

}  // namespace

std::unique_ptr<CryptoLoop> make_bare_loop(const BareWork& work, std::string& error) {
  assert(work.keys > 0 && work.payload <= BareWork::kPayloadMax);
  Manager manager(alloc_mb_mgr(0));
  if (!manager) {
    error = "no memory for a multi-buffer manager";
    return nullptr;
  }
  init_mb_mgr_auto(manager.get(), nullptr);
  BareKeys keys;
  keys.engine = IpsecMbEngine::create(error, false);
  if (!keys.engine) return nullptr;
  keys.all =
      random_keys(*keys.engine, work.profile, work.keys, work.seal ? Direction::kSend : Direction::kReceive);
  if (keys.all.empty()) {
    error = keys.engine->last_error();
    return nullptr;
  }
  if (profile_info(work.profile).aead)
    return std::make_unique<BareGcm>(work, std::move(keys), std::move(manager));
  return std::make_unique<BareCounter>(work, std::move(keys), std::move(manager));
}

}  // namespace sluice::crypto
