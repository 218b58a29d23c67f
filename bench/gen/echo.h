// echo: a ping to the relay (RFC 792, RFC 4443 4.1). Its control plane takes frames in order, so an answer
// says that it has taken all that was sent before: where our endpoints are, above all. Pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bench/gen/plan.h"

namespace sluice::gen {

/// From the plan's first endpoint to the address that it sends to.
std::vector<std::uint8_t> make_echo_request(const Plan& plan, std::uint16_t sequence);

/// Whether this frame answers one of those.
[[nodiscard]] bool is_echo_reply(std::span<const std::uint8_t> frame);

}  // namespace sluice::gen
