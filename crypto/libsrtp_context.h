// libsrtp_context: the libsrtp session of one SrtpKeys, driven by explicit packet indices. See
// libsrtp_engine.h for why its state is a cache. Private to libsrtp_engine. Owned by the thread that owns the
// keys.
#pragma once

#include <srtp2/srtp.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "crypto/srtp_kdf.h"

namespace sluice::crypto {

class LibsrtpContext {
 public:
  /// nullptr, with the reason in `error`, when libsrtp refuses the keys.
  [[nodiscard]] static std::unique_ptr<LibsrtpContext> create(const MasterKey& master, std::string& error);
  ~LibsrtpContext();
  LibsrtpContext(const LibsrtpContext&) = delete;
  LibsrtpContext& operator=(const LibsrtpContext&) = delete;

  // Each works in place on a packet with room for the trailer, and leaves the stream of the SSRC as it was
  // (or fresh, which is the same to the caller) when it fails. `length` is changed on success only.
  srtp_err_status_t protect(std::uint32_t ssrc, std::uint64_t index, std::uint8_t* packet, int& length);
  srtp_err_status_t unprotect(std::uint32_t ssrc, std::uint64_t index, std::uint8_t* packet, int& length);
  /// REQUIRES: 1 <= index <= 2^31-1.
  srtp_err_status_t protect_rtcp(std::uint32_t ssrc, std::uint32_t index, std::uint8_t* packet, int& length);
  srtp_err_status_t unprotect_rtcp(std::uint32_t ssrc, bool encrypted, std::uint8_t* packet, int& length);

  void forget(std::uint32_t ssrc);
  std::size_t stream_count() const { return streams_.size(); }

  /// SSRCs that a context remembers; beyond, one of them has to go, which costs no more than setting it up
  /// again.
  static constexpr std::size_t kMaxStreams = 256;

 private:
  /// What libsrtp's stream of an SSRC has come to, as far as it matters to predict it.
  struct Stream {
    std::uint64_t highest_index = 0;
    std::uint32_t rtcp_index = 0;  // last one sent
  };

  struct SessionDeleter {
    void operator()(srtp_ctx_t* session) const { srtp_dealloc(session); }
  };
  using Session = std::unique_ptr<srtp_ctx_t, SessionDeleter>;

  LibsrtpContext() = default;
  srtp_policy_t policy_for(std::uint32_t ssrc);
  Stream* find_or_add(std::uint32_t ssrc, bool& added, srtp_err_status_t& status);
  srtp_err_status_t replace(std::uint32_t ssrc, Stream& stream);
  srtp_err_status_t place(std::uint32_t ssrc, std::uint64_t index, Stream& stream);
  /// Runs `call` with the stream at `index`, and once more with a fresh stream where libsrtp refuses to go
  /// there.
  template <class Call>
  srtp_err_status_t at_index(std::uint64_t index, std::uint32_t ssrc, Stream& stream, Call call);
  srtp_err_status_t place_rtcp(std::uint32_t ssrc, std::uint32_t index, Stream& stream);
  srtp_err_status_t accept_made_up_rtcp(std::uint32_t ssrc, std::uint32_t index);
  srtp_err_status_t unprotect_clear_rtcp(std::uint32_t ssrc, std::uint8_t* packet, int& length);

  SrtpProfile profile_{};
  std::array<std::uint8_t, SRTP_MAX_KEY_LEN> master_{};  // key || salt, as libsrtp wants them; wiped
  SessionKeys session_keys_;                             // for accept_made_up_rtcp
  Session session_;
  std::unordered_map<std::uint32_t, Stream> streams_;
};

}  // namespace sluice::crypto
