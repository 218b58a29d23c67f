// media_plane: the interface of the data plane that the session layer uses: the workers' memory, the ports,
// the steering table, frames. make_media_plane() implements it over DataPlane; tests implement it themselves
// and play the workers. Control thread only.
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

  /// The queue, and with it the worker, to which the hardware of `port` brings packets for a local UDP port.
  /// nullopt when that is not known.
  [[nodiscard]] virtual std::optional<std::uint8_t> brings_to(std::size_t port,
                                                              std::uint16_t udp_port) const = 0;

  /// Makes `worker` the owner of a UDP port of one of our addresses. Call it before the endpoint of that UDP
  /// port is installed.
  virtual void steer(dataplane::OwnAddress address, std::uint16_t udp_port, std::size_t worker) = 0;

  /// Copies `bytes` into a buffer for Command::mbuf of kInject. nullptr when no buffer is free.
  [[nodiscard]] virtual rte_mbuf* make_frame(std::span<const std::uint8_t> bytes) = 0;
  virtual void free_frame(rte_mbuf* frame) = 0;
  /// The bytes of a punted frame; valid until free_punt().
  virtual std::span<const std::uint8_t> punt_frame(const dataplane::Punt& punt) const = 0;
  virtual void free_punt(const dataplane::Punt& punt) = 0;

  /// The clock of all fields named *_tsc.
  virtual std::uint64_t tsc_hz() const = 0;
  virtual std::uint64_t tsc_now() const = 0;
};

/// `plane` outlives the result.
std::unique_ptr<MediaPlane> make_media_plane(dataplane::DataPlane& plane);

}  // namespace sluice::control
