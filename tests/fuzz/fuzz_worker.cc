// worker: a script of frames for one worker with its real stages and four peers: plain RTP, SDES, WebRTC and
// IPv6. Every packet is accounted for, and every buffer returns to the pool. Each frame that leaves is a
// well-formed frame to a peer: RTP with the SSRC of a route, or a valid RTCP compound. A peer with keys can
// open it.
//
// A step is one byte for the kind, then its operands. This target seals the packets of a peer with keys,
// because a fuzzer cannot guess a tag.
#include <map>
#include <memory>
#include <string>

#include "crypto/libsrtp/libsrtp_engine.h"
#include "crypto/srtp/packet_index.h"
#include "dataplane/shared/punt.h"
#include "dataplane/wire/rtcp.h"
#include "dataplane/wire/rtp.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/harness.h"

namespace {

using namespace sluice;
using namespace sluice::dataplane;
using fuzz::Bytes;

constexpr std::uint32_t kFirstSsrc = 0x51000000;
constexpr std::uint64_t kFirstIndex = 100;
constexpr std::size_t kMaxFrame = 1500;
constexpr std::size_t kMaxPayload = 1200;

enum Step : std::uint8_t { kFrame, kFromPeer, kAsItIs, kTime, kSwitch, kToRtcpPort, kSteps };

crypto::SrtpEngine& peers_engine() {
  static const auto engine = [] {
    std::string error;
    auto made = crypto::LibsrtpEngine::create(error);
    FUZZ_CHECK(made != nullptr);
    return made;
  }();
  return *engine;
}

// A peer with its keys.
class Side {
 public:
  explicit Side(test::Peer peer) : peer_(std::move(peer)) {
    if (!encrypted()) return;
    FUZZ_CHECK(peers_engine().expand(peer_.to_sluice, crypto::Direction::kSend, keys_->send));
    FUZZ_CHECK(peers_engine().expand(peer_.from_sluice, crypto::Direction::kReceive, keys_->receive));
  }
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;
  ~Side() {
    peers_engine().release(keys_->send);
    peers_engine().release(keys_->receive);
  }

  const test::Peer& peer() const { return peer_; }
  bool encrypted() const { return peer_.kind != EndpointKind::kRtp; }

  /// The sealed packet, or the packet unchanged when it cannot be sealed.
  Bytes sealed(Bytes packet) {
    if (!encrypted() || packet.size() < 12) return packet;
    const bool rtcp = packet[1] >= 192 && packet[1] < 224;
    const std::size_t length = packet.size();
    packet.resize(length + crypto::kTailBytes);
    packet.resize(rtcp ? seal_rtcp(packet, length) : seal_rtp(packet, length));
    return packet;
  }

  /// Checks a packet from the worker. When RTP and RTCP share a port, RTP with the marker bit and a payload
  /// type of 64 to 95 looks like RTCP (RFC 5761 4). Such a packet must be well-formed as one of them.
  void check_received(const Bytes& packet, bool on_rtcp_port) {
    FUZZ_CHECK(packet.size() >= 8);
    const bool looks_rtcp = packet[1] >= 192 && packet[1] < 224;
    FUZZ_CHECK((looks_rtcp && is_good_rtcp(packet)) || (!on_rtcp_port && is_good_rtp(packet)));
  }

 private:
  struct Keys {
    crypto::SrtpKeys send{};
    crypto::SrtpKeys receive{};
  };

  std::size_t seal_rtp(Bytes& packet, std::size_t length) {
    RtpView view;
    if (!parse_rtp(std::span(packet).first(length), view)) return length;
    std::uint64_t& highest = sent_.try_emplace(view.ssrc, view.sequence).first->second;
    const std::uint64_t index = crypto::estimate_packet_index(highest, view.sequence);
    highest = std::max(highest, index);
    crypto::RtpProtectJob job{};
    job.keys = &keys_->send;
    job.packet = packet.data();
    job.payload = packet.data() + view.header_length;
    job.index = index;
    job.ssrc = view.ssrc;
    job.header_length = view.header_length;
    job.payload_length = static_cast<std::uint16_t>(length - view.header_length);
    peers_engine().protect({&job, 1});
    FUZZ_CHECK(job.status == crypto::SrtpStatus::kOk);
    return job.length;
  }

  std::size_t seal_rtcp(Bytes& packet, std::size_t length) {
    crypto::RtcpProtectJob job{};
    job.keys = &keys_->send;
    job.packet = packet.data();
    job.index = ++rtcp_index_;
    job.length = static_cast<std::uint16_t>(length);
    peers_engine().protect_rtcp({&job, 1});
    FUZZ_CHECK(job.status == crypto::SrtpStatus::kOk);
    return job.length;
  }

  bool is_good_rtp(Bytes packet) {
    RtpView view;
    if (!parse_rtp(packet, view) || view.ssrc < kFirstSsrc || view.ssrc >= kFirstSsrc + 16) return false;
    if (!encrypted()) return true;
    std::uint64_t& highest = received_.try_emplace(view.ssrc, kFirstIndex).first->second;
    const std::uint64_t index = crypto::estimate_packet_index(highest, view.sequence);
    crypto::RtpUnprotectJob job{};
    job.keys = &keys_->receive;
    job.index = index;
    job.ssrc = view.ssrc;
    job.header_length = view.header_length;
    job.length = static_cast<std::uint16_t>(packet.size());
    packet.resize(packet.size() + crypto::kTailBytes);
    job.packet = packet.data();
    peers_engine().unprotect({&job, 1});
    if (job.status != crypto::SrtpStatus::kOk) return false;
    highest = std::max(highest, index);
    return true;
  }

  bool is_good_rtcp(Bytes packet) {
    if (!encrypted()) return sound_rtcp_length(packet) != 0;
    crypto::RtcpUnprotectJob job{};
    job.keys = &keys_->receive;
    job.length = static_cast<std::uint16_t>(packet.size());
    packet.resize(packet.size() + crypto::kTailBytes);
    job.packet = packet.data();
    peers_engine().unprotect_rtcp({&job, 1});
    if (job.status != crypto::SrtpStatus::kOk) return false;
    packet.resize(job.length);
    return sound_rtcp_length(packet) != 0;
  }

  test::Peer peer_;
  std::unique_ptr<Keys> keys_ = std::make_unique<Keys>();
  std::map<std::uint32_t, std::uint64_t> sent_, received_;  // SSRC -> highest index
  std::uint32_t rtcp_index_ = 0;
};

class Room {
 public:
  Room() : harness_(crypto::EngineKind::kIpsecMb, 1, kPeers) {
    add_peers();
    std::array<std::uint8_t, 16> ids{};
    ids[1] = 2;
    ids[3] = 3;
    add_source([](test::RouteOptions&) {});
    add_source([](test::RouteOptions& source) {
      source.match = SourceMatch::kPayloadType;
      source.match_payload_types = {96, 97};
    });
    add_source([](test::RouteOptions& source) {
      source.match = SourceMatch::kName;
      source.match_mid = "a";
    });
    add_source([](test::RouteOptions&) {});
    add_route(0, 1, [&](test::RouteOptions& route) {
      route.payload_types = {{96, 111}, {97, 112}};
      route.extension_ids = ids;
      route.retransmit = true;
    });
    add_route(0, 2, [](test::RouteOptions& route) { route.retransmit = true; });
    add_route(0, 3, [](test::RouteOptions&) {});
    add_route(1, 0, [](test::RouteOptions& route) { route.keyframe_on_switch = true; });
    add_route(2, 1, [](test::RouteOptions& route) { route.keyframe_on_switch = true; });
    add_route(3, 2, [&](test::RouteOptions& route) { route.extension_ids = ids; });
  }

  void step(fuzz::Input& input) {
    const std::uint8_t what = input.u8();
    Side& from = side(what / 16U % kPeers);
    switch (static_cast<Step>(what % kSteps)) {
      case kFrame:
        return harness_.deliver_frame(input.take(std::min<std::size_t>(input.u16(), kMaxFrame)));
      case kFromPeer:
        return harness_.deliver(from.peer(), from.sealed(payload(input)));
      case kAsItIs:
        return harness_.deliver(from.peer(), payload(input));
      case kToRtcpPort:
        return harness_.deliver(from.peer(), from.sealed(payload(input)), true);
      case kTime:
        harness_.advance(0.01 * input.u8());
        return collect();
      case kSwitch: {
        const std::uint8_t which = input.u8();
        return harness_.switch_route(routes_[which % routes_.size()],
                                     sources_[which / 16U % sources_.size()]);
      }
      case kSteps:
        return;
    }
  }

  void check_end() {
    collect();
    collect();  // the frames that transmit still held
    for (const Punt& punt : harness_.punts()) free_punt(punt);
    FUZZ_CHECK(harness_.frames_in_use() == 0);
    FUZZ_CHECK(read_ledger(harness_.counters()).balanced());
  }

 private:
  static constexpr std::uint32_t kPeers = 4;

  Side& side(std::size_t number) { return *sides_[number]; }
  void add_peers() {
    std::array<test::PeerOptions, kPeers> options;
    options[0].rtcp_mux = false;
    options[1].kind = EndpointKind::kSdes;
    options[1].profile = crypto::SrtpProfile::kAesCm128HmacSha1_80;
    options[2].kind = EndpointKind::kWebrtc;
    options[2].mid_extension_id = 3;
    options[3].known_remote = false;
    options[3].latch = LatchPolicy::kOnce;
    options[3].v6 = true;
    for (std::size_t i = 0; i < kPeers; ++i)
      sides_[i] = std::make_unique<Side>(harness_.add_peer(options[i]));
  }
  // Source n belongs to peer n.
  template <typename Set>
  void add_source(Set set) {
    test::RouteOptions options;
    set(options);
    sources_.push_back(harness_.add_source(side(sources_.size()).peer(), options));
  }
  template <typename Set>
  void add_route(std::size_t source, std::size_t to, Set set) {
    test::RouteOptions options;
    options.ssrc = kFirstSsrc + static_cast<std::uint32_t>(routes_.size());
    options.first_index = kFirstIndex;
    set(options);
    routes_.push_back(harness_.add_route(sources_[source], side(to).peer(), options));
  }
  static Bytes payload(fuzz::Input& input) {
    return input.take(std::min<std::size_t>(input.u16(), kMaxPayload));
  }

  // Takes the frames that left, finds the peer that each goes to, and lets the peer check it.
  void collect() {
    for (const test::Sent& sent : harness_.sent()) {
      Frame layers;
      FUZZ_CHECK(!parse_frame(sent.frame, layers) && layers.ip_protocol == kIpProtoUdp);
      FUZZ_CHECK(udp_checksum_ok(sent.frame, layers));
      const auto receiver = std::find_if(sides_.begin(), sides_.end(), [&](const auto& some) {
        const config::SocketAddress& address = some->peer().local.address;
        return source_ip(sent.frame, layers) == address.ip &&
               (layers.source_port == address.port || layers.source_port == address.port + 1);
      });
      FUZZ_CHECK(receiver != sides_.end());
      const bool on_rtcp_port = layers.source_port != (*receiver)->peer().local.address.port;
      (*receiver)->check_received(sent.payload, on_rtcp_port);
    }
    static_cast<void>(harness_.notes());
  }

  test::Harness harness_;
  std::array<std::unique_ptr<Side>, kPeers> sides_;
  std::vector<std::uint32_t> sources_;
  std::vector<std::uint32_t> routes_;
};

}  // namespace

// Turns LeakSanitizer off: DPDK keeps a little memory of each closed port, and the search for leaks after
// each input would take most of the time. The target counts buffers itself.
extern "C" int __lsan_is_turned_off();
extern "C" int __lsan_is_turned_off() {
  return 1;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  Room room;
  for (int steps = 0; steps < 64 && !input.empty(); ++steps) room.step(input);
  room.check_end();
  return 0;
}
