// stages_bench: what a turn of the worker's loop costs, in TSC cycles per packet that leaves, for each case
// of stages_load. It covers receive to transmit over net_ring, with the given number of endpoints. Only the
// worker's turn is timed.
//
//   stages_bench [ENDPOINTS [TURNS [CASE]]]
//
// Exit code: 0 measured, 1 could not be measured, 2 wrong arguments.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <optional>
#include <vector>

#include "bench/micro/stages_load.h"

namespace sluice::dataplane::test {
namespace {

void run(const StagesCase& c, std::size_t endpoints, std::size_t turns) {
  StagesLoad load(c, endpoints);
  std::vector<double> cycles;
  for (std::size_t i = 0; i < turns; ++i) {
    load.fill(1);
    const auto turn = static_cast<double>(load.turn());
    cycles.push_back(turn / static_cast<double>(load.empty()));
  }
  std::sort(cycles.begin(), cycles.end());
  fmt::print("{:<34} {:>6} {:>7} {:>10.0f} {:>10.0f}\n", c.name, c.payload, c.fanout,
             cycles[cycles.size() / 2], cycles[cycles.size() / 10]);
}

}  // namespace

struct Options {
  std::size_t endpoints = 64;
  std::size_t turns = 4000;
  std::optional<std::size_t> only;  // of the cases
};

void add_options(CLI::App& app, Options& options) {
  const auto cases = stages_cases();
  app.add_option("endpoints", options.endpoints, "that the packets go round")
      ->capture_default_str()
      ->check(CLI::Range(2, 20000));
  app.add_option("turns", options.turns, "of each case")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000000));
  app.add_option("case", options.only, "one of the cases below (default: all)")
      ->check(CLI::Range(std::size_t{0}, cases.size() - 1));
  app.footer(stages_case_list());
}

void run_all(const Options& options) {
  fmt::print("{:<34} {:>6} {:>7} {:>10} {:>10}\n", "cycles per packet out", "bytes", "fan-out", "median",
             "best 10 %");
  const auto cases = stages_cases();
  for (std::size_t i = 0; i < cases.size(); ++i)
    if (!options.only || *options.only == i) run(cases[i], options.endpoints, options.turns);
}

}  // namespace sluice::dataplane::test

int main(int argc, char** argv) {
  CLI::App app("What a turn of the worker's loop costs, in cycles per packet out.", "stages_bench");
  sluice::dataplane::test::Options options;
  sluice::dataplane::test::add_options(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : 2;
  }
  try {
    sluice::dataplane::test::run_all(options);
    return 0;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "stages_bench: %s\n", problem.what());
    return 1;
  }
}
