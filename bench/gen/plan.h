// plan: what sluice-gen plays: endpoints with their keys, the streams that they send and the receivers that
// must hear them. Read once from JSON (docs/sluice-gen.md has the format); constant afterwards. Main
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/ip_address.h"
#include "crypto/srtp/secret.h"
#include "crypto/srtp/srtp_engine.h"
#include "dataplane/wire/frame.h"

namespace sluice::gen {

struct PlanIce {
  std::string ufrag;       // the relay's, which a check asks for
  std::string password;    // the relay's, which signs it
  std::string peer_ufrag;  // ours
};

/// A peer of the relay, as the generator plays it.
struct PlanEndpoint {
  config::SocketAddress address;  // ours
  config::SocketAddress relay;    // where its RTP goes
  config::SocketAddress relay_rtcp;
  std::uint16_t rtcp_port = 0;                 // ours
  std::optional<crypto::SrtpProfile> profile;  // none: plain RTP
  crypto::MasterKey send_key;                  // what we seal with
  crypto::MasterKey receive_key;               // what the relay seals with
  std::uint16_t queue = 0;                     // of the port, where it has several
  std::optional<PlanIce> ice;
};

struct PlanStream {
  std::uint32_t endpoint = 0;  // the sender
  std::uint32_t ssrc = 0;
  std::uint8_t payload_type = 0;
  std::uint16_t payload_bytes = 0;
  double packets_per_second = 1;  // its weight
  std::uint32_t outputs = 1;      // packets that the relay sends for one of its
};

/// The relay sends `stream` to `endpoint` under `ssrc`.
struct PlanReceiver {
  std::uint32_t endpoint = 0;
  std::uint32_t ssrc = 0;
  std::uint32_t stream = 0;
};

struct Plan {
  std::string workload;
  dataplane::MacAddress mac{};
  dataplane::MacAddress relay_mac{};
  std::uint16_t vlan = 0;
  std::vector<PlanEndpoint> endpoints;
  std::vector<PlanStream> streams;
  std::vector<PlanReceiver> receivers;
  std::uint32_t rtcp_interval_ms = 0;  // 0: none
  std::uint32_t stun_interval_ms = 0;  // 0: none
  double nack_share = 0;
};

inline constexpr std::size_t kMaxPlanObjects = 1'000'000;
inline constexpr std::uint16_t kMaxPayloadBytes = 1400;

/// nullopt with everything that names the wrong place in `error`.
[[nodiscard]] std::optional<Plan> read_plan(std::string_view json, std::string& error);
[[nodiscard]] std::optional<Plan> read_plan_file(const std::string& path, std::string& error);

}  // namespace sluice::gen
