// lend_fixture: a publisher on one worker and receivers on two, all on the test's thread. Like the harness,
// it does not use GoogleTest.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dataplane/stages/lend.h"
#include "tests/support/harness.h"

namespace sluice::dataplane::test {

/// Checks the counters of two workers after all loans are returned: each lent what the other borrowed, and
/// both ledgers close.
inline void expect_loans_returned(Harness& one, Harness& other) {
  const auto expect_equal = [](const Counter& left, const Counter& right, const std::string& what) {
    expect(left.read() == right.read(),
           what + ": " + std::to_string(left.read()) + " and " + std::to_string(right.read()));
  };
  expect_equal(one.counters().lent, other.counters().borrowed, "lent by the one, borrowed by the other");
  expect_equal(other.counters().lent, one.counters().borrowed, "lent by the other, borrowed by the one");
  expect_equal(one.counters().lent, one.counters().returned, "lent by the one, and returned");
  expect_equal(other.counters().lent, other.counters().returned, "lent by the other, and returned");
  expect(read_ledger(one.counters()).balanced(), "the ledger of the one does not close");
  expect(read_ledger(other.counters()).balanced(), "the ledger of the other does not close");
}

struct Receiver {
  Harness* plane = nullptr;
  Peer peer;
  std::uint32_t route = 0;
  std::unique_ptr<Oracle> opener;  // opens the packets that it gets
  std::unique_ptr<Oracle> sealer;  // seals its RTCP
};

class Room {
 public:
  explicit Room(crypto::SrtpProfile profile = crypto::SrtpProfile::kAeadAes128Gcm)
      : home(crypto::EngineKind::kIpsecMb, 2), away(home, 1) {
    publisher_options.kind = EndpointKind::kSdes;
    publisher_options.profile = profile;
    publisher = home.add_peer(publisher_options);
    sealer = std::make_unique<Oracle>(publisher.to_sluice, false);
    opener = std::make_unique<Oracle>(publisher.from_sluice, true);
    source = home.add_source(publisher, route_options);
  }
  std::uint32_t mirror() {
    if (mirror_ == kNoSlot) mirror_ = away.add_mirror(home, source, route_options);
    return mirror_;
  }
  Receiver& add_receiver(Harness& plane, const PeerOptions& options) {
    auto& made = *receivers.emplace_back(std::make_unique<Receiver>());
    made.plane = &plane;
    made.peer = plane.add_peer(options);
    made.route = plane.add_route(&plane == &home ? source : mirror(), made.peer, route_options);
    if (options.kind != EndpointKind::kRtp) {
      made.opener = std::make_unique<Oracle>(made.peer.from_sluice, true);
      made.sealer = std::make_unique<Oracle>(made.peer.to_sluice, false);
    }
    return made;
  }
  Receiver& add_receiver(Harness& plane) { return add_receiver(plane, publisher_options); }

  void publish(const RtpOptions& rtp) { home.deliver(publisher, sealer->protect(make_rtp(rtp))); }
  void publish_rtcp(const Bytes& packet) { home.deliver(publisher, sealer->protect_rtcp(packet)); }
  void receiver_says(Receiver& receiver, const Bytes& packet) {
    receiver.plane->deliver(receiver.peer, receiver.sealer->protect_rtcp(packet));
  }
  /// Runs turns of both workers until no loan is out.
  void settle() {
    for (int i = 0; i < 40; ++i) {
      away.turn();
      home.turn();
      if (!has_loans(home.worker().state()) && !has_loans(away.worker().state())) break;
    }
    expect(!has_loans(home.worker().state()), "loans of the home worker remain");
    expect(!has_loans(away.worker().state()), "loans of the other worker remain");
    expect_loans_returned(home, away);
  }
  /// The packets that left for the receiver, opened: its RTP, or its RTCP.
  static std::vector<Bytes> opened(const std::vector<Sent>& sent, const Receiver& receiver,
                                   bool rtcp = false) {
    std::vector<Bytes> out;
    for (const Sent& packet : sent) {
      if (packet.layers.destination_port != receiver.peer.remote.address.port) continue;
      const bool is_rtcp = packet.payload[1] >= 192 && packet.payload[1] <= 223;
      if (is_rtcp != rtcp) continue;
      auto plain = receiver.opener == nullptr ? std::optional(packet.payload)
                   : rtcp                     ? receiver.opener->unprotect_rtcp(packet.payload)
                                              : receiver.opener->unprotect(packet.payload);
      expect(plain.has_value(),
             "libsrtp2 status " + std::to_string(receiver.opener ? receiver.opener->last_status() : 0));
      if (plain) out.push_back(*plain);
    }
    return out;
  }
  /// The RTCP that left for the publisher, opened.
  std::vector<Bytes> told() {
    std::vector<Bytes> out;
    for (const Sent& packet : home.sent()) {
      if (packet.layers.destination_port != publisher.remote.address.port) continue;
      auto plain = opener->unprotect_rtcp(packet.payload);
      expect(plain.has_value(), "libsrtp2 status " + std::to_string(opener->last_status()));
      if (plain) out.push_back(*plain);
    }
    return out;
  }

  RouteOptions route_options;
  PeerOptions publisher_options;
  Harness home;
  Harness away;
  Peer publisher;
  std::uint32_t source = 0;
  std::unique_ptr<Oracle> sealer, opener;
  std::vector<std::unique_ptr<Receiver>> receivers;

 private:
  std::uint32_t mirror_ = kNoSlot;
};

}  // namespace sluice::dataplane::test
