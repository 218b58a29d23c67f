// idle: what a worker does while it finds no work ([workers] idle). The worker's thread only, except check().
//
//   spin       polls on. No CPU to spare, no latency.
//   yield      gives the CPU to any thread that waits for it, after each turn. For machines with fewer CPUs
//              than threads.
//   pause      after kPatience without work sleeps, at first shortly, then longer and longer, at most
//              workers.idle_sleep_us at a time. Steps too short for the kernel's timers are TPAUSE where the
//              CPU has it.
//   interrupt  after kInterruptPatience arms the receive interrupts of its queues and waits for one of them,
//              for the bell that the control thread rings after a command, or for kWatchMs (kHandoffWatchMs
//              where other workers may hand packets over: they ring no bell).
//   monitor    after kPatience waits, at most workers.idle_sleep_us at a time, for the network card to write
//              the next receive descriptor (UMWAIT).
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

  /// Control thread, with the ports started. False, with the reason in `error`, when a port or the CPU cannot
  /// do what is asked for.
  [[nodiscard]] static bool check(config::Idle mode, std::span<const PortInfo> ports, std::string& error);

  /// REQUIRES: check(). `bell` outlives this.
  Idle(const config::Workers& settings, std::span<const PortInfo> ports, std::size_t worker, Waker& bell,
       std::uint64_t tsc_hz);
  ~Idle();
  Idle(const Idle&) = delete;
  Idle& operator=(const Idle&) = delete;

  /// Before the first turn, and after the last.
  void begin();
  void end();

  /// After a turn that found work.
  void worked() {
    if (resting_) wake_up();
  }
  /// After a turn that found none, at TSC time `now`. True when time has passed.
  [[nodiscard]] bool rest(std::uint64_t now);

 private:
  struct Interrupts;  // what epoll needs
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
  const std::uint64_t sleep_us_;  // the longest
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
