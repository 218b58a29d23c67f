// own_address: numbers for our IP addresses on all ports, and the places of their UDP ports in a table. Each
// address has all UDP ports for itself. Plain values, any thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::dataplane {

/// An address of ours: the index of its port in [[ports]], times kAddressesPerPort, plus its index in
/// PortInfo::addresses.
using OwnAddress = std::uint8_t;

inline constexpr std::size_t kAddressesPerPort = 16;
inline constexpr OwnAddress kNoOwnAddress = 0xff;

/// REQUIRES: index < kAddressesPerPort - 1.
constexpr OwnAddress own_address(std::size_t port_index, std::size_t index) {
  return static_cast<OwnAddress>(port_index * kAddressesPerPort + index);
}

/// The index of the port that has the address.
constexpr std::size_t port_of(OwnAddress address) {
  return address / kAddressesPerPort;
}

/// The length of a table with a place for each UDP port of each address.
constexpr std::size_t local_places(std::size_t ports) {
  return ports * kAddressesPerPort << 16;
}
/// The index of a UDP port in such a table.
constexpr std::size_t local_place(OwnAddress address, std::uint16_t udp_port) {
  return std::size_t{address} << 16 | udp_port;
}

}  // namespace sluice::dataplane
