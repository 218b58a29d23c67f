// self_test: whether an engine on this machine computes SRTP right, asked at start before any key is offered
// to a peer: known answers for every profile, and every profile sealed by one engine and opened by the other,
// both ways, SRTP and SRTCP. Also the choice of the engine. Control thread, at start.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "crypto/srtp_engine.h"

namespace sluice::crypto {

struct ProfileSelfTest {
  SrtpProfile profile{};
  bool passed = false;
  std::string reason;  // when not passed: names the profile, the step and the library
};

struct SelfTestReport {
  EngineKind engine{};
  std::string library;  // SrtpEngine::description(), or why there is none
  std::string note;     // what could not be tested though nothing failed, for a log line; mostly empty
  std::array<ProfileSelfTest, kAllSrtpProfiles.size()> profiles;

  bool passed(SrtpProfile profile) const;
  bool all_failed() const;
};

SelfTestReport run_self_test(EngineKind engine);

/// The wanted engine, or without a wish ipsec_mb where CPU and library allow it and libsrtp otherwise.
/// nullopt, with the reason in `error`, when the wanted one, or none at all, can run here.
std::optional<EngineKind> choose_engine(std::optional<EngineKind> wanted, std::string& error);

}  // namespace sluice::crypto
