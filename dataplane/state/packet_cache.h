// packet_cache: the last received packets of one worker, as plaintext. With it the worker itself can answer a
// receiver that lost a packet (stages/retransmit.h). The cache is a log: it copies packets one behind the
// other into a ring of memory, and new packets overwrite the oldest ones. Worker only; no allocation after
// construction.
//
// Why it keeps copies and not packet buffers: a buffer occupies more than 2 KiB even for a packet of a
// hundred bytes. And a buffer that was kept for long is in no CPU cache any more when the next packet is
// written into it. The copy bypasses the CPU caches, so it takes no space there, and it need not be freed.
//
// Invariants: open() returns exactly the bytes that keep() got under that key. A key contains the tenancy, so
// the key of an ended stream is never used again, and entries need not be removed.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/base/slot_array.h"

namespace sluice::dataplane {

/// Names one packet: the stream, its tenancy, and the incoming packet index, which never repeats.
struct CachedKey {
  std::uint32_t stream;  // slot
  std::uint32_t tenancy;
  std::uint64_t index;
  bool operator==(const CachedKey&) const = default;
};

/// The unit of the log.
struct alignas(64) CacheLine {
  std::array<std::uint8_t, 64> bytes;
};

/// The newest entries whose keys hash to this bucket, newest first: line number << 16 | tag. Line numbers
/// only grow. The tag is 16 bits of the key's hash.
struct alignas(64) CacheBucket {
  static constexpr std::size_t kWays = 8;
  std::array<std::uint64_t, kWays> ways;
};

class PacketCache {
 public:
  static constexpr std::size_t kMaxPacket = 2048;  // a longer one is not kept

  /// Takes `mib` MiB for packets, and 1/32 to 1/16 of that for the index. 0 = keeps nothing. Control thread.
  explicit PacketCache(std::size_t mib);

  /// Touches all the memory, so that no page fault delays a packet. REQUIRES: the worker's thread calls it,
  /// before its first turn. So the kernel takes the memory from the NUMA node of that thread.
  void warm();

  bool enabled() const { return lines_.size() != 0; }

  /// Prefetches the part of the index that keep() will write.
  void prefetch(const CachedKey& key) const;

  /// Copies `packet`. Its entry has 32 bytes more, rounded up to lines of 64 bytes. Does nothing when the
  /// packet is longer than kMaxPacket. REQUIRES: nothing was kept under the key before.
  void keep(const CachedKey& key, std::span<const std::uint8_t> packet);

  /// The place of the packet, or nullptr when the index does not have it. The place may be that of another
  /// packet, since the index has only 16 bits of the key's hash: open() checks. locate() does not read the
  /// log, which is in no cache. So prefetch the place, and open it later.
  const CacheLine* locate(const CachedKey& key) const;
  /// The packet at `place`, or empty when it has another key. Valid until the next keep(). REQUIRES: `place`
  /// comes from locate(), with no keep() since.
  std::span<const std::uint8_t> open(const CacheLine* place, const CachedKey& key) const;

 private:
  // An entry begins with this, then the packet follows. An entry has whole lines.
  struct alignas(32) Head {
    CachedKey key;
    std::uint16_t length;
  };
  bool intact(std::uint64_t line) const { return next_line_ - line <= lines_.size(); }

  SlotArray<CacheLine> lines_;
  SlotArray<CacheBucket> buckets_;  // a power of two
  std::size_t next_;                // index of next_line_ in lines_
  std::uint64_t next_line_;         // begins so high that the zero in an unused way counts as overwritten
};

}  // namespace sluice::dataplane
