#include "crypto/srtp/srtp_kdf.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>

namespace sluice::crypto {
namespace {

struct CipherContextDeleter {
  // Also wipes the key schedule.
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, CipherContextDeleter>;

/// Fetched once per process: a fetch takes provider locks and costs more than the whole derivation.
const EVP_CIPHER* counter_cipher(std::size_t key_length) {
  static EVP_CIPHER* const aes_128 = EVP_CIPHER_fetch(nullptr, "AES-128-CTR", nullptr);
  static EVP_CIPHER* const aes_256 = EVP_CIPHER_fetch(nullptr, "AES-256-CTR", nullptr);
  return key_length == 16 ? aes_128 : key_length == 32 ? aes_256 : nullptr;
}

/// The PRF of one master key. One key schedule serves all labels.
class Prf {
 public:
  Prf(std::span<const std::uint8_t> key, std::span<const std::uint8_t> salt)
      : context_(EVP_CIPHER_CTX_new()) {
    const EVP_CIPHER* cipher = counter_cipher(key.size());
    if (!context_ || cipher == nullptr || salt.size() > kMaxMasterSalt) return;
    std::copy(salt.begin(), salt.end(), salt_.begin());
    usable_ = EVP_EncryptInit_ex2(context_.get(), cipher, key.data(), salt_.data(), nullptr) == 1;
  }
  Prf(const Prf&) = delete;
  Prf& operator=(const Prf&) = delete;
  ~Prf() { wipe(salt_.data(), salt_.size()); }

  bool fill(KdfLabel label, std::span<std::uint8_t> out) {
    std::fill(out.begin(), out.end(), std::uint8_t{0});
    if (!usable_) return false;
    // x = (label || r) xor salt with r = 0 (RFC 3711 4.3.1): the label is at the 8th of the 14 bytes of the
    // salt. The last two bytes are the block counter and start at 0.
    std::array<std::uint8_t, 16> iv = salt_;
    iv[7] ^= static_cast<std::uint8_t>(label);
    int written = 0;
    const bool ok = EVP_EncryptInit_ex2(context_.get(), nullptr, nullptr, iv.data(), nullptr) == 1 &&
                    EVP_EncryptUpdate(context_.get(), out.data(), &written, out.data(),
                                      static_cast<int>(out.size())) == 1;
    wipe(iv.data(), iv.size());
    if (!ok) std::fill(out.begin(), out.end(), std::uint8_t{0});
    return ok;
  }

  template <std::size_t N>
  bool fill(KdfLabel label, std::size_t length, Secret<N>& out) {
    std::array<std::uint8_t, N> bytes{};
    const bool ok = fill(label, std::span(bytes).first(length));
    out.assign(std::span<const std::uint8_t>(bytes).first(length));
    wipe(bytes.data(), bytes.size());
    return ok;
  }

 private:
  CipherContext context_;
  std::array<std::uint8_t, 16> salt_{};
  bool usable_ = false;
};

}  // namespace

bool derive_key(std::span<const std::uint8_t> key, std::span<const std::uint8_t> salt, KdfLabel label,
                std::span<std::uint8_t> out) {
  return Prf(key, salt).fill(label, out);
}

bool derive_session_keys(const MasterKey& master, SessionKeys& out) {
  const SrtpProfileInfo info = profile_info(master.profile);
  out = SessionKeys{};
  if (master.key.size() != info.key_length || master.salt.size() != info.salt_length) return false;
  Prf prf(master.key.bytes(), master.salt.bytes());
  bool ok = prf.fill(KdfLabel::kRtpEncryption, info.key_length, out.rtp_key) &&
            prf.fill(KdfLabel::kRtcpEncryption, info.key_length, out.rtcp_key) &&
            prf.fill(KdfLabel::kRtpSalt, info.salt_length, out.rtp_salt) &&
            prf.fill(KdfLabel::kRtcpSalt, info.salt_length, out.rtcp_salt);
  if (ok && !info.aead) {
    ok = prf.fill(KdfLabel::kRtpAuthentication, kHmacSha1KeyLength, out.rtp_authentication) &&
         prf.fill(KdfLabel::kRtcpAuthentication, kHmacSha1KeyLength, out.rtcp_authentication);
  }
  if (!ok) out = SessionKeys{};
  return ok;
}

}  // namespace sluice::crypto
