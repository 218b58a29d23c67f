// stages_bench: what a turn of the worker's loop costs, in TSC cycles per packet out, for each case of
// stages_load: receive to transmit over net_ring, in batches of 64 over as many endpoints as are asked for.
// Only the worker's turn is timed.
//
//   stages_bench [endpoints, default 64] [turns per case, default 4000] [case number, default all]
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
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

int main_of(int argc, char** argv) {
  const std::size_t endpoints = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 64;
  const std::size_t turns = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 4000;
  const int only = argc > 3 ? std::atoi(argv[3]) : -1;
  fmt::print("{:<34} {:>6} {:>7} {:>10} {:>10}\n", "cycles per packet out", "bytes", "fan-out", "median",
             "best 10 %");
  const auto cases = stages_cases();
  for (int i = 0; i < static_cast<int>(cases.size()); ++i)
    if (only < 0 || only == i) run(cases[static_cast<std::size_t>(i)], endpoints, turns);
  return 0;
}

}  // namespace sluice::dataplane::test

int main(int argc, char** argv) {
  return sluice::dataplane::test::main_of(argc, argv);
}
