// ring_device: a device that is accepted is within the documented limits, and reads as the same after it is
// written with all its arguments.
#include "config/ring_device.h"

#include <bit>
#include <cstdio>
#include <string>

#include "tests/fuzz/fuzz.h"

namespace {

using namespace sluice;

bool is_name(std::string_view name) {
  if (name.empty() || name.size() > 15) return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

std::string written_out(const config::RingDevice& ring) {
  std::string text = "ring:" + ring.name + ",size=" + std::to_string(ring.size) + ",mac=";
  for (std::size_t i = 0; i < ring.mac.size(); ++i) {
    std::array<char, 8> pair{};
    std::snprintf(pair.data(), pair.size(), i == 0 ? "%02x" : ":%02X", static_cast<unsigned>(ring.mac[i]));
    text += pair.data();
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::as_text({data, size});
  const auto ring = config::parse_ring_device(text);
  FUZZ_CHECK(config::is_ring_device(text) == text.starts_with("ring:"));
  if (!ring) return 0;
  FUZZ_CHECK(config::is_ring_device(text));
  FUZZ_CHECK(is_name(ring->name));
  FUZZ_CHECK(std::has_single_bit(ring->size) && ring->size >= config::kMinRingSize &&
             ring->size <= config::kMaxRingSize);
  FUZZ_CHECK((ring->mac[0] & 1) == 0 && ring->mac != (std::array<std::uint8_t, 6>{}));
  const auto again = config::parse_ring_device(written_out(*ring));
  FUZZ_CHECK(again && again->name == ring->name && again->size == ring->size && again->mac == ring->mac);
  return 0;
}
