#include "controlplane/session/load_meter.h"

#include <algorithm>
#include <cmath>

namespace sluice::control {
namespace {

constexpr double kRiseSeconds = 0.1;
constexpr double kFallSeconds = 1;
constexpr double kMemorySeconds = 1;
constexpr double kExpectedSeconds = 3;
// The expected load of a new session is the mean over all sessions, but at most this.
constexpr double kMostExpected = 0.01;
// With fewer samples, or a smaller ratio of variance to squared mean, the samples give no line.
constexpr double kFewSamples = 100;
constexpr double kLeastVariance = 0.02;
constexpr double kFullBatch = 64;  // packets received

double fade(double seconds, double over) {
  return std::exp(-seconds / over);
}

double follow(double value, double target, double seconds) {
  const double kept = fade(seconds, target > value ? kRiseSeconds : kFallSeconds);
  return target + (value - target) * kept;
}

}  // namespace

LoadMeter::LoadMeter(MediaPlane& plane)
    : plane_(plane), gauges_(plane.worker_count()), sampled_tsc_(plane.tsc_now()) {
  for (std::size_t i = 0; i < gauges_.size(); ++i) gauges_[i].seen = count(plane_.counters(i));
}

LoadMeter::Counted LoadMeter::count(const dataplane::WorkerCounters& counters) {
  const dataplane::TurnSamples& samples = counters.turn_samples;
  return {.received = counters.received.read() + counters.borrowed.read(),
          .transmitted = counters.transmitted.read() + counters.passed_on.read(),
          .busy_polls = counters.busy_polls.read(),
          .busy_cycles = counters.busy_cycles.read(),
          .samples = samples.turns.read(),
          .work = samples.packets.read(),
          .cycles = samples.cycles.read(),
          .work_squared = samples.packets_squared.read(),
          .work_by_cycles = samples.packets_by_cycles.read()};
}

LoadMeter::TimePoint LoadMeter::tick(TimePoint now) {
  if (now < next_) return next_;
  next_ = now + kInterval;
  const std::uint64_t tsc = plane_.tsc_now();
  if (tsc == sampled_tsc_) return next_;
  const auto hz = static_cast<double>(plane_.tsc_hz());
  const auto ticks = static_cast<double>(tsc - sampled_tsc_);
  sampled_tsc_ = tsc;
  for (std::size_t i = 0; i < gauges_.size(); ++i)
    sample(gauges_[i], count(plane_.counters(i)), ticks, ticks / hz, hz);
  return next_;
}

/// The cycles of a turn without its packets: where the line through the samples starts. 0 when the samples
/// give no line.
double LoadMeter::turn_cost(const Amounts& recent) {
  if (recent.samples < kFewSamples) return 0;
  const double work = recent.work / recent.samples;
  const double cycles = recent.cycles / recent.samples;
  const double variance = recent.work_squared / recent.samples - work * work;
  if (variance < kLeastVariance * work * work) return 0;
  const double each = (recent.work_by_cycles / recent.samples - work * cycles) / variance;
  return std::clamp(cycles - each * work, 0.0, cycles);
}

void LoadMeter::sample(Gauge& gauge, const Counted& counted, double ticks, double seconds, double tsc_hz) {
  const auto since = [](std::uint64_t now, std::uint64_t before) {
    return static_cast<double>(now - before);
  };
  const Counted& seen = gauge.seen;
  Amounts& recent = gauge.recent;
  const double kept = fade(seconds, kMemorySeconds);
  const auto add = [kept](double& sum, double more) { sum = sum * kept + more; };
  const double received = since(counted.received, seen.received);
  const double busy = std::min(ticks, since(counted.busy_cycles, seen.busy_cycles));
  add(recent.samples, since(counted.samples, seen.samples));
  add(recent.work, since(counted.work, seen.work));
  add(recent.cycles, since(counted.cycles, seen.cycles));
  add(recent.work_squared, since(counted.work_squared, seen.work_squared));
  add(recent.work_by_cycles, since(counted.work_by_cycles, seen.work_by_cycles));
  const double spared = since(counted.busy_polls, seen.busy_polls) - received / kFullBatch;
  const double needed = std::clamp(busy - turn_cost(recent) * std::max(0.0, spared), 0.0, busy);
  add(recent.ticks, ticks);
  add(recent.busy, busy);
  add(recent.needed, needed);
  add(recent.packets, std::max(received, since(counted.transmitted, seen.transmitted)));
  gauge.seen = counted;
  gauge.expected *= fade(seconds, kExpectedSeconds);

  Reading& reading = gauge.reading;
  reading.busy_share = follow(reading.busy_share, busy / ticks, seconds);
  reading.load = follow(reading.load, needed / ticks, seconds);
  reading.packets_per_second = recent.packets / recent.ticks * tsc_hz;
  const bool flows = reading.packets_per_second >= 1;
  reading.cycles_per_packet.reset();
  reading.capacity_pps.reset();
  if (!flows) return;
  reading.cycles_per_packet = recent.busy / recent.packets;
  if (recent.needed > 0) reading.capacity_pps = recent.packets / recent.needed * tsc_hz;
}

double LoadMeter::expected_load(std::size_t worker) const {
  return gauges_[worker].reading.load + gauges_[worker].expected;
}

std::optional<double> LoadMeter::capacity_left_pps(std::size_t worker, double limit) const {
  const Reading& now = reading(worker);
  if (!now.capacity_pps) return std::nullopt;
  return *now.capacity_pps * std::max(0.0, limit - now.load);
}

LoadMeter::Share LoadMeter::placed(std::size_t worker, std::size_t sessions, TimePoint now) {
  double all = 0;
  for (const Gauge& gauge : gauges_) all += gauge.reading.load;
  const double mean = all / static_cast<double>(std::max<std::size_t>(1, sessions));
  const Share share{std::min(kMostExpected, mean), now};
  gauges_[worker].expected += share.load;
  return share;
}

void LoadMeter::ended(std::size_t worker, const Share& share, TimePoint now) {
  const double age = std::chrono::duration<double>(now - share.placed_at).count();
  double& expected = gauges_[worker].expected;
  expected = std::max(0.0, expected - share.load * fade(age, kExpectedSeconds));
}

}  // namespace sluice::control
