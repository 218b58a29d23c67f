#include "config/ring_device.h"

#include <algorithm>
#include <bit>
#include <charconv>

namespace sluice::config {
namespace {

constexpr std::string_view kPrefix = "ring:";
constexpr std::size_t kNameBytes = 15;

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kNameBytes && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

bool read_size(std::string_view text, std::uint32_t& size) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  return error == std::errc() && end == text.data() + text.size() && size >= kMinRingSize &&
         size <= kMaxRingSize && std::has_single_bit(size);
}

// Accepts an address that a host can have: not multicast, not zero.
bool read_mac(std::string_view text, std::array<std::uint8_t, 6>& mac) {
  if (text.size() != 17) return false;
  for (std::size_t i = 0; i < mac.size(); ++i) {
    const char* at = text.data() + 3 * i;
    if (i != 0 && at[-1] != ':') return false;
    if (std::from_chars(at, at + 2, mac[i], 16).ptr != at + 2) return false;
  }
  return (mac[0] & 1) == 0 && std::ranges::any_of(mac, [](std::uint8_t byte) { return byte != 0; });
}

std::array<std::uint8_t, 6> made_from(std::string_view name) {
  std::uint32_t hash = 2166136261U;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<std::uint8_t>(c)) * 16777619U;
  return {0x02,
          0x73,
          static_cast<std::uint8_t>(hash >> 24),
          static_cast<std::uint8_t>(hash >> 16),
          static_cast<std::uint8_t>(hash >> 8),
          static_cast<std::uint8_t>(hash)};
}

}  // namespace

bool is_ring_device(std::string_view device) {
  return device.starts_with(kPrefix);
}

std::optional<RingDevice> parse_ring_device(std::string_view device) {
  if (!is_ring_device(device)) return std::nullopt;
  device.remove_prefix(kPrefix.size());
  RingDevice ring;
  const std::string_view name = device.substr(0, device.find(','));
  if (!is_name(name)) return std::nullopt;
  ring.name = name;
  ring.mac = made_from(name);
  device.remove_prefix(name.size());
  while (!device.empty()) {
    device.remove_prefix(1);
    const std::string_view argument = device.substr(0, device.find(','));
    device.remove_prefix(argument.size());
    const bool good = argument.starts_with("size=")  ? read_size(argument.substr(5), ring.size)
                      : argument.starts_with("mac=") ? read_mac(argument.substr(4), ring.mac)
                                                     : false;
    if (!good) return std::nullopt;
  }
  return ring;
}

}  // namespace sluice::config
