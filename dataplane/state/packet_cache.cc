#include "dataplane/state/packet_cache.h"

#include <emmintrin.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include "dataplane/base/flat_table.h"
#include "dataplane/base/prefetch.h"

namespace sluice::dataplane {
namespace {

constexpr std::size_t kLine = sizeof(CacheLine);
// On average a bucket, which has eight ways, then stands for 1.6 packets of 1,200 bytes. Of small audio
// packets alone it stands for more than eight: the index then loses the oldest ones before the log overwrites
// them.
constexpr std::size_t kLinesPerBucket = 32;

std::uint64_t hash_of(const CachedKey& key) {
  return mix64((std::uint64_t{key.stream} << 32 | key.tenancy) * 0x9e3779b97f4a7c15ULL + key.index);
}
std::uint16_t tag_of(std::uint64_t hash) {
  return static_cast<std::uint16_t>(hash >> 48);
}

void stream_store(std::uint8_t* to, __m128i value) {
  _mm_stream_si128(reinterpret_cast<__m128i*>(to), value);
}

// Bypasses the CPU caches, since these bytes are seldom read. Fills the last line with zeros, so that each
// line goes to memory in one piece.
void stream_copy(std::uint8_t* to, const std::uint8_t* from, std::size_t length) {
  constexpr std::size_t kStep = sizeof(__m128i);
  std::size_t at = 0;
  for (; at + kStep <= length; at += kStep)
    stream_store(to + at, _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at)));
  if (at < length) {
    alignas(kStep) std::array<std::uint8_t, kStep> last{};
    std::memcpy(last.data(), from + at, length - at);
    stream_store(to + at, _mm_load_si128(reinterpret_cast<const __m128i*>(last.data())));
    at += kStep;
  }
  for (; reinterpret_cast<std::uintptr_t>(to + at) % kLine != 0; at += kStep)
    stream_store(to + at, _mm_setzero_si128());
}

}  // namespace

PacketCache::PacketCache(std::size_t mib)
    : lines_((mib << 20) / kLine),
      buckets_(mib == 0 ? 0 : std::bit_ceil(lines_.size() / kLinesPerBucket)),
      next_(0),
      next_line_(2 * lines_.size()) {}

void PacketCache::warm() {
  constexpr std::size_t kLinesPerPage = 4096 / kLine;
  for (std::size_t i = 0; i < lines_.size(); i += kLinesPerPage) lines_[i].bytes[0] = 0;
  for (std::size_t i = 0; i < buckets_.size(); i += kLinesPerPage) buckets_[i].ways[0] = 0;
}

void PacketCache::prefetch(const CachedKey& key) const {
  if (enabled()) prefetch_to_write(&buckets_[hash_of(key) & (buckets_.size() - 1)]);
}

void PacketCache::keep(const CachedKey& key, std::span<const std::uint8_t> packet) {
  if (!enabled() || packet.size() > kMaxPacket) return;
  assert(locate(key) == nullptr || open(locate(key), key).empty());
  const std::size_t lines = (sizeof(Head) + packet.size() + kLine - 1) / kLine;
  if (next_ + lines > lines_.size()) {  // an entry does not wrap around
    next_line_ += lines_.size() - next_;
    next_ = 0;
  }
  const std::uint64_t hash = hash_of(key);
  CacheBucket& bucket = buckets_[hash & (buckets_.size() - 1)];
  std::memmove(&bucket.ways[1], &bucket.ways[0], sizeof bucket.ways - sizeof bucket.ways[0]);
  bucket.ways[0] = next_line_ << 16 | tag_of(hash);

  std::uint8_t* entry = lines_[next_].bytes.data();
  Head head{};
  head.key = key;
  head.length = static_cast<std::uint16_t>(packet.size());
  __m128i halves[2];
  static_assert(sizeof head == sizeof halves);
  std::memcpy(halves, &head, sizeof head);
  stream_store(entry, halves[0]);
  stream_store(entry + sizeof halves[0], halves[1]);
  stream_copy(entry + sizeof head, packet.data(), packet.size());
  next_ += lines;
  next_line_ += lines;
}

const CacheLine* PacketCache::locate(const CachedKey& key) const {
  if (!enabled()) return nullptr;
  const std::uint64_t hash = hash_of(key);
  for (const std::uint64_t way : buckets_[hash & (buckets_.size() - 1)].ways) {
    const std::uint64_t line = way >> 16;
    if (!intact(line)) return nullptr;  // the ways behind it are even older
    if (static_cast<std::uint16_t>(way) != tag_of(hash)) continue;
    const std::uint64_t age = next_line_ - line;
    return &lines_[next_ >= age ? next_ - age : next_ + lines_.size() - age];
  }
  return nullptr;
}

std::span<const std::uint8_t> PacketCache::open(const CacheLine* place, const CachedKey& key) const {
  assert(place >= &lines_[0] && place <= &lines_[lines_.size() - 1]);
  Head head;
  std::memcpy(&head, place, sizeof head);
  if (head.key != key) return {};
  return {place->bytes.data() + sizeof head, head.length};
}

}  // namespace sluice::dataplane
