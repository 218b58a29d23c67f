#include "crypto/libsrtp/libsrtp_context.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cassert>

#include "crypto/libsrtp/libsrtp_library.h"
#include "crypto/srtp/counter_iv.h"
#include "crypto/srtp/packet_index.h"
#include "crypto/srtp/srtp_bytes.h"

namespace sluice::crypto {
namespace {

constexpr unsigned long kReplayWindow = 0x7fff;  // the most that libsrtp allows
constexpr std::uint32_t kRtcpWindow = 128;       // fixed in libsrtp

/// Whether libsrtp refuses to go to this index from the present state of the stream. It says so before it
/// touches the packet.
bool is_refusal(srtp_err_status_t status) {
  return status == srtp_err_status_replay_fail || status == srtp_err_status_replay_old ||
         status == srtp_err_status_pkt_idx_old;
}

/// AES-GCM by OpenSSL, for the few bytes of an SRTCP packet that we make.
bool seal_gcm(std::span<const std::uint8_t> key, const std::uint8_t* iv, std::span<const std::uint8_t> aad,
              std::span<std::uint8_t> text, std::uint8_t* tag, std::size_t tag_length) {
  const EVP_CIPHER* cipher = key.size() == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
  std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                          &EVP_CIPHER_CTX_free);
  int written = 0;
  return context && EVP_EncryptInit_ex(context.get(), cipher, nullptr, key.data(), iv) == 1 &&
         EVP_EncryptUpdate(context.get(), nullptr, &written, aad.data(), static_cast<int>(aad.size())) == 1 &&
         EVP_EncryptUpdate(context.get(), text.data(), &written, text.data(),
                           static_cast<int>(text.size())) == 1 &&
         EVP_EncryptFinal_ex(context.get(), text.data(), &written) == 1 &&
         EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(tag_length), tag) == 1;
}

}  // namespace

std::unique_ptr<LibsrtpContext> LibsrtpContext::create(const MasterKey& master, std::string& error) {
  const SrtpProfileInfo info = profile_info(master.profile);
  std::unique_ptr<LibsrtpContext> context(new LibsrtpContext);
  context->profile_ = master.profile;
  // This also refuses keys of other lengths: libsrtp gets no length and could not.
  if (!derive_session_keys(master, context->session_keys_)) {
    error = "key derivation refused: the master key or salt has not its profile's length, or OpenSSL failed";
    return nullptr;
  }
  std::copy_n(master.key.data(), info.key_length, context->master_.begin());
  std::copy_n(master.salt.data(), info.salt_length, context->master_.begin() + info.key_length);

  srtp_t session = nullptr;
  srtp_err_status_t status = srtp_create(&session, nullptr);
  context->session_.reset(session);
  // Streams come later, one by one. A first one, removed at once, shows whether libsrtp takes the profile and
  // the key.
  if (status == srtp_err_status_ok) {
    bool added = false;
    context->find_or_add(0, added, status);
    context->forget(0);
  }
  if (status != srtp_err_status_ok) {
    error =
        libsrtp_version() + " refuses " + std::string(info.name) + " keys: " + libsrtp_status_text(status);
    return nullptr;
  }
  return context;
}

LibsrtpContext::~LibsrtpContext() {
  wipe(master_.data(), master_.size());
}

srtp_policy_t LibsrtpContext::policy_for(std::uint32_t ssrc) {
  srtp_policy_t policy = libsrtp_policy(profile_);
  policy.ssrc.type = ssrc_specific;
  policy.ssrc.value = ssrc;
  policy.key = master_.data();
  policy.window_size = kReplayWindow;
  policy.allow_repeat_tx = 1;
  return policy;
}

LibsrtpContext::Stream* LibsrtpContext::find_or_add(std::uint32_t ssrc, bool& added,
                                                    srtp_err_status_t& status) {
  added = false;
  status = srtp_err_status_ok;
  if (const auto found = streams_.find(ssrc); found != streams_.end()) return &found->second;
  if (streams_.size() >= kMaxStreams) forget(streams_.begin()->first);
  const srtp_policy_t policy = policy_for(ssrc);
  status = srtp_add_stream(session_.get(), &policy);
  if (status != srtp_err_status_ok) return nullptr;
  added = true;
  return &streams_[ssrc];
}

void LibsrtpContext::forget(std::uint32_t ssrc) {
  if (streams_.erase(ssrc) > 0) srtp_remove_stream(session_.get(), htonl(ssrc));
}

srtp_err_status_t LibsrtpContext::replace(std::uint32_t ssrc, Stream& stream) {
  stream = Stream{};
  srtp_remove_stream(session_.get(), htonl(ssrc));
  const srtp_policy_t policy = policy_for(ssrc);
  return srtp_add_stream(session_.get(), &policy);
}

/// Makes libsrtp use `index` for the next packet of the SSRC. libsrtp takes any ROC except 0: it reads 0 as
/// "none given" and estimates. The estimate of a fresh stream is 0.
srtp_err_status_t LibsrtpContext::place(std::uint32_t ssrc, std::uint64_t index, Stream& stream) {
  const std::uint32_t roc = roll_over_counter(index);
  if (roc == 0 && estimate_packet_index(stream.highest_index, static_cast<std::uint16_t>(index)) != index) {
    const srtp_err_status_t status = replace(ssrc, stream);
    if (status != srtp_err_status_ok) return status;
  }
  return srtp_set_stream_roc(session_.get(), ssrc, roc);
}

template <class Call>
srtp_err_status_t LibsrtpContext::at_index(std::uint64_t index, std::uint32_t ssrc, Stream& stream,
                                           Call call) {
  const auto attempt = [&] {
    const srtp_err_status_t placed = place(ssrc, index, stream);
    return placed == srtp_err_status_ok ? call() : placed;
  };
  srtp_err_status_t status = attempt();
  if (is_refusal(status)) {
    status = replace(ssrc, stream);
    if (status == srtp_err_status_ok) status = attempt();
  }
  if (status == srtp_err_status_ok) stream.highest_index = std::max(stream.highest_index, index);
  return status;
}

srtp_err_status_t LibsrtpContext::protect(std::uint32_t ssrc, std::uint64_t index, std::uint8_t* packet,
                                          int& length) {
  bool added = false;
  srtp_err_status_t status;
  Stream* stream = find_or_add(ssrc, added, status);
  if (stream == nullptr) return status;
  status = at_index(index, ssrc, *stream, [&] { return srtp_protect(session_.get(), packet, &length); });
  // libsrtp moves its window before it encrypts, so after a failure the state of the stream is unknown.
  if (status != srtp_err_status_ok) forget(ssrc);
  return status;
}

srtp_err_status_t LibsrtpContext::unprotect(std::uint32_t ssrc, std::uint64_t index, std::uint8_t* packet,
                                            int& length) {
  bool added = false;
  srtp_err_status_t status;
  Stream* stream = find_or_add(ssrc, added, status);
  if (stream == nullptr) return status;
  status = at_index(index, ssrc, *stream, [&] { return srtp_unprotect(session_.get(), packet, &length); });
  if (status != srtp_err_status_ok && added) forget(ssrc);
  return status;
}

srtp_err_status_t LibsrtpContext::protect_rtcp(std::uint32_t ssrc, std::uint32_t index, std::uint8_t* packet,
                                               int& length) {
  assert(index >= 1 && index <= kMaxSrtcpIndex);
  bool added = false;
  srtp_err_status_t status;
  Stream* stream = find_or_add(ssrc, added, status);
  if (stream == nullptr) return status;
  const int plain_length = length;
  status = place_rtcp(ssrc, index, *stream);
  if (status == srtp_err_status_ok) status = srtp_protect_rtcp(session_.get(), packet, &length);
  if (status == srtp_err_status_ok) {
    // The index is a nonce, so a wrong one would be fatal: read it back.
    const SrtpProfileInfo info = profile_info(profile_);
    const int word_at = plain_length + (info.aead ? info.rtcp_tag_length : 0);
    if (load_be32(packet + word_at) != (kSrtcpEncrypted | index)) status = srtp_err_status_fail;
  }
  if (status == srtp_err_status_ok) {
    stream->rtcp_index = index;
  } else {
    length = plain_length;
    forget(ssrc);
  }
  return status;
}

/// Makes libsrtp number the next SRTCP packet of the SSRC `index`. libsrtp only counts up by one. But its
/// counter is also the lower edge of the SRTCP replay window, and that edge moves when the stream receives a
/// packet. So for a larger step the stream receives a packet that we make here and never send. Its index
/// moves the edge to the right place.
srtp_err_status_t LibsrtpContext::place_rtcp(std::uint32_t ssrc, std::uint32_t index, Stream& stream) {
  const std::uint32_t before = index - 1;
  srtp_err_status_t status = srtp_err_status_ok;
  if (before < stream.rtcp_index) status = replace(ssrc, stream);
  const std::uint32_t jump_to = std::min(before, kMaxSrtcpIndex - (kRtcpWindow - 1));
  if (status == srtp_err_status_ok && jump_to > stream.rtcp_index) {
    status = accept_made_up_rtcp(ssrc, jump_to + (kRtcpWindow - 1));
    stream.rtcp_index = jump_to;
  }
  // Near the end of the range no packet can move the edge: count through the last 127 indices.
  while (status == srtp_err_status_ok && stream.rtcp_index < before) {
    std::array<std::uint8_t, kRtcpHeaderLength + SRTP_MAX_TRAILER_LEN + kSrtcpWordLength> packet{0x80, 201, 0,
                                                                                                 1};
    store_be32(packet.data() + 4, ssrc);
    int length = kRtcpHeaderLength;
    status = srtp_protect_rtcp(session_.get(), packet.data(), &length);
    ++stream.rtcp_index;
  }
  return status;
}

srtp_err_status_t LibsrtpContext::accept_made_up_rtcp(std::uint32_t ssrc, std::uint32_t index) {
  constexpr std::size_t kTextLength = 4;
  constexpr std::size_t kLength = kRtcpHeaderLength + kTextLength;
  const SrtpProfileInfo info = profile_info(profile_);
  std::array<std::uint8_t, kLength + kMaxRtcpTrailer> packet{0x80, 201, 0, 2};
  store_be32(packet.data() + 4, ssrc);
  bool sealed = false;
  if (info.aead) {
    std::array<std::uint8_t, 14> salt{};
    std::copy_n(session_keys_.rtcp_salt.data(), session_keys_.rtcp_salt.size(), salt.begin());
    std::array<std::uint8_t, 12> iv;
    write_gcm_iv(salt, ssrc, index, iv.data());
    wipe(salt.data(), salt.size());
    std::array<std::uint8_t, kRtcpHeaderLength + kSrtcpWordLength> aad;
    std::copy_n(packet.begin(), kRtcpHeaderLength, aad.begin());
    store_be32(aad.data() + kRtcpHeaderLength, kSrtcpEncrypted | index);
    sealed = seal_gcm(session_keys_.rtcp_key.bytes(), iv.data(), aad,
                      std::span(packet).subspan(kRtcpHeaderLength, kTextLength), packet.data() + kLength,
                      info.rtcp_tag_length);
    store_be32(packet.data() + kLength + info.rtcp_tag_length, kSrtcpEncrypted | index);
  } else {
    store_be32(packet.data() + kLength, kSrtcpEncrypted | index);
    std::array<std::uint8_t, 20> digest;
    sealed = HMAC(EVP_sha1(), session_keys_.rtcp_authentication.data(),
                  static_cast<int>(session_keys_.rtcp_authentication.size()), packet.data(),
                  kLength + kSrtcpWordLength, digest.data(), nullptr) != nullptr;
    std::copy_n(digest.begin(), info.rtcp_tag_length, packet.begin() + kLength + kSrtcpWordLength);
  }
  if (!sealed) return srtp_err_status_cipher_fail;
  int length = static_cast<int>(kLength + kSrtcpWordLength + info.rtcp_tag_length);
  return srtp_unprotect_rtcp(session_.get(), packet.data(), &length);
}

srtp_err_status_t LibsrtpContext::unprotect_rtcp(std::uint32_t ssrc, bool encrypted, std::uint8_t* packet,
                                                 int& length) {
  // A libsrtp stream that expects encryption refuses clear AES_CM packets. It takes clear AEAD packets.
  if (!encrypted && !profile_info(profile_).aead) return unprotect_clear_rtcp(ssrc, packet, length);
  bool added = false;
  srtp_err_status_t status;
  Stream* stream = find_or_add(ssrc, added, status);
  if (stream == nullptr) return status;
  status = srtp_unprotect_rtcp(session_.get(), packet, &length);
  if (is_refusal(status)) {
    status = replace(ssrc, *stream);
    if (status == srtp_err_status_ok) status = srtp_unprotect_rtcp(session_.get(), packet, &length);
  }
  if (status != srtp_err_status_ok && added) forget(ssrc);
  return status;
}

/// Such packets are rare, so each gets a session of its own, which ends with it.
srtp_err_status_t LibsrtpContext::unprotect_clear_rtcp(std::uint32_t ssrc, std::uint8_t* packet,
                                                       int& length) {
  srtp_policy_t policy = policy_for(ssrc);
  policy.rtcp.sec_serv = sec_serv_auth;
  srtp_t session = nullptr;
  const srtp_err_status_t status = srtp_create(&session, &policy);
  const Session owner(session);
  return status != srtp_err_status_ok ? status : srtp_unprotect_rtcp(session, packet, &length);
}

}  // namespace sluice::crypto
