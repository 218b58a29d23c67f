#include "bench/gen/orders.h"

#include <initializer_list>
#include <nlohmann/json.hpp>

namespace sluice::gen {
namespace {

struct Number {
  const char* name;
  double* value;
  double least, most;
};

bool read_numbers(const nlohmann::json& from, std::initializer_list<Number> numbers, std::string& error) {
  if (!from.is_object()) return error = "an order is an object of numbers", false;
  std::size_t known = 0;
  for (const Number& number : numbers) {
    const auto found = from.find(number.name);
    if (found == from.end()) continue;
    ++known;
    if (!found->is_number() || found->get<double>() < number.least || found->get<double>() > number.most)
      return error = std::string(number.name) + ": " + found->dump() + ", allowed are " +
                     std::to_string(number.least) + " to " + std::to_string(number.most),
             false;
    *number.value = found->get<double>();
  }
  if (known == from.size()) return true;
  error = "allowed are";
  for (const Number& number : numbers) error += std::string(" ") + number.name;
  return false;
}

}  // namespace

std::optional<Order> read_order(std::string_view line, std::string& error) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  if (json.is_object() && json.size() == 1) {
    if (const auto run = json.find("run"); run != json.end()) {
      TrialOptions trial;
      if (!read_numbers(*run, {{"rate", &trial.rate, 0, 1e9}, {"seconds", &trial.seconds, 0.01, 3600}},
                        error))
        return std::nullopt;
      return trial;
    }
    if (const auto find = json.find("search"); find != json.end()) {
      SearchOptions search;
      if (!read_numbers(*find,
                        {{"start", &search.start_rate, 1, 1e9},
                         {"seconds", &search.seconds, 0.01, 3600},
                         {"loss", &search.max_loss, 0, 1},
                         {"precision", &search.precision, 0.001, 1}},
                        error))
        return std::nullopt;
      return search;
    }
  }
  error = R"(allowed is an object with "run" or "search")";
  return std::nullopt;
}

}  // namespace sluice::gen
