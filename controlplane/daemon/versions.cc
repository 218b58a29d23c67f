#include "controlplane/daemon/versions.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <string_view>
#include <tuple>
#include <utility>

#include "crypto/engine_factory.h"
#include "crypto/libsrtp/libsrtp_backend.h"
#include "dataplane/port/eal.h"

namespace sluice::control {
namespace {

/// Splits an engine's description, "NAME VERSION, WHAT", into VERSION and WHAT.
std::pair<std::string, std::string> engine_version(crypto::EngineKind kind) {
  std::string error;
  const auto engine = crypto::make_engine(kind, error);
  if (!engine) return {fmt::format("not usable here: {}", error), ""};
  const std::string text = engine->description();
  const auto comma = text.find(", ");
  std::string_view version = std::string_view(text).substr(0, comma);
  if (const auto blank = version.rfind(' '); blank != std::string_view::npos)
    version.remove_prefix(blank + 1);
  return {std::string(version), comma == std::string::npos ? "" : text.substr(comma + 2)};
}

}  // namespace

Versions gather_versions() {
  Versions versions;
  versions.sluice = SLUICE_VERSION;
  versions.dpdk = dataplane::Eal::version();
  versions.openssl = OpenSSL_version(OPENSSL_VERSION);
  versions.libsrtp = engine_version(crypto::EngineKind::kLibsrtp).first;
  versions.libsrtp_crypto_library = crypto::libsrtp_crypto_library();
  std::tie(versions.ipsec_mb, versions.ipsec_mb_instruction_set) =
      engine_version(crypto::EngineKind::kIpsecMb);
  return versions;
}

std::string to_text(const Versions& versions) {
  const std::string instruction_set =
      versions.ipsec_mb_instruction_set.empty() ? "" : fmt::format(", {}", versions.ipsec_mb_instruction_set);
  return fmt::format("sluice    {}\ndpdk      {}\nopenssl   {}\nlibsrtp2  {}, linked to {}\nipsec-mb  {}{}\n",
                     versions.sluice, versions.dpdk, versions.openssl, versions.libsrtp,
                     versions.libsrtp_crypto_library, versions.ipsec_mb, instruction_set);
}

}  // namespace sluice::control
