// bare_crypto: the cryptography of packets and nothing else, by each kernel that is known: the calls of
// intel-ipsec-mb, and our own kernels. Any relay must spend at least what the fastest of them spends. There
// is no parsing, no window and no index. The job structures and the list of keys are built outside the timed
// part, and the next keys are prefetched as in the engine. One thread for each loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

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

enum class BareKernel : std::uint8_t {
  kLibrary,     // the library's calls, of the widest instruction set (crypto/srtp/instruction_set.h)
  kLibraryOf2,  // the same, with the hash of the SHA extensions: two packets at a time instead of 16 lanes
  kOwn,         // our own kernels, which need AVX-512 and VAES
};
std::string_view kernel_name(BareKernel kernel);

struct BareWork {
  static constexpr std::size_t kPayloadMax = 1400;

  SrtpProfile profile = SrtpProfile::kAeadAes128Gcm;
  std::size_t payload = 160;
  bool seal = true;
  std::size_t keys = 1;
  BareKernel kernel = BareKernel::kLibrary;

  bool operator==(const BareWork&) const = default;
};

/// The kernels that can do the work of this profile on this CPU, within the process's instruction set. The
/// library's is always among them.
std::vector<BareKernel> bare_kernels(SrtpProfile profile);

/// nullptr, with the reason in `error`, when the CPU or the library cannot do this. The keys are random,
/// expanded as the kernel wants them, and laid out in memory as those of a worker. REQUIRES: work.keys > 0;
/// payload <= kPayloadMax; work.kernel is one of bare_kernels().
[[nodiscard]] std::unique_ptr<CryptoLoop> make_bare_loop(const BareWork& work, std::string& error);

}  // namespace sluice::crypto
