// libsrtp_context: the libsrtp session of one SrtpKeys, used at explicit packet indices (RFC 3711 3.3.1).
// libsrtp_engine.h says why its state is only a cache. Private to libsrtp_engine. The thread that owns the
// keys owns the context. Calls may allocate.
#pragma once

#include <srtp2/srtp.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "crypto/srtp/srtp_kdf.h"

namespace sluice::crypto {

class LibsrtpContext {
 public:
  /// nullptr, with the reason in `error`, when libsrtp refuses the keys.
  [[nodiscard]] static std::unique_ptr<LibsrtpContext> create(const MasterKey& master, std::string& error);
  ~LibsrtpContext();
  LibsrtpContext(const LibsrtpContext&) = delete;
  LibsrtpContext& operator=(const LibsrtpContext&) = delete;

  // Each of these works in place on a packet of `length` bytes, with space for the trailer behind it. On
  // success `length` is the new length. On failure `length` stays, and the stream of the SSRC is as it was or
  // fresh, which is the same for the caller.

  srtp_err_status_t protect(std::uint32_t ssrc, std::uint64_t index, std::uint8_t* packet, int& length);
  srtp_err_status_t unprotect(std::uint32_t ssrc, std::uint64_t index, std::uint8_t* packet, int& length);
  /// REQUIRES: 1 <= index <= 2^31-1.
  srtp_err_status_t protect_rtcp(std::uint32_t ssrc, std::uint32_t index, std::uint8_t* packet, int& length);
  srtp_err_status_t unprotect_rtcp(std::uint32_t ssrc, bool encrypted, std::uint8_t* packet, int& length);

  /// Removes the stream of the SSRC, if there is one.
  void forget(std::uint32_t ssrc);
  /// For tests: whether forged packets leave streams behind.
  std::size_t stream_count() const { return streams_.size(); }

  /// Most SSRCs that a context keeps a stream for. Past that, a new SSRC displaces another one, which then
  /// costs one set-up again.
  static constexpr std::size_t kMaxStreams = 256;

 private:
  /// What we must know of libsrtp's stream of an SSRC to predict the next index.
  struct Stream {
    std::uint64_t highest_index = 0;
    std::uint32_t rtcp_index = 0;  // the last one sent
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
  /// Runs `call` with the stream at `index`. Where libsrtp refuses that index, runs it once more with a fresh
  /// stream.
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
