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
  /// All outlive this.
  Placement(const SessionOptions& options, const Workers& workers, const LoadMeter& load)
      : options_(options), workers_(workers), load_(load) {}

  /// Where a new session belongs: the least loaded worker, by steps of 5 %; among equals the one with the
  /// fewest endpoints, then the one with the fewest sessions, which will have endpoints soon.
  [[nodiscard]] WorkerRecords& least_loaded() const;
  /// limits.worker_load_percent as a share.
  [[nodiscard]] double load_limit() const { return options_.config.limits.worker_load_percent / 100.0; }
  /// Why `home`, the least loaded, takes no new session; nothing when it does.
  [[nodiscard]] std::optional<RequestError> check_load(const WorkerRecords& home) const;

  /// The block of the session that a new endpoint joins: the first that is not full, or a new one, on the
  /// worker with the fewest of its blocks, and the least load among those. nullopt when no worker has a slot
  /// left.
  [[nodiscard]] std::optional<std::size_t> find_block(Session& session) const;

 private:
  [[nodiscard]] std::tuple<int, std::size_t, std::size_t> load_rank(const WorkerRecords& records) const;

  const SessionOptions& options_;
  const Workers& workers_;
  const LoadMeter& load_;
};

}  // namespace sluice::control
