// worker: a script of frames for one worker with its real stages and four peers: plain RTP, SDES, WebRTC and
// IPv6. Signalling describes the peers anew between the frames. Every packet is accounted for, and every
// buffer returns to the pool. Each frame that leaves is a well-formed frame to a peer: RTP with the SSRC of a
// route, or a valid RTCP compound. A peer with keys can open it, and under one key no index stands for two
// packets.
//
// A step is one byte for the kind, then its operands. This target seals the packets of a peer with keys,
// because a fuzzer cannot guess a tag.
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

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
constexpr std::size_t kFewRoutes = 6;
constexpr std::size_t kRoutes = kFewRoutes + 20;  // the last 20 are of one source: a large fan-out
constexpr std::uint64_t kFirstIndex = 100;
constexpr std::size_t kMaxFrame = 1500;
constexpr std::size_t kMaxPayload = 1200;
constexpr std::uint8_t kFirstFreshKey = 120;  // the keys of the peers at first are those below

// What an update changes: bits of its first operand. The two lowest of the second one are the latch policy.
enum Update : std::uint8_t {
  kNewReceive = 1,
  kNewSend = 2,
  kEncrypted = 4,
  kMuxed = 8,
  kMoves = 16,      // signalling names an address
  kElsewhere = 32,  // which is another one than the peer's
  kFound = 64,      // the control thread finds the way there
  kDeadline = 128,
};

enum Step : std::uint8_t { kFrame, kFromPeer, kAsItIs, kTime, kSwitch, kToRtcpPort, kUpdate, kTalk, kSteps };

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
  explicit Side(test::Peer peer, bool rtcp_mux) : peer_(std::move(peer)), rtcp_mux_(rtcp_mux) {
    if (!encrypted()) return;
    take_send_key();
    take_receive_key();
  }
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;
  ~Side() {
    peers_engine().release(keys_->send);
    peers_engine().release(keys_->receive);
  }

  const test::Peer& peer() const { return peer_; }
  bool encrypted() const { return peer_.kind != EndpointKind::kRtp; }
  bool rtcp_mux() const { return rtcp_mux_; }
  std::uint16_t next_sequence() { return ++sequence_; }

  /// The peer is described anew: it has these keys from now on, and terms that go with them.
  void describe(const EndpointTerms& terms, crypto::SrtpProfile profile, std::uint8_t key) {
    peer_.kind = terms.kind;
    rtcp_mux_ = terms.rtcp_mux;
    if (terms.new_receive) {
      peer_.to_sluice = test::make_master(profile, key);
      take_send_key();
    }
    if (terms.new_send) {
      peer_.from_sluice = test::make_master(profile, static_cast<std::uint8_t>(key + 1));
      take_receive_key();
    }
  }

  /// The sealed packet, or the packet unchanged when it cannot be sealed.
  Bytes sealed(Bytes packet) {
    if (!encrypted() || !keys_->send.ready || packet.size() < 12) return packet;
    const bool rtcp = packet[1] >= 192 && packet[1] < 224;
    const std::size_t length = packet.size();
    packet.resize(length + crypto::kTailBytes);
    packet.resize(rtcp ? seal_rtcp(packet, length) : seal_rtp(packet, length));
    return packet;
  }

  /// Checks a packet from the worker. When RTP and RTCP share a port, RTP with the marker bit and a payload
  /// type of 64 to 95 looks like RTCP (RFC 5761 4). Such a packet must be well-formed as one of them.
  void check_received(const Bytes& packet, bool on_rtcp_port) {
    FUZZ_CHECK(packet.size() >= 8 && !(on_rtcp_port && rtcp_mux_));
    FUZZ_CHECK(!encrypted() || (keys_->receive.ready && keys_->send.ready));
    const bool looks_rtcp = packet[1] >= 192 && packet[1] < 224;
    FUZZ_CHECK((looks_rtcp && is_good_rtcp(packet)) || (!on_rtcp_port && is_good_rtp(packet)));
  }

 private:
  struct Keys {
    crypto::SrtpKeys send{};
    crypto::SrtpKeys receive{};
  };

  // The contexts of a new key begin with roll-over counters of zero (RFC 3711 3.3.1).
  void take_send_key() {
    peers_engine().release(keys_->send);
    FUZZ_CHECK(peers_engine().expand(peer_.to_sluice, crypto::Direction::kSend, keys_->send));
    sent_.clear();
    rtcp_index_ = 0;
  }
  void take_receive_key() {
    peers_engine().release(keys_->receive);
    FUZZ_CHECK(peers_engine().expand(peer_.from_sluice, crypto::Direction::kReceive, keys_->receive));
    received_.clear();
    seen_.clear();
    seen_rtcp_.clear();
  }

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
    if (!parse_rtp(packet, view) || view.ssrc < kFirstSsrc || view.ssrc >= kFirstSsrc + kRoutes) return false;
    std::uint64_t& highest = received_.try_emplace(view.ssrc, view.sequence).first->second;
    const std::uint64_t index = crypto::estimate_packet_index(highest, view.sequence);
    if (!encrypted()) {
      highest = std::max(highest, index);  // the numbers go on when the peer has keys again
      return true;
    }
    const auto first = seen_.try_emplace({view.ssrc, index}, packet);
    FUZZ_CHECK(first.second || first.first->second == packet);  // only the same packet is sent again
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
    std::uint32_t index = 0;
    FUZZ_CHECK(crypto::srtcp_index(keys_->receive.profile, packet, index));
    crypto::RtcpUnprotectJob job{};
    job.keys = &keys_->receive;
    job.length = static_cast<std::uint16_t>(packet.size());
    packet.resize(packet.size() + crypto::kTailBytes);
    job.packet = packet.data();
    peers_engine().unprotect_rtcp({&job, 1});
    if (job.status != crypto::SrtpStatus::kOk) return false;
    FUZZ_CHECK(seen_rtcp_.insert(index).second);
    packet.resize(job.length);
    return sound_rtcp_length(packet) != 0;
  }

  test::Peer peer_;
  std::unique_ptr<Keys> keys_ = std::make_unique<Keys>();
  bool rtcp_mux_;
  std::map<std::uint32_t, std::uint64_t> sent_, received_;         // SSRC -> highest index
  std::map<std::pair<std::uint32_t, std::uint64_t>, Bytes> seen_;  // all that came under this key
  std::set<std::uint32_t> seen_rtcp_;
  std::uint32_t rtcp_index_ = 0;
  std::uint16_t sequence_ = 0;
};

class Room {
 public:
  /// `has_nic`: the port checks and computes checksums, so that the flow cache serves some packets.
  explicit Room(bool has_nic) : harness_(crypto::EngineKind::kIpsecMb, 1, kPeers, has_nic) {
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
    add_route(1, 0, [](test::RouteOptions& route) {
      route.keyframe_on_switch = true;
      route.first_index = 65530;  // its numbers wrap around soon
    });
    add_route(2, 1, [](test::RouteOptions& route) { route.keyframe_on_switch = true; });
    add_route(3, 2, [&](test::RouteOptions& route) { route.extension_ids = ids; });
    while (routes_.size() != kRoutes) add_route(3, routes_.size() % 3, [](test::RouteOptions&) {});
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
        return harness_.switch_route(routes_[which % 16U], sources_[which / 16U % sources_.size()]);
      }
      case kUpdate:
        return update(from, input);
      case kTalk:
        return talk(from, input.u8());
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

  // The next packets of the peer's own stream, as one batch.
  void talk(Side& from, std::uint8_t how) {
    std::vector<Bytes> frames;
    for (int i = 0; i <= how % 8; ++i) {
      test::RtpOptions rtp;
      rtp.ssrc = 5000;
      rtp.sequence = from.next_sequence();
      rtp.marker = (how & 8) != 0;
      rtp.size = how;
      frames.push_back(harness_.frame_from(from.peer(), from.sealed(test::make_rtp(rtp))));
    }
    harness_.deliver_frames(frames);
  }

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
      sides_[i] = std::make_unique<Side>(harness_.add_peer(options[i]), options[i].rtcp_mux);
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
  // What endpoint.connect does. Each key is one that the peer never had. ICE and DTLS decide these things for
  // a WebRTC peer.
  void update(Side& side, fuzz::Input& input) {
    const std::uint8_t what = input.u8();
    const std::uint8_t how = input.u8();
    if (side.peer().kind == EndpointKind::kWebrtc) return;
    collect();  // what has left is under the former terms
    EndpointTerms terms;
    terms.kind = (what & kEncrypted) != 0 ? EndpointKind::kSdes : EndpointKind::kRtp;
    terms.new_receive = (what & kNewReceive) != 0 && terms.kind == EndpointKind::kSdes;
    terms.new_send = terms.send_restarts = (what & kNewSend) != 0 && terms.kind == EndpointKind::kSdes;
    terms.latch = static_cast<LatchPolicy>(how % 3);
    if (terms.latch == LatchPolicy::kAuthenticated && terms.kind == EndpointKind::kRtp)
      terms.latch = LatchPolicy::kOnce;
    terms.rtcp_mux = (what & kMuxed) != 0;
    terms.rtcp_port = static_cast<std::uint16_t>(side.peer().local.address.port + (terms.rtcp_mux ? 0 : 1));
    if ((what & kDeadline) != 0) terms.latch_deadline_tsc = harness_.worker().state().now + harness_.tsc_hz();
    LinkEnd remote = side.peer().remote;
    if ((what & kElsewhere) != 0) remote.address.port += 100;
    if ((what & kMoves) != 0) terms.signalled = remote.address;
    side.describe(terms, crypto::kAllSrtpProfiles[how / 4U % crypto::kAllSrtpProfiles.size()], fresh_key_);
    fresh_key_ = static_cast<std::uint8_t>(fresh_key_ + 2);
    static_cast<void>(harness_.notes());
    harness_.update(side.peer(), terms);
    std::vector<Note> answers;
    for (const Note& note : harness_.notes())
      if (note.kind == NoteKind::kEndpointUpdated) answers.push_back(note);
    FUZZ_CHECK(answers.size() == 2 && answers[0].component == Component::kRtp &&
               answers[1].component == Component::kRtcp);
    if ((what & kFound) != 0) send_there(side, remote, terms);
  }
  void send_there(const Side& side, LinkEnd remote, const EndpointTerms& terms) {
    Command command;
    command.kind = CommandKind::kSetRemote;
    command.ref = {side.peer().slot, 1};
    LinkEnd local = side.peer().local;
    command.remote = make_header_template(local, remote, 0);
    harness_.command(command);
    if (terms.rtcp_mux) return;
    command.component = Component::kRtcp;
    local.address.port = terms.rtcp_port;
    ++remote.address.port;
    command.remote = make_header_template(local, remote, 0);
    harness_.command(command);
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
  std::uint8_t fresh_key_ = kFirstFreshKey;
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
  Room room(size % 2 != 0);
  for (int steps = 0; steps < 64 && !input.empty(); ++steps) room.step(input);
  room.check_end();
  return 0;
}
