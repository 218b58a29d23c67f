// bare_crypto: the calls of intel-ipsec-mb that sealing or opening packets takes, and nothing else: no
// parsing, no window, no index, every job structure and the list of keys built outside the clock, the next
// keys prefetched as the engine does. What any relay on this library must spend. One thread for each loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "crypto/srtp_engine.h"

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
};

/// Null when there is no memory for the library. REQUIRES: `keys` were expanded by the ipsec_mb engine for
/// that profile, are not none, and outlive the loop; payload <= kPayloadMax.
std::unique_ptr<CryptoLoop> make_bare_loop(const BareWork& work, std::span<const SrtpKeys> keys);

}  // namespace sluice::crypto
