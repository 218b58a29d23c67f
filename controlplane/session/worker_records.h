// worker_records: one worker as the control thread sees it: the tenants of its slots, and the queue of
// commands to it. Control thread only.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "controlplane/session/command_queue.h"
#include "controlplane/session/media_plane.h"
#include "controlplane/session/objects.h"
#include "controlplane/session/slot_pool.h"

namespace sluice::control {

/// The tables grow with the highest slot ever used.
struct WorkerRecords {
  WorkerRecords(MediaPlane& plane, std::size_t worker);

  /// nullptr when the slot is free or has another tenant.
  [[nodiscard]] Endpoint* endpoint(dataplane::SlotRef ref) const;
  [[nodiscard]] Source* source(dataplane::SlotRef ref) const;
  [[nodiscard]] Route* route(dataplane::SlotRef ref) const;

  /// Enters the tenant of a slot. REQUIRES: the slot is taken in its pool.
  void put(Endpoint& endpoint);
  void put(Route& route);
  Source& put(std::unique_ptr<Source> source);

  /// Frees the slot. REQUIRES: the worker has acknowledged the removal.
  void drop(const Endpoint& endpoint);
  void drop(const Route& route);
  /// The same; also deletes the source, since this table owns it.
  void drop(const Source& source);

  std::size_t index;
  dataplane::WorkerMemory& memory;
  CommandQueue commands;
  SlotPool endpoint_slots;
  SlotPool source_slots;
  SlotPool route_slots;
  std::vector<Endpoint*> endpoints;              // by slot
  std::vector<std::unique_ptr<Source>> sources;  // by slot
  std::vector<Route*> routes;                    // by slot
  std::size_t sessions = 0;                      // sessions that began on this worker
};

using Workers = std::vector<std::unique_ptr<WorkerRecords>>;

}  // namespace sluice::control
