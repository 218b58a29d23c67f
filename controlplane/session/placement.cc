#include "controlplane/session/placement.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "controlplane/session/errors.h"

namespace sluice::control {

std::tuple<int, std::size_t, std::size_t> Placement::load_rank(const WorkerRecords& records) const {
  return {static_cast<int>(load_.expected_load(records.index) * 20), records.endpoint_slots.used(),
          records.sessions};
}

WorkerRecords& Placement::least_loaded() const {
  return **std::min_element(workers_.begin(), workers_.end(),
                            [this](const auto& a, const auto& b) { return load_rank(*a) < load_rank(*b); });
}

std::optional<RequestError> Placement::check_load(const WorkerRecords& home) const {
  const std::uint8_t allowed = options_.config.limits.worker_load_percent;
  const double found = load_.expected_load(home.index);
  if (allowed == 100 || found <= load_limit()) return std::nullopt;
  return refuse_load(allowed, static_cast<unsigned>(std::min(100.0, std::ceil(found * 100))), home.index);
}

std::optional<std::size_t> Placement::find_block(Session& session) const {
  const auto has_slot = [](const WorkerRecords& records) {
    return records.endpoint_slots.used() < records.endpoint_slots.capacity();
  };
  const std::size_t most = workers_.size() == 1 ? SIZE_MAX : options_.config.limits.session_block;
  for (std::size_t i = 0; i < session.blocks.size(); ++i)
    if (session.blocks[i].endpoints < most && has_slot(*workers_[session.blocks[i].worker])) return i;
  // A conference may fill up before its load is measured. So the number of its blocks decides before the
  // load, among the workers below the load limit.
  const auto rank = [&](const WorkerRecords& records) {
    const auto blocks =
        std::count_if(session.blocks.begin(), session.blocks.end(),
                      [&](const Session::Block& block) { return block.worker == records.index; });
    return std::tuple(!has_slot(records), load_.expected_load(records.index) > load_limit(), blocks,
                      load_rank(records));
  };
  const WorkerRecords& worker = **std::min_element(
      workers_.begin(), workers_.end(), [&](const auto& a, const auto& b) { return rank(*a) < rank(*b); });
  if (!has_slot(worker)) return std::nullopt;
  session.blocks.push_back({worker.index, 0});
  return session.blocks.size() - 1;
}

}  // namespace sluice::control
