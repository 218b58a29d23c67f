// crypto_choice: chooses the SRTP engine of this process and the profiles that it offers: those configured
// profiles that pass the engine's self-test. It also makes the table of `sluiced --self-test`. Control
// thread, at start.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "crypto/self_test.h"

namespace sluice::control {

struct CryptoChoice {
  crypto::EngineKind engine{};
  std::string library;                        // the engine's description
  std::vector<crypto::SrtpProfile> profiles;  // in the configured order of preference; never empty
  std::vector<std::string> warnings;          // configured profiles that are not offered, and why
};

/// Limits the instruction set of this process as configured. Then runs the self-test of the configured
/// engine, or of the one that suits the CPU. False with the reason in `error` when no engine can be used or
/// no profile is left; the reason then names the profiles and the library. REQUIRES: this process has no
/// engine yet.
[[nodiscard]] bool choose_crypto(const config::Crypto& wanted, CryptoChoice& choice, std::string& error);

/// The part of choose_crypto() after the self-test. It is separate so that tests can let a profile fail.
[[nodiscard]] bool choose_profiles(const std::vector<std::string>& wanted,
                                   const crypto::SelfTestReport& report, CryptoChoice& choice,
                                   std::string& error);

/// Runs the self-tests of all engines and writes a line for each engine and profile to `text`. True when at
/// least one engine can run here, and every profile of every such engine has passed.
[[nodiscard]] bool self_test_table(std::string& text);

}  // namespace sluice::control
