// plane: the whole data plane: EAL, packet pools, ports, and one worker per core with its memory. The control
// plane owns it. Control thread only, except tsc_hz() and tsc_now(), which any thread may call. One call
// starts it. One call stops it, after the control plane has emptied every slot.
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
  /// On success every worker polls. On failure nullptr, with the reason in `error`.
  static std::unique_ptr<DataPlane> start(const config::Config& config, crypto::EngineKind engine,
                                          ControlWaker& waker, std::string& error);
  /// Stops the workers if stop() has not done so, then closes ports and frees pools. When a worker does not
  /// stop within 5 seconds, nothing is closed or freed, since the worker may still use it.
  ~DataPlane();

  std::size_t worker_count() const;
  WorkerMemory& memory(std::size_t worker);
  const WorkerMemory& memory(std::size_t worker) const;
  std::uint16_t worker_core(std::size_t worker) const;

  std::size_t port_count() const;
  const Port& port(std::size_t index) const;  // in the order of [[ports]]

  const Eal& eal() const;

  /// Writes into the steering table that `worker` owns a UDP port of one of our addresses. Called before the
  /// endpoint is installed.
  void steer(OwnAddress address, std::uint16_t udp_port, std::size_t worker);

  /// A new mbuf with `bytes`, for a kInject command. nullptr when the pool is empty or `bytes` is too long.
  rte_mbuf* make_frame(std::span<const std::uint8_t> bytes);
  /// Frees a frame of make_frame() that was not sent to a worker.
  void free_frame(rte_mbuf* frame);
  /// The number of packet buffers in use, over all pools. On an idle plane only the queues of the ports hold
  /// some. For tests.
  std::size_t frames_in_use() const;

  /// Sends kStop to every worker and waits until they have stopped. False when one has not stopped within
  /// `timeout`. The notes in the rings stay readable.
  [[nodiscard]] bool stop(std::chrono::milliseconds timeout);

 private:
  struct State;
  explicit DataPlane(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// TSC ticks per second, and the present TSC time. This is the clock of every *_tsc field.
std::uint64_t tsc_hz();
std::uint64_t tsc_now();

}  // namespace sluice::dataplane
