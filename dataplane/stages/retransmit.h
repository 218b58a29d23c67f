// retransmit: answers a receiver's NACK (RFC 4585 6.2.1). A route with `retransmit` does that from the packet
// cache. It sends a packet again exactly as the route sent it: same plaintext, header, packet index and keys.
// So a GCM nonce is used again only for the same message, which reveals nothing. The receiver's replay window
// accepts the packet only if it was lost. Any route asks the publisher for packets that never came here.
// Worker only.
//
// Four bytes of a NACK can ask for 17 packets, so there are limits. A turn looks at kLookedAt numbers and
// sends at most kOutputs packets. Of one receiver it looks at kReceiverBurst numbers at most, so that others
// have a share of the turn; and at kReceiverPerSecond in the long run, so that a few receivers do not use up
// each turn. A route sends no more packets again than it sends for the first time, with a reserve of at most
// kCreditMax. It does not send one packet again twice within kAgainAfterMs.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/state/batch.h"

namespace sluice::dataplane {

struct NackAnswer {
  std::size_t ask_length = 0;  // bytes of NACK entries for the publisher
  bool lost_for_good = false;  // a packet came here, and cannot be sent again
};

class Retransmit {
 public:
  static constexpr std::size_t kLookedAt = 1024;  // lost sequence numbers, over all NACKs of a turn
  static constexpr std::size_t kReceiverBurst = 256;
  static constexpr std::uint64_t kReceiverPerSecond = 8192;
  static constexpr std::size_t kMostBytes = 128;  // of entries, at once
  static constexpr std::uint64_t kCreditMax = 256;
  static constexpr std::uint64_t kAgainAfterMs = 5;
  /// The publisher is not asked twice for a packet within this time, whichever receivers miss it. It should
  /// be the round trip to the publisher, which the worker does not know: LSR and DLSR (RFC 3550 6.4.1) pass
  /// from end to end. 100 ms is also what libwebrtc takes for the round trip until it has measured it.
  static constexpr std::uint64_t kAskAgainAfterMs = 100;

  /// send() makes the packets in `batch`. REQUIRES: no other code uses `batch` during send().
  explicit Retransmit(OutgoingBatch& batch) : batch_(batch) {}

  /// Called before the NACKs that a turn finds in one place: in RTCP, or in loans.
  void start();

  /// Handles the entries (PID and BLP) of a NACK for `route`, and notes the packets for send(). Packets that
  /// never came here must be asked of the publisher: their numbers, as the publisher counts, go to `ask`, at
  /// most two entries for one. Every number in `entries` is counted as retransmitted, suppressed or missed,
  /// here or in send(). REQUIRES: a live stream feeds the route; at most kMostBytes of entries, and space for
  /// twice as many in `ask`.
  NackAnswer answer(WorkerState& state, std::uint32_t route, std::span<const std::uint8_t> entries,
                    std::span<std::uint8_t> ask);

  /// Handles the entries of a NACK that another worker's receivers have for a stream of this worker, in the
  /// publisher's numbers. Writes to `ask` what never came and was not asked lately. Returns how many bytes.
  /// REQUIRES: space for all entries in `ask`.
  std::size_t merge(WorkerState& state, std::uint32_t stream, std::span<const std::uint8_t> entries,
                    std::span<std::uint8_t> ask);

  /// Seals and sends the packets that answer() has noted.
  void send(WorkerState& state);

 private:
  // A packet for send(). Its place in the packet cache is in no CPU cache: answer() prefetches it, and send()
  // opens it after all have been prefetched.
  struct Wanted {
    const CacheLine* place;
    CachedKey key;
    std::uint64_t outgoing;
    std::uint32_t route;
  };

  // A packet that was asked for, and when. In the table a new entry may replace another one. The effect is
  // only that a packet may be sent again too soon.
  struct Asked {
    std::uint64_t key = 0;
    std::uint64_t tsc = 0;
  };
  static constexpr std::size_t kAskedSize = 4096;

  enum class Verdict : std::uint8_t { kAnswered, kAskPublisher, kLostForGood };

  bool asked_lately(const WorkerState& state, std::uint64_t key, std::uint64_t within_ms) const;
  void remember(const WorkerState& state, std::uint64_t key);
  bool is_asked_now(const WorkerState& state, std::uint32_t stream, std::uint64_t index);
  Verdict answer_one(WorkerState& state, std::uint32_t route, std::uint64_t outgoing, std::uint64_t index);

  OutgoingBatch& batch_;
  std::size_t looked_at_ = 0;
  std::size_t wanted_count_ = 0;
  std::array<Wanted, kOutputs> wanted_;
  std::array<Asked, kAskedSize> asked_{};
};

}  // namespace sluice::dataplane
