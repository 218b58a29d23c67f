// port_allocator: hands out the UDP ports of the media range. The range is cut into blocks, and a port stays
// in its block for ever; udp_ports.h says what a block means. An endpoint takes a single port (RTP and RTCP
// on one port, RFC 5761) or a pair: RTP even, RTCP the next odd one (RFC 3550 11). Each block gives the port
// that has been free for longest, so that packets of a former peer do not reach a new endpoint. Control
// thread only.
//
// A pair belongs to the block of its even port; a half belongs to its own block.
//
// A single is one half of a pair, and two free halves become a pair again. acquire_single() takes the older
// of a free half and a free pair. When less than a quarter of a block's pairs is free, it takes halves first,
// so that singles do not use up the pairs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace sluice::control {

class PortAllocator {
 public:
  /// The block of a port, less than `blocks`. An empty function: consecutive ranges of equal size.
  using BlockOf = std::function<std::size_t(std::uint16_t)>;

  /// The range is [min, max], inclusive. Ports in [excluded_min, excluded_max] are left out (the shared ICE
  /// ports); by default none is. REQUIRES: `block_of` returns less than `blocks`.
  PortAllocator(std::uint16_t min, std::uint16_t max, std::size_t blocks, std::uint16_t excluded_min = 1,
                std::uint16_t excluded_max = 0, const BlockOf& block_of = {});

  /// nullopt when block `wanted` has no free port. REQUIRES: `wanted` is less than `blocks`.
  [[nodiscard]] std::optional<std::uint16_t> acquire_single(std::size_t wanted);
  /// The even port of a pair; nullopt when block `wanted` has no free pair.
  [[nodiscard]] std::optional<std::uint16_t> acquire_pair(std::size_t wanted);

  /// False when that port is not in use as a single or as a pair, respectively; then nothing changes.
  [[nodiscard]] bool release_single(std::uint16_t port);
  [[nodiscard]] bool release_pair(std::uint16_t even_port);

  std::uint16_t min() const { return min_; }
  std::uint16_t max() const { return max_; }
  std::size_t allocated() const { return allocated_; }  // ports
  std::size_t free() const { return usable_ - allocated_; }
  /// The number of pairs, and the least number of singles, that the block can still give.
  std::size_t free_pairs(std::size_t block) const { return blocks_[block].pairs.count; }
  std::size_t free_singles(std::size_t block) const {
    return blocks_[block].pairs.count + blocks_[block].halves.count;
  }
  /// The block of a port of the range; nullopt for a port that is never given.
  [[nodiscard]] std::optional<std::size_t> block_of(std::uint16_t port) const;

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;
  enum class Use : std::uint8_t { kUnusable, kFree, kSingle, kPair };

  // A doubly linked list through `nodes_`, oldest first. Pairs are linked by their even port, halves by their
  // own port.
  struct List {
    std::uint32_t head = kNone;
    std::uint32_t tail = kNone;
    std::size_t count = 0;
  };
  struct Node {
    std::uint32_t previous = kNone;
    std::uint32_t next = kNone;
    std::uint64_t freed_at = 0;  // number of the release; 0 = never given
    Use use = Use::kUnusable;
    bool single_only = false;  // its other half is outside the range
    std::uint16_t block = 0;
  };
  struct Block {
    List pairs;
    List halves;
    std::size_t all_pairs = 0;
  };

  Node& node(std::uint32_t port) { return nodes_[port - min_]; }
  Block& block_at(std::uint32_t port) { return blocks_[node(port).block]; }
  void append(List& list, std::uint32_t port);
  void unlink(List& list, std::uint32_t port);
  void take(std::uint32_t port, Use use);

  std::uint16_t min_;
  std::uint16_t max_;
  std::size_t usable_ = 0;
  std::size_t allocated_ = 0;
  std::uint64_t releases_ = 0;
  std::vector<Node> nodes_;
  std::vector<Block> blocks_;
};

}  // namespace sluice::control
