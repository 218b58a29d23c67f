#include "controlplane/session/worker_records.h"

#include <cassert>
#include <utility>

namespace sluice::control {
namespace {

template <typename T>
T& place_of(std::vector<T>& table, dataplane::SlotRef ref) {
  if (table.size() <= ref.slot) table.resize(ref.slot + std::size_t{1});
  return table[ref.slot];
}

void free_slot(SlotPool& pool, dataplane::SlotRef ref) {
  [[maybe_unused]] const bool was_taken = pool.release(ref);
  assert(was_taken);
}

}  // namespace

WorkerRecords::WorkerRecords(MediaPlane& plane, std::size_t worker)
    : index(worker),
      memory(plane.memory(worker)),
      commands(plane, worker),
      endpoint_slots(memory.endpoints.size()),
      source_slots(memory.sources.size()),
      route_slots(memory.routes.size()) {}

Endpoint* WorkerRecords::endpoint(dataplane::SlotRef ref) const {
  return endpoint_slots.holds(ref) ? endpoints[ref.slot] : nullptr;
}

Source* WorkerRecords::source(dataplane::SlotRef ref) const {
  return source_slots.holds(ref) ? sources[ref.slot].get() : nullptr;
}

Route* WorkerRecords::route(dataplane::SlotRef ref) const {
  return route_slots.holds(ref) ? routes[ref.slot] : nullptr;
}

void WorkerRecords::put(Endpoint& endpoint) {
  assert(endpoint_slots.holds(endpoint.ref));
  place_of(endpoints, endpoint.ref) = &endpoint;
}

void WorkerRecords::put(Route& route) {
  assert(route_slots.holds(route.ref));
  place_of(routes, route.ref) = &route;
}

Source& WorkerRecords::put(std::unique_ptr<Source> source) {
  assert(source_slots.holds(source->ref));
  std::unique_ptr<Source>& place = place_of(sources, source->ref);
  place = std::move(source);
  return *place;
}

void WorkerRecords::drop(const Endpoint& endpoint) {
  endpoints[endpoint.ref.slot] = nullptr;
  free_slot(endpoint_slots, endpoint.ref);
}

void WorkerRecords::drop(const Route& route) {
  routes[route.ref.slot] = nullptr;
  free_slot(route_slots, route.ref);
}

void WorkerRecords::drop(const Source& source) {
  const dataplane::SlotRef ref = source.ref;
  sources[ref.slot].reset();
  free_slot(source_slots, ref);
}

}  // namespace sluice::control
