// orders: what `sluice-gen serve` is asked, a JSON object a line (docs/sluice-gen.md):
//   {"run": {"rate": 1e6, "seconds": 1}}
//   {"search": {"start": 1e5, "seconds": 1, "loss": 1e-6, "precision": 0.01}}
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "bench/gen/player.h"
#include "bench/gen/search.h"

namespace sluice::gen {

using Order = std::variant<TrialOptions, SearchOptions>;

/// nullopt, with what is wrong and what is allowed in `error`. What is not said stays as it is by default.
[[nodiscard]] std::optional<Order> read_order(std::string_view line, std::string& error);

}  // namespace sluice::gen
