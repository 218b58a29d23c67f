// packet_cache: the last received packets of one worker, as plaintext, so that the worker itself can answer a
// receiver that lost one (retransmit.h). A log: packets are copied one behind the other into a ring of
// memory, and the newest overwrite the oldest. Worker only; no allocation after construction.
//
// Why copies and not the packet buffers themselves: a buffer occupies more than 2 KiB for a packet of a
// hundred bytes, and every buffer that is kept comes back to the pool cold, to be written again by whatever
// comes next. The copy is written past the CPU's caches, whose room it does not take, and nothing has to be
// freed.
//
// Invariants: what open() returns is exactly what keep() was given under that key. A key whose stream has
// ended is never asked for again, since its tenancy is over: nothing needs to be taken out.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/base/slot_array.h"

namespace sluice::dataplane {

/// Which packet: of a stream's tenancy, by its incoming packet index (never the same twice).
struct CachedKey {
  std::uint32_t stream;  // slot
  std::uint32_t tenancy;
  std::uint64_t index;
  bool operator==(const CachedKey&) const = default;
};

/// What the log is made of.
struct alignas(64) CacheLine {
  std::array<std::uint8_t, 64> bytes;
};

/// The newest entries whose keys lead here, newest first: line number << 16 | tag. Line numbers only grow.
struct alignas(64) CacheBucket {
  static constexpr std::size_t kWays = 8;
  std::array<std::uint64_t, kWays> ways;
};

class PacketCache {
 public:
  static constexpr std::size_t kMaxPacket = 2048;  // a longer one is not kept

  /// `mib` of packets, and a thirtieth of that or a little more for the index. 0 = keeps nothing.
  explicit PacketCache(std::size_t mib);

  /// Touches all the memory, so that no page fault meets a packet. The worker's thread, before its first
  /// turn: where the kernel knows several memories, it gives the one that is near.
  void warm();

  bool enabled() const { return lines_.size() != 0; }

  /// Asks for what keep() will touch of the index.
  void prefetch(const CachedKey& key) const;

  /// Copies `packet`, 32 bytes and what the last line of 64 leaves over. REQUIRES: nothing was kept under the
  /// key before.
  void keep(const CachedKey& key, std::span<const std::uint8_t> packet);

  /// Where the packet is, if it is there: nullptr is certain, a place is not (the index knows 16 bits of the
  /// key). Reads nothing of the log, whose lines are far: prefetch the place, and open it a while later.
  const CacheLine* locate(const CachedKey& key) const;
  /// What locate() found, if it is of that key; empty otherwise. REQUIRES: no keep() between. Valid until the
  /// next.
  std::span<const std::uint8_t> open(const CacheLine* place, const CachedKey& key) const;

 private:
  // An entry begins with this, and its packet follows. Whole lines.
  struct alignas(32) Head {
    CachedKey key;
    std::uint16_t length;
  };
  bool intact(std::uint64_t line) const { return next_line_ - line <= lines_.size(); }

  SlotArray<CacheLine> lines_;
  SlotArray<CacheBucket> buckets_;  // a power of two
  std::size_t next_;                // place of next_line_ in lines_
  std::uint64_t next_line_;         // starts so high that the zeros of an unused way are long overwritten
};

}  // namespace sluice::dataplane
