// ipsec_mb_engine: the fast path of srtp_engine.h, on intel-ipsec-mb.
//
// How a batch goes. Every job is checked, then sorted by its profile's family:
//
//   AES_CM + HMAC-SHA1: in descending order of length, so that the hash's lanes fill and end together. RTP
//   goes through our own kernels where the CPU has AVX-512 and VAES (lane_counter); what they leave, SRTCP
//   and other CPUs through two bursts of the library (ipsec_mb_counter). When opening, packets whose tag is
//   wrong are never decrypted.
//
//   AES-GCM: AES-128 of RTP by a kernel of our own where the CPU can (wide_gcm), which needs a fifth of the
//   cache lines of keys; the rest by one call of the library per packet (ipsec_mb_gcm). Both are as wide as
//   the registers with one packet; the keys of the packets to come are prefetched meanwhile.
//
// Payloads are never copied: the cipher reads the shared plaintext and writes into the packet.
//
// One instance per thread. Nothing allocates after create(). Keys that one instance expanded serve every
// other instance of the process, since all choose the same instruction set.
#pragma once

#include <memory>
#include <string>

#include "crypto/ipsec_mb_manager.h"
#include "crypto/srtp_engine.h"

namespace sluice::crypto {

struct SessionKeys;

class IpsecMbEngine final : public SrtpEngine {
 public:
  /// nullptr, with the reason in `error`, where the CPU or the library cannot. Without `own_kernels`
  /// everything goes through the library, as on a CPU that cannot run them.
  [[nodiscard]] static std::unique_ptr<IpsecMbEngine> create(std::string& error, bool own_kernels = true);
  ~IpsecMbEngine() override;

  EngineKind kind() const override { return EngineKind::kIpsecMb; }
  std::string description() const override;

  [[nodiscard]] bool expand(const MasterKey& master, Direction direction, SrtpKeys& out) override;
  void release(SrtpKeys& keys) override;

  void protect(std::span<RtpProtectJob> jobs) override;
  void unprotect(std::span<RtpUnprotectJob> jobs) override;
  void protect_rtcp(std::span<RtcpProtectJob> jobs) override;
  void unprotect_rtcp(std::span<RtcpUnprotectJob> jobs) override;

  void forget(const SrtpKeys&, std::uint32_t) override {}  // keeps nothing per SSRC

  std::string last_error() const override { return last_error_; }

  /// The part of expand() behind the key derivation; published test vectors begin here.
  void expand_session(const SessionKeys& session, SrtpProfile profile, Direction direction, SrtpKeys& out);

 private:
  struct Stage;

  IpsecMbEngine(IpsecMbManager manager, std::unique_ptr<Stage> stage);

  /// The type of the jobs says whether they are protected or unprotected; so it does in the parts.
  template <class Job>
  void process(std::span<Job> jobs);

  IpsecMbManager manager_;
  std::unique_ptr<Stage> stage_;  // the preallocated arrays of a batch in work
  const char* last_error_ = "";   // always a literal or the library's own text: setting it allocates nothing
};

}  // namespace sluice::crypto
