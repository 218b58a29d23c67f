#include "bench/gen/orders.h"

#include <initializer_list>
#include <nlohmann/json.hpp>

namespace sluice::gen {
namespace {

constexpr double kMaxFramePackets = 512;  // half of a NIC's ring

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

std::optional<Order> read_trial(const nlohmann::json& from, std::string& error) {
  TrialOptions trial;
  double spoofed = 0;
  double streams = 0;
  double packets = 0;
  if (!read_numbers(from,
                    {{"rate", &trial.rate, 0, 1e9},
                     {"seconds", &trial.seconds, 0.01, 3600},
                     {"forged", &trial.flood.per_packet, 0, kMostForged},
                     {"spoofed", &spoofed, 0, 1},
                     {"streams", &streams, 0, kMaxPlanObjects},
                     {"framePackets", &packets, 0, kMaxFramePackets},
                     {"framesPerSecond", &trial.frames.per_second, 0, 1000}},
                    error))
    return std::nullopt;
  trial.flood.spoofed = spoofed != 0;
  trial.frames.streams = static_cast<std::uint32_t>(streams);
  trial.frames.packets = static_cast<std::uint32_t>(packets);
  const FrameLoad& frames = trial.frames;
  if (frames.packets == 0 && frames.streams == 0 && frames.per_second == 0) return trial;
  if (frames.packets != 0 && frames.streams != 0 && frames.per_second != 0) return trial;
  error = "streams, framePackets and framesPerSecond go together";
  return std::nullopt;
}

std::optional<Order> read_search(const nlohmann::json& from, std::string& error) {
  SearchOptions search;
  double spoofed = 0;
  if (!read_numbers(from,
                    {{"start", &search.start_rate, 1, 1e9},
                     {"seconds", &search.seconds, 0.01, 3600},
                     {"loss", &search.max_loss, 0, 1},
                     {"precision", &search.precision, 0.001, 1},
                     {"forged", &search.flood.per_packet, 0, kMostForged},
                     {"spoofed", &spoofed, 0, 1}},
                    error))
    return std::nullopt;
  search.flood.spoofed = spoofed != 0;
  return search;
}

}  // namespace

std::optional<Order> read_order(std::string_view line, std::string& error) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  if (json.is_object() && json.size() == 1) {
    if (const auto run = json.find("run"); run != json.end()) return read_trial(*run, error);
    if (const auto find = json.find("search"); find != json.end()) return read_search(*find, error);
  }
  error = R"(allowed is an object with "run" or "search")";
  return std::nullopt;
}

}  // namespace sluice::gen
