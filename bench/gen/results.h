// results: what one trial counts, and what it comes to. Written by the loop's thread, read when it has ended.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace sluice::gen {

/// Latencies in steps of 64 TSC ticks (about 30 ns), the resolution of the timestamps: to the step up to a
/// millisecond, to 64 steps up to some 60 of them; its last bin takes all that is longer.
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
  /// Of [0, 1], in steps.
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
  std::uint64_t sent = 0;          // media handed to the link, and what it refused
  std::uint64_t refused = 0;       // of these: the link was full
  std::uint64_t skipped = 0;       // not sent, for this thread came too late to send them evenly
  std::uint64_t expected = 0;      // copies that the relay owes for them
  std::uint64_t received = 0;      // media that are new at their receiver
  std::uint64_t repeated = 0;      // media that had come before, or out of order
  std::uint64_t strangers = 0;     // media that no receiver of the plan waits for
  std::uint64_t other = 0;         // ARP and everything else
  std::uint64_t no_buffer = 0;     // turns that found no packet buffer
  std::uint64_t reports_sent = 0;  // RTCP compounds, NACKs not among them
  std::uint64_t reports_received = 0;
  std::uint64_t nacks = 0;            // sequence numbers asked for again
  std::uint64_t retransmissions = 0;  // of `repeated`: asked for
  std::uint64_t stun_sent = 0;
  std::uint64_t stun_answered = 0;
};

struct Trial {
  double rate = 0;                         // asked for, packets/s in
  std::uint64_t begin_ns = 0, end_ns = 0;  // CLOCK_MONOTONIC
  double seconds = 0;                      // of sending
  Counts counts;
  double input_pps = 0, output_pps = 0;
  std::uint64_t lost = 0;
  double loss_ratio = 0;
  double behind_seconds = 0;       // of the traffic, what had not come back when sending ended
  bool generator_limited = false;  // we did not reach the rate
  std::uint64_t verified = 0, verify_failures = 0;
  std::vector<std::string> failure_reasons;  // the first few
  Latency latency;
  double cycles_per_packet = 0;  // our own, per packet sent, with its reception
  double busy_share = 0;
};

}  // namespace sluice::gen
