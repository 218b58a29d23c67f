// bare_crypto: the calls of intel-ipsec-mb that sealing or opening packets takes, and nothing else: no
// parsing, no window, no index, every job structure and the list of keys built outside the clock, the next
// keys prefetched as the engine does. What any relay on this library must spend. One thread for each loop.
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
  /// Cycles of the time-stamp counter for as many packets, with keys[at], keys[at + 1] and so on; after the
  /// last comes the first. REQUIRES: packets <= kBatchMax.
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

/// Null, with the reason in `error`, when the CPU or the library cannot. The keys are random, expanded as the
/// library wants them, and lie as a worker's do. REQUIRES: work.keys > 0; payload <= kPayloadMax.
[[nodiscard]] std::unique_ptr<CryptoLoop> make_bare_loop(const BareWork& work, std::string& error);

}  // namespace sluice::crypto
