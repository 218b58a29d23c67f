#include "dataplane/worker/idle.h"

#include <rte_cpuflags.h>
#include <rte_cycles.h>
#include <rte_epoll.h>
#include <rte_ethdev.h>
#include <rte_interrupts.h>
#include <rte_pause.h>
#include <rte_power_intrinsics.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cassert>

namespace sluice::dataplane {
namespace {

constexpr std::uint64_t kFirstStepUs = 1;
constexpr std::uint64_t kKernelStepUs = 4;  // the kernel takes longer than this to sleep and wake
constexpr std::size_t kMaxQueues = 16;      // the largest number of ports

rte_cpu_intrinsics cpu_can() {
  rte_cpu_intrinsics intrinsics{};
  rte_cpu_get_intrinsics_support(&intrinsics);
  return intrinsics;
}

bool can_interrupt(const PortInfo& port) {
  for (std::uint16_t queue = 0; queue < port.queues; ++queue)
    if (rte_eth_dev_rx_intr_ctl_q_get_fd(port.id, queue) < 0) return false;
  return true;
}

bool can_monitor(const PortInfo& port) {
  rte_power_monitor_cond condition{};
  for (std::uint16_t queue = 0; queue < port.queues; ++queue)
    if (rte_eth_get_monitor_addr(port.id, queue, &condition) != 0) return false;
  return true;
}

std::string refusal(const char* mode, const PortInfo& port, const std::string& lacks) {
  return "[workers] idle = \"" + std::string(mode) + "\": port \"" + port.name + "\" (driver " + port.driver +
         ") " + lacks + "; allowed with it: \"spin\", \"pause\", \"yield\"";
}

}  // namespace

struct Idle::Interrupts {
  rte_epoll_event bell{};
  std::array<rte_epoll_event, kMaxQueues + 1> events{};
};

bool Idle::check(config::Idle mode, std::span<const PortInfo> ports, std::string& error) {
  if (mode == config::Idle::kInterrupt) {
    for (const PortInfo& port : ports) {
      if (can_interrupt(port)) continue;
      error = refusal("interrupt", port, "has no receive interrupts");
      return false;
    }
  } else if (mode == config::Idle::kMonitor) {
    const rte_cpu_intrinsics cpu = cpu_can();
    const bool enough = ports.size() == 1 ? cpu.power_monitor : cpu.power_monitor_multi;
    for (const PortInfo& port : ports) {
      if (can_monitor(port)) continue;
      error = refusal("monitor", port, "has no address to monitor");
      return false;
    }
    if (!enough) {
      error =
          std::string("[workers] idle = \"monitor\": this CPU cannot monitor ") +
          (ports.size() == 1 ? "an address (WAITPKG)" : "the addresses of several ports (WAITPKG and RTM)") +
          "; allowed: \"spin\", \"pause\", \"yield\"";
      return false;
    }
  }
  return true;
}

Idle::Idle(const config::Workers& settings, std::span<const PortInfo> ports, std::size_t worker, Waker& bell,
           std::uint64_t tsc_hz)
    : mode_(settings.idle),
      ticks_per_us_(tsc_hz / 1000000),
      patience_(ticks_per_us_ * (mode_ == config::Idle::kInterrupt ? kInterruptPatienceUs : kPatienceUs)),
      sleep_us_(settings.idle_sleep_us),
      watch_ms_(settings.cores.size() > 1 ? kHandoffWatchMs : kWatchMs),
      bell_(bell),
      interrupts_(std::make_unique<Interrupts>()) {
  [[maybe_unused]] std::string ignored;
  assert(check(mode_, ports, ignored));
  for (const PortInfo& port : ports)
    if (worker < port.queues) queues_.push_back({port.id, static_cast<std::uint16_t>(worker)});
}

Idle::~Idle() = default;

void Idle::begin() {
  // The kernel must not lengthen our sleeps to group wake-ups.
  if (mode_ == config::Idle::kPause) prctl(PR_SET_TIMERSLACK, 1UL);
  if (mode_ != config::Idle::kInterrupt) return;
  for (const Queue& queue : queues_)
    rte_eth_dev_rx_intr_ctl_q(queue.port, queue.queue, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_ADD, nullptr);
  interrupts_->bell.epdata.event = EPOLLIN;
  rte_epoll_ctl(RTE_EPOLL_PER_THREAD, EPOLL_CTL_ADD, bell_.fd(), &interrupts_->bell);
}

void Idle::end() {
  worked();
  if (mode_ != config::Idle::kInterrupt) return;
  for (const Queue& queue : queues_)
    rte_eth_dev_rx_intr_ctl_q(queue.port, queue.queue, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_DEL, nullptr);
  rte_epoll_ctl(RTE_EPOLL_PER_THREAD, EPOLL_CTL_DEL, bell_.fd(), &interrupts_->bell);
}

void Idle::wake_up() {
  resting_ = false;
  if (!armed_) return;
  armed_ = false;
  bell_.awake();
  for (const Queue& queue : queues_) rte_eth_dev_rx_intr_disable(queue.port, queue.queue);
}

bool Idle::rest(std::uint64_t now) {
  rte_pause();
  if (mode_ == config::Idle::kSpin) return false;
  if (!resting_) {
    resting_ = true;
    since_ = now;
    step_us_ = kFirstStepUs;
    return false;
  }
  if (now - since_ < patience_) return false;
  switch (mode_) {
    case config::Idle::kSpin:
      return false;
    case config::Idle::kYield:
      sched_yield();
      return true;
    case config::Idle::kPause:
      pause(now);
      return true;
    case config::Idle::kInterrupt:
      // A packet that came before the interrupts were armed causes none. So one more turn comes before the
      // wait.
      if (!armed_) {
        arm();
        return false;
      }
      await_interrupt();
      return true;
    case config::Idle::kMonitor:
      monitor(now);
      return true;
  }
  return false;
}

void Idle::pause(std::uint64_t now) {
  const std::uint64_t step = std::min(step_us_, sleep_us_);
  step_us_ = step * 2;
  if (step < kKernelStepUs) {
    static const bool has_tpause = cpu_can().power_pause;
    const std::uint64_t until = now + step * ticks_per_us_;
    if (has_tpause)
      rte_power_pause(until);
    else
      while (rte_rdtsc() < until) rte_pause();
    return;
  }
  const timespec sleep{0, static_cast<long>(step * 1000)};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &sleep, nullptr);
}

void Idle::arm() {
  armed_ = true;
  bell_.about_to_wait();
  // A driver that has nothing to enable (net_tap) signals packets by its descriptor all the time.
  for (const Queue& queue : queues_) rte_eth_dev_rx_intr_enable(queue.port, queue.queue);
}

void Idle::await_interrupt() {
  auto& events = interrupts_->events;
  const int count =
      rte_epoll_wait(RTE_EPOLL_PER_THREAD, events.data(), static_cast<int>(events.size()), watch_ms_);
  wake_up();
  // The packet that caused the wake-up may become visible a little later. So the worker arms the interrupts
  // again only after patience_. After a timeout it arms them after one turn.
  if (count <= 0) resting_ = true;
}

void Idle::monitor(std::uint64_t now) {
  std::array<rte_power_monitor_cond, kMaxQueues> conditions{};
  std::uint32_t count = 0;
  for (const Queue& queue : queues_)
    if (rte_eth_get_monitor_addr(queue.port, queue.queue, &conditions[count]) == 0) ++count;
  const std::uint64_t until = now + sleep_us_ * ticks_per_us_;
  if (count == 1)
    rte_power_monitor(conditions.data(), until);
  else if (count > 1)
    rte_power_monitor_multi(conditions.data(), count, until);
  else  // a worker without a queue receives only by handoff, so there is nothing to monitor
    rte_power_pause(until);
}

}  // namespace sluice::dataplane
