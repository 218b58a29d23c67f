// self_test: whether an engine on this machine computes SRTP right, asked at start before any key is offered
// to a peer: known answers for every profile, and every profile sealed by one engine and opened by the other,
// both ways, SRTP and SRTCP. Control thread, at start.
#pragma once

#include <array>
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

  [[nodiscard]] bool passed(SrtpProfile profile) const;
};

SelfTestReport run_self_test(EngineKind engine);

}  // namespace sluice::crypto
