// base64: RFC 4648 section 4, with padding. Strict: no other alphabet, no white space, no non-zero padding
// bits. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice::control {

std::string base64_encode(std::span<const std::uint8_t> bytes);

/// The number of bytes written to `out`; nullopt when `text` is not base64 or does not fit. Then `out` may
/// hold a part of a key, which the caller must wipe.
std::optional<std::size_t> base64_decode(std::string_view text, std::span<std::uint8_t> out);

}  // namespace sluice::control
