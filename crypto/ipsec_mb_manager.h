// ipsec_mb_manager: intel-ipsec-mb 1.3's multi-buffer managers, as SRTP uses them: AES-128 counter mode and
// HMAC-SHA1 in synchronous bursts, AES-GCM one packet at a time, key expansion.
//
// One instance per thread. Bursts hold nothing back: a job array belongs to the caller before and after the
// call. Nothing allocates after create().
//
// Two managers. The wide one (init_mb_mgr_auto) hashes up to 16 packets at once in AVX-512 lanes, but a pass
// costs nearly the same for one packet as for sixteen. The narrow one (init_mb_mgr_sse on a CPU with the SHA
// extensions) hashes two at a time, at a cost that is proportional. hash() gives each burst, and the rest of
// each burst, to the cheaper one.
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
  /// nullopt, with the reason in `error`, when the CPU lacks AES-NI or the library fails its own self-test.
  [[nodiscard]] static std::optional<IpsecMbManager> create(std::string& error);

  /// As in "ipsec-mb 1.3.0, AVX512 + SHA-NI".
  std::string description() const;

  /// AES-128-CTR over all jobs. Returns how many were completed; each job's status tells which.
  std::size_t cipher(IMB_JOB* jobs, std::size_t count);
  /// HMAC-SHA1 over all jobs, which should be in descending order of length: lanes run to their shortest, and
  /// what is left over when the lanes are filled is then the cheapest part.
  std::size_t hash(IMB_JOB* jobs, std::size_t count);

  /// The manager of the widest instruction set: GCM, key expansion.
  IMB_MGR* wide() { return wide_.get(); }

  /// The library's word for its last error.
  const char* error_text() const;

 private:
  struct Deleter {
    void operator()(IMB_MGR* manager) const;
  };
  using Handle = std::unique_ptr<IMB_MGR, Deleter>;

  IpsecMbManager() = default;
  static Handle start(void (*init)(IMB_MGR*), std::string& error);

  Handle wide_;
  Handle narrow_;           // null on a CPU without the SHA extensions
  bool has_lanes_ = false;  // wide_ has AVX-512 lanes; without them narrow_, where there is one, always wins
};

}  // namespace sluice::crypto
