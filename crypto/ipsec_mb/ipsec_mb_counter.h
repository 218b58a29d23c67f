// ipsec_mb_counter: AES_CM_128 + HMAC-SHA1 over up to kStageJobs packets in two bursts of the library (RFC
// 3711 4.1.1, 4.2.1). Private to ipsec_mb_engine. One instance per thread; all arrays are part of it.
//
// Two rules of the library shape the code. First, it only stores HMAC-SHA1 tags of 12 bytes and more, so a
// tag of 10 or 4 bytes spills into the kTailBytes that the interface demands. Second, the hash reads one
// contiguous piece of memory, but the ROC is hashed and not sent. So the ROC stands for a moment where the
// tag belongs: the library writes the tag only after it has read the message.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "crypto/ipsec_mb/ipsec_mb_jobs.h"
#include "crypto/ipsec_mb/ipsec_mb_keys.h"
#include "crypto/ipsec_mb/ipsec_mb_manager.h"

namespace sluice::crypto {

class CounterBursts {
 public:
  CounterBursts();
  ~CounterBursts();
  CounterBursts(const CounterBursts&) = delete;
  CounterBursts& operator=(const CounterBursts&) = delete;

  /// Protects or unprotects, as the type of the jobs says. A job that the library refuses becomes kInternal;
  /// false when there was one. REQUIRES: at most kStageJobs jobs, all of this family, all checked, statuses
  /// kOk; best in descending order of length.
  [[nodiscard]] bool process(IpsecMbManager& manager, std::span<RtpProtectJob*> jobs) {
    return seal(manager, jobs);
  }
  [[nodiscard]] bool process(IpsecMbManager& manager, std::span<RtcpProtectJob*> jobs) {
    return seal(manager, jobs);
  }
  [[nodiscard]] bool process(IpsecMbManager& manager, std::span<RtpUnprotectJob*> jobs) {
    return open(manager, jobs);
  }
  [[nodiscard]] bool process(IpsecMbManager& manager, std::span<RtcpUnprotectJob*> jobs) {
    return open(manager, jobs);
  }

 private:
  static constexpr std::size_t kStoredTagLength = 12;
  using Tag = std::array<std::uint8_t, 16>;
  using Salt = std::array<std::uint8_t, 14>;

  template <class Job>
  [[nodiscard]] bool seal(IpsecMbManager& manager, std::span<Job*> jobs);
  template <class Job>
  [[nodiscard]] bool open(IpsecMbManager& manager, std::span<Job*> jobs);

  void add_seal(RtpProtectJob& job);
  void add_seal(RtcpProtectJob& job);
  void add_verify(RtpUnprotectJob& job);
  void add_verify(RtcpUnprotectJob& job);
  void accept(RtpUnprotectJob& job);
  void accept(RtcpUnprotectJob& job);
  static void reject(RtpUnprotectJob& job, const Tag& received);
  static void reject(RtcpUnprotectJob& job, const Tag& received);

  void add_cipher(const CounterKeys& keys, const Salt& salt, std::uint32_t ssrc, std::uint64_t index,
                  const std::uint8_t* from, std::uint8_t* to, std::size_t length, SrtpStatus& status);
  void add_hash(const CounterKeys& keys, const std::uint8_t* from, std::size_t length, std::uint8_t* tag,
                SrtpStatus& status);
  [[nodiscard]] bool run_cipher(IpsecMbManager& manager);
  [[nodiscard]] bool run_hash(IpsecMbManager& manager);

  // The constructor sets what does not change from job to job.
  std::array<IMB_JOB, kStageJobs> cipher_jobs_;
  std::array<IMB_JOB, kStageJobs> hash_jobs_;
  std::size_t cipher_count_ = 0;
  std::size_t hash_count_ = 0;
  alignas(16) std::array<std::array<std::uint8_t, 16>, kStageJobs> ivs_;
  // Of packets that are opened: the tags that the library computed, and those that came.
  std::array<Tag, kStageJobs> computed_tags_;
  std::array<Tag, kStageJobs> received_tags_;
};

}  // namespace sluice::crypto
