#include "bench/gen/search.h"

#include <algorithm>
#include <utility>

namespace sluice::gen {
namespace {

constexpr double kLowest = 1000;  // packets/s: no relay worth measuring is slower

class Search {
 public:
  Search(const SearchOptions& options, const std::function<Trial(double)>& run,
         const std::function<bool()>& stopped)
      : options_(options), run_(run), stopped_(stopped) {}

  SearchResult find() {
    bracket();
    while (low_ > 0 && high_ > 0 && !stopped_() && high_ > low_ * (1 + options_.precision)) {
      const double middle = (low_ + high_) / 2;
      step(first_guess_ > low_ && first_guess_ < high_ ? std::exchange(first_guess_, 0) : middle);
    }
    for (const double share : options_.latency_at)
      if (result_.best && !stopped_())
        result_.latency.emplace_back(share, keep(run_(result_.best->input_pps * share)));
    return std::move(result_);
  }

 private:
  void bracket() {
    double rate = options_.start_rate;
    while (!stopped_()) {
      if (step(rate)) {
        if (result_.generator_limited || rate >= options_.max_rate) return;
        rate = std::min(rate * 2, options_.max_rate);
      } else if (low_ > 0 || rate <= kLowest) {
        return;
      } else {
        rate = std::max(rate / 4, kLowest);
      }
    }
  }

  bool passes(const Trial& trial) const {
    return trial.counts.received != 0 && trial.loss_ratio <= options_.max_loss;
  }
  Trial keep(Trial trial) {
    result_.trials.push_back(trial);
    return trial;
  }

  /// Whether the relay carried that rate; moves one end of the bracket there.
  bool step(double rate) {
    Trial trial = keep(run_(rate));
    // A host that looked away is not our limit either.
    for (int again = 0; again < 2 && trial.generator_limited && !stopped_(); ++again)
      trial = keep(run_(rate));
    // Far above its limit there is nothing to try again.
    if (!passes(trial) && trial.loss_ratio < 0.01 && !stopped_()) trial = keep(run_(rate));
    if (!passes(trial)) {
      high_ = rate;
      // What came through although too much was sent is near to what it can.
      first_guess_ = rate * (1 - trial.loss_ratio) * 0.98;
      return false;
    }
    if (!result_.best || trial.output_pps > result_.best->output_pps) result_.best = trial;
    low_ = std::min(rate, trial.input_pps);
    if (trial.generator_limited) {
      result_.generator_limited = true;
      high_ = 0;  // nothing above can be tried
    }
    return true;
  }

  const SearchOptions& options_;
  const std::function<Trial(double)>& run_;
  const std::function<bool()>& stopped_;
  SearchResult result_;
  double low_ = 0, high_ = 0, first_guess_ = 0;
};

}  // namespace

SearchResult search(const SearchOptions& options, const std::function<Trial(double rate)>& run,
                    const std::function<bool()>& stopped) {
  return Search(options, run, stopped).find();
}

}  // namespace sluice::gen
