#include "config/forms.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace sluice::config {

namespace {

bool host_bits_are(const IpPrefix& prefix, bool ones) {
  for (std::size_t bit = prefix.length; bit < 8 * prefix.address.size(); ++bit) {
    const bool is_one = ((prefix.address.bytes[bit / 8] >> (7 - bit % 8)) & 1) != 0;
    if (is_one != ones) return false;
  }
  return true;
}

/// Why no host may have this address, whatever the prefix length. Empty where a host may have it.
std::string_view not_unicast(const IpAddress& address) {
  if (address.is_unspecified()) return "the unspecified address";
  if (address.is_multicast()) return "a multicast address";
  if (address.is_v6()) {
    const bool loopback = address == *IpAddress::parse("::1");
    return loopback ? "a loopback address" : "";
  }
  if (address.bytes[0] == 127) return "a loopback address";
  if (address == IpAddress::v4(255, 255, 255, 255)) return "the broadcast address";
  if (address.bytes[0] == 0 || address.bytes[0] >= 240) return "a reserved address";
  return "";
}

/// Why no host may have this address with this prefix length. Empty where a host may have it. In addition to
/// not_unicast() it checks the addresses that a prefix reserves. A /31 (RFC 3021) and a /127 (RFC 6164)
/// reserve none.
std::string_view not_a_host(const IpPrefix& prefix) {
  if (const std::string_view why = not_unicast(prefix.address); !why.empty()) return why;
  if (prefix.length == 0) return "a prefix of length 0";
  if (prefix.length + 2U > 8 * prefix.address.size()) return "";
  if (host_bits_are(prefix, false))
    return prefix.address.is_v6() ? "the subnet-router anycast address" : "the network's address";
  if (!prefix.address.is_v6() && host_bits_are(prefix, true)) return "the network's broadcast address";
  return "";
}

std::string with_reason(const Node& node, std::string_view why) {
  return describe(node) + (why.empty() ? "" : ", " + std::string(why));
}

}  // namespace

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

void ModeForm::read(const Node& node, std::uint16_t& out, Mismatches& mismatches) const {
  const std::string& text = node.text;
  const bool octal = node.kind == Node::Kind::kString && (text.size() == 3 || text.size() == 4) &&
                     std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '7'; });
  if (!octal || (text.size() == 4 && text[0] != '0')) {
    mismatches.push_back({node.position, "", describe(node), "a string of " + allowed()});
    return;
  }
  out = 0;
  for (const char digit : text) out = static_cast<std::uint16_t>(out * 8 + (digit - '0'));
}

std::string ModeForm::print(std::uint16_t value) const {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "\"%04o\"", static_cast<unsigned>(value));
  return text.data();
}

std::string AddressForm::allowed() const {
  return family == IpFamily::kIpv6 ? "an IPv6 unicast address on a link of this port"
                                   : "an IPv4 unicast address on a link of this port";
}

void AddressForm::read(const Node& node, std::optional<IpAddress>& out, Mismatches& mismatches) const {
  const auto address = node.kind == Node::Kind::kString ? IpAddress::parse(node.text) : std::nullopt;
  const bool right_family = address && address->family == family;
  const std::string_view why = address ? not_unicast(*address) : "";
  if (right_family && why.empty())
    out = address;
  else
    mismatches.push_back({node.position, "", with_reason(node, right_family ? why : ""), allowed()});
}

std::string AddressForm::print(const std::optional<IpAddress>& value) const {
  return value ? "\"" + value->to_string() + "\"" : "none";
}

void PrefixForm::read(const Node& node, IpPrefix& out, Mismatches& mismatches) const {
  const auto prefix = node.kind == Node::Kind::kString ? IpPrefix::parse(node.text) : std::nullopt;
  const std::string_view why = prefix ? not_a_host(*prefix) : "";
  if (prefix && why.empty())
    out = *prefix;
  else
    mismatches.push_back({node.position, "", with_reason(node, why), allowed()});
}

}  // namespace sluice::config
