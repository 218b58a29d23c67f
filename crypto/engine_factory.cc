#include "crypto/engine_factory.h"

#include "crypto/ipsec_mb/ipsec_mb_engine.h"
#include "crypto/libsrtp/libsrtp_engine.h"

namespace sluice::crypto {

std::unique_ptr<SrtpEngine> make_engine(EngineKind kind, std::string& error) {
  switch (kind) {
    case EngineKind::kIpsecMb:
      return IpsecMbEngine::create(error);
    case EngineKind::kLibsrtp:
      return LibsrtpEngine::create(error);
  }
  error = "crypto engine: unknown kind";
  return nullptr;
}

std::optional<EngineKind> choose_engine(std::optional<EngineKind> wanted, std::string& error) {
  if (wanted) {
    if (make_engine(*wanted, error)) return wanted;
    error = "crypto engine \"" + std::string(engine_name(*wanted)) + "\" cannot run here: " + error;
    return std::nullopt;
  }
  std::string fast_error;
  if (make_engine(EngineKind::kIpsecMb, fast_error)) return EngineKind::kIpsecMb;
  std::string slow_error;
  if (make_engine(EngineKind::kLibsrtp, slow_error)) return EngineKind::kLibsrtp;
  error = "no crypto engine can run here: " + fast_error + "; " + slow_error;
  return std::nullopt;
}

}  // namespace sluice::crypto
