// options: what Sessions gets at the start: the configuration, the SRTP profiles and DTLS context to use, and
// functions for the outside world, which tests replace. Control thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "config/config.h"
#include "controlplane/session/events.h"
#include "crypto/srtp/srtp_profile.h"

namespace sluice::control {

class DtlsContext;

struct SessionOptions {
  /// Cryptographic random bytes.
  using Random = std::function<void(std::span<std::uint8_t>)>;

  config::Config config;
  std::vector<crypto::SrtpProfile> profiles;  // configured and self-tested, in order of preference
  std::shared_ptr<const DtlsContext> dtls;    // with the same profiles; nullptr: webrtc is refused
  std::function<void(const Event&)> on_event = {};
  Random random;
  std::function<std::chrono::steady_clock::time_point()> clock =
      {};  // for requests; empty = the steady clock
};

}  // namespace sluice::control
