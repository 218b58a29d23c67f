// port_allocator: the media range of UDP ports, cut into blocks, each port in one of them for ever. What a
// block means is its user's affair (udp_ports.h). An endpoint takes a single port (RTP and RTCP on one, RFC
// 5761) or a pair: RTP even, RTCP the odd one above (RFC 3550 11). The port of a block that has been free
// longest is the next to be given, so that what a former peer still sends reaches no endpoint for as long as
// possible. Control thread only.
//
// A pair is in the block of its even port; a half is in its own.
//
// Singles come from halved pairs; two free halves become a pair again. While pairs are plenty the older of a
// half and a pair is taken; when less than a quarter of a block's pairs is left, halves go first, so that
// singles do not starve pairs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace sluice::control {

class PortAllocator {
 public:
  /// Which block, less than `blocks`, a port is in. Empty: consecutive ranges of even size.
  using BlockOf = std::function<std::size_t(std::uint16_t)>;

  /// [min, max] inclusive, both at most 65535. Ports in [excluded_min, excluded_max] are left out (the shared
  /// ICE ports).
  PortAllocator(std::uint16_t min, std::uint16_t max, std::size_t blocks, std::uint16_t excluded_min = 1,
                std::uint16_t excluded_max = 0, const BlockOf& block_of = {});

  /// nullopt when block `wanted` has none left.
  [[nodiscard]] std::optional<std::uint16_t> acquire_single(std::size_t wanted);
  /// The even port of a pair.
  [[nodiscard]] std::optional<std::uint16_t> acquire_pair(std::size_t wanted);

  /// False, and nothing changes, when that port is not given out as such.
  [[nodiscard]] bool release_single(std::uint16_t port);
  [[nodiscard]] bool release_pair(std::uint16_t even_port);

  std::uint16_t min() const { return min_; }
  std::uint16_t max() const { return max_; }
  std::size_t allocated() const { return allocated_; }  // ports
  std::size_t free() const { return usable_ - allocated_; }
  /// How many pairs, and how many singles at the least, that block can still give.
  std::size_t free_pairs(std::size_t block) const { return blocks_[block].pairs.count; }
  std::size_t free_singles(std::size_t block) const {
    return blocks_[block].pairs.count + blocks_[block].halves.count;
  }
  /// The block of a port of the range; nullopt for ports that are never given.
  [[nodiscard]] std::optional<std::size_t> block_of(std::uint16_t port) const;

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;
  enum class Use : std::uint8_t { kUnusable, kFree, kSingle, kPair };

  // A doubly linked list through `links_`, oldest first. Pairs are linked by their even port, halves by their
  // own.
  struct List {
    std::uint32_t head = kNone;
    std::uint32_t tail = kNone;
    std::size_t count = 0;
  };
  struct Node {
    std::uint32_t previous = kNone;
    std::uint32_t next = kNone;
    std::uint64_t freed_at = 0;  // counts releases; 0 = never given
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
