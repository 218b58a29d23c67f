#include "bench/gen/report.h"

#include <fmt/format.h>

namespace sluice::gen {

nlohmann::json to_json(const Trial& trial) {
  const Counts& counts = trial.counts;
  return {{"rate", trial.rate},
          {"begin", trial.begin_ns},
          {"end", trial.end_ns},
          {"seconds", trial.seconds},
          {"sent", counts.sent},
          {"refused", counts.refused},
          {"skipped", counts.skipped},
          {"expected", counts.expected},
          {"received", counts.received},
          {"lost", trial.lost},
          {"lossRatio", trial.loss_ratio},
          {"behindMs", trial.behind_seconds * 1e3},
          {"repeated", counts.repeated},
          {"strangers", counts.strangers},
          {"noBuffer", counts.no_buffer},
          {"inputPps", trial.input_pps},
          {"outputPps", trial.output_pps},
          {"generatorLimited", trial.generator_limited},
          {"verifiedPackets", trial.verified},
          {"verifyFailures", trial.verify_failures},
          {"failureReasons", trial.failure_reasons},
          {"latencyUs",
           {{"p50", trial.latency.p50},
            {"p99", trial.latency.p99},
            {"p999", trial.latency.p999},
            {"max", trial.latency.max}}},
          {"reportsSent", counts.reports_sent},
          {"reportsReceived", counts.reports_received},
          {"nacks", counts.nacks},
          {"retransmissions", counts.retransmissions},
          {"stunSent", counts.stun_sent},
          {"stunAnswered", counts.stun_answered},
          {"forged", counts.forged},
          {"forgedRefused", counts.forged_refused},
          {"cyclesPerPacket", trial.cycles_per_packet},
          {"busyShare", trial.busy_share}};
}

nlohmann::json to_json(const SearchResult& result) {
  nlohmann::json json{{"best", nullptr},
                      {"generatorLimited", result.generator_limited},
                      {"latency", nlohmann::json::array()},
                      {"trials", nlohmann::json::array()}};
  if (result.best) json["best"] = to_json(*result.best);
  std::uint64_t verified = 0;
  std::uint64_t failures = 0;
  for (const auto& [share, trial] : result.latency) {
    json["latency"].push_back(to_json(trial));
    json["latency"].back()["share"] = share;
  }
  for (const Trial& trial : result.trials) {
    json["trials"].push_back(to_json(trial));
    verified += trial.verified;
    failures += trial.verify_failures;
  }
  json["verifiedPackets"] = verified;
  json["verifyFailures"] = failures;
  return json;
}

nlohmann::json to_json(const Clock& clock) {
  return {{"tscHz", clock.tsc_hz}, {"claimedHz", clock.claimed_hz}, {"deviationPpm", clock.deviation_ppm}};
}

nlohmann::json to_json(const Plan& plan) {
  return {{"workload", plan.workload},
          {"endpoints", plan.endpoints.size()},
          {"streams", plan.streams.size()},
          {"receivers", plan.receivers.size()}};
}

std::string table_head() {
  return fmt::format("{:>12} {:>12} {:>12} {:>10} {:>9} {:>9} {:>9} {:>7} {:>7} {:>7} {:>8} {:>6}\n",
                     "asked pps", "in pps", "out pps", "lost", "loss", "behind ms", "verified", "failed",
                     "p50 us", "p99 us", "p999 us", "busy");
}

std::string table_row(const Trial& trial) {
  return fmt::format(
      "{:>12.0f} {:>12.0f} {:>12.0f} {:>10} {:>9.1e} {:>9.1f} {:>9} {:>7} {:>7.1f} {:>7.1f} {:>8.1f} "
      "{:>5.0f}%{}\n",
      trial.rate, trial.input_pps, trial.output_pps, trial.lost, trial.loss_ratio, trial.behind_seconds * 1e3,
      trial.verified, trial.verify_failures, trial.latency.p50, trial.latency.p99, trial.latency.p999,
      trial.busy_share * 100, trial.generator_limited ? "  generator's limit" : "");
}

}  // namespace sluice::gen
