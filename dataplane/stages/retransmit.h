// retransmit: answers a receiver's NACK (RFC 4585 6.2.1) from the packet cache. A packet goes out again byte
// for byte as the route sent it: same plaintext, same header, same packet index and keys. So a GCM nonce is
// used twice for one and the same message only, which reveals nothing, and the receiver's replay window
// takes it as what it is. Worker only.
//
// A NACK is a lever: four bytes ask for 17 packets. It is bounded on each side: kLookedAt numbers and
// kOutputs packets a turn; for each route no more packets again than it sends for the first time, with
// kCreditMax in reserve; and no packet twice to one route within kAgainAfterMs.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/state/batch.h"

namespace sluice::dataplane {

class Retransmit {
 public:
  static constexpr std::size_t kLookedAt = 1024;  // lost sequence numbers, over all NACKs of a turn
  static constexpr std::uint64_t kCreditMax = 256;
  static constexpr std::uint64_t kAgainAfterMs = 5;

  /// Makes its packets in `batch`, which no other code uses during send().
  explicit Retransmit(OutgoingBatch& batch) : batch_(batch) {}

  /// Before the NACKs of a turn.
  void start();

  /// Goes through the entries (PID and BLP) of a NACK about `route`, which a live stream feeds. What the
  /// publisher still has to send, because it never came here, is written to `ask` as entries with the
  /// publisher's own numbers; returns how many bytes. With send(), every number that `entries` name is
  /// counted as retransmitted, suppressed or missed.
  std::size_t answer(WorkerState& state, std::uint32_t route, std::span<const std::uint8_t> entries,
                     std::span<std::uint8_t> ask);

  /// Seals and sends what answer() found.
  void send(WorkerState& state);

 private:
  // What send() will send. Places in the cache are far away: all are on their way before the first is opened.
  struct Wanted {
    const CacheLine* place;
    CachedKey key;
    std::uint64_t outgoing;
    std::uint32_t route;
  };

  // Who asked for what, lately. A table where the newer entry displaces the older: to forget is harmless.
  struct Asked {
    std::uint64_t key = 0;
    std::uint64_t tsc = 0;
  };
  static constexpr std::size_t kAskedSize = 4096;

  bool asked_lately(const WorkerState& state, std::uint64_t key) const;
  void remember(const WorkerState& state, std::uint64_t key);
  // True when the publisher has to be asked for the packet with the incoming `index`.
  bool answer_one(WorkerState& state, std::uint32_t route, std::uint64_t outgoing, std::uint64_t index);

  OutgoingBatch& batch_;
  std::size_t looked_at_ = 0;
  std::size_t wanted_count_ = 0;
  std::array<Wanted, kOutputs> wanted_;
  std::array<Asked, kAskedSize> asked_{};
};

}  // namespace sluice::dataplane
