// bare_own: bare loops of our own kernels (crypto/kernels). Private to bare_crypto. One thread for each loop.
#pragma once

#include <memory>

#include "bench/bound/bare_loop.h"

namespace sluice::crypto {

/// Whether our kernels do RTP of this profile on this CPU, within the process's instruction set.
[[nodiscard]] bool own_kernel_for(SrtpProfile profile);

/// REQUIRES: own_kernel_for(work.profile); an engine with our own kernels expanded the keys.
[[nodiscard]] std::unique_ptr<CryptoLoop> make_own_loop(const BareWork& work, BareKeys keys);

}  // namespace sluice::crypto
