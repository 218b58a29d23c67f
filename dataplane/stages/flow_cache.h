// flow_cache: the fast path for the packets that continue a flow: the next RTP packet of a stream with a
// single route, which needs nothing but new numbers. It does to them what classify, unprotect, forward,
// protect and transmit would do, byte for byte and count for count, and leaves all others to these stages.
// They stay the one truth: forward teaches the cache, all state is in the slots, and anything unusual falls
// through. Worker only.
//
// What continues a flow: the headers are those of the flow except for TTL, DSCP, identification, marker,
// sequence number and timestamp; the sequence number is the next one; the port has found the checksums good.
//
// It also passes on the packets that another worker owns, which must not wait until all is fetched for them.
//
// Order. When a packet of an endpoint is left to the stages, so are those of the endpoint behind it in the
// batch.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/state/batch.h"

namespace sluice::dataplane {

class FlowCache {
 public:
  /// Serves and takes the packets that continue a flow. Returns the others in their order, valid until the
  /// next call.
  std::span<rte_mbuf* const> run(WorkerState& state, std::span<rte_mbuf* const> packets);

 private:
  /// A packet that continues a flow.
  struct Item {
    rte_mbuf* mbuf;
    std::uint8_t* frame;
    CachedFlow* flow;
    StreamSlot* stream;
    RouteSlot* route;
    EndpointSlot* receiver;
    std::uint64_t index;   // incoming
    std::uint16_t length;  // of the RTP packet, without a tag once it is opened
  };
  struct Sealing {
    rte_mbuf* mbuf;
    EndpointSlot* receiver;
  };

  void find(WorkerState& state, std::span<rte_mbuf* const> packets);
  bool match(WorkerState& state, rte_mbuf* mbuf, EndpointSlot& sender, Item& item);
  bool admit(EndpointSlot& sender, Item& item) const;
  static void rewrite(const CachedFlow& flow, const RouteSlot& route, std::uint16_t udp, std::uint8_t* frame);
  /// `item` is a copy, so that the compiler need not read it again behind each write.
  void leave(WorkerState& state, EndpointSlot& sender, Item item);
  void add_to_open(WorkerState& state, std::size_t i);
  void open(WorkerState& state);
  void seal(WorkerState& state);
  void refuse(WorkerState& state, EndpointSlot& sender, const Item& item, crypto::SrtpStatus status);

  std::uint32_t run_ = 0;  // number of this call
  std::size_t served_ = 0;
  std::array<EndpointSlot*, kBatch> senders_;  // null: the stages serve the packet
  std::uint64_t handed_off_ = 0;               // packets that went to other workers, one bit each
  static_assert(kBatch <= 64);
  std::array<Item, kBatch> items_;
  std::array<rte_mbuf*, kBatch> left_;
  std::array<std::uint8_t, kBatch> opening_;  // indices of items_
  std::array<crypto::RtpUnprotectJob, kBatch> opens_;
  std::size_t open_count_ = 0;
  std::array<rte_mbuf*, kBatch> refused_;
  unsigned refused_count_ = 0;
  std::array<Sealing, kBatch> sealing_;
  std::array<crypto::RtpProtectJob, kBatch> seals_;
  std::size_t seal_count_ = 0;
};

/// `packet` has left by its stream's direct route, rewritten in place, and its headers below RTP are still as
/// they came: the next one may take the fast path. REQUIRES: packet.continues.
void learn_flow(WorkerState& state, const MediaPacket& packet);

}  // namespace sluice::dataplane
