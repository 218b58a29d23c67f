// echo: a ping to the relay (RFC 792, RFC 4443 4.1). The relay's control plane handles frames in order. So
// the answer to a ping shows that it has handled all frames from before, above all the addresses of our
// endpoints. Pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bench/gen/plan.h"

namespace sluice::gen {

/// From the plan's first endpoint to the address that it sends to.
std::vector<std::uint8_t> make_echo_request(const Plan& plan, std::uint16_t sequence);

/// Whether this frame answers such a request.
[[nodiscard]] bool is_echo_reply(std::span<const std::uint8_t> frame);

}  // namespace sluice::gen
