// orders: the orders to `sluice-gen serve`, one JSON object a line (docs/sluice-gen.md):
//   {"run": {"rate": 1e6, "seconds": 1, "forged": 3, "spoofed": 0}}
//   {"run": {"streams": 14, "framePackets": 64, "framesPerSecond": 30, "seconds": 1}}
//   {"search": {"start": 1e5, "seconds": 1, "loss": 1e-6, "precision": 0.01, "forged": 3, "spoofed": 0}}
// Pure functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "bench/gen/player.h"
#include "bench/gen/search.h"

namespace sluice::gen {

using Order = std::variant<TrialOptions, SearchOptions>;

/// On failure nullopt, with what is wrong and what is allowed in `error`. Members that the line does not have
/// keep their defaults.
[[nodiscard]] std::optional<Order> read_order(std::string_view line, std::string& error);

}  // namespace sluice::gen
