#include <srtp2/srtp.h>

#include <cstring>
#include <mutex>
#include <stdexcept>

#include "tests/support/harness.h"

namespace sluice::dataplane::test {
namespace {

srtp_profile_t library_profile(crypto::SrtpProfile profile) {
  switch (profile) {
    case crypto::SrtpProfile::kAeadAes128Gcm:
      return srtp_profile_aead_aes_128_gcm;
    case crypto::SrtpProfile::kAeadAes256Gcm:
      return srtp_profile_aead_aes_256_gcm;
    case crypto::SrtpProfile::kAesCm128HmacSha1_80:
      return srtp_profile_aes128_cm_sha1_80;
    default:
      return srtp_profile_aes128_cm_sha1_32;
  }
}

Bytes joined_key(const crypto::MasterKey& key) {
  Bytes joined(key.key.bytes().begin(), key.key.bytes().end());
  joined.insert(joined.end(), key.salt.bytes().begin(), key.salt.bytes().end());
  return joined;
}

srtp_policy_t make_policy(const crypto::MasterKey& key, Bytes& joined, unsigned window_size) {
  srtp_policy_t policy{};
  srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, library_profile(key.profile));
  srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, library_profile(key.profile));
  policy.key = joined.data();
  policy.window_size = window_size;
  return policy;
}

template <typename Call>
std::optional<Bytes> apply(Bytes packet, int& status, Call call) {
  int length = static_cast<int>(packet.size());
  packet.resize(packet.size() + SRTP_MAX_TRAILER_LEN + 4);
  status = call(packet.data(), &length);
  if (status != srtp_err_status_ok) return std::nullopt;
  packet.resize(static_cast<std::size_t>(length));
  return packet;
}

}  // namespace

Oracle::Oracle(const crypto::MasterKey& key, bool inbound, unsigned window_size, Bytes mki)
    : key_(key), mki_(std::move(mki)), window_size_(window_size) {
  static std::once_flag once;
  std::call_once(once, [] { srtp_init(); });
  Bytes joined = joined_key(key_);
  srtp_policy_t policy = make_policy(key_, joined, window_size_);
  policy.ssrc.type = inbound ? ssrc_any_inbound : ssrc_any_outbound;
  srtp_master_key_t named{joined.data(), mki_.data(), static_cast<unsigned>(mki_.size())};
  srtp_master_key_t* all[] = {&named};
  if (!mki_.empty()) {
    policy.key = nullptr;
    policy.keys = all;
    policy.num_master_keys = 1;
  }
  srtp_t session = nullptr;
  if (srtp_create(&session, &policy) != srtp_err_status_ok)
    throw std::runtime_error("libsrtp2 refused the keys");
  session_ = session;
}

void Oracle::begin(std::uint32_t ssrc, std::uint32_t roc) {
  Bytes joined = joined_key(key_);
  srtp_policy_t policy = make_policy(key_, joined, window_size_);
  policy.ssrc = {ssrc_specific, ssrc};
  const auto session = static_cast<srtp_t>(session_);
  if (srtp_add_stream(session, &policy) != srtp_err_status_ok ||
      srtp_set_stream_roc(session, ssrc, roc) != srtp_err_status_ok)
    throw std::runtime_error("libsrtp2 refused the stream");
}

Oracle::~Oracle() {
  srtp_dealloc(static_cast<srtp_t>(session_));
}

Bytes Oracle::protect(Bytes packet) {
  auto out = apply(std::move(packet), last_status_, [&](void* p, int* n) {
    return srtp_protect_mki(static_cast<srtp_t>(session_), p, n, !mki_.empty(), 0);
  });
  if (!out) throw std::runtime_error("libsrtp2 refused to protect");
  return *out;
}

Bytes Oracle::protect_rtcp(Bytes packet) {
  auto out = apply(std::move(packet), last_status_, [&](void* p, int* n) {
    return srtp_protect_rtcp_mki(static_cast<srtp_t>(session_), p, n, !mki_.empty(), 0);
  });
  if (!out) throw std::runtime_error("libsrtp2 refused to protect");
  return *out;
}

std::optional<Bytes> Oracle::unprotect(Bytes packet) {
  return apply(std::move(packet), last_status_, [&](void* p, int* n) {
    return srtp_unprotect_mki(static_cast<srtp_t>(session_), p, n, !mki_.empty());
  });
}

std::optional<Bytes> Oracle::unprotect_rtcp(Bytes packet) {
  return apply(std::move(packet), last_status_, [&](void* p, int* n) {
    return srtp_unprotect_rtcp_mki(static_cast<srtp_t>(session_), p, n, !mki_.empty());
  });
}

}  // namespace sluice::dataplane::test
