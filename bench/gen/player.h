// player: plays a plan over a link: a warm-up, then trials at a rate. One call of turn() sends the packets
// that are due and takes the packets that came. At every few turns it also does the slow work. One thread.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "bench/gen/clock.h"
#include "bench/gen/control_traffic.h"
#include "bench/gen/forger.h"
#include "bench/gen/frames.h"
#include "bench/gen/link.h"
#include "bench/gen/load.h"
#include "bench/gen/neighbor_answers.h"
#include "bench/gen/plan.h"
#include "bench/gen/results.h"
#include "bench/gen/sink.h"
#include "bench/gen/source.h"
#include "bench/gen/wire.h"

namespace sluice::gen {

struct TrialOptions {
  double rate = 0;  // packets/s to the relay; 0: as fast as possible; not of frames
  double seconds = 2;
  bool verify = true;
  Flood flood = {};
  FrameLoad frames = {};
};

class Player {
 public:
  /// `mirrored`: the link leads back to this process. The sink then takes each packet as many times as the
  /// relay would copy it.
  Player(const Plan& plan, Link& link, const Clock& clock, std::unique_ptr<crypto::SrtpEngine> engine,
         bool mirrored, std::atomic<bool>& stop);

  /// From now on the player sleeps between bursts, so that other threads can use the CPU. For trials at a
  /// fixed rate. REQUIRES: this thread gets the CPU as soon as it wakes (SCHED_FIFO).
  void share_cpu() { naps_ = true; }

  /// Sends packets of each stream until every receiver has got one. False, with the reason in `error`, when
  /// one has got none after `seconds`.
  [[nodiscard]] bool warm_up(double seconds, std::string& error);
  Trial run(const TrialOptions& options);

 private:
  struct Turn {
    std::size_t sent = 0, received = 0;
  };
  /// Sends `due` media packets of the schedule, and takes what has come.
  Turn turn(std::size_t due, std::uint64_t now);
  /// Sends the frame that is due, if any, and takes what has come.
  Turn frame_turn(Frames& frames, std::uint32_t packets, std::uint64_t now);
  std::size_t most_late(const TrialOptions& options) const;
  double play(const TrialOptions& options, std::uint64_t begin, std::uint64_t& end);
  std::size_t drain_queue(std::uint16_t queue);
  void send_frames();
  void answer_earlier_questions();
  void tell_where_we_are();
  void settle(double seconds);
  void nap() const;
  void sum_up(Trial& trial, std::uint64_t in_time);
  std::uint64_t ticks(double seconds) const { return static_cast<std::uint64_t>(seconds * clock_.tsc_hz); }

  const Plan& plan_;
  Link& link_;
  const Clock& clock_;
  bool mirrored_;
  bool naps_ = false;
  std::atomic<bool>& stop_;
  Source source_;
  Forger forger_;
  Flood flood_;  // of the present trial
  Wire wire_;
  std::uint32_t frame_seed_ = 0;
  Sink sink_;
  NeighborAnswers neighbors_;
  ControlTraffic control_;
  Counts counts_;
  std::uint32_t turns_ = 0;
  bool echoed_ = false;
  std::uint32_t copies_ = 1;  // of a mirrored packet
};

}  // namespace sluice::gen
