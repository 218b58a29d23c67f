// ip_address: an address or prefix that is accepted is printed in a form that reads as the same. A prefix
// contains exactly the addresses with its leading bits, compared bit by bit.
#include "config/ip_address.h"

#include "tests/fuzz/fuzz.h"

namespace {

using namespace sluice;
using config::IpAddress;
using config::IpPrefix;

void check_address(const IpAddress& address) {
  FUZZ_CHECK(address.size() == (address.is_v6() ? 16U : 4U));
  for (std::size_t i = address.size(); i < address.bytes.size(); ++i) FUZZ_CHECK(address.bytes[i] == 0);
  FUZZ_CHECK(IpAddress::parse(address.to_string()) == address);
  FUZZ_CHECK(IpAddress::from_bytes(address.view()) == address);
  const config::SocketAddress socket{address, 65535};
  const std::string text = socket.to_string();
  FUZZ_CHECK(text.ends_with(":65535"));
  FUZZ_CHECK(text.find(address.to_string()) == (address.is_v6() ? 1U : 0U));
}

bool bit(const IpAddress& address, std::size_t index) {
  return (address.bytes[index / 8] >> (7 - index % 8) & 1) != 0;
}

bool contains_by_bits(const IpPrefix& prefix, const IpAddress& address) {
  if (prefix.address.family != address.family) return false;
  for (std::size_t i = 0; i < prefix.length; ++i)
    if (bit(prefix.address, i) != bit(address, i)) return false;
  return true;
}

void check_prefix(const IpPrefix& prefix, std::span<const std::uint8_t> noise) {
  check_address(prefix.address);
  FUZZ_CHECK(prefix.length <= 8 * prefix.address.size());
  FUZZ_CHECK(IpPrefix::parse(prefix.to_string()) == prefix);
  FUZZ_CHECK(prefix.contains(prefix.address));
  IpAddress other = prefix.address;
  const std::size_t bits = 8 * other.size();
  for (const std::uint8_t which : noise) {
    const std::size_t index = which % bits;
    other.bytes[index / 8] = static_cast<std::uint8_t>(other.bytes[index / 8] ^ 0x80 >> index % 8);
    FUZZ_CHECK(prefix.contains(other) == contains_by_bits(prefix, other));
  }
  IpAddress of_other_family;
  if (!other.is_v6()) of_other_family.family = config::IpFamily::kIpv6;
  FUZZ_CHECK(!prefix.contains(of_other_family));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> input(data, size);
  if (const auto address = IpAddress::parse(fuzz::as_text(input))) check_address(*address);
  if (const auto prefix = IpPrefix::parse(fuzz::as_text(input))) check_prefix(*prefix, input);
  return 0;
}
