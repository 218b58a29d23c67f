// engine_factory: makes one of the two SRTP engines, and chooses the one that suits this machine. Besides
// self_test it is the only file that knows both. Any thread; control plane only, since it allocates.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "crypto/srtp/srtp_engine.h"

namespace sluice::crypto {

/// nullptr, with the reason in `error`, when this CPU or library cannot run that engine.
[[nodiscard]] std::unique_ptr<SrtpEngine> make_engine(EngineKind kind, std::string& error);

/// The wanted engine. Without `wanted`: ipsec_mb where CPU and library allow it, libsrtp otherwise. nullopt,
/// with the reason in `error`, when the wanted engine cannot run here, or when none can.
[[nodiscard]] std::optional<EngineKind> choose_engine(std::optional<EngineKind> wanted, std::string& error);

}  // namespace sluice::crypto
