// config: what an operator may set, with defaults and ranges. Plain structs. config/load fills them on the
// control thread, and they do not change afterwards. config/settings lists each setting by its name in the
// file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/ip_address.h"
#include "crypto/srtp/srtp_profile.h"

namespace sluice::config {

/// Inclusive bounds of a numeric setting. The loader and the documentation both take them from here.
struct Range {
  std::int64_t min;
  std::int64_t max;
};

/// [[ports]]: one DPDK port, that is, one network interface that sluice drives itself.
struct Port {
  std::string name;                  // label in the API and in messages: [a-z0-9-]{1,15}
  std::string device;                // PCI address "0000:01:00.0" or vdev "net_tap0,iface=sluice0"
  std::vector<IpPrefix> addresses;   // at least one; at most 8
  std::optional<IpAddress> gateway;  // IPv4 default gateway, on-link
  std::optional<IpAddress> gateway6;
  std::uint16_t vlan = 0;    // 802.1Q id, 0 = untagged
  std::uint16_t mtu = 1500;  // bytes of the IP packet
  std::uint16_t rx_descriptors = 1024;
  std::uint16_t tx_descriptors = 1024;
};
inline constexpr Range kPortCountRange{1, 16};
inline constexpr Range kAddressCountRange{1, 8};
inline constexpr Range kVlanRange{0, 4094};
inline constexpr Range kMtuRange{1280, 1500};
inline constexpr Range kDescriptorRange{64, 4096};

/// What a worker does when it finds no work: see dataplane/worker/idle.h.
enum class Idle : std::uint8_t { kSpin, kPause, kYield, kInterrupt, kMonitor };

/// [workers]
struct Workers {
  std::uint16_t control_core = 0;  // CPU id of the control thread
  // CPU ids, all different, one worker each. The control core is allowed only with idle = yield, pause or
  // interrupt.
  std::vector<std::uint16_t> cores = {1};
  Idle idle = Idle::kSpin;
  std::uint16_t idle_sleep_us = 100;     // longest single sleep of kPause and kMonitor, microseconds
  std::uint16_t transmit_queue_ms = 20;  // longest wait of a packet for a port that takes no more
};
inline constexpr Range kWorkerCountRange{1, 32};
inline constexpr Range kCpuRange{0, 1023};
inline constexpr Range kIdleSleepRange{5, 1000};
inline constexpr Range kTransmitQueueRange{1, 200};

enum class HugePages : std::uint8_t { kAuto, kRequire, kNever };

/// [memory]
struct Memory {
  HugePages huge_pages = HugePages::kAuto;
  std::uint32_t size_mib = 512;  // DPDK memory: packet buffers and rings
  std::uint32_t mbufs_per_worker = 32768;
  // MiB of each worker, in addition to size_mib, for packets that receivers may ask for again; 0 = none.
  std::uint32_t packet_cache_mib = 64;
};
inline constexpr Range kMemoryMibRange{128, 262144};
inline constexpr Range kMbufRange{2048, 4194304};
inline constexpr Range kPacketCacheMibRange{0, 65536};

enum class CryptoEngine : std::uint8_t { kAuto, kIpsecMb, kLibsrtp };
enum class CryptoInstructions : std::uint8_t { kAuto, kAvx2 };

/// [crypto]
struct Crypto {
  CryptoEngine engine = CryptoEngine::kAuto;
  CryptoInstructions instruction_set = CryptoInstructions::kAuto;  // the widest of engine ipsec_mb
  // In order of preference, by crypto::SrtpProfileInfo::name. The default is all of them.
  std::vector<std::string> profiles = srtp_profile_names();

  static std::vector<std::string> srtp_profile_names() {
    std::vector<std::string> names;
    names.reserve(crypto::kSrtpProfileInfos.size());
    for (const auto& info : crypto::kSrtpProfileInfos) names.emplace_back(info.name);
    return names;
  }
};
inline constexpr Range kProfileCountRange{1, crypto::kSrtpProfileInfos.size()};

/// [dtls]
struct Dtls {
  std::string certificate;  // PEM file; empty = sluiced makes one at start, ECDSA P-256
  std::string private_key;  // PEM file; set both or neither
  std::uint32_t handshake_timeout_ms = 15000;
  std::uint16_t mtu = 1200;  // bytes of the UDP payload of a handshake datagram
};
inline constexpr Range kHandshakeTimeoutRange{1000, 120000};
inline constexpr Range kDtlsMtuRange{576, 1452};

/// [ice]
struct Ice {
  std::uint16_t shared_port = 3478;          // worker n's shared ICE port is shared_port + n
  std::uint32_t consent_timeout_ms = 30000;  // RFC 7675
};
inline constexpr Range kConsentTimeoutRange{0, 300000};  // 0, or at least kLeastConsentTimeoutMs
inline constexpr std::uint32_t kLeastConsentTimeoutMs = 5000;
inline constexpr Range kUdpPortRange{1024, 65535};

/// [media]
struct Media {
  std::uint16_t port_min = 20000;  // UDP ports for endpoints with a port of their own, inclusive
  std::uint16_t port_max = 39999;
  // How long a plain-RTP endpoint without a signalled address may latch to its first sender.
  std::uint32_t latch_window_ms = 5000;
};
inline constexpr Range kLatchWindowRange{0, 60000};

/// [limits]
struct Limits {
  std::uint32_t sessions = 10000;
  std::uint32_t endpoints_per_worker = 16384;
  std::uint32_t routes_per_worker = 65536;
  std::uint32_t streams_per_worker = 65536;
  std::uint16_t streams_per_endpoint = 64;
  // Endpoints of one session that share a worker. Further blocks of this size go to other workers.
  std::uint32_t session_block = 256;
  std::uint16_t routes_per_endpoint = 1024;  // routes that lead to one endpoint
  // A new session is refused while every worker has more than this share of its full load; 100 = never.
  std::uint8_t worker_load_percent = 85;
  // An endpoint whose session gives no sign of life for this long is removed; 0 = never. More than the 180 s
  // that a call may ring or be held without signalling (SIP timer C, RFC 3261 16.6).
  std::uint32_t idle_timeout_s = 200;
  // A stream without packets for this long no longer feeds any source. In plain RTP it is forgotten.
  std::uint32_t stream_timeout_s = 30;
};
inline constexpr Range kSessionRange{1, 1000000};
inline constexpr Range kSlotRange{16, 1048576};
inline constexpr Range kStreamsPerEndpointRange{1, 1024};
inline constexpr Range kRoutesPerEndpointRange{1, 16384};
inline constexpr Range kWorkerLoadRange{1, 100};
inline constexpr Range kIdleTimeoutRange{0, 86400};
inline constexpr Range kSessionBlockRange{1, 1048576};
inline constexpr Range kStreamTimeoutRange{2, 3600};

/// [api]
struct Api {
  std::string socket = "/run/sluice/sluice.sock";
  std::uint16_t mode = 0600;  // TOML: a string, "0600"
  // Who may speak besides root and the daemon's own user: names or numeric ids.
  std::vector<std::string> users;
  std::vector<std::string> groups;
  std::uint16_t connections = 64;
  std::uint32_t line_bytes = 1048576;  // longest request line; a longer one is refused
};
inline constexpr Range kApiAccountRange{0, 64};
inline constexpr Range kApiConnectionRange{1, 1024};
inline constexpr Range kApiLineRange{4096, 16777216};

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

/// [log]
struct Log {
  LogLevel level = LogLevel::kInfo;
  std::string file;  // empty = standard error
};

struct Config {
  std::vector<Port> ports;  // at least one, at most 16
  Workers workers;
  Memory memory;
  Crypto crypto;
  Dtls dtls;
  Ice ice;
  Media media;
  Limits limits;
  Api api;
  Log log;
};

}  // namespace sluice::config
