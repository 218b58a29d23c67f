// self_test: whether an engine computes SRTP right on this machine. sluiced asks at start, before it offers
// any key to a peer. It tests known answers for every profile. Then each engine seals for the other to open,
// every profile, SRTP and SRTCP. Control thread, at start.
#pragma once

#include <array>
#include <string>

#include "crypto/srtp/srtp_engine.h"

namespace sluice::crypto {

struct ProfileSelfTest {
  SrtpProfile profile{};
  bool passed = false;
  std::string reason;  // where it failed: names the profile, the step and the library; otherwise empty
};

struct SelfTestReport {
  EngineKind engine{};
  std::string library;  // SrtpEngine::description(), or why there is none
  // For the log: what could not be tested, although nothing failed. Usually empty.
  std::string note;
  std::array<ProfileSelfTest, kAllSrtpProfiles.size()> profiles;

  [[nodiscard]] bool passed(SrtpProfile profile) const;
};

/// Always returns a report. Without an engine, no profile passes.
SelfTestReport run_self_test(EngineKind kind);

}  // namespace sluice::crypto
