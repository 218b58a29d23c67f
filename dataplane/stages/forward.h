// forward: from one received packet to its copies. Each route of the stream's sources gets a copy in a
// separate buffer, with a rewritten RTP header. So the receiver sees one continuous stream, whatever source
// feeds it (RFC 3550 7.1, RFC 7667 3.7). The payload stays in the received buffer until protect writes it
// into the copy. A packet with a single route is rewritten in place. Worker only.
#pragma once

#include "dataplane/state/batch.h"

namespace sluice::dataplane {

/// The fan-out of a batch, and how far it is. A large fan-out takes several rounds of kOutputs copies.
class Forward {
 public:
  /// Begins a new batch. Takes ownership of `packets`, unless they are `borrowed` from another worker
  /// (lend.h): those it neither writes to nor frees. `packets` stays valid until next() returns false.
  void start(const WorkerState& state, std::span<MediaPacket> packets, bool borrowed = false);
  /// Does one round and overwrites `out`. False when all packets are done and `out` is empty.
  [[nodiscard]] bool next(WorkerState& state, OutgoingBatch& out);

 private:
  /// One copy that is still to be made, in a separate buffer.
  struct Wanted {
    const MediaPacket* packet;
    std::uint32_t route;
  };

  void forward_directly(WorkerState& state, MediaPacket& packet, OutgoingBatch& out);
  bool begin_fan_out(WorkerState& state, MediaPacket& packet);
  bool list_routes(const WorkerState& state, const MediaPacket& packet, std::size_t room);
  void make_copies(WorkerState& state, OutgoingBatch& out);

  std::span<MediaPacket> packets_;
  std::size_t at_ = 0;  // index of the current packet
  bool borrowed_ = false;
  bool begun_ = false;       // the current packet is counted, and the next three members are valid
  std::uint8_t source_ = 0;  // index in StreamSlot::sources
  std::uint32_t chunk_ = kNoSlot;
  std::uint32_t entry_ = 0;  // in the chunk
  std::array<Wanted, kOutputs> wanted_;
  std::array<rte_mbuf*, kOutputs> buffers_;
  std::size_t wanted_count_ = 0;
};

/// Adds to `out` the same copy again that the route has sent as `outgoing_index`. `received`: the packet in
/// plaintext, as it came. Changes no state but counts. Returns the drop reason when the copy cannot be sent.
/// REQUIRES: space in `out`; the route's stream still has the tenancy in which `received` came; `received`
/// stays in place until `out` is sealed.
[[nodiscard]] std::optional<DropReason> make_copy_again(WorkerState& state,
                                                        std::span<const std::uint8_t> received,
                                                        std::uint32_t route, std::uint64_t outgoing_index,
                                                        OutgoingBatch& out);

}  // namespace sluice::dataplane
