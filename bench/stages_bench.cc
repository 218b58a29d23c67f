// stages_bench: what a turn of the worker's loop costs, in TSC cycles per packet out: receive to transmit over
// net_ring, in batches of 64 over as many endpoints as are asked for, with every stage as sluiced runs it.
// Packets are sealed live by a crypto engine of the sender's own; only the worker's turn is timed.
//
//   stages_bench [endpoints, default 64] [turns per case, default 4000] [case number, default all]
#include <fmt/format.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "tests/dataplane/harness.h"

namespace sluice::dataplane::test {
namespace {

struct Case {
  const char* name;
  EndpointKind from, to;
  crypto::SrtpProfile profile;
  std::size_t payload;
  std::size_t fanout;
  bool retransmit = false;
};

/// One sender: a frame with its headers, and the keys that it seals with.
struct Sender {
  Bytes frame;
  std::size_t rtp_offset;
  std::uint64_t index = 0;
  std::unique_ptr<crypto::SrtpKeys> keys;  // null for plain RTP
};

class Load {
 public:
  Load(const Case& c, std::size_t endpoints)
      : case_(c), plane_(crypto::EngineKind::kIpsecMb, 1, static_cast<std::uint32_t>(endpoints + 64), true) {
    std::string error;
    engine_ = crypto::make_engine(crypto::EngineKind::kIpsecMb, error);
    if (!engine_) throw std::runtime_error(error);
    if (c.fanout == 1) {
      add_calls(endpoints / 2);
    } else {
      add_broadcasts(std::max<std::size_t>(1, endpoints / (c.fanout + 1)));
    }
    for (std::size_t sent = 0; sent < senders_.size(); sent += batch_) turn();  // streams are born
    plane_.notes();
  }
  ~Load() {
    for (Sender& sender : senders_)
      if (sender.keys) engine_->release(*sender.keys);
  }

  /// Cycles per packet out of one turn.
  double turn() {
    std::array<rte_mbuf*, kBatch> frames;
    if (rte_pktmbuf_alloc_bulk(plane_.pool(), frames.data(), static_cast<unsigned>(batch_)) != 0)
      throw std::runtime_error("the packet pool is empty");
    for (std::size_t i = 0; i < batch_; ++i) build(senders_[(at_ + i) % senders_.size()], frames[i]);
    if (jobs_ != 0) engine_->protect(std::span(job_array_).first(jobs_));
    jobs_ = 0;
    at_ = (at_ + batch_) % senders_.size();
    plane_.enqueue(std::span(frames).first(batch_));
    const std::uint64_t cycles = plane_.turn_timed();
    const std::size_t out = plane_.drain();
    if (out != batch_ * case_.fanout)
      throw std::runtime_error(fmt::format("{}: {} packets came out of {}", case_.name, out, batch_ * case_.fanout));
    return static_cast<double>(cycles) / static_cast<double>(out);
  }

 private:
  Peer add_peer(EndpointKind kind) {
    PeerOptions options;
    options.kind = kind;
    options.profile = case_.profile;
    return plane_.add_peer(options);
  }

  void add_route(const Peer& from, const Peer& to) {
    RouteOptions route;
    route.ssrc = ++ssrc_;
    route.retransmit = case_.retransmit;
    plane_.add_route(plane_.add_source(from, route), to, route);
  }

  /// Both ways, as calls are.
  void add_calls(std::size_t calls) {
    for (std::size_t i = 0; i < calls; ++i) {
      const Peer a = add_peer(case_.from);
      const Peer b = add_peer(case_.to);
      add_route(a, b);
      add_sender(a);
      if (case_.from != case_.to) continue;  // the other way is another case
      add_route(b, a);
      add_sender(b);
    }
    batch_ = std::min(kBatch, senders_.size());
  }

  void add_broadcasts(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const Peer publisher = add_peer(case_.from);
      RouteOptions route;
      route.retransmit = case_.retransmit;
      const std::uint32_t source = plane_.add_source(publisher, route);
      for (std::size_t k = 0; k < case_.fanout; ++k) {
        route.ssrc = ++ssrc_;
        plane_.add_route(source, add_peer(case_.to), route);
      }
      add_sender(publisher);
    }
    batch_ = std::min<std::size_t>(4, senders_.size());
  }

  void add_sender(const Peer& peer) {
    Sender sender;
    const Bytes packet(12 + case_.payload + crypto::kTailRoom);
    sender.frame = plane_.frame_from(peer, packet);
    sender.rtp_offset = sender.frame.size() - packet.size();
    if (peer.kind != EndpointKind::kRtp) {
      sender.keys = std::make_unique<crypto::SrtpKeys>();
      engine_->expand(peer.to_sluice, crypto::Direction::kSend, *sender.keys);
    }
    senders_.push_back(std::move(sender));
  }

  void build(Sender& sender, rte_mbuf* mbuf) {
    const std::size_t tag =
        sender.keys ? crypto::profile_info(case_.profile).rtp_tag_length : 0;
    const std::size_t length = 12 + case_.payload;
    const auto total = static_cast<std::uint16_t>(sender.rtp_offset + length + tag);
    auto* frame = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
    std::memcpy(frame, sender.frame.data(), sender.frame.size());
    mbuf->data_len = mbuf->pkt_len = total;
    // As a NIC delivers it: lengths that fit, checksums looked at.
    mbuf->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    store_be16(frame + 16, static_cast<std::uint16_t>(total - 14));
    store_be16(frame + 24, 0);
    store_be16(frame + 24, checksum_finish(checksum_add({frame + 14, 20})));
    store_be16(frame + 38, static_cast<std::uint16_t>(total - 34));
    store_be16(frame + 40, 0);
    std::uint8_t* packet = frame + sender.rtp_offset;
    const std::uint64_t index = ++sender.index;
    packet[0] = 0x80;
    packet[1] = 96;
    store_be16(packet + 2, static_cast<std::uint16_t>(index));
    store_be32(packet + 4, static_cast<std::uint32_t>(index * 160));
    store_be32(packet + 8, 1000);
    if (!sender.keys) return;
    job_array_[jobs_++] = {.keys = sender.keys.get(),
                           .packet = packet,
                           .payload = packet + 12,
                           .index = index,
                           .ssrc = 1000,
                           .header_length = 12,
                           .payload_length = static_cast<std::uint16_t>(case_.payload),
                           .length = 0,
                           .status = {}};
  }

  const Case& case_;
  Harness plane_;
  std::unique_ptr<crypto::SrtpEngine> engine_;
  std::vector<Sender> senders_;
  std::array<crypto::RtpProtectJob, kBatch> job_array_{};
  std::size_t jobs_ = 0;
  std::size_t batch_ = 0;
  std::size_t at_ = 0;
  std::uint32_t ssrc_ = 0;
};

void run(const Case& c, std::size_t endpoints, std::size_t turns) {
  Load load(c, endpoints);
  std::vector<double> cycles;
  for (std::size_t i = 0; i < turns; ++i) cycles.push_back(load.turn());
  std::sort(cycles.begin(), cycles.end());
  fmt::print("{:<34} {:>6} {:>7} {:>10.0f} {:>10.0f}\n", c.name, c.payload, c.fanout,
             cycles[cycles.size() / 2], cycles[cycles.size() / 10]);
}

}  // namespace

int main_of(int argc, char** argv) {
  const std::size_t endpoints = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 64;
  const std::size_t turns = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 4000;
  const int only = argc > 3 ? std::atoi(argv[3]) : -1;
  using enum EndpointKind;
  using enum crypto::SrtpProfile;
  const Case cases[] = {
      {"rtp -> rtp", kRtp, kRtp, kAeadAes128Gcm, 160, 1},
      {"srtp -> srtp AES_CM_128_80", kSdes, kSdes, kAesCm128HmacSha1_80, 60, 1},
      {"srtp -> srtp AES_CM_128_80", kSdes, kSdes, kAesCm128HmacSha1_80, 160, 1},
      {"srtp -> srtp AEAD_AES_128_GCM", kSdes, kSdes, kAeadAes128Gcm, 160, 1},
      {"rtp -> srtp AES_CM_128_80", kRtp, kSdes, kAesCm128HmacSha1_80, 60, 1},
      {"srtp -> rtp AES_CM_128_80", kSdes, kRtp, kAesCm128HmacSha1_80, 60, 1},
      {"srtp -> srtp fan-out GCM", kSdes, kSdes, kAeadAes128Gcm, 1200, 50},
      {"srtp -> srtp fan-out AES_CM_128_80", kSdes, kSdes, kAesCm128HmacSha1_80, 1200, 50},
      {"srtp -> srtp GCM", kSdes, kSdes, kAeadAes128Gcm, 1100, 5},
      {"srtp -> srtp GCM, retransmit", kSdes, kSdes, kAeadAes128Gcm, 1100, 5, true},
      {"srtp -> srtp GCM", kSdes, kSdes, kAeadAes128Gcm, 160, 5},
      {"srtp -> srtp GCM, retransmit", kSdes, kSdes, kAeadAes128Gcm, 160, 5, true},
      {"srtp -> srtp GCM", kSdes, kSdes, kAeadAes128Gcm, 1100, 1},
      {"srtp -> srtp GCM, retransmit", kSdes, kSdes, kAeadAes128Gcm, 1100, 1, true},
  };
  fmt::print("{:<34} {:>6} {:>7} {:>10} {:>10}\n", "cycles per packet out", "bytes", "fan-out", "median",
             "best 10 %");
  for (int i = 0; i < static_cast<int>(std::size(cases)); ++i)
    if (only < 0 || only == i) run(cases[i], endpoints, turns);
  return 0;
}

}  // namespace sluice::dataplane::test

int main(int argc, char** argv) {
  return sluice::dataplane::test::main_of(argc, argv);
}
