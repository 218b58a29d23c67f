// libsrtp_engine: srtp_engine.h on libsrtp2, for CPUs without AES-NI and as the other half of every
// cross-check.
//
// This is the slow engine. libsrtp wants each packet contiguous, so an out-of-place payload is copied first.
// It works on one packet at a time. Its state per SSRC is allocated, so batch calls do allocate. It takes
// about 40 times the cycles of ipsec_mb_engine. Built on NSS it takes more with every key, because NSS looks
// keys up in lists.
//
// For each SSRC, libsrtp itself keeps a ROC, a replay window and an SRTCP index. But the callers of
// srtp_engine.h give the index of every packet, so libsrtp's state must not decide anything: this engine
// treats it as a cache. libsrtp_context sets the stream of an SSRC to the wanted index. When libsrtp refuses
// an index, mostly a lower one, libsrtp_context replaces the stream by a fresh one, which takes any index. So
// a forged packet has no effect on later packets. A stream that was created for a packet that fails is
// removed again.
//
// Limits that the other engine does not have: it cannot send SRTCP index 0, since libsrtp counts from 1. AEAD
// associated data (RTP headers, SRTCP with E bit 0) ends at 2048 bytes when libsrtp is built on NSS. The RTP
// header is parsed again and must agree with the job (otherwise kMalformed).
//
// One instance per thread. The state of keys is in SrtpKeys::context and belongs to the owner of the keys.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "crypto/srtp/srtp_engine.h"

namespace sluice::crypto {

class LibsrtpContext;

class LibsrtpEngine final : public SrtpEngine {
 public:
  /// nullptr, with the reason in `error`, when libsrtp does not start.
  [[nodiscard]] static std::unique_ptr<LibsrtpEngine> create(std::string& error);

  EngineKind kind() const override { return EngineKind::kLibsrtp; }
  /// As in "libsrtp2 2.5.0, NSS".
  std::string description() const override;

  [[nodiscard]] bool expand(const MasterKey& master, Direction direction, SrtpKeys& out) override;
  void release(SrtpKeys& keys) override;

  void protect(std::span<RtpProtectJob> jobs) override;
  void unprotect(std::span<RtpUnprotectJob> jobs) override;
  void protect_rtcp(std::span<RtcpProtectJob> jobs) override;
  void unprotect_rtcp(std::span<RtcpUnprotectJob> jobs) override;

  void forget(const SrtpKeys& keys, std::uint32_t ssrc) override;

  std::string last_error() const override { return last_error_; }

 private:
  LibsrtpEngine();

  LibsrtpContext* context_of(const SrtpKeys& keys);
  template <class Job, class Call>
  SrtpStatus seal(Job& job, std::size_t length, Call call);
  template <class Job, class Call>
  SrtpStatus open(Job& job, Call call);
  SrtpStatus protect_one(RtpProtectJob& job);
  SrtpStatus unprotect_one(RtpUnprotectJob& job);
  SrtpStatus protect_rtcp_one(RtcpProtectJob& job);
  SrtpStatus unprotect_rtcp_one(RtcpUnprotectJob& job);

  /// Packets are opened in here: libsrtp spoils a packet whose AEAD tag is wrong.
  std::vector<std::uint8_t> scratch_;
  std::string last_error_;
};

}  // namespace sluice::crypto
