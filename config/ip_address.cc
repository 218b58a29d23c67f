#include "config/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstring>

namespace sluice::config {

IpAddress IpAddress::v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  IpAddress address;
  address.bytes = {a, b, c, d};
  return address;
}

IpAddress IpAddress::from_bytes(std::span<const std::uint8_t> raw) {
  assert(raw.size() == 4 || raw.size() == 16);
  IpAddress address;
  address.family = raw.size() == 16 ? IpFamily::kIpv6 : IpFamily::kIpv4;
  std::copy(raw.begin(), raw.end(), address.bytes.begin());
  return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string terminated(text);
  if (terminated.size() != std::strlen(terminated.c_str())) return std::nullopt;
  IpAddress address;
  if (inet_pton(AF_INET, terminated.c_str(), address.bytes.data()) == 1) return address;
  if (inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) == 1) {
    static constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (std::equal(kMapped.begin(), kMapped.end(), address.bytes.begin())) return std::nullopt;
    address.family = IpFamily::kIpv6;
    return address;
  }
  return std::nullopt;
}

bool IpAddress::is_link_local() const {
  if (is_v6()) return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
  return bytes[0] == 169 && bytes[1] == 254;
}

bool IpAddress::is_multicast() const {
  return is_v6() ? bytes[0] == 0xff : (bytes[0] & 0xf0) == 0xe0;
}

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(is_v6() ? AF_INET6 : AF_INET, bytes.data(), text.data(), text.size());
  return text.data();
}

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const std::string_view digits = text.substr(slash + 1);
  IpPrefix prefix{*address, 0};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix.length);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  if (prefix.length > 8 * address->size()) return std::nullopt;
  return prefix;
}

bool IpPrefix::contains(const IpAddress& other) const {
  if (other.family != address.family) return false;
  const std::size_t whole = length / 8;
  if (!std::equal(address.bytes.begin(), address.bytes.begin() + static_cast<long>(whole),
                  other.bytes.begin()))
    return false;
  const unsigned rest = length % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
  return ((address.bytes[whole] ^ other.bytes[whole]) & mask) == 0;
}

std::string IpPrefix::to_string() const {
  return address.to_string() + "/" + std::to_string(length);
}

std::string SocketAddress::to_string() const {
  const std::string host = ip.to_string();
  return (ip.is_v6() ? "[" + host + "]:" : host + ":") + std::to_string(port);
}

}  // namespace sluice::config
