#include "bench/gen/search.h"

#include <algorithm>
#include <utility>

namespace sluice::gen {
namespace {

constexpr double kLowest = 1000;        // packets/s; the search tries no lower rate
constexpr double kNarrowLoss = 0.01;    // a trial above this limit or the next has not failed by accident
constexpr double kNarrowBehind = 0.03;  // of the trial's time
constexpr double kAllBusy = 0.9;        // a generator that is less busy than this could send more
constexpr int kOtherLooks = 3;          // more trials at a rate that fails narrowly
constexpr std::size_t kMaxTrials = 40;  // so that the search ends on a host that disturbs every trial

class Search {
 public:
  using Run = std::function<Trial(double, double)>;

  Search(const SearchOptions& options, const Run& run, const std::function<bool()>& stopped)
      : options_(options), run_(run), stopped_(stopped), stride_(options.precision) {}

  SearchResult find() {
    bracket();
    while (low_ > 0 && !stopped_() && !(ended() && result_.best)) {
      if (!ended() && high_ > low_ * (1 + options_.precision))
        step(next(), options_.seconds);
      else if (!confirmed_)
        confirm();
      else
        break;
    }
    for (const double share : options_.latency_at)
      if (result_.best && !stopped_())
        result_.latency.emplace_back(share, keep(run_(result_.best->input_pps * share, options_.seconds)));
    return std::move(result_);
  }

 private:
  void bracket() {
    double rate = options_.start_rate;
    while (!ended()) {
      if (step(rate, std::min(options_.scout_seconds, options_.seconds))) {
        if (result_.generator_limited || rate >= options_.max_rate) return;
        rate = std::min(rate * 2, options_.max_rate);
      } else if (low_ > 0 || rate <= kLowest) {
        return;
      } else {
        rate = std::max(rate / 4, kLowest);
      }
    }
  }

  // The rate that got through in a failed trial is near the limit, so the steps up from it are small at
  // first.
  double next() {
    if (first_guess_ > low_ && first_guess_ < high_) return std::exchange(first_guess_, 0);
    return std::min((low_ + high_) / 2, confirmed_ ? low_ * (1 + stride_) : high_);
  }

  // Only a short trial has passed at low_, and the whole trials above it have failed. So this halves the rate
  // until a whole trial passes, since a result at a low rate is better than none.
  void confirm() {
    const double rate = low_;
    if (step(rate, options_.seconds)) return;
    low_ = rate / 2 < kLowest ? 0 : rate / 2;
  }

  bool ended() const { return stopped_() || result_.trials.size() >= kMaxTrials; }
  // Whether the generator sent less than was asked for because it was busy, and not because of the host.
  static bool our_limit(const Trial& trial) {
    return trial.generator_limited && trial.busy_share >= kAllBusy;
  }

  double shortfall(const Trial& trial) const {
    return std::max(trial.loss_ratio, trial.seconds > 0 ? trial.behind_seconds / trial.seconds : 0);
  }
  bool keeps_up(const Trial& trial) const { return trial.behind_seconds <= options_.max_behind_seconds; }
  bool passes(const Trial& trial) const {
    return trial.counts.received != 0 && trial.loss_ratio <= options_.max_loss && keeps_up(trial);
  }
  bool narrow(const Trial& trial) const {
    return trial.loss_ratio < kNarrowLoss && (keeps_up(trial) || shortfall(trial) < kNarrowBehind);
  }
  Trial keep(Trial trial) {
    result_.trials.push_back(trial);
    return trial;
  }

  /// Whether the relay carried that rate. Moves one end of the bracket to it.
  bool step(double rate, double seconds) {
    Trial trial = keep(run_(rate, seconds));
    // If too little was sent, or a little was lost, the host may have taken the CPU away. Near the limit a
    // ring holds one millisecond of packets. A host that takes a CPU for longer every second spoils most
    // trials.
    const auto again = [&] { return trial.generator_limited || (!passes(trial) && narrow(trial)); };
    for (int look = 0; look < kOtherLooks && again() && !stopped_(); ++look)
      trial = keep(run_(rate, seconds));
    if (!passes(trial)) {
      high_ = rate;
      stride_ = options_.precision;
      // The rate that came through although too much was sent is near the limit.
      first_guess_ = rate * (1 - shortfall(trial)) * 0.98;
      // A whole trial is more exact than the short trial that low_ comes from.
      if (!confirmed_ && seconds >= options_.seconds && first_guess_ <= low_) low_ = first_guess_ / 2;
      return false;
    }
    confirmed_ = seconds >= options_.seconds;
    if (confirmed_ && (!result_.best || trial.output_pps > result_.best->output_pps)) result_.best = trial;
    if (confirmed_) stride_ *= 2;
    low_ = std::max(low_, our_limit(trial) ? std::min(rate, trial.input_pps) : rate);
    if (our_limit(trial)) {
      result_.generator_limited = true;
      high_ = 0;  // no higher rate can be tried
    }
    return true;
  }

  const SearchOptions& options_;
  const Run& run_;
  const std::function<bool()>& stopped_;
  SearchResult result_;
  double low_ = 0, high_ = 0, first_guess_ = 0;
  bool confirmed_ = false;  // whether a whole trial has passed at low_
  double stride_;           // the next step up from low_, as a share of it
};

}  // namespace

SearchResult search(const SearchOptions& options,
                    const std::function<Trial(double rate, double seconds)>& run,
                    const std::function<bool()>& stopped) {
  return Search(options, run, stopped).find();
}

}  // namespace sluice::gen
