// crypto_choice: which SRTP engine this process uses and which profiles it offers: those configured that the
// self-test of the engine in use has passed. Also the table of `sluiced --self-test`. Control thread, at
// start.
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
  std::vector<std::string> warnings;          // profiles that are configured and not offered, and why
};

/// Runs the self-test of the engine that is configured, or that suits the CPU. False with the reason in
/// `error`, which names profiles and library, when there is nothing left to offer.
[[nodiscard]] bool choose_crypto(const config::Crypto& wanted, CryptoChoice& choice, std::string& error);

/// What `choose_crypto` makes of a report; apart, so that tests can fail a profile.
[[nodiscard]] bool choose_profiles(const std::vector<std::string>& wanted,
                                   const crypto::SelfTestReport& report, CryptoChoice& choice,
                                   std::string& error);

/// Runs the self-tests of all engines and writes a line per engine and profile to `text`. True when
/// everything that this machine can run has passed, and something can be run.
[[nodiscard]] bool self_test_table(std::string& text);

}  // namespace sluice::control
