// five_tuple: the key that finds the endpoint of a packet on a UDP port that several peers share. Plain
// values, any thread.
#pragma once

#include <cstdint>
#include <cstring>

#include "config/ip_address.h"
#include "dataplane/base/flat_table.h"
#include "dataplane/base/own_address.h"

namespace sluice::dataplane {

/// A 5-tuple that ICE has found valid. On a shared port it leads to the endpoint. On a port of its own it
/// shows that the source may be heard. The protocol is always UDP.
struct FiveTuple {
  config::SocketAddress remote;
  std::uint16_t local_port = 0;
  OwnAddress local_address = 0;

  bool operator==(const FiveTuple&) const = default;
  std::uint64_t hash() const {
    std::uint64_t low;
    std::uint64_t high;
    std::memcpy(&low, remote.ip.bytes.data(), 8);
    std::memcpy(&high, remote.ip.bytes.data() + 8, 8);
    return mix64(low ^ mix64(high ^ (std::uint64_t{local_address} << 32 | std::uint64_t{remote.port} << 16 |
                                     local_port)));
  }
};

}  // namespace sluice::dataplane
