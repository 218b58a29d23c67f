// flow_table: finds the receiver of a frame by destination address, UDP port and SSRC. An entry has
// everything that the sink keeps of a receiver. It is half a cache line, and a packet touches one entry. The
// table is filled at the start. The sink's thread owns it.
#pragma once

#include <bit>
#include <cstdint>

#include "bench/gen/huge_array.h"
#include "config/ip_address.h"

namespace sluice::gen {

struct ReceiverFlow {
  std::uint64_t key;    // 0: free
  std::uint64_t index;  // highest outgoing packet index: ROC || SEQ
  std::uint32_t receiver;
  std::uint32_t count;  // new packets in this trial
  std::uint16_t shift;  // outgoing sequence number minus incoming one
  bool seen;
  std::uint8_t spare[5];
};
static_assert(sizeof(ReceiverFlow) == 32);

class FlowTable {
 public:
  explicit FlowTable(std::size_t flows) : slots_(std::bit_ceil(flows * 2 + 16)), mask_(slots_.size() - 1) {}

  /// A hash of address, port and SSRC; never 0. `address`: the IP address folded to 8 bytes.
  static std::uint64_t key(std::uint64_t address, std::uint16_t port, std::uint32_t ssrc) {
    std::uint64_t x = (address ^ std::uint64_t{port} << 40) * 0x9e3779b97f4a7c15ULL;
    x = (x ^ x >> 32 ^ ssrc) * 0xd6e8feb86659fd93ULL;
    x ^= x >> 32;
    return x == 0 ? 1 : x;
  }
  void prefetch(std::uint64_t key) const { __builtin_prefetch(&slots_[key & mask_], 1); }

  ReceiverFlow* find(std::uint64_t key) {
    for (std::uint64_t at = key & mask_; slots_[at].key != 0; at = (at + 1) & mask_)
      if (slots_[at].key == key) return &slots_[at];
    return nullptr;
  }
  /// nullptr when the table already has the key.
  ReceiverFlow* insert(std::uint64_t key, std::uint32_t receiver) {
    std::uint64_t at = key & mask_;
    for (; slots_[at].key != 0; at = (at + 1) & mask_)
      if (slots_[at].key == key) return nullptr;
    slots_[at].key = key;
    slots_[at].receiver = receiver;
    return &slots_[at];
  }
  template <typename Do>
  void each(Do&& act) {
    for (std::size_t i = 0; i < slots_.size(); ++i)
      if (slots_[i].key != 0) act(slots_[i]);
  }

 private:
  HugeArray<ReceiverFlow> slots_;
  std::uint64_t mask_;
};

}  // namespace sluice::gen
