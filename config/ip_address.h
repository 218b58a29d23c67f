// ip_address: an IPv4 or IPv6 address, a prefix, and an address with a port; parsed and printed in the usual
// notation (RFC 4291 2.2). Plain values, any thread. Nothing here uses a socket or asks the kernel.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice::config {

enum class IpFamily : std::uint8_t { kIpv4 = 4, kIpv6 = 6 };

/// In network byte order. An IPv4 address fills the first four bytes. The rest are zero, so that == can
/// compare whole values.
struct IpAddress {
  IpFamily family = IpFamily::kIpv4;
  std::array<std::uint8_t, 16> bytes{};

  static IpAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d);
  /// `raw` is in network byte order. REQUIRES: raw.size() is 4 or 16.
  static IpAddress from_bytes(std::span<const std::uint8_t> raw);
  /// "198.18.0.1" or "2001:db8::1". nullopt for anything else, such as IPv4-mapped IPv6.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);

  [[nodiscard]] bool is_v6() const { return family == IpFamily::kIpv6; }
  [[nodiscard]] bool is_unspecified() const { return bytes == std::array<std::uint8_t, 16>{}; }
  [[nodiscard]] bool is_link_local() const;
  [[nodiscard]] bool is_multicast() const;
  std::size_t size() const { return is_v6() ? 16 : 4; }
  std::span<const std::uint8_t> view() const { return {bytes.data(), size()}; }
  std::string to_string() const;

  auto operator<=>(const IpAddress&) const = default;
};

/// The address of an interface with the length of its on-link prefix: "198.18.0.1/15".
struct IpPrefix {
  IpAddress address;
  std::uint8_t length = 0;

  /// nullopt where there is no length, or one that the family does not have.
  [[nodiscard]] static std::optional<IpPrefix> parse(std::string_view text);
  [[nodiscard]] bool contains(const IpAddress& other) const;
  std::string to_string() const;

  auto operator<=>(const IpPrefix&) const = default;
};

/// A transport address. The port is in host byte order.
struct SocketAddress {
  IpAddress ip;
  std::uint16_t port = 0;

  std::string to_string() const;  // "198.18.0.1:4000", "[2001:db8::1]:4000"

  auto operator<=>(const SocketAddress&) const = default;
};

}  // namespace sluice::config
