#include "controlplane/daemon/crypto_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "crypto/engine_factory.h"
#include "crypto/srtp/instruction_set.h"

namespace sluice::control {
namespace {

std::optional<crypto::EngineKind> wanted_engine(config::CryptoEngine engine) {
  switch (engine) {
    case config::CryptoEngine::kAuto:
      return std::nullopt;
    case config::CryptoEngine::kIpsecMb:
      return crypto::EngineKind::kIpsecMb;
    case config::CryptoEngine::kLibsrtp:
      return crypto::EngineKind::kLibsrtp;
  }
  return std::nullopt;
}

crypto::InstructionSet wanted_instructions(config::CryptoInstructions widest) {
  return widest == config::CryptoInstructions::kAvx2 ? crypto::InstructionSet::kAvx2
                                                     : crypto::InstructionSet::kAuto;
}

const std::string& reason_of(const crypto::SelfTestReport& report, crypto::SrtpProfile profile) {
  static const std::string kNone;
  for (const auto& test : report.profiles)
    if (test.profile == profile) return test.reason;
  return kNone;
}

}  // namespace

bool choose_profiles(const std::vector<std::string>& wanted, const crypto::SelfTestReport& report,
                     CryptoChoice& choice, std::string& error) {
  choice.engine = report.engine;
  choice.library = report.library;
  std::string failures;
  for (const auto& name : wanted) {
    const auto profile = crypto::profile_from_name(name);
    if (!profile) continue;  // the configuration check reports an unknown name
    if (report.passed(*profile)) {
      choice.profiles.push_back(*profile);
      continue;
    }
    const auto& reason = reason_of(report, *profile);
    choice.warnings.push_back(
        fmt::format("{} is not offered: its self-test failed on {}: {}", name, report.library, reason));
    failures += fmt::format("; {}: {}", name, reason);
  }
  if (!report.note.empty()) choice.warnings.push_back(report.note);
  if (!choice.profiles.empty()) return true;
  error = fmt::format("none of the configured SRTP profiles passed the self-test of engine {} ({}){}",
                      crypto::engine_name(report.engine), report.library, failures);
  return false;
}

bool choose_crypto(const config::Crypto& wanted, CryptoChoice& choice, std::string& error) {
  crypto::limit_instruction_set(wanted_instructions(wanted.instruction_set));
  const auto engine = crypto::choose_engine(wanted_engine(wanted.engine), error);
  if (!engine) {
    error = fmt::format("[crypto] engine: {}", error);
    return false;
  }
  return choose_profiles(wanted.profiles, crypto::run_self_test(*engine), choice, error);
}

bool self_test_table(std::string& text) {
  bool any_engine = false;
  bool all_passed = true;
  for (const auto engine : {crypto::EngineKind::kIpsecMb, crypto::EngineKind::kLibsrtp}) {
    std::string error;
    const auto name = crypto::engine_name(engine);
    if (!crypto::choose_engine(engine, error)) {
      text += fmt::format("{:<9} not usable on this machine: {}\n", name, error);
      continue;
    }
    any_engine = true;
    const auto report = crypto::run_self_test(engine);
    text += fmt::format("{:<9} {}\n", name, report.library);
    for (const auto& test : report.profiles) {
      all_passed = all_passed && test.passed;
      text +=
          fmt::format("  {:<24} {}{}\n", crypto::profile_info(test.profile).name,
                      test.passed ? "passed" : "FAILED", test.passed ? "" : fmt::format(": {}", test.reason));
    }
    if (!report.note.empty()) text += fmt::format("  note: {}\n", report.note);
  }
  return any_engine && all_passed;
}

}  // namespace sluice::control
