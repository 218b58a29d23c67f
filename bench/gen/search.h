// search: finds the highest rate at which the relay loses almost nothing and keeps up, then measures the
// latency at lower rates. It runs the trials by calling a function, so tests can use a simulated relay.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "bench/gen/load.h"
#include "bench/gen/results.h"

namespace sluice::gen {

struct SearchOptions {
  double start_rate = 100'000;  // packets/s to the relay
  double max_rate = 100e6;
  double max_loss = 1e-6;
  double max_behind_seconds = 0.005;  // if more is missing at the end of a trial, the relay only queued it
  double precision = 0.01;
  double seconds = 2;          // of a whole trial
  double scout_seconds = 0.1;  // of the short trials that find the bracket; at most `seconds`
  std::vector<double> latency_at = {0.5, 0.9};  // shares of the rate that was found
  Flood flood = {};                             // beside the media, in each trial
};

struct SearchResult {
  std::vector<Trial> trials;  // in order
  std::optional<Trial> best;  // nullopt: the relay lost packets even at the lowest rate tried
  std::vector<std::pair<double, Trial>> latency;
  bool generator_limited = false;  // the relay may be faster than the generator
};

/// `run` makes one trial. The search doubles the rate in short trials until packets are lost, then narrows it
/// down with whole trials. It tries a rate that fails narrowly up to three times more, since the host may
/// have taken the CPU away for a moment. It ends early when `stopped` returns true.
SearchResult search(const SearchOptions& options,
                    const std::function<Trial(double rate, double seconds)>& run,
                    const std::function<bool()>& stopped);

}  // namespace sluice::gen
