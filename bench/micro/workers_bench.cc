// workers_bench: how much two workers slow each other down. Two threads run on two CPUs. Each has a worker of
// the same plane, with separate ports, endpoints and keys. The workers do the turns of sluiced's loop, first
// each one alone, then both at once. Two bare crypto loops with the same packets do the same: they show the
// effect of what two CPUs share for any program (units of a core, caches, memory). All measurements of a run
// take turns, because the load of the host changes the cycles by more than the effect that is measured. See
// docs/benchmarking.md, Two workers at once.
//
//   workers_bench [--case N] [--endpoints N] [--rounds N] [--waves N] [--cpus A,B] [--json FILE]
//
// Exit code: 0 measured, 1 could not be measured, 2 wrong arguments, 77 this machine cannot measure it now:
// there is only one CPU, or other processes keep the two CPUs busy.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <exception>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bench/bound/bare_task.h"
#include "bench/bound/cpu_pair.h"
#include "bench/micro/stages_load.h"
#include "bench/micro/waves.h"

namespace sluice::bench {
namespace {

using dataplane::test::StagesCase;
using dataplane::test::StagesLoad;

constexpr double kNeeded = 0.9;
constexpr int kWrongArguments = 2;
constexpr int kCannotNow = 77;      // to meson test it means "skipped"
constexpr std::size_t kTries = 10;  // most rounds for each round that must count

struct Options {
  std::size_t case_number = 2;
  std::size_t endpoints = 10000;
  std::size_t rounds = 31;
  std::size_t waves = 50;
  std::vector<unsigned> cpus;
  std::string json_file;
};

/// The figures of one side: cycles per packet that leaves, alone and with both sides busy, and the share of
/// its rate that the side keeps when both are busy. In nine of ten rounds this share is above ratio_low.
struct Figures {
  double alone = 0, both = 0, ratio = 0, ratio_low = 0;
};

struct Result {
  std::array<Figures, 2> workers;
  std::optional<std::array<Figures, 2>> bare;  // nullopt when the case has no encryption
  double slower = 1;                           // of slower_beside_another()
  std::size_t waves = 0, uncovered = 0;        // with both sides at once
};

/// Other processes use the CPUs.
class BusyCpus : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Two tasks of one kind, and their results over all rounds.
class Pair {
 public:
  Pair(WaveTask& first, WaveTask& second, const std::array<unsigned, 2>& cpus, std::size_t waves)
      : sides_{Side{&first, cpus[0]}, Side{&second, cpus[1]}}, waves_(waves) {}

  /// Runs one round. With `reverse` it measures in reverse order. Alternate the order, so that a steady drift
  /// cancels out. A round does not count when the two sides were rarely busy at the same time, because other
  /// processes used the CPUs.
  void round(bool reverse, Result& result) {
    std::optional<Cycles> at_once;
    if (reverse) at_once = both(result);
    Cycles alone{};
    for (const std::size_t side : reverse ? Order{1, 0} : Order{0, 1}) {
      std::size_t none = 0;
      alone[side] = *cycles_of(run_alone(sides_[side], waves_), {}, none);
    }
    if (!reverse) at_once = both(result);
    ++tried_;
    for (std::size_t side = 0; at_once && side < 2; ++side) {
      alone_[side].push_back(alone[side]);
      both_[side].push_back((*at_once)[side]);
    }
  }

  std::size_t counted() const { return alone_[0].size(); }

  /// The medians over the rounds that count. The ratio is computed within each round. Throws BusyCpus when
  /// fewer than `rounds` rounds count.
  std::array<Figures, 2> figures(std::size_t rounds) const {
    if (counted() < rounds)
      throw BusyCpus(
          fmt::format("the two threads were busy at the same time in {} of {} rounds only, and {} are "
                      "needed: other processes use these CPUs",
                      counted(), tried_, rounds));
    std::array<Figures, 2> out;
    for (std::size_t side = 0; side < 2; ++side) {
      std::vector<double> ratios;
      for (std::size_t i = 0; i < alone_[side].size(); ++i)
        ratios.push_back(alone_[side][i] / both_[side][i]);
      out[side] = {median(alone_[side]), median(both_[side]), median(ratios), quantile(ratios, 0.1)};
    }
    return out;
  }

 private:
  using Cycles = std::array<double, 2>;
  using Order = std::array<std::size_t, 2>;

  std::optional<Cycles> both(Result& result) {
    const auto waves = run_together(sides_, waves_);
    result.waves += 2 * waves_;
    const auto first = cycles_of(waves[0], waves[1], result.uncovered);
    const auto second = cycles_of(waves[1], waves[0], result.uncovered);
    if (!first || !second) return std::nullopt;
    return Cycles{*first, *second};
  }

  const std::array<Side, 2> sides_;
  const std::size_t waves_;
  std::size_t tried_ = 0;
  std::array<std::vector<double>, 2> alone_, both_;  // one value per round that counts
};

Result measure(const StagesCase& c, const Options& options, const std::array<unsigned, 2>& cpus) {
  Result result;
  std::vector<double> slower;
  StagesLoad first(c, options.endpoints, 2);
  StagesLoad second(first, 1, options.endpoints);
  Pair workers(first, second, cpus, options.waves);
  const BareShape shape = bare_shape(c, first);
  std::optional<std::array<BareTask, 2>> bare;
  std::optional<Pair> loops;
  if (shape.openers + shape.sealers != 0) {
    bare.emplace(std::array<BareTask, 2>{BareTask(shape), BareTask(shape)});
    loops.emplace((*bare)[0], (*bare)[1], cpus, options.waves);
  }
  const auto enough_rounds = [&] {
    return workers.counted() >= options.rounds && (!loops || loops->counted() >= options.rounds);
  };
  for (std::size_t round = 0; round < options.rounds * kTries && !enough_rounds(); ++round) {
    slower.push_back(slower_beside_another(cpus));
    workers.round(round % 2 != 0, result);
    if (loops) loops->round(round % 2 != 0, result);
  }
  result.slower = median(slower);
  result.workers = workers.figures(options.rounds);
  if (loops) result.bare = loops->figures(options.rounds);
  return result;
}

/// The share of its rate that a worker keeps, divided by the share that a bare loop keeps.
double of_bare(const Result& result, std::size_t side) {
  return result.workers[side].ratio / (*result.bare)[side].ratio;
}

/// Whether each worker keeps enough of its rate. Two threads of one core cannot keep that much. So on such
/// CPUs it is enough to keep nearly as much as the bare loops.
bool enough(const Result& result) {
  const bool own_cores = std::string_view(share_a_core(result.slower)) == "no";
  for (std::size_t side = 0; side < 2; ++side) {
    const bool as_bare = !own_cores && result.bare && of_bare(result, side) >= kNeeded;
    if (result.workers[side].ratio < kNeeded && !as_bare) return false;
  }
  return true;
}

void print_rows(const char* what, const std::array<Figures, 2>& sides, const std::array<unsigned, 2>& cpus) {
  for (std::size_t side = 0; side < 2; ++side)
    fmt::print("{:<24} {:>4} {:>10.0f} {:>10.0f} {:>14.2f} {:>10.2f}\n",
               fmt::format("{} {}", what, "AB"[side]), cpus[side], sides[side].alone, sides[side].both,
               sides[side].ratio, sides[side].ratio_low);
}

void print_table(const StagesCase& c, const Options& options, const std::array<unsigned, 2>& cpus,
                 const Result& result) {
  fmt::print("case {}: {}, {} B, 1:{}, {} endpoints a worker; {} rounds of {} waves\n", options.case_number,
             c.name, c.payload, c.fanout, options.endpoints, options.rounds, options.waves);
  fmt::print("CPUs {} and {} share a core: {} (a loop is {:.2f} times slower beside another)\n", cpus[0],
             cpus[1], share_a_core(result.slower), result.slower);
  fmt::print("{:<24} {:>4} {:>10} {:>10} {:>14} {:>10}\n", "cycles per packet out", "CPU", "alone", "both",
             "rate it keeps", "worst 10 %");
  print_rows("worker", result.workers, cpus);
  if (result.bare) {
    print_rows("bare crypto", *result.bare, cpus);
    fmt::print("workers keep of what bare loops keep: A {:.2f}, B {:.2f}\n", of_bare(result, 0),
               of_bare(result, 1));
  }
  fmt::print("waves that the other did not cover, left out: {} of {}\n", result.uncovered, result.waves);
  fmt::print("each keeps {} of one alone, or of what bare loops keep where CPUs share a core: {}\n", kNeeded,
             enough(result) ? "yes" : "no");
}

std::string json_of(const std::array<Figures, 2>& sides) {
  const auto one = [](const Figures& f) {
    return fmt::format(
        "{{\"aloneCycles\":{:.2f},\"bothCycles\":{:.2f},\"ratio\":{:.4f},\"ratioWorst10Percent\":{:.4f}}}",
        f.alone, f.both, f.ratio, f.ratio_low);
  };
  return fmt::format("[{},{}]", one(sides[0]), one(sides[1]));
}

std::string json_of(const StagesCase& c, const Options& options, const std::array<unsigned, 2>& cpus,
                    const Result& result) {
  return fmt::format(
      "{{\"case\":{},\"name\":\"{}\",\"payloadBytes\":{},\"fanOut\":{},\"endpointsPerWorker\":{},\"rounds\":{"
      "},"
      "\"wavesPerRound\":{},\"cpus\":[{},{}],\"twoCpusShareACore\":\"{}\",\"slowerWithBothBusy\":{:.3f},"
      "\"workers\":{},\"bareCrypto\":{},\"ratioToBare\":{},\"needed\":{},\"enough\":{},\"wavesAtOnce\":{},"
      "\"wavesUncovered\":{}}}\n",
      options.case_number, c.name, c.payload, c.fanout, options.endpoints, options.rounds, options.waves,
      cpus[0], cpus[1], share_a_core(result.slower), result.slower, json_of(result.workers),
      result.bare ? json_of(*result.bare) : "null",
      result.bare ? fmt::format("[{:.4f},{:.4f}]", of_bare(result, 0), of_bare(result, 1)) : "null", kNeeded,
      enough(result), result.waves, result.uncovered);
}

void add_options(CLI::App& app, Options& options) {
  const std::size_t last_case = dataplane::test::stages_cases().size() - 1;
  app.add_option("--case", options.case_number, "which of the cases below")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{0}, last_case));
  app.add_option("--endpoints", options.endpoints, "of each worker")
      ->capture_default_str()
      ->check(CLI::Range(2, 20000));
  app.add_option("--rounds", options.rounds,
                 "that count, each with all that is compared; one in which others had the CPUs does not")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000));
  app.add_option("--waves", options.waves, "of each kind in a round")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  app.add_option("--cpus", options.cpus, "two CPUs; default: the first two that this process may use")
      ->delimiter(',')
      ->expected(2);
  app.add_option("--json", options.json_file, "write the figures to this file as well");
  app.footer(dataplane::test::stages_case_list());
}

int run(Options options) {
  if (options.cpus.empty()) options.cpus = allowed_cpus();
  if (options.cpus.size() < 2) {
    std::fprintf(stderr, "workers_bench: two CPUs are needed, and this process may use one\n");
    return kCannotNow;
  }
  if (options.cpus[0] == options.cpus[1]) {
    std::fprintf(stderr, "workers_bench: --cpus %u,%u: two different ones are needed\n", options.cpus[0],
                 options.cpus[1]);
    return kWrongArguments;
  }
  const std::array<unsigned, 2> cpus{options.cpus[0], options.cpus[1]};
  const StagesCase& c = dataplane::test::stages_cases()[options.case_number];
  const Result result = measure(c, options, cpus);
  print_table(c, options, cpus, result);
  if (options.json_file.empty()) return 0;
  std::ofstream file(options.json_file);
  file << json_of(c, options, cpus, result);
  file.close();
  if (!file) throw std::runtime_error("cannot write \"" + options.json_file + "\"");
  return 0;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  CLI::App app("What two workers at once cost each other, beside two bare crypto loops.", "workers_bench");
  sluice::bench::Options options;
  sluice::bench::add_options(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : sluice::bench::kWrongArguments;
  }
  try {
    return sluice::bench::run(options);
  } catch (const sluice::bench::BusyCpus& problem) {
    std::fprintf(stderr, "workers_bench: %s\n", problem.what());
    return sluice::bench::kCannotNow;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "workers_bench: %s\n", problem.what());
    return 1;
  }
}
