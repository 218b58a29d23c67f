// plan: what sluice-gen plays: endpoints with their keys, the streams that they send, and the receivers that
// must get them. It is read once from JSON (docs/sluice-gen.md has the format), and constant afterwards. Main
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
  std::string ufrag;       // of the relay, for the user name of a check
  std::string password;    // of the relay; signs a check
  std::string peer_ufrag;  // of the generator
};

/// A peer of the relay, as the generator plays it.
struct PlanEndpoint {
  config::SocketAddress address;  // of the generator
  config::SocketAddress relay;    // of the relay, for RTP
  config::SocketAddress relay_rtcp;
  std::uint16_t rtcp_port = 0;                 // of the generator
  std::optional<crypto::SrtpProfile> profile;  // nullopt: plain RTP
  crypto::MasterKey send_key;                  // the generator seals with it
  crypto::MasterKey receive_key;               // the relay seals with it
  std::uint16_t queue = 0;                     // of the port, if it has several
  std::optional<PlanIce> ice;
};

struct PlanStream {
  std::uint32_t endpoint = 0;  // the sender
  std::uint32_t ssrc = 0;
  std::uint8_t payload_type = 0;
  std::uint16_t payload_bytes = 0;
  double packets_per_second = 1;  // relative to the other streams
  std::uint32_t outputs = 1;      // packets that the relay sends for one packet of this stream
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
  double takes_gbps = 0;  // at most so much is taken from the link, 10^9 bits a second; 0: no limit
  std::vector<PlanEndpoint> endpoints;
  std::vector<PlanStream> streams;
  std::vector<PlanReceiver> receivers;
  std::uint32_t rtcp_interval_ms = 0;  // 0: none
  std::uint32_t stun_interval_ms = 0;  // 0: none
  double nack_share = 0;
};

inline constexpr std::size_t kMaxPlanObjects = 1'000'000;
inline constexpr std::uint16_t kMaxPayloadBytes = 1400;

/// On failure nullopt, with the problem and its place in `error`.
[[nodiscard]] std::optional<Plan> read_plan(std::string_view json, std::string& error);
[[nodiscard]] std::optional<Plan> read_plan_file(const std::string& path, std::string& error);

}  // namespace sluice::gen
