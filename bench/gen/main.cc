// sluice-gen: loads a relay with live-encrypted RTP, checks the packets that the relay sends, and finds the
// highest rate without loss. docs/sluice-gen.md describes it. Everything runs on one thread.
#include <sched.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>

#include "bench/gen/link.h"
#include "bench/gen/orders.h"
#include "bench/gen/plan.h"
#include "bench/gen/player.h"
#include "bench/gen/report.h"
#include "bench/gen/search.h"
#include "crypto/engine_factory.h"

namespace {

using namespace sluice;

constexpr int kExitOk = 0;
constexpr int kExitFailure = 1;
constexpr int kExitPlan = 2;
constexpr int kExitUsage = 64;

std::atomic<bool> stop_asked{false};

void on_signal(int) {
  stop_asked = true;
}

struct CommandLine {
  std::string plan;
  gen::LinkOptions link;
  gen::TrialOptions trial;
  gen::SearchOptions search;
  double warm_up_seconds = 15;
  bool json = false;
  bool no_verify = false;
  bool share_cpu = false;
};

/// Prints a row for the trial on standard error, as progress. Returns the trial.
gen::Trial told(gen::Trial trial) {
  std::fputs(gen::table_row(trial).c_str(), stderr);
  for (const std::string& reason : trial.failure_reasons)
    std::fprintf(stderr, "  NOT AS SENT: %s\n", reason.c_str());
  return trial;
}

int finish(const CommandLine& line, const gen::Plan& plan, const gen::Clock& clock, nlohmann::json result,
           std::uint64_t failures) {
  result["plan"] = gen::to_json(plan);
  result["clock"] = gen::to_json(clock);
  if (line.json) std::cout << result.dump(2) << "\n";
  if (failures != 0)
    std::fprintf(stderr, "sluice-gen: %llu packets were not as sent\n",
                 static_cast<unsigned long long>(failures));
  return failures == 0 ? kExitOk : kExitFailure;
}

int run_one(const CommandLine& line, const gen::Plan& plan, const gen::Clock& clock, gen::Player& player) {
  const gen::Trial trial = told(player.run(line.trial));
  if (!line.json) std::printf("%s%s", gen::table_head().c_str(), gen::table_row(trial).c_str());
  return finish(line, plan, clock, gen::to_json(trial), trial.verify_failures);
}

gen::SearchResult found(const gen::SearchOptions& options, bool verify, gen::Player& player) {
  gen::TrialOptions trial;
  trial.verify = verify;
  trial.flood = options.flood;
  return gen::search(
      options,
      [&](double rate, double seconds) {
        trial.rate = rate;
        trial.seconds = seconds;
        return told(player.run(trial));
      },
      [] { return stop_asked.load(); });
}

int run_search(const CommandLine& line, const gen::Plan& plan, const gen::Clock& clock, gen::Player& player) {
  gen::SearchOptions options = line.search;
  options.seconds = line.trial.seconds;
  options.flood = line.trial.flood;
  const auto result = found(options, line.trial.verify, player);
  const nlohmann::json json = gen::to_json(result);
  if (!line.json) {
    std::printf("%s", gen::table_head().c_str());
    if (result.best) std::printf("%s", gen::table_row(*result.best).c_str());
    for (const auto& [share, latency] : result.latency) std::printf("%s", gen::table_row(latency).c_str());
  }
  const int code = finish(line, plan, clock, json, json["verifyFailures"].get<std::uint64_t>());
  if (result.best) return code;
  std::fprintf(stderr, "sluice-gen: the relay loses packets at every rate tried\n");
  return kExitFailure;
}

/// Reads orders from standard input, one a line, until it ends. Writes one line with the answer to standard
/// output for each.
int serve(const CommandLine& line, const gen::Plan& plan, const gen::Clock& clock, gen::Player& player) {
  std::cout << nlohmann::json{{"plan", gen::to_json(plan)}, {"clock", gen::to_json(clock)}}.dump()
            << std::endl;
  std::uint64_t failures = 0;
  for (std::string text; !stop_asked && std::getline(std::cin, text);) {
    std::string error;
    auto order = gen::read_order(text, error);
    nlohmann::json answer;
    if (!order) {
      answer = {{"error", error}};
    } else if (auto* trial = std::get_if<gen::TrialOptions>(&*order);
               trial != nullptr && trial->frames.streams > plan.streams.size()) {
      answer = {{"error", "streams: the plan has " + std::to_string(plan.streams.size())}};
    } else if (trial != nullptr) {
      trial->verify = line.trial.verify;
      const gen::Trial done = told(player.run(*trial));
      failures += done.verify_failures;
      answer = gen::to_json(done);
    } else {
      answer = gen::to_json(found(std::get<gen::SearchOptions>(*order), line.trial.verify, player));
      failures += answer["verifyFailures"].get<std::uint64_t>();
    }
    std::cout << answer.dump() << std::endl;
  }
  return failures == 0 ? kExitOk : kExitFailure;
}

/// Gives this thread a real-time priority: after a sleep it must get the CPU at once. False, with the reason
/// in `error`, when the kernel refuses.
bool go_first(std::string& error) {
  const sched_param priority{.sched_priority = 1};
  if (sched_setscheduler(0, SCHED_FIFO, &priority) == 0) return true;
  error = std::string("--share-cpu: SCHED_FIFO: ") + std::strerror(errno);
  return false;
}

int act(CommandLine& line, const std::string& command) {
  std::string error;
  const auto plan = gen::read_plan_file(line.plan, error);
  if (!plan) {
    std::fprintf(stderr, "sluice-gen: %s: %s\n", line.plan.c_str(), error.c_str());
    return kExitPlan;
  }
  line.link.loop = command == "alone";
  line.trial.verify = !line.no_verify;
  auto engine = crypto::make_engine(crypto::EngineKind::kIpsecMb, error);
  if (!engine) engine = crypto::make_engine(crypto::EngineKind::kLibsrtp, error);
  const auto link = engine ? gen::Link::open(line.link, error) : nullptr;
  if (!link) {
    std::fprintf(stderr, "sluice-gen: %s\n", error.c_str());
    return kExitFailure;
  }
  const gen::Clock clock = gen::Clock::calibrate();
  gen::Player player(*plan, *link, clock, std::move(engine), line.link.loop, stop_asked);
  if (line.share_cpu) {
    if (!go_first(error)) {
      std::fprintf(stderr, "sluice-gen: %s\n", error.c_str());
      return kExitFailure;
    }
    player.share_cpu();
  }
  if (!player.warm_up(line.warm_up_seconds, error)) {
    std::fprintf(stderr, "sluice-gen: %s\n", stop_asked ? "stopped" : error.c_str());
    return kExitFailure;
  }
  std::fputs(gen::table_head().c_str(), stderr);
  if (command == "search") return run_search(line, *plan, clock, player);
  if (command == "serve") return serve(line, *plan, clock, player);
  if (command == "alone") line.trial.rate = 0;
  return run_one(line, *plan, clock, player);
}

void add_flood(CLI::App& command, CommandLine& line) {
  command
      .add_option("--forged", line.trial.flood.per_packet,
                  "forged packets beside each packet of media: right SSRC, random tag")
      ->check(CLI::Range(0.0, double{gen::kMostForged}))
      ->type_name("N");
  command.add_flag("--spoofed", line.trial.flood.spoofed,
                   "forged packets come from the sender's own address, not from a stranger's");
}

void add_common(CLI::App& command, CommandLine& line, bool with_link) {
  command.add_option("--plan", line.plan, "what to play: endpoints, keys, streams, receivers (JSON)")
      ->required()
      ->type_name("FILE");
  if (with_link) {
    auto* ring = command.add_option("--ring", line.link.ring, "the far end of sluiced's port \"ring:NAME\"")
                     ->type_name("NAME");
    command
        .add_option("--file-prefix", line.link.file_prefix,
                    "name of sluiced's first ring port, where it has several")
        ->type_name("NAME")
        ->needs(ring);
    command
        .add_option("--device", line.link.device, "a DPDK device: PCI address or net_af_packet0,iface=...")
        ->type_name("DEV")
        ->excludes(ring);
    command.add_option("--warm-up", line.warm_up_seconds, "longest wait for the first packets, s")
        ->capture_default_str();
  }
  command.add_option("--core", line.link.core, "CPU to run on")->capture_default_str()->type_name("CPU");
  command.add_option("--mbufs", line.link.mbufs, "packet buffers")->capture_default_str();
  command.add_option("--seconds", line.trial.seconds, "length of a trial")->capture_default_str();
  command.add_flag("--no-verify", line.no_verify,
                   "take no samples to open (for forwarders that copy no payload)");
  command.add_flag("--json", line.json, "the result as JSON on standard output");
}

}  // namespace

int main(int argc, char** argv) {
  CommandLine line;
  CLI::App app("sluice-gen: loads a relay with live-encrypted RTP and checks what it makes of it",
               "sluice-gen");
  app.require_subcommand(1);
  auto* run = app.add_subcommand("run", "one trial at a rate");
  add_common(*run, line, true);
  run->add_option("--rate", line.trial.rate, "packets/s in, over all streams; 0: as many as it can")
      ->required();
  add_flood(*run, line);
  run->add_flag("--share-cpu", line.share_cpu,
                "sleep between bursts, ahead of others when awake (SCHED_FIFO; needs root), for a --rate of "
                "less than it can");
  auto* search =
      app.add_subcommand("search", "the highest rate without loss, then latency at 50 % and 90 % of it");
  add_common(*search, line, true);
  add_flood(*search, line);
  search->add_option("--start", line.search.start_rate, "first rate to try, packets/s in")
      ->capture_default_str();
  search->add_option("--loss", line.search.max_loss, "share of packets that may be lost")
      ->capture_default_str();
  search->add_option("--precision", line.search.precision, "how near to close in")->capture_default_str();
  auto* serve = app.add_subcommand(
      "serve",
      "trials and searches one after the other, by JSON orders on standard input (docs/sluice-gen.md)");
  add_common(*serve, line, true);
  auto* alone =
      app.add_subcommand("alone", "its own rate: makes, seals, receives and counts, with no relay between");
  add_common(*alone, line, false);
  app.footer(
      "Examples:\n  sluice-gen search --ring lab --core 0 --plan plan.json --json\n"
      "  sluice-gen run --device 0000:01:00.0 --core 2 --plan plan.json --rate 1000000 --seconds 10\n"
      "Progress on standard error. SIGINT ends the trial and reports. Exit codes: 0 done, 1 failure or "
      "packets that "
      "were not as sent, 2 plan, 64 usage.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  const std::string command = app.get_subcommands().front()->get_name();
  if (command != "alone" && line.link.ring.empty() && line.link.device.empty()) {
    std::fprintf(stderr, "sluice-gen: --ring or --device is wanted\n");
    return kExitUsage;
  }
  struct sigaction action = {};
  action.sa_handler = on_signal;  // without SA_RESTART, so that a signal ends the wait for an order
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  try {
    return act(line, command);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sluice-gen: %s\n", error.what());
    return kExitFailure;
  }
}
