// ipsec_mb_engine: the fast engine of srtp_engine.h, on intel-ipsec-mb.
//
// How it works on a batch: it checks every job, then sorts the jobs by the family of their profile.
//
//   AES_CM + HMAC-SHA1: in descending order of length, so that the lanes of the hash fill and end together.
//   RTP goes through our own kernels where the CPU has AVX-512 and VAES (lane_counter). The rest of RTP,
//   SRTCP and other CPUs use two bursts of the library (ipsec_mb_counter). When opening, packets with a wrong
//   tag are never decrypted.
//
//   AES-GCM: AES-128 of RTP goes through our own kernel where the CPU can run it (wide_gcm), which needs a
//   fifth of the cache lines of keys. The rest takes one call of the library per packet (ipsec_mb_gcm). Both
//   fill the registers with one packet, and prefetch the keys of the next packets meanwhile.
//
// Payloads are never copied: the cipher reads the shared plaintext and writes into the packet.
//
// One instance per thread. Nothing allocates after create(). Keys that one instance expanded work with every
// other instance of the process, since all choose the same instruction set.
#pragma once

#include <memory>
#include <string>

#include "crypto/ipsec_mb/ipsec_mb_manager.h"
#include "crypto/srtp/srtp_engine.h"

namespace sluice::crypto {

struct SessionKeys;

class IpsecMbEngine final : public SrtpEngine {
 public:
  /// nullptr, with the reason in `error`, where the CPU or the library cannot run. Without `own_kernels`
  /// everything goes through the library, as on a CPU that cannot run our kernels.
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

  /// Does nothing: this engine keeps no state per SSRC.
  void forget(const SrtpKeys&, std::uint32_t) override {}

  std::string last_error() const override { return last_error_; }

  /// The second part of expand(), after the key derivation. Published test vectors begin here.
  void expand_session(const SessionKeys& session, SrtpProfile profile, Direction direction, SrtpKeys& out);

 private:
  struct Stage;

  IpsecMbEngine(IpsecMbManager manager, std::unique_ptr<Stage> stage);

  /// Protects or unprotects, as the type of the jobs says. The parts of the engine do the same.
  template <class Job>
  void process(std::span<Job> jobs);

  IpsecMbManager manager_;
  std::unique_ptr<Stage> stage_;  // the preallocated arrays of a stage
  // Always a literal or the library's own text, so that setting it allocates nothing.
  const char* last_error_ = "";
};

}  // namespace sluice::crypto
