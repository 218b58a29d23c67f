#include "controlplane/session/port_allocator.h"

namespace sluice::control {

PortAllocator::PortAllocator(std::uint16_t min, std::uint16_t max, std::size_t blocks,
                             std::uint16_t excluded_min, std::uint16_t excluded_max, const BlockOf& block_of)
    : min_(min), max_(max), blocks_(blocks) {
  if (max < min || blocks == 0) return;
  nodes_.resize(std::size_t{max} - min + 1);
  const auto usable = [&](std::uint32_t port) {
    return port >= min && port <= max && (port < excluded_min || port > excluded_max);
  };
  // Without a given function all blocks have the same size, give or take one pair.
  const std::uint32_t first_pair = min / 2u;
  const std::size_t pairs = max / 2u - first_pair + 1;
  for (std::size_t i = 0; i < pairs; ++i) {
    const auto even = static_cast<std::uint32_t>((first_pair + i) * 2);
    const bool both = usable(even) && usable(even + 1);
    for (std::uint32_t port = even; port <= even + 1; ++port) {
      if (!usable(port)) continue;
      const std::size_t block = block_of ? block_of(static_cast<std::uint16_t>(port)) : i * blocks / pairs;
      node(port).block = static_cast<std::uint16_t>(block);
      node(port).use = Use::kFree;
      node(port).single_only = !both;
      ++usable_;
      if (!both) append(block_at(port).halves, port);
    }
    if (both) {
      append(block_at(even).pairs, even);
      ++block_at(even).all_pairs;
    }
  }
}

std::optional<std::uint16_t> PortAllocator::acquire_single(std::size_t wanted) {
  Block& block = blocks_[wanted];
  const bool pairs_plenty = block.pairs.count * 4 >= block.all_pairs && block.pairs.count != 0;
  const bool half_older = block.halves.count != 0 && block.pairs.count != 0 &&
                          node(block.halves.head).freed_at <= node(block.pairs.head).freed_at;
  if (block.halves.count != 0 && (!pairs_plenty || half_older)) {
    const std::uint32_t port = block.halves.head;
    unlink(block.halves, port);
    take(port, Use::kSingle);
    return static_cast<std::uint16_t>(port);
  }
  if (block.pairs.count == 0) return std::nullopt;
  const std::uint32_t even = block.pairs.head;
  unlink(block.pairs, even);
  // The other half keeps its time of release but goes to the end of the list of halves, which is ordered by
  // the time when a port became a half.
  node(even + 1).freed_at = node(even).freed_at;
  append(block_at(even + 1).halves, even + 1);
  take(even, Use::kSingle);
  return static_cast<std::uint16_t>(even);
}

std::optional<std::uint16_t> PortAllocator::acquire_pair(std::size_t wanted) {
  Block& block = blocks_[wanted];
  if (block.pairs.count == 0) return std::nullopt;
  const std::uint32_t even = block.pairs.head;
  unlink(block.pairs, even);
  take(even, Use::kPair);
  take(even + 1, Use::kPair);
  return static_cast<std::uint16_t>(even);
}

bool PortAllocator::release_single(std::uint16_t port) {
  if (port < min_ || port > max_ || node(port).use != Use::kSingle) return false;
  Node& freed = node(port);
  freed.use = Use::kFree;
  freed.freed_at = ++releases_;
  --allocated_;
  if (!freed.single_only && node(port ^ 1u).use == Use::kFree) {
    const std::uint32_t even = port & ~1u;
    unlink(block_at(port ^ 1u).halves, port ^ 1u);
    node(even).freed_at = releases_;
    append(block_at(even).pairs, even);
  } else {
    append(block_at(port).halves, port);
  }
  return true;
}

bool PortAllocator::release_pair(std::uint16_t even_port) {
  if (even_port % 2 != 0 || even_port < min_ || even_port >= max_ || node(even_port).use != Use::kPair)
    return false;
  node(even_port).use = Use::kFree;
  node(even_port + 1u).use = Use::kFree;
  node(even_port).freed_at = ++releases_;
  allocated_ -= 2;
  append(block_at(even_port).pairs, even_port);
  return true;
}

std::optional<std::size_t> PortAllocator::block_of(std::uint16_t port) const {
  if (port < min_ || port > max_ || nodes_.empty()) return std::nullopt;
  const Node& found = nodes_[port - min_];
  if (found.use == Use::kUnusable) return std::nullopt;
  return found.block;
}

void PortAllocator::append(List& list, std::uint32_t port) {
  Node& added = node(port);
  added.previous = list.tail;
  added.next = kNone;
  if (list.tail == kNone)
    list.head = port;
  else
    node(list.tail).next = port;
  list.tail = port;
  ++list.count;
}

void PortAllocator::unlink(List& list, std::uint32_t port) {
  Node& removed = node(port);
  if (removed.previous == kNone)
    list.head = removed.next;
  else
    node(removed.previous).next = removed.next;
  if (removed.next == kNone)
    list.tail = removed.previous;
  else
    node(removed.next).previous = removed.previous;
  removed.previous = removed.next = kNone;
  --list.count;
}

void PortAllocator::take(std::uint32_t port, Use use) {
  node(port).use = use;
  ++allocated_;
}

}  // namespace sluice::control
