// media_plane: the data plane as the sessions need it: the workers' memories, the ports, the steering table,
// frames. The one real implementation stands on DataPlane; tests play the workers themselves. Control thread
// only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "controlplane/session/plane_status.h"
#include "dataplane/shared/worker_memory.h"

namespace sluice::dataplane {
class DataPlane;
}

namespace sluice::control {

class MediaPlane : public PlaneStatus {
 public:
  virtual dataplane::WorkerMemory& memory(std::size_t worker) = 0;

  /// The queue, and so the worker, that the port's hardware brings a local UDP port to; nullopt when that
  /// is not known.
  [[nodiscard]] virtual std::optional<std::uint8_t> brings_to(std::size_t port,
                                                              std::uint16_t udp_port) const = 0;

  /// Which worker owns a local UDP port. Said before the endpoint is installed.
  virtual void steer(std::uint16_t udp_port, std::size_t worker) = 0;

  /// A frame for Command::mbuf of kInject; nullptr when there is no buffer for it.
  [[nodiscard]] virtual rte_mbuf* make_frame(std::span<const std::uint8_t> bytes) = 0;
  virtual void free_frame(rte_mbuf* frame) = 0;
  virtual std::span<const std::uint8_t> punt_frame(const dataplane::Punt& punt) const = 0;
  virtual void free_punt(const dataplane::Punt& punt) = 0;

  /// The clock of every *_tsc field.
  virtual std::uint64_t tsc_hz() const = 0;
  virtual std::uint64_t tsc_now() const = 0;
};

/// `plane` outlives what is returned.
std::unique_ptr<MediaPlane> make_media_plane(dataplane::DataPlane& plane);

}  // namespace sluice::control
