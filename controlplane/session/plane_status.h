// plane_status: the read-only part of the data plane's interface, for code that only reports: the ports, the
// workers' counters and their CPUs. Control thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/base/counters.h"
#include "dataplane/port/port.h"

namespace sluice::control {

class PlaneStatus {
 public:
  virtual ~PlaneStatus() = default;

  [[nodiscard]] virtual std::size_t worker_count() const = 0;
  [[nodiscard]] virtual std::uint16_t worker_core(std::size_t worker) const = 0;
  [[nodiscard]] virtual const dataplane::WorkerCounters& counters(std::size_t worker) const = 0;

  [[nodiscard]] virtual std::size_t port_count() const = 0;
  /// In the order of [[ports]].
  [[nodiscard]] virtual const dataplane::PortInfo& port(std::size_t index) const = 0;
  [[nodiscard]] virtual dataplane::PortStatistics port_statistics(std::size_t index) const = 0;

  [[nodiscard]] virtual bool link_is_up(std::size_t index) const = 0;

  [[nodiscard]] virtual bool uses_huge_pages() const = 0;
};

}  // namespace sluice::control
