// idle: what a worker does while it finds no work ([workers] idle). The control thread calls check() and the
// constructor, the worker's thread everything else.
//
//   spin       polls on. It uses the whole CPU and adds no latency.
//   yield      after kPatienceUs without work, gives the CPU after each turn to any thread that waits for it.
//              For machines with fewer CPUs than threads.
//   pause      after kPatienceUs without work, sleeps. Each sleep is twice as long as the one before, and at
//              most workers.idle_sleep_us. A sleep that is too short for the kernel's timers is a TPAUSE
//              where the CPU has it.
//   interrupt  after kInterruptPatienceUs without work, arms the receive interrupts of its queues. Then it
//              waits for an interrupt, for the Waker `bell`, which the control thread wakes after a command,
//              or for kWatchMs. With several workers it is kHandoffWatchMs, since a worker that hands packets
//              off does not wake the owner.
//   monitor    after kPatienceUs without work, waits until the network card writes the next receive
//              descriptor (UMWAIT), at most workers.idle_sleep_us.
//
// A busy worker pays one predicted branch a turn. After any sleep the worker polls at once, so a command or a
// packet waits no longer than one sleep, and no sleep is longer than its bound above.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "config/config.h"
#include "dataplane/port/port.h"
#include "dataplane/shared/worker_memory.h"

namespace sluice::dataplane {

class Idle {
 public:
  static constexpr std::uint64_t kPatienceUs = 20;
  static constexpr std::uint64_t kInterruptPatienceUs = 50;
  static constexpr int kWatchMs = 10;
  static constexpr int kHandoffWatchMs = 1;

  /// False, with the reason in `error`, when a port or the CPU cannot do what `mode` needs. Control thread.
  /// REQUIRES: the ports are started.
  [[nodiscard]] static bool check(config::Idle mode, std::span<const PortInfo> ports, std::string& error);

  /// REQUIRES: check() is true for these settings; `bell` outlives this object.
  Idle(const config::Workers& settings, std::span<const PortInfo> ports, std::size_t worker, Waker& bell,
       std::uint64_t tsc_hz);
  ~Idle();
  Idle(const Idle&) = delete;
  Idle& operator=(const Idle&) = delete;

  /// Called before the first turn, and after the last.
  void begin();
  void end();

  /// Called after a turn that found work.
  void worked() {
    if (resting_) wake_up();
  }
  /// Called after a turn that found no work, at TSC time `now`. True when it slept or gave the CPU away.
  [[nodiscard]] bool rest(std::uint64_t now);

 private:
  struct Interrupts;  // the memory that epoll needs
  struct Queue {
    std::uint16_t port;
    std::uint16_t queue;
  };

  void wake_up();
  void pause(std::uint64_t now);
  void arm();
  void await_interrupt();
  void monitor(std::uint64_t now);

  const config::Idle mode_;
  const std::uint64_t ticks_per_us_;
  const std::uint64_t patience_;  // ticks
  const std::uint64_t sleep_us_;  // of the longest sleep
  const int watch_ms_;
  Waker& bell_;
  std::vector<Queue> queues_;  // that this worker polls
  std::unique_ptr<Interrupts> interrupts_;
  std::uint64_t since_ = 0;    // TSC of the first turn without work
  std::uint64_t step_us_ = 0;  // the next sleep
  bool resting_ = false;
  bool armed_ = false;
};

}  // namespace sluice::dataplane
