// feedback_bench: what one received RTCP packet costs a worker, in TSC cycles, from receive to transmit and
// with everything that it causes. There are 64 rooms of one publisher and five receivers. In each turn, each
// room sends one packet of the same kind. libsrtp2 seals the packets beforehand; only the worker's turn is
// timed.
//
//   feedback_bench [turns per case, default 400]
#include <fmt/format.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <stdexcept>
#include <vector>

#include "dataplane/wire/rtcp.h"
#include "tests/support/harness.h"

namespace sluice::dataplane::test {
namespace {

constexpr std::size_t kRooms = kBatch;
constexpr std::size_t kReceivers = 5;

enum class Kind {
  kSenderReport,
  kReceiverReport,
  kPli,
  kNackHere,
  kNackNeverCame,
  kNackTwice,
  kNackToPublisher
};

struct Case {
  const char* name;
  Kind kind;
};

class Rooms {
 public:
  Rooms(crypto::SrtpProfile profile, bool retransmit) : plane_(crypto::EngineKind::kIpsecMb, 1, 512) {
    PeerOptions options;
    options.kind = EndpointKind::kWebrtc;  // so that packets are kept
    options.profile = profile;
    for (Room& room : rooms_) {
      room.publisher = add(options);
      RouteOptions route;
      route.retransmit = retransmit;
      const std::uint32_t source = plane_.add_source(room.publisher.peer, route);
      for (Side& receiver : room.receivers) {
        receiver = add(options);
        route.ssrc = 0x51000000 + receiver.peer.slot;
        plane_.add_route(source, receiver.peer, route);
      }
    }
  }

  /// The cycles per RTCP packet of one turn. Sets `out` to the packets that left for each of them.
  double turn(Kind kind, double& out) {
    publish(kind == Kind::kNackNeverCame);
    std::vector<Bytes> frames;
    for (Room& room : rooms_) {
      const bool sender = kind == Kind::kSenderReport;
      Side& from = sender ? room.publisher : room.receivers[turns_ % kReceivers];
      frames.push_back(plane_.frame_from(from.peer, from.sealer->protect_rtcp(packet(kind, from.peer))));
    }
    if (kind == Kind::kNackTwice) time(frames, out);
    if (kind == Kind::kNackTwice) {
      frames.clear();
      for (Room& room : rooms_) {
        Side& from = room.receivers[turns_ % kReceivers];
        frames.push_back(plane_.frame_from(from.peer, from.sealer->protect_rtcp(packet(kind, from.peer))));
      }
    }
    ++turns_;
    return time(frames, out);
  }

 private:
  struct Side {
    Peer peer;
    std::unique_ptr<Oracle> sealer;
  };
  struct Room {
    Side publisher;
    std::array<Side, kReceivers> receivers;
  };

  Side add(const PeerOptions& options) {
    Side side{plane_.add_peer(options), nullptr};
    side.sealer = std::make_unique<Oracle>(side.peer.to_sluice, false);
    return side;
  }

  double time(const std::vector<Bytes>& frames, double& out) {
    std::array<rte_mbuf*, kBatch> mbufs;
    if (rte_pktmbuf_alloc_bulk(plane_.pool(), mbufs.data(), kRooms) != 0)
      throw std::runtime_error("the packet pool is empty");
    for (std::size_t i = 0; i < kRooms; ++i) {
      std::copy(frames[i].begin(), frames[i].end(), rte_pktmbuf_mtod(mbufs[i], std::uint8_t*));
      mbufs[i]->data_len = static_cast<std::uint16_t>(frames[i].size());
      mbufs[i]->pkt_len = mbufs[i]->data_len;
      mbufs[i]->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    }
    plane_.enqueue(mbufs);
    const std::uint64_t cycles = plane_.turn_timed();
    out = static_cast<double>(plane_.drain()) / kRooms;
    return static_cast<double>(cycles) / kRooms;
  }

  // Sends one media packet in each room, and lets 0.5 s pass. With `gap`, the packet before it is lost.
  void publish(bool gap) {
    for (int step = 0; step < (gap ? 2 : 1); ++step) {
      sequence_ = static_cast<std::uint16_t>(sequence_ + 1);
      std::vector<Bytes> frames;
      for (Room& room : rooms_) {
        RtpOptions rtp;
        rtp.sequence = sequence_;
        rtp.size = 1000;
        frames.push_back(
            plane_.frame_from(room.publisher.peer, room.publisher.sealer->protect(make_rtp(rtp))));
      }
      double unused;
      if (!gap || step == 1) time(frames, unused);
    }
    plane_.notes();
    plane_.advance(0.5);
  }

  Bytes packet(Kind kind, const Peer& from) {
    const std::uint32_t ssrc = 0x51000000 + from.slot;
    Bytes bytes(200);
    RtcpWriter writer(bytes);
    // The first packet of a route has index 100, whatever number the publisher gave it.
    const auto newest = static_cast<std::uint16_t>(99 + sequence_ - first_gap());
    std::array<std::uint8_t, 24> body{};
    bool fits = false;
    switch (kind) {
      case Kind::kSenderReport:
        fits = writer.report(1000, std::span(body).first(kSenderInfoLength), {}) &&
               writer.cname(1000, std::span(body).first(8));
        break;
      case Kind::kReceiverReport:
        store_be32(&body[0], ssrc);
        store_be32(&body[8], newest);
        fits = writer.report(42, {}, body) && writer.cname(42, std::span(body).first(8));
        break;
      case Kind::kPli:
        fits = writer.feedback(RtcpType::kPayloadFeedback, kFeedbackPli, 42, ssrc, {});
        break;
      default:
        store_be16(&body[0], static_cast<std::uint16_t>(newest - (kind == Kind::kNackNeverCame ? 1 : 0)));
        fits =
            writer.feedback(RtcpType::kTransportFeedback, kFeedbackNack, 42, ssrc, std::span(body).first(4));
    }
    expect(fits, "the packet is too small for its RTCP");
    bytes.resize(writer.length());
    return bytes;
  }

  // How many numbers the publisher used before the first packet that came.
  std::uint16_t first_gap() {
    if (first_ == 0) first_ = sequence_;
    return static_cast<std::uint16_t>(first_ - 1);
  }

  Harness plane_;
  std::array<Room, kRooms> rooms_;
  std::size_t turns_ = 0;
  std::uint16_t sequence_ = 0;
  std::uint16_t first_ = 0;
};

void run(const Case& c, crypto::SrtpProfile profile, std::size_t turns) {
  Rooms rooms(profile, c.kind != Kind::kNackToPublisher);
  std::vector<double> cycles;
  double out = 0;
  for (std::size_t i = 0; i < turns; ++i) cycles.push_back(rooms.turn(c.kind, out));
  std::sort(cycles.begin(), cycles.end());
  fmt::print("{:<40} {:>10.2f} {:>10.0f} {:>10.0f}\n", c.name, out, cycles[cycles.size() / 2],
             cycles[cycles.size() / 10]);
}

}  // namespace

int main_of(int argc, char** argv) {
  const std::size_t turns = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 400;
  const Case cases[] = {
      {"sender report to five receivers", Kind::kSenderReport},
      {"receiver report, one block", Kind::kReceiverReport},
      {"PLI", Kind::kPli},
      {"NACK, answered from the cache", Kind::kNackHere},
      {"NACK, again too soon", Kind::kNackTwice},
      {"NACK, never came", Kind::kNackNeverCame},
      {"NACK, route without retransmission", Kind::kNackToPublisher},
  };
  for (const auto profile :
       {crypto::SrtpProfile::kAeadAes128Gcm, crypto::SrtpProfile::kAesCm128HmacSha1_80}) {
    fmt::print("{:<40} {:>10} {:>10} {:>10}\n", crypto::profile_info(profile).name, "packets out", "cycles",
               "best 10 %");
    for (const Case& c : cases) run(c, profile, turns);
  }
  return 0;
}

}  // namespace sluice::dataplane::test

int main(int argc, char** argv) {
  return sluice::dataplane::test::main_of(argc, argv);
}
