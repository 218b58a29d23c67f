// A packet in the wrong worker's queue reaches the right worker, and both ledgers close.
#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include "crypto/engine_factory.h"
#include "tests/support/harness.h"

namespace sluice::dataplane::test {
namespace {

// A second worker beside the harness's. It has no receive queue: all its packets are handed over.
class Neighbour {
 public:
  explicit Neighbour(Harness& plane) : memory_(plane.config().limits, plane.waker()) {
    std::string error;
    std::vector<PortInfo> ports = plane.worker().state().ports;
    worker_ = std::make_unique<Worker>(
        std::make_unique<WorkerState>(1, plane.config(), memory_, plane.steering(),
                                      crypto::make_engine(crypto::EngineKind::kIpsecMb, error), ports,
                                      plane.pool(), plane.tsc_hz(), 1),
        config::Workers{});
  }
  void install(const Peer& peer, std::uint16_t port_id) {
    EndpointSlot& slot = memory_.endpoints[0];
    slot.generation = 1;
    slot.kind = EndpointKind::kRtp;
    slot.rtcp_mux = true;
    slot.port_id = port_id;
    slot.max_streams = 4;
    slot.local = peer.local;
    slot.rtcp_port = peer.local.address.port;
    slot.rtp = make_header_template(peer.local, peer.remote, 0);
    Command command;
    command.kind = CommandKind::kInstallEndpoint;
    command.ref = {0, 1};
    ASSERT_TRUE(memory_.commands.push(command));
    worker_->turn(2);
  }
  void inject(rte_mbuf* mbuf, std::uint16_t port_id) {
    Command command;
    command.kind = CommandKind::kInject;
    command.mbuf = mbuf;
    command.port_id = port_id;
    while (!memory_.commands.push(command)) worker_->turn(3);
    if (memory_.commands.size() >= 32) worker_->turn(3);
  }
  WorkerCounters& counters() { return memory_.counters; }
  void turn() { worker_->turn(3); }

 private:
  WorkerMemory memory_;
  std::unique_ptr<Worker> worker_;
};

TEST(HandoffTest, AMisdirectedPacketReachesItsOwner) {
  Harness plane(crypto::EngineKind::kIpsecMb, 2);
  Neighbour neighbour(plane);
  Peer peer;
  peer.local = {kOurMac, {kOurIp, 30000}};
  peer.remote = {{2, 0, 0, 0, 1, 1}, {config::IpAddress::v4(198, 18, 1, 1), 5000}};
  neighbour.install(peer, plane.worker().state().ports[0].id);
  plane.deliver(peer, make_rtp({}));
  EXPECT_EQ(plane.drops(DropReason::kNoEndpoint), 1u) << "no worker owns that port yet";
  plane.steering().set_owner(0, 30000, 1);
  plane.deliver(peer, make_rtp({}));
  EXPECT_EQ(plane.counters().handed_off.read(), 1u);
  neighbour.turn();
  EXPECT_EQ(neighbour.counters().received.read(), 1u);
  EXPECT_EQ(neighbour.counters().drops[static_cast<std::size_t>(DropReason::kNoRoute)].read(), 1u);
  EXPECT_TRUE(read_ledger(neighbour.counters()).balanced());
}

TEST(HandoffTest, AFullRingIsANamedDrop) {
  Harness plane(crypto::EngineKind::kIpsecMb, 2);
  Neighbour neighbour(plane);
  Peer peer;
  peer.local = {kOurMac, {kOurIp, 30000}};
  peer.remote = {{2, 0, 0, 0, 1, 1}, {config::IpAddress::v4(198, 18, 1, 1), 5000}};
  neighbour.install(peer, plane.worker().state().ports[0].id);
  plane.steering().set_owner(0, 30000, 1);
  constexpr std::uint64_t kPackets = Steering::kRingEntries + 10;
  for (std::uint64_t i = 0; i < kPackets; ++i) plane.deliver(peer, make_rtp({}));
  EXPECT_EQ(plane.counters().handed_off.read(), Steering::kRingEntries);
  EXPECT_EQ(plane.drops(DropReason::kHandoffRingFull), 10u);
  for (int i = 0; i < 64; ++i) neighbour.turn();
  EXPECT_EQ(neighbour.counters().received.read(), Steering::kRingEntries);
  EXPECT_TRUE(read_ledger(neighbour.counters()).balanced());
}

// One worker that hands off without end does not keep the packets of another one waiting.
TEST(HandoffTest, TheOtherWorkersTakeTurns) {
  Harness plane(crypto::EngineKind::kIpsecMb, 3);
  const Peer peer = plane.add_peer();
  const Bytes frame = plane.frame_from(peer, make_rtp({}));
  const auto hand_off = [&](std::size_t from) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(plane.pool());
    std::copy(frame.begin(), frame.end(), rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size())));
    mbuf->port = plane.worker().state().ports[0].id;
    ASSERT_TRUE(plane.steering().ring(from, 0).push(mbuf));
  };
  for (int i = 0; i < 100; ++i) hand_off(2);
  for (int turn = 0; turn < 20; ++turn) {
    while (plane.steering().ring(1, 0).size() < kBatch) hand_off(1);
    plane.turn();
  }
  EXPECT_EQ(plane.steering().ring(2, 0).size(), 0u);
  for (int turn = 0; turn < 10; ++turn) plane.turn();
  EXPECT_TRUE(read_ledger(plane.counters()).balanced());
}

// The neighbour has no transmit queue either.
TEST(HandoffTest, AWorkerWithoutATransmitQueuePassesItsFramesOn) {
  Harness plane(crypto::EngineKind::kIpsecMb, 2);
  Neighbour neighbour(plane);
  const std::uint16_t port_id = plane.worker().state().ports[0].id;
  const Bytes frame = plane.frame_from(plane.add_peer(), make_rtp({}));
  constexpr std::size_t kFrames = 3 * kBatch;
  for (std::size_t i = 0; i < kFrames; ++i) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(plane.pool());
    std::copy(frame.begin(), frame.end(), rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size())));
    neighbour.inject(mbuf, port_id);
  }
  neighbour.turn();
  neighbour.turn();
  EXPECT_EQ(neighbour.counters().passed_on.read(), kFrames);
  EXPECT_EQ(neighbour.counters().transmitted.read(), 0u);
  EXPECT_TRUE(read_ledger(neighbour.counters()).balanced());
  std::size_t sent = 0;
  for (int i = 0; i < 4; ++i) {
    for (const Sent& out : plane.sent()) {
      EXPECT_EQ(out.frame, frame);
      ++sent;
    }
  }
  EXPECT_EQ(sent, kFrames);
  EXPECT_EQ(plane.counters().carried.read(), kFrames);
  EXPECT_TRUE(read_ledger(plane.counters()).balanced());
}

TEST(HandoffTest, WhatASendRingDoesNotTakeWaits) {
  Harness plane(crypto::EngineKind::kIpsecMb, 2);
  Neighbour neighbour(plane);
  const std::uint16_t port_id = plane.worker().state().ports[0].id;
  constexpr std::size_t kFrames = Steering::kRingEntries + 10;
  for (std::size_t i = 0; i < kFrames; ++i) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(plane.pool());
    rte_pktmbuf_append(mbuf, 60);
    neighbour.inject(mbuf, port_id);
  }
  neighbour.turn();
  EXPECT_EQ(neighbour.counters().passed_on.read(), Steering::kRingEntries);
  EXPECT_EQ(read_ledger(neighbour.counters()).waiting, 10u);
  EXPECT_EQ(read_ledger(neighbour.counters()).send_drops, 0u);
  EXPECT_TRUE(read_ledger(neighbour.counters()).balanced());
  while (plane.counters().carried.read() < kFrames) {
    plane.worker().turn(5);
    plane.drain();
    neighbour.turn();
  }
  EXPECT_EQ(read_ledger(neighbour.counters()).waiting, 0u);
  EXPECT_TRUE(read_ledger(neighbour.counters()).balanced());
}

}  // namespace
}  // namespace sluice::dataplane::test
