#include "controlplane/session/media_plane.h"

#include "dataplane/shared/punt.h"
#include "dataplane/worker/plane.h"

namespace sluice::control {
namespace {

class DataPlaneAdapter final : public MediaPlane {
 public:
  explicit DataPlaneAdapter(dataplane::DataPlane& plane) : plane_(plane) {}

  std::size_t worker_count() const override { return plane_.worker_count(); }
  dataplane::WorkerMemory& memory(std::size_t worker) override { return plane_.memory(worker); }
  std::uint16_t worker_core(std::size_t worker) const override { return plane_.worker_core(worker); }
  const dataplane::WorkerCounters& counters(std::size_t worker) const override {
    return plane_.memory(worker).counters;
  }
  std::size_t port_count() const override { return plane_.port_count(); }
  const dataplane::PortInfo& port(std::size_t index) const override { return plane_.port(index).info(); }
  dataplane::PortStatistics port_statistics(std::size_t index) const override {
    return plane_.port(index).statistics();
  }
  bool link_is_up(std::size_t index) const override { return plane_.port(index).link_is_up(); }
  bool uses_huge_pages() const override { return plane_.eal().uses_huge_pages(); }
  std::optional<std::uint8_t> brings_to(std::size_t port, std::uint16_t udp_port) const override {
    const std::uint8_t queue = plane_.port(port).steering().queue_of(udp_port);
    if (queue == dataplane::PortSteering::kAnyQueue) return std::nullopt;
    return queue;
  }
  void steer(dataplane::OwnAddress address, std::uint16_t udp_port, std::size_t worker) override {
    plane_.steer(address, udp_port, worker);
  }
  rte_mbuf* make_frame(std::span<const std::uint8_t> bytes) override { return plane_.make_frame(bytes); }
  void free_frame(rte_mbuf* frame) override { plane_.free_frame(frame); }
  std::span<const std::uint8_t> punt_frame(const dataplane::Punt& punt) const override {
    return dataplane::punt_frame(punt);
  }
  void free_punt(const dataplane::Punt& punt) override { dataplane::free_punt(punt); }
  std::uint64_t tsc_hz() const override { return dataplane::tsc_hz(); }
  std::uint64_t tsc_now() const override { return dataplane::tsc_now(); }

 private:
  dataplane::DataPlane& plane_;
};

}  // namespace

std::unique_ptr<MediaPlane> make_media_plane(dataplane::DataPlane& plane) {
  return std::make_unique<DataPlaneAdapter>(plane);
}

}  // namespace sluice::control
