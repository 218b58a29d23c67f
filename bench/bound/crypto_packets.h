// crypto_packets: data for the benchmarks of crypto alone: a packet with space for its tag, random keys, and
// a deleter for the manager of the bare library. One thread.
#pragma once

#include <intel-ipsec-mb.h>

#include <array>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "crypto/srtp/srtp_bytes.h"
#include "crypto/srtp/srtp_engine.h"

namespace sluice::crypto {

inline constexpr std::size_t kHeaderLength = 12;
inline constexpr std::size_t kPacketBytes = 1536;
inline constexpr std::uint32_t kSsrc = 0x5a5a5a5a;

struct Packet {
  alignas(64) std::array<std::uint8_t, kPacketBytes> bytes;
};

/// An RTP header without extensions; the low 16 bits of `index` are its sequence number.
inline void write_header(std::uint8_t* packet, std::uint64_t index) {
  packet[0] = 0x80;
  packet[1] = 96;
  packet[2] = static_cast<std::uint8_t>(index >> 8);
  packet[3] = static_cast<std::uint8_t>(index);
  store_be32(packet + 4, static_cast<std::uint32_t>(index * 160));
  store_be32(packet + 8, kSsrc);
}

/// For benchmarks only: the key is not secret.
inline MasterKey random_key(SrtpProfile profile, std::mt19937_64& random) {
  const SrtpProfileInfo info = profile_info(profile);
  std::array<std::uint8_t, kMaxMasterKey + kMaxMasterSalt> bytes;
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  MasterKey master;
  master.profile = profile;
  master.key.assign(std::span(bytes).first(info.key_length));
  master.salt.assign(std::span(bytes).subspan(kMaxMasterKey, info.salt_length));
  return master;
}

/// Random keys, expanded by the engine, so that they have the structures that a worker reads. Empty when the
/// engine refuses; its last_error() says why.
inline std::vector<SrtpKeys> random_keys(SrtpEngine& engine, SrtpProfile profile, std::size_t count,
                                         Direction direction) {
  std::mt19937_64 random(1);
  std::vector<SrtpKeys> keys(count);
  for (SrtpKeys& one : keys)
    if (!engine.expand(random_key(profile, random), direction, one)) return {};
  return keys;
}

struct ManagerDeleter {
  void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
};

}  // namespace sluice::crypto
