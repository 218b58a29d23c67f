// report: results as text for people and as JSON for programs. Pure functions.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "bench/gen/clock.h"
#include "bench/gen/plan.h"
#include "bench/gen/results.h"
#include "bench/gen/search.h"

namespace sluice::gen {

nlohmann::json to_json(const Trial& trial);
nlohmann::json to_json(const SearchResult& result);
nlohmann::json to_json(const Clock& clock);
nlohmann::json to_json(const Plan& plan);  // the numbers of its objects; no keys

std::string table_head();
std::string table_row(const Trial& trial);

}  // namespace sluice::gen
