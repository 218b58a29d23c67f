#include "bench/micro/stages_load.h"

#include <fmt/format.h>
#include <rte_lcore.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "crypto/engine_factory.h"

namespace sluice::dataplane::test {

std::span<const StagesCase> stages_cases() {
  using enum EndpointKind;
  using enum crypto::SrtpProfile;
  static constexpr StagesCase cases[] = {
      {"rtp -> rtp", kRtp, kRtp, kAeadAes128Gcm, 160, 1},
      {"srtp -> srtp AES_CM_128_80", kSdes, kSdes, kAesCm128HmacSha1_80, 60, 1},
      {"srtp -> srtp AES_CM_128_80", kSdes, kSdes, kAesCm128HmacSha1_80, 160, 1},
      {"srtp -> srtp AEAD_AES_128_GCM", kSdes, kSdes, kAeadAes128Gcm, 160, 1},
      {"rtp -> srtp AES_CM_128_80", kRtp, kSdes, kAesCm128HmacSha1_80, 60, 1},
      {"srtp -> rtp AES_CM_128_80", kSdes, kRtp, kAesCm128HmacSha1_80, 60, 1},
      {"srtp -> srtp fan-out GCM", kSdes, kSdes, kAeadAes128Gcm, 1200, 50},
      {"srtp -> srtp fan-out AES_CM_128_80", kSdes, kSdes, kAesCm128HmacSha1_80, 1200, 50},
      {"srtp -> srtp GCM", kSdes, kSdes, kAeadAes128Gcm, 1100, 5},
      {"srtp -> srtp GCM, retransmit", kWebrtc, kWebrtc, kAeadAes128Gcm, 1100, 5, true},
      {"srtp -> srtp GCM", kSdes, kSdes, kAeadAes128Gcm, 160, 5},
      {"srtp -> srtp GCM, retransmit", kWebrtc, kWebrtc, kAeadAes128Gcm, 160, 5, true},
      {"srtp -> srtp GCM", kSdes, kSdes, kAeadAes128Gcm, 1100, 1},
      {"srtp -> srtp GCM, retransmit", kWebrtc, kWebrtc, kAeadAes128Gcm, 1100, 1, true},
      {"srtp forged AES_CM_128_80", kSdes, kSdes, kAesCm128HmacSha1_80, 160, 1, false, true},
      {"srtp forged AEAD_AES_128_GCM", kSdes, kSdes, kAeadAes128Gcm, 160, 1, false, true},
      {"srtp forged AEAD_AES_128_GCM", kSdes, kSdes, kAeadAes128Gcm, 1100, 1, false, true},
  };
  return cases;
}

std::string stages_case_list() {
  std::string list = "Cases:\n";
  for (std::size_t i = 0; i < stages_cases().size(); ++i) {
    const StagesCase& c = stages_cases()[i];
    list += fmt::format("  {:>2}  {}, {} B, 1:{}\n", i, c.name, c.payload, c.fanout);
  }
  return list;
}

namespace {

std::uint32_t room_for(std::size_t endpoints) {
  return static_cast<std::uint32_t>(endpoints + 64);
}

}  // namespace

StagesLoad::StagesLoad(const StagesCase& c, std::size_t endpoints, std::size_t workers)
    : StagesLoad(
          c, endpoints,
          std::make_unique<Harness>(crypto::EngineKind::kIpsecMb, workers, room_for(endpoints), true)) {}

StagesLoad::StagesLoad(StagesLoad& first, std::size_t index, std::size_t endpoints)
    : StagesLoad(first.case_, endpoints,
                 std::make_unique<Harness>(*first.plane_, index, crypto::EngineKind::kIpsecMb,
                                           room_for(endpoints), true)) {}

StagesLoad::StagesLoad(const StagesCase& c, std::size_t endpoints, std::unique_ptr<Harness> plane)
    : case_(c), plane_(std::move(plane)) {
  std::string error;
  engine_ = crypto::make_engine(crypto::EngineKind::kIpsecMb, error);
  if (!engine_) throw std::runtime_error(error);
  if (c.fanout == 1) {
    add_calls(endpoints / 2);
  } else {
    add_broadcasts(std::max<std::size_t>(1, endpoints / (c.fanout + 1)));
  }
  // The worker creates the streams, and learns their flows from the packets that follow.
  for (std::size_t sent = 0; sent < 3 * senders_.size(); sent += batch_) {
    fill(1);
    turn();
    empty();
  }
  forges_ = c.forged;
  plane_->notes();
}

StagesLoad::~StagesLoad() {
  for (Sender& sender : senders_)
    if (sender.keys) engine_->release(*sender.keys);
}

void StagesLoad::enter() {
  if (rte_thread_register() != 0) throw std::runtime_error("the EAL takes no further thread");
}

void StagesLoad::leave() {
  rte_thread_unregister();
}

void StagesLoad::fill(std::size_t turns) {
  frames_.resize(turns * batch_);
  taken_ = 0;
  if (rte_pktmbuf_alloc_bulk(plane_->pool(), frames_.data(), static_cast<unsigned>(frames_.size())) != 0) {
    frames_.clear();
    throw std::runtime_error("the packet pool is empty");
  }
  for (std::size_t done = 0; done < frames_.size(); done += batch_) {
    for (std::size_t i = 0; i < batch_; ++i) build(senders_[(at_ + i) % senders_.size()], frames_[done + i]);
    if (jobs_ != 0) engine_->protect(std::span(job_array_).first(jobs_));
    for (std::size_t i = 0; forges_ && i < jobs_; ++i) job_array_[i].packet[job_array_[i].length - 1] ^= 1;
    jobs_ = 0;
    at_ = (at_ + batch_) % senders_.size();
  }
}

std::uint64_t StagesLoad::turn() {
  plane_->enqueue(std::span(frames_).subspan(taken_, batch_));
  taken_ += batch_;
  return plane_->turn_timed();
}

std::size_t StagesLoad::empty() {
  const std::size_t out = plane_->drain();
  if (forges_ && out == 0) return taken_;
  if (out != taken_ * case_.fanout)
    throw std::runtime_error(
        fmt::format("{}: {} packets came out of {}", case_.name, out, taken_ * case_.fanout));
  return out;
}

Peer StagesLoad::add_peer(EndpointKind kind) {
  PeerOptions options;
  options.kind = kind;
  options.profile = case_.profile;
  return plane_->add_peer(options);
}

void StagesLoad::add_route(const Peer& from, const Peer& to) {
  RouteOptions route;
  route.ssrc = ++ssrc_;
  route.retransmit = case_.retransmit;
  plane_->add_route(plane_->add_source(from, route), to, route);
}

/// Adds calls in both directions, if both have the same kind of endpoint.
void StagesLoad::add_calls(std::size_t calls) {
  for (std::size_t i = 0; i < calls; ++i) {
    const Peer a = add_peer(case_.from);
    const Peer b = add_peer(case_.to);
    add_route(a, b);
    add_sender(a);
    if (case_.from != case_.to) continue;  // the other direction is another case
    add_route(b, a);
    add_sender(b);
  }
  batch_ = std::min(kBatch, senders_.size());
}

void StagesLoad::add_broadcasts(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const Peer publisher = add_peer(case_.from);
    RouteOptions route;
    route.retransmit = case_.retransmit;
    const std::uint32_t source = plane_->add_source(publisher, route);
    for (std::size_t k = 0; k < case_.fanout; ++k) {
      route.ssrc = ++ssrc_;
      plane_->add_route(source, add_peer(case_.to), route);
    }
    add_sender(publisher);
  }
  batch_ = std::min<std::size_t>(4, senders_.size());
}

void StagesLoad::add_sender(const Peer& peer) {
  Sender sender;
  const Bytes packet(12 + case_.payload + crypto::kTailBytes);
  sender.frame = plane_->frame_from(peer, packet);
  sender.rtp_offset = sender.frame.size() - packet.size();
  if (peer.kind != EndpointKind::kRtp) {
    sender.keys = std::make_unique<crypto::SrtpKeys>();
    if (!engine_->expand(peer.to_sluice, crypto::Direction::kSend, *sender.keys))
      throw std::runtime_error("the engine expands no keys: " + engine_->last_error());
  }
  senders_.push_back(std::move(sender));
}

void StagesLoad::build(Sender& sender, rte_mbuf* mbuf) {
  const std::size_t tag = sender.keys ? crypto::profile_info(case_.profile).rtp_tag_length : 0;
  const std::size_t length = 12 + case_.payload;
  const auto total = static_cast<std::uint16_t>(sender.rtp_offset + length + tag);
  auto* frame = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  std::memcpy(frame, sender.frame.data(), sender.frame.size());
  mbuf->data_len = mbuf->pkt_len = total;
  // As a NIC delivers it: the lengths fit, and the checksums are known to be good.
  mbuf->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
  store_be16(frame + 16, static_cast<std::uint16_t>(total - 14));
  store_be16(frame + 24, 0);
  store_be16(frame + 24, checksum_finish(checksum_add({frame + 14, 20})));
  store_be16(frame + 38, static_cast<std::uint16_t>(total - 34));
  store_be16(frame + 40, 0);
  std::uint8_t* packet = frame + sender.rtp_offset;
  const std::uint64_t index = forges_ ? sender.index + 1 : ++sender.index;
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

}  // namespace sluice::dataplane::test
