// forward: from one received packet to its copies. Each route of the stream's sources gets a copy in a
// separate buffer, with a rewritten RTP header. So the receiver sees one continuous stream, whatever source
// feeds it (RFC 3550 7.1, RFC 7667 3.7). The payload stays in the received buffer until protect writes it
// into the copy. A packet with a single route is rewritten in place. Worker only.
#pragma once

#include "dataplane/state/batch.h"

namespace sluice::dataplane {

/// The fan-out of a batch, and how far it is. It takes several rounds of kOutputs copies. What a source with
/// many routes is to send waits in state.fanouts, and its copies are made between other work.
class Forward {
 public:
  /// A source with more routes than this is served between other work.
  static constexpr std::uint32_t kLargeFanout = 16;

  /// Begins a new batch. Takes ownership of `packets`, unless they are `borrowed` from another worker
  /// (lend.h): those it neither writes to nor frees. `packets` stays valid until next() returns false.
  void start(const WorkerState& state, std::span<MediaPacket> packets, bool borrowed = false);
  /// Does one round and overwrites `out`. False when all packets are done and `out` is empty.
  [[nodiscard]] bool next(WorkerState& state, OutgoingBatch& out);
  /// Does one round of what waits in state.fanouts and overwrites `out`. False when nothing was done.
  /// REQUIRES: next() has returned false.
  [[nodiscard]] bool next_waiting(WorkerState& state, OutgoingBatch& out);

 private:
  /// One copy that is still to be made, in a separate buffer.
  struct Wanted {
    const MediaPacket* packet;
    std::uint32_t route;
  };

  void forward_directly(WorkerState& state, MediaPacket& packet, OutgoingBatch& out);
  bool begin_fan_out(WorkerState& state, MediaPacket& packet);
  void put_off(WorkerState& state, MediaPacket& packet);
  bool list_chunks(const WorkerState& state, const MediaPacket& packet, FanoutJob& job);
  bool list_routes(const WorkerState& state, const MediaPacket& packet, std::size_t room);
  void make_copies(WorkerState& state, OutgoingBatch& out);

  std::span<MediaPacket> packets_;
  std::size_t at_ = 0;  // index of the current packet
  bool borrowed_ = false;
  bool begun_ = false;        // the current packet is counted, and the next three members are valid
  std::uint8_t source_ = 0;   // index in StreamSlot::sources
  std::uint8_t put_off_ = 0;  // those of the packet's sources that wait, one bit each
  std::uint32_t chunk_ = kNoSlot;
  std::uint32_t entry_ = 0;  // in the chunk
  std::array<Wanted, kOutputs> wanted_;
  std::array<rte_mbuf*, kOutputs> buffers_;
  std::size_t wanted_count_ = 0;
  std::array<MediaPacket, kBatch> waiting_;  // what next_waiting() makes copies of
};

/// Frees what waits in state.fanouts.
void drop_fanouts(WorkerState& state);

/// Adds to `out` the same copy again that the route has sent as `outgoing_index`. `received`: the packet in
/// plaintext, as it came. Changes no state but counts. Returns the drop reason when the copy cannot be sent.
/// REQUIRES: space in `out`; the route's stream still has the tenancy in which `received` came; `received`
/// stays in place until `out` is sealed.
[[nodiscard]] std::optional<DropReason> make_copy_again(WorkerState& state,
                                                        std::span<const std::uint8_t> received,
                                                        std::uint32_t route, std::uint64_t outgoing_index,
                                                        OutgoingBatch& out);

}  // namespace sluice::dataplane
