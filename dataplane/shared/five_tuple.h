// five_tuple: the key that finds the endpoint of a packet on a UDP port that several peers share. Plain
// values, any thread.
#pragma once

#include <cstdint>
#include <cstring>

#include "config/ip_address.h"
#include "dataplane/base/flat_table.h"

namespace sluice::dataplane {

/// A 5-tuple on a shared port, without two parts: the protocol is always UDP, and the endpoint knows our
/// address.
struct FiveTuple {
  config::SocketAddress remote;
  std::uint16_t local_port = 0;

  bool operator==(const FiveTuple&) const = default;
  std::uint64_t hash() const {
    std::uint64_t low;
    std::uint64_t high;
    std::memcpy(&low, remote.ip.bytes.data(), 8);
    std::memcpy(&high, remote.ip.bytes.data() + 8, 8);
    return mix64(low ^ mix64(high ^ (std::uint64_t{remote.port} << 16 | local_port)));
  }
};

}  // namespace sluice::dataplane
