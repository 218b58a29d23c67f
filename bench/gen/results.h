// results: the counts and the results of one trial. The player's thread writes them; they are read after the
// trial.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace sluice::gen {

/// Latencies in steps of 64 TSC ticks (about 30 ns), which is the resolution of the timestamps. A bin has one
/// step up to about a millisecond, then 64 steps up to about 60 milliseconds. The last bin has all longer
/// ones.
class LatencyHistogram {
 public:
  static constexpr std::uint32_t kBins = 1 << 16;
  static constexpr std::uint32_t kFineBins = kBins / 2;
  static constexpr std::uint32_t kStepsPerCoarseBin = 64;
  static constexpr unsigned kTicksPerStep = 64;

  LatencyHistogram() : counts_(kBins) {}
  void add(std::uint32_t steps) {
    if (steps > max_) max_ = steps;
    ++counts_[steps < kFineBins ? steps
                                : std::min(kFineBins + (steps - kFineBins) / kStepsPerCoarseBin, kBins - 1)];
  }
  void clear() {
    std::fill(counts_.begin(), counts_.end(), 0);
    max_ = 0;
  }
  /// The latency, in steps, below which `share` of all lie. `share`: 0 to 1.
  std::uint32_t quantile(double share) const {
    std::uint64_t total = 0;
    for (const std::uint32_t count : counts_) total += count;
    auto left = static_cast<std::uint64_t>(static_cast<double>(total) * share);
    for (std::uint32_t bin = 0; bin < kBins - 1; ++bin) {
      if (counts_[bin] > left)
        return bin < kFineBins ? bin : kFineBins + (bin - kFineBins) * kStepsPerCoarseBin;
      left -= counts_[bin];
    }
    return max_;
  }
  std::uint32_t max() const { return max_; }

 private:
  std::vector<std::uint32_t> counts_;
  std::uint32_t max_ = 0;
};

struct Latency {
  double p50 = 0, p99 = 0, p999 = 0, max = 0;  // microseconds
};

/// Counts of packets.
struct Counts {
  std::uint64_t sent = 0;          // media given to the link, refused ones included
  std::uint64_t refused = 0;       // of these: the link was full
  std::uint64_t skipped = 0;       // not sent, since this thread was too late to send them evenly
  std::uint64_t expected = 0;      // copies that the relay must send for `sent`
  std::uint64_t received = 0;      // media that are new at their receiver
  std::uint64_t repeated = 0;      // media that came again or out of order
  std::uint64_t strangers = 0;     // media for no receiver of the plan
  std::uint64_t other = 0;         // ARP and everything else
  std::uint64_t no_buffer = 0;     // turns that found no packet buffer
  std::uint64_t reports_sent = 0;  // RTCP compounds, without those for NACKs
  std::uint64_t reports_received = 0;
  std::uint64_t nacks = 0;            // sequence numbers asked for again
  std::uint64_t retransmissions = 0;  // of `repeated`: asked for
  std::uint64_t stun_sent = 0;
  std::uint64_t stun_answered = 0;
  std::uint64_t forged = 0;          // given to the link beside the media, refused ones included
  std::uint64_t forged_refused = 0;  // of these: the link was full
};

struct Trial {
  double rate = 0;                         // the rate that was asked for, packets/s to the relay
  std::uint64_t begin_ns = 0, end_ns = 0;  // CLOCK_MONOTONIC
  double seconds = 0;                      // that it sent for
  Counts counts;
  double input_pps = 0, output_pps = 0;
  std::uint64_t lost = 0;
  double loss_ratio = 0;
  double behind_seconds = 0;       // seconds of traffic that had not come back when the sending ended
  bool generator_limited = false;  // the generator did not reach the rate
  std::uint64_t verified = 0, verify_failures = 0;
  std::vector<std::string> failure_reasons;  // the first few
  Latency latency;
  double cycles_per_packet = 0;  // of the generator, per packet sent, including the packets received
  double busy_share = 0;
};

}  // namespace sluice::gen
