// load_meter: how much each worker does and how much more it could do, from what its loop counts of itself.
// Control thread only; time is passed in, ticks come from the media plane.
//
//   busy share   the share of its time that a worker spends on turns that found work, 0..1. Under little load
//   each
//                packet has a turn to itself, and its whole price: at a half of what a worker can carry this
//                may be near 1 already.
//   load         the share of its time that the same work would take in full batches, 0..1: busy share less
//   what
//                turns themselves cost beyond that (turn_cost.h). At 1 packets wait, then are lost. Where
//                batches have not varied enough to tell the price of a turn, load is the busy share: too
//                high, never too low.
//   packets      those that a worker sends, or those that it receives where these are more.
//   capacity     packets per second of the present mix at which load would be 1.
//
// Busy share and load follow a rise within 0.3 s and a fall within 3 s; rates and prices are means of about
// the last second. What was placed on a worker and does not send yet is held against it for some seconds
// (placed()), so that a rush of new sessions neither piles up on one worker nor passes the limit before its
// packets come.
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
    std::optional<double> cycles_per_packet;  // busy cycles; nothing while nothing flows
    std::optional<double> capacity_pps;       // the same
  };

  explicit LoadMeter(MediaPlane& plane);

  /// Returns when it wants to be called next.
  TimePoint tick(TimePoint now);

  const Reading& reading(std::size_t worker) const { return gauges_[worker].reading; }
  double busy_share(std::size_t worker) const { return reading(worker).busy_share; }
  /// Load, and what was placed there of late.
  double expected_load(std::size_t worker) const;
  /// Packets per second of the present mix that may be added until load reaches `limit`.
  [[nodiscard]] std::optional<double> capacity_left_pps(std::size_t worker, double limit) const;

  /// A session was placed on that worker, when there were that many over all workers.
  void placed(std::size_t worker, std::size_t sessions);

 private:
  /// What has been counted since start, or since the sample before, or over about the last second.
  struct Amounts {
    double ticks = 0, busy = 0, needed = 0, packets = 0;
    double samples = 0, work = 0, cycles = 0, work_squared = 0, work_by_cycles = 0;
  };
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
