// bare_crypto: the calls of intel-ipsec-mb that seal or open packets, and nothing else. Any relay on this
// library must spend these cycles. There is no parsing, no window and no index. The job structures and the
// list of keys are built outside the timed part, and the next keys are prefetched as in the engine. One
// thread for each loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "crypto/srtp/srtp_profile.h"

namespace sluice::crypto {

class CryptoLoop {
 public:
  static constexpr std::size_t kBatchMax = 64;

  virtual ~CryptoLoop() = default;
  /// The TSC cycles for `packets` packets, with keys[at], keys[at + 1] and so on. After the last key comes
  /// the first one. REQUIRES: packets <= kBatchMax.
  virtual std::uint64_t batch(std::size_t at, std::size_t packets) = 0;
};

struct BareWork {
  static constexpr std::size_t kPayloadMax = 1400;

  SrtpProfile profile = SrtpProfile::kAeadAes128Gcm;
  std::size_t payload = 160;
  bool seal = true;
  std::size_t keys = 1;

  bool operator==(const BareWork&) const = default;
};

/// nullptr, with the reason in `error`, when the CPU or the library cannot do this. The keys are random,
/// expanded as the library wants them, and laid out in memory as those of a worker. REQUIRES: work.keys > 0;
/// payload <= kPayloadMax.
[[nodiscard]] std::unique_ptr<CryptoLoop> make_bare_loop(const BareWork& work, std::string& error);

}  // namespace sluice::crypto
