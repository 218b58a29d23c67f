// load_meter: measures how much each worker does and how much more it could do. The input is the counters of
// the workers. Control thread only; time is passed in, TSC ticks come from the media plane.
//
//   busy share   the share of its time that a worker spends on turns that found work, 0..1. Under little
//                load each packet has a turn of its own and pays the whole cost of that turn. So the busy
//                share may be near 1 at half of what the worker can carry.
//   load         the share of its time that the same work would take in full batches, 0..1: the busy
//                share less the cost of the extra turns (turn_cost.h). At 1, packets wait and then are lost.
//                Until batches vary enough to tell the cost of a turn, load is the busy share: it may be
//                too high, never too low.
//   packets      the packets that a worker sends, or those that it receives where these are more.
//   capacity     packets per second, of the present mix, at which load would be 1.
//
// Busy share and load follow a rise within 0.3 s and a fall within 3 s. Rates and costs are means over about
// the last second. A session that was just placed on a worker sends nothing yet, so placed() adds an expected
// load, which fades within seconds. Thus a rush of new sessions is spread over the workers and does not pass
// the load limit before its packets arrive. A session that ends takes what is left of its share with it, so
// attempts that fail at once leave nothing behind.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "controlplane/session/media_plane.h"

namespace sluice::control {

class LoadMeter {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::milliseconds kInterval{100};

  struct Reading {
    double busy_share = 0;
    double load = 0;
    double packets_per_second = 0;
    std::optional<double> cycles_per_packet;  // busy cycles; nullopt while no packet flows
    std::optional<double> capacity_pps;       // nullopt while no packet flows
  };

  explicit LoadMeter(MediaPlane& plane);

  /// Takes a sample of every worker once per kInterval. Returns when to call it again.
  TimePoint tick(TimePoint now);

  const Reading& reading(std::size_t worker) const { return gauges_[worker].reading; }
  double busy_share(std::size_t worker) const { return reading(worker).busy_share; }
  /// The load, plus the expected load of sessions that were placed there in the last seconds.
  double expected_load(std::size_t worker) const;
  /// Packets per second of the present mix that may be added until the load reaches `limit` (a share).
  /// nullopt while no packet flows.
  [[nodiscard]] std::optional<double> capacity_left_pps(std::size_t worker, double limit) const;

  /// What a session adds to the expected load of its worker.
  struct Share {
    double load = 0;  // when it was placed; it fades from then on
    TimePoint placed_at{};
  };
  /// A session was placed on `worker`, while `sessions` others existed on all workers together. Returns what
  /// ended() wants when the session ends.
  [[nodiscard]] Share placed(std::size_t worker, std::size_t sessions, TimePoint now);
  void ended(std::size_t worker, const Share& share, TimePoint now);

 private:
  /// Sums over about the last second: what is older has faded.
  struct Amounts {
    double ticks = 0, busy = 0, needed = 0, packets = 0;
    double samples = 0, work = 0, cycles = 0, work_squared = 0, work_by_cycles = 0;
  };
  /// A worker's counters since its start.
  struct Counted {
    std::uint64_t received = 0, transmitted = 0, busy_polls = 0, busy_cycles = 0;
    std::uint64_t samples = 0, work = 0, cycles = 0, work_squared = 0, work_by_cycles = 0;
  };
  struct Gauge {
    Counted seen;
    Amounts recent;
    Reading reading;
    double expected = 0;
  };

  static Counted count(const dataplane::WorkerCounters& counters);
  static double turn_cost(const Amounts& recent);
  static void sample(Gauge& gauge, const Counted& counted, double ticks, double seconds, double tsc_hz);

  MediaPlane& plane_;
  std::vector<Gauge> gauges_;
  TimePoint next_{};
  std::uint64_t sampled_tsc_ = 0;
};

}  // namespace sluice::control
