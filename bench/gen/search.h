// search: the highest rate at which the relay loses nothing worth naming and keeps up, and its latency below
// it. Pure: runs trials through a function, so that tests bring a relay of their own.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "bench/gen/results.h"

namespace sluice::gen {

struct SearchOptions {
  double start_rate = 100'000;  // packets/s in
  double max_rate = 100e6;
  double max_loss = 1e-6;
  double max_behind_seconds = 0.005;  // more waits at a trial's end: it was not carried but queued
  double precision = 0.01;
  double seconds = 2;                           // of a trial
  double scout_seconds = 0.1;                   // of those that only look for the bracket; at most `seconds`
  std::vector<double> latency_at = {0.5, 0.9};  // of the rate found
};

struct SearchResult {
  std::vector<Trial> trials;  // in order
  std::optional<Trial> best;  // nothing: even the lowest rate tried lost packets
  std::vector<std::pair<double, Trial>> latency;
  bool generator_limited = false;  // the relay may be faster than we are
};

/// `run` makes one trial. Doubles by short trials until packets are lost, then closes in by whole ones; a
/// rate that fails narrowly is tried up to three times more, for a host that looked away for a moment is not
/// the relay's fault. `stopped` ends it early.
SearchResult search(const SearchOptions& options,
                    const std::function<Trial(double rate, double seconds)>& run,
                    const std::function<bool()>& stopped);

}  // namespace sluice::gen
