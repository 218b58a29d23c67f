// base64: RFC 4648 section 4, with padding, strictly: the one alphabet, no white space, no stray bits. Pure
// functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice::control {

std::string base64_encode(std::span<const std::uint8_t> bytes);

/// How many bytes were written to `out`; nullopt when `text` is not base64 or does not fit. `out` may hold
/// part of a key then: it is the caller's to wipe.
std::optional<std::size_t> base64_decode(std::string_view text, std::span<std::uint8_t> out);

}  // namespace sluice::control
