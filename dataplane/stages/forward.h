// forward: from one received packet to its copies. For each route of the stream's sources: a buffer of its
// own with the rewritten RTP header, so that the receiver sees one continuous stream whatever feeds it (RFC
// 3550 7.1, RFC 7667 3.7). The payload stays where it is until protect writes it out of place; a packet with
// a single route is rewritten in place. Worker only.
#pragma once

#include "dataplane/state/batch.h"

namespace sluice::dataplane {

/// Where a batch's fan-out has got to: a wide one takes several rounds of kOutputs.
class Forward {
 public:
  /// Starts over with `packets`: owned from here on, or `borrowed` from another worker (lend.h), which are
  /// neither written to nor freed.
  void start(const WorkerState& state, std::span<MediaPacket> packets, bool borrowed = false);
  /// Fills `out` (overwritten). False when nothing is left to do and nothing was made.
  [[nodiscard]] bool next(WorkerState& state, OutgoingBatch& out);

 private:
  /// One copy that is still to be made, in a buffer of its own.
  struct Wanted {
    const MediaPacket* packet;
    std::uint32_t route;
  };

  void forward_directly(WorkerState& state, MediaPacket& packet, OutgoingBatch& out);
  bool begin_fan_out(WorkerState& state, MediaPacket& packet);
  bool list_routes(const WorkerState& state, const MediaPacket& packet, std::size_t room);
  void make_copies(WorkerState& state, OutgoingBatch& out);

  std::span<MediaPacket> packets_;
  std::size_t at_ = 0;  // packet
  bool borrowed_ = false;
  bool begun_ = false;       // the packet at at_ is counted, and the rest of its position is valid
  std::uint8_t source_ = 0;  // index in StreamSlot::sources
  std::uint32_t chunk_ = kNoSlot;
  std::uint32_t entry_ = 0;  // in the chunk
  std::array<Wanted, kOutputs> wanted_;
  std::array<rte_mbuf*, kOutputs> buffers_;
  std::size_t wanted_count_ = 0;
};

/// A received packet (plaintext, as it came) once more for one route that has sent it as `outgoing_index`:
/// the same bytes. Moves nothing but counts. REQUIRES: room in `out`; `received` and the route's present
/// stream are of one tenancy; `received` stays where it is until `out` is sealed.
[[nodiscard]] std::optional<DropReason> make_copy_again(WorkerState& state,
                                                        std::span<const std::uint8_t> received,
                                                        std::uint32_t route, std::uint64_t outgoing_index,
                                                        OutgoingBatch& out);

}  // namespace sluice::dataplane
