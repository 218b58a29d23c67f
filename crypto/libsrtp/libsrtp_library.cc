#include "crypto/libsrtp/libsrtp_library.h"

#include <array>
#include <cstdint>
#include <mutex>

namespace sluice::crypto {
namespace {

/// Makes a session that stays until the process ends. Built on NSS, libsrtp starts NSS with the first stream
/// and stops it with the last, which costs half a millisecond each time. This session keeps NSS running.
/// False before srtp_init, since the ciphers are not registered then.
bool make_resident_session() {
  static std::array<std::uint8_t, SRTP_MAX_KEY_LEN> no_key{};
  srtp_policy_t policy = libsrtp_policy(SrtpProfile::kAesCm128HmacSha1_80);
  policy.ssrc.type = ssrc_any_outbound;
  policy.key = no_key.data();
  static srtp_t session = nullptr;
  return srtp_create(&session, &policy) == srtp_err_status_ok;
}

}  // namespace

bool start_libsrtp(std::string& error) {
  static std::once_flag once;
  static srtp_err_status_t status = srtp_err_status_ok;
  std::call_once(once, [] {
    status = srtp_init();
    // Where other code of the process started libsrtp before, this start fails but does no harm.
    if (make_resident_session()) status = srtp_err_status_ok;
  });
  if (status == srtp_err_status_ok) return true;
  error = libsrtp_version() + ": does not start: " + libsrtp_status_text(status);
  return false;
}

std::string libsrtp_version() {
  return srtp_get_version_string();
}

srtp_policy_t libsrtp_policy(SrtpProfile profile) {
  srtp_policy_t policy{};
  switch (profile) {
    case SrtpProfile::kAeadAes128Gcm:
      srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
      srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
      break;
    case SrtpProfile::kAeadAes256Gcm:
      srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtp);
      srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtcp);
      break;
    case SrtpProfile::kAesCm128HmacSha1_80:
      srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
      srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
      break;
    case SrtpProfile::kAesCm128HmacSha1_32:
      srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&policy.rtp);
      // SRTCP tags are never short (RFC 3711 5.2).
      srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
      break;
  }
  return policy;
}

std::string libsrtp_status_text(srtp_err_status_t status) {
  switch (status) {
    case srtp_err_status_ok:
      return "ok";
    case srtp_err_status_bad_param:
      return "unsupported parameter";
    case srtp_err_status_alloc_fail:
      return "out of memory";
    case srtp_err_status_init_fail:
      return "initialisation failed";
    case srtp_err_status_auth_fail:
      return "authentication failed";
    case srtp_err_status_cipher_fail:
      return "the cipher failed";
    case srtp_err_status_algo_fail:
      return "an algorithm failed its self-test";
    case srtp_err_status_replay_fail:
      return "replayed index";
    case srtp_err_status_replay_old:
      return "index older than the replay window";
    case srtp_err_status_pkt_idx_old:
      return "index too old";
    case srtp_err_status_key_expired:
      return "the key is used up";
    case srtp_err_status_parse_err:
      return "unparsable packet";
    default:
      return "libsrtp status " + std::to_string(static_cast<int>(status));
  }
}

}  // namespace sluice::crypto
