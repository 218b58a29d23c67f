// placement: which worker a new session or endpoint goes to. Control thread only.
#pragma once

#include <cstddef>
#include <optional>
#include <tuple>

#include "controlplane/session/load_meter.h"
#include "controlplane/session/options.h"
#include "controlplane/session/worker_records.h"

namespace sluice::control {

class Placement {
 public:
  /// The arguments outlive this object.
  Placement(const SessionOptions& options, const Workers& workers, const LoadMeter& load)
      : options_(options), workers_(workers), load_(load) {}

  /// The worker for a new session: the one with the least expected load, in steps of 5 %. Among equals, the
  /// one with the fewest endpoints, then the one with the fewest sessions, since sessions get endpoints soon.
  [[nodiscard]] WorkerRecords& least_loaded() const;
  /// limits.worker_load_percent as a share, 0..1.
  [[nodiscard]] double load_limit() const { return options_.config.limits.worker_load_percent / 100.0; }
  /// nullopt, or the error when the load of `home`, the least loaded worker, is above the limit.
  [[nodiscard]] std::optional<RequestError> check_load(const WorkerRecords& home) const;

  /// The block of `session` that a new endpoint joins: the first block that is not full and whose worker has
  /// a free slot. When there is none, a new block is added to the session. It goes to a worker below the load
  /// limit if there is one; among these to the one with the fewest blocks of this session, then to the least
  /// loaded one. With a single worker a block is never full. nullopt when no worker has a free endpoint slot.
  [[nodiscard]] std::optional<std::size_t> find_block(Session& session) const;

 private:
  [[nodiscard]] std::tuple<int, std::size_t, std::size_t> load_rank(const WorkerRecords& records) const;

  const SessionOptions& options_;
  const Workers& workers_;
  const LoadMeter& load_;
};

}  // namespace sluice::control
