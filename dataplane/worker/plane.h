// plane: the whole data plane as the control plane holds it: EAL, packet pools, ports, and one worker per
// core with its memory. Control thread only. Started in one call; stopped in one call after the control plane
// has emptied every slot.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "config/config.h"
#include "crypto/srtp/srtp_engine.h"
#include "dataplane/port/eal.h"
#include "dataplane/port/port.h"
#include "dataplane/shared/worker_memory.h"

namespace sluice::dataplane {

class Worker;

class DataPlane {
 public:
  /// nullptr with the reason in `error`. On success every worker polls.
  static std::unique_ptr<DataPlane> start(const config::Config& config, crypto::EngineKind engine,
                                          ControlWaker& waker, std::string& error);
  /// Stops the workers (kStop) if stop() was not called, then closes ports and pools. A worker that does not
  /// leave within 5 seconds keeps all of it.
  ~DataPlane();

  std::size_t worker_count() const;
  WorkerMemory& memory(std::size_t worker);
  const WorkerMemory& memory(std::size_t worker) const;
  std::uint16_t worker_core(std::size_t worker) const;

  std::size_t port_count() const;
  const Port& port(std::size_t index) const;  // in the order of [[ports]]

  const Eal& eal() const;

  /// The worker that owns a local UDP port, in the 64 Ki steering table. Set before the endpoint is
  /// installed.
  void steer(std::uint16_t udp_port, std::size_t worker);

  /// A new frame for Command::mbuf of kInject, holding `bytes`; nullptr when the pool is empty or the frame
  /// too long.
  rte_mbuf* make_frame(std::span<const std::uint8_t> bytes);
  void free_frame(rte_mbuf* frame);
  /// Packet buffers in use over all pools: 0 on an idle plane, but for what the ports' queues hold. For
  /// tests.
  std::size_t frames_in_use() const;

  /// Sends kStop to every worker and waits for them to leave; false when one did not within `timeout`. Notes
  /// that are still in the rings remain readable.
  [[nodiscard]] bool stop(std::chrono::milliseconds timeout);

 private:
  struct State;
  explicit DataPlane(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// TSC ticks per second, and now; the clock of every *_tsc field.
std::uint64_t tsc_hz();
std::uint64_t tsc_now();

}  // namespace sluice::dataplane
