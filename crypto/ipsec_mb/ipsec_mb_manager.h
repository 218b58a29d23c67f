// ipsec_mb_manager: the multi-buffer managers of intel-ipsec-mb 1.3 as SRTP uses them: AES-128 counter mode
// and HMAC-SHA1 in synchronous bursts, AES-GCM one packet at a time, key expansion.
//
// Bursts hold nothing back: a job array belongs to the caller before and after the call. One instance per
// thread. Nothing allocates after create().
//
// There are two managers. The wide one, of the widest instruction set (crypto/srtp/instruction_set.h), hashes
// up to 16 packets at once in AVX-512 lanes, but a pass costs nearly the same for one packet as for sixteen.
// The narrow one (init_mb_mgr_sse on a CPU with the SHA extensions) hashes two at a time, at a cost that is
// proportional. hash() gives each burst, and the rest of each burst, to the cheaper one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

struct IMB_MGR;
struct IMB_JOB;

namespace sluice::crypto {

class IpsecMbManager {
 public:
  /// nullopt, with the reason in `error`, when the CPU lacks AES-NI, the library is older than 1.3.0 or its
  /// own self-test fails.
  [[nodiscard]] static std::optional<IpsecMbManager> create(std::string& error);

  /// As in "ipsec-mb 1.3.0, AVX512 + SHA-NI".
  std::string description() const;

  /// AES-128-CTR over all jobs. Returns how many are complete; the status of each job says which.
  std::size_t cipher(IMB_JOB* jobs, std::size_t count);
  /// HMAC-SHA1 over all jobs. Returns how many are complete. Fastest in descending order of length: lanes run
  /// to their shortest message, and the jobs that do not fill the lanes are then the shortest ones.
  std::size_t hash(IMB_JOB* jobs, std::size_t count);

  /// The manager of the widest instruction set: GCM, key expansion.
  IMB_MGR* wide() { return wide_.get(); }

  /// The library's text for its last error.
  const char* error_text() const;

 private:
  struct Deleter {
    void operator()(IMB_MGR* manager) const;
  };
  using Handle = std::unique_ptr<IMB_MGR, Deleter>;

  IpsecMbManager() = default;
  static Handle start(void (*init)(IMB_MGR*), std::string& error);

  Handle wide_;
  Handle narrow_;  // null on a CPU without the SHA extensions
  // Whether wide_ has AVX-512 lanes. Without them narrow_, where there is one, is always cheaper.
  bool has_lanes_ = false;
};

}  // namespace sluice::crypto
