#include "tests/support/harness.h"

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <stdexcept>

#include "crypto/engine_factory.h"
#include "dataplane/stages/forward.h"
#include "dataplane/stages/transmit.h"

namespace sluice::dataplane::test {
namespace {

constexpr const char* kPoolKind = "lf_stack";  // as in the data plane

std::string unique_name(const char* base) {
  static std::atomic<int> count{0};
  return std::string(base) + std::to_string(count++);
}

rte_ring* make_ring(unsigned entries = kPortEntries) {
  rte_ring* ring =
      rte_ring_create(unique_name("test_ring").c_str(), entries, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
  if (ring == nullptr) throw std::runtime_error("no ring");
  return ring;
}

void end_program(const std::string& complaint) {
  std::cerr << "harness: " << complaint << std::endl;
  std::abort();
}

ComplaintHandler complaint_handler = end_program;

}  // namespace

crypto::MasterKey make_master(crypto::SrtpProfile profile, std::uint8_t seed) {
  const auto info = crypto::profile_info(profile);
  Bytes key(info.key_length);
  Bytes salt(info.salt_length);
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(seed * 31 + i * 7);
  for (std::size_t i = 0; i < salt.size(); ++i) salt[i] = static_cast<std::uint8_t>(seed * 17 + i * 5 + 1);
  crypto::MasterKey master;
  master.profile = profile;
  master.key.assign(key);
  master.salt.assign(salt);
  return master;
}

void set_complaint_handler(ComplaintHandler handler) {
  complaint_handler = handler;
}

void expect(bool good, const std::string& complaint) {
  if (!good) complaint_handler(complaint);
}

void start_eal() {
  static const bool started = [] {
    std::vector<std::string> args{
        "test", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry",     "--iova-mode=va",
        "-m",   "256",       "-l",       "0",           "--log-level=*:error"};
    std::vector<char*> argv;
    for (auto& arg : args) argv.push_back(arg.data());
    if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) throw std::runtime_error("no EAL");
    return true;
  }();
  (void)started;
}

Harness::Harness(crypto::EngineKind engine, std::size_t workers, std::uint32_t peers,
                 bool port_does_checksums, unsigned port_entries)
    : steering_(std::make_shared<Steering>(workers, 1, workers > 1)) {
  open(engine, 0, peers, port_does_checksums, port_entries);
}

Harness::Harness(Harness& first, std::size_t index, crypto::EngineKind engine, std::uint32_t peers,
                 bool port_does_checksums)
    : steering_(first.steering_) {
  open(engine, index, peers, port_does_checksums, kPortEntries);
}

void Harness::open(crypto::EngineKind engine, std::size_t index, std::uint32_t peers,
                   bool port_does_checksums, unsigned port_entries) {
  start_eal();
  config_.limits.endpoints_per_worker = peers;
  config_.limits.routes_per_worker = std::max(4096u, peers);
  config_.limits.streams_per_worker = 2 * peers;
  config_.memory.packet_cache_mib = 1;
  pool_ = rte_pktmbuf_pool_create_by_ops(unique_name("test_pool").c_str(), 4095, 256, 0,
                                         RTE_MBUF_DEFAULT_BUF_SIZE, 0, kPoolKind);
  if (pool_ == nullptr) throw std::runtime_error("no pool");
  ring_ = make_ring(port_entries);
  receive_ring_ = make_ring();
  // Worker n receives and sends by queue n. All queues of a direction share one ring.
  const auto queues = static_cast<std::uint16_t>(index + 1);
  std::vector<rte_ring*> receive_rings(queues, receive_ring_);
  std::vector<rte_ring*> transmit_rings(queues, ring_);
  const int port = rte_eth_from_rings(unique_name("test_port").c_str(), receive_rings.data(), queues,
                                      transmit_rings.data(), queues, 0);
  if (port < 0) throw std::runtime_error("no port");
  port_id_ = static_cast<std::uint16_t>(port);
  rte_eth_conf conf{};
  rte_eth_dev_configure(port_id_, queues, queues, &conf);
  for (std::uint16_t queue = 0; queue < queues; ++queue) {
    rte_eth_rx_queue_setup(port_id_, queue, 64, 0, nullptr, pool_);
    rte_eth_tx_queue_setup(port_id_, queue, 64, 0, nullptr);
  }
  rte_eth_dev_start(port_id_);

  PortInfo info;
  info.id = port_id_;
  info.name = "test";
  info.driver = "net_ring";
  info.mac = kOurMac;
  info.queues = queues;
  info.transmit_queues = queues;
  info.checks_udp_checksum = true;
  does_checksums_ = marks_checked_ = port_does_checksums || std::getenv("SLUICE_TEST_NIC") != nullptr;
  if (does_checksums_) info.transmit_checksums = TransmitChecksums::kNone;
  info.addresses = {*config::IpPrefix::parse("198.18.0.1/15"), *config::IpPrefix::parse("2001:db8::1/32"),
                    *config::IpPrefix::parse("198.18.0.2/15")};
  std::string error;
  auto worker_engine = crypto::make_engine(engine, error);
  control_engine_ = crypto::make_engine(engine, error);
  if (!worker_engine || !control_engine_) throw std::runtime_error(error);
  memory_ = std::make_unique<WorkerMemory>(config_.limits, waker_);
  worker_ = std::make_unique<Worker>(
      std::make_unique<WorkerState>(index, config_, *memory_, *steering_, std::move(worker_engine),
                                    std::vector{info}, pool_, tsc_hz(), now_),
      config::Workers{});
  turn();
}

Harness::~Harness() {
  for (std::uint32_t i = 0; i < peers_; ++i) {
    control_engine_->release(memory_->keys[i].receive);
    control_engine_->release(memory_->keys[i].send);
  }
  for (const Punt& punt : punts()) free_punt(punt);
  sent();
  drop_fanouts(worker_->state());
  drop_waiting(worker_->state());
  expect(frames_in_use() == 0, std::to_string(frames_in_use()) + " packet buffers leaked");
  expect(read_ledger(counters()).balanced(), "the ledger does not close");
  worker_.reset();
  rte_eth_dev_stop(port_id_);
  rte_eth_dev_close(port_id_);
  rte_ring_free(ring_);
  rte_ring_free(receive_ring_);
  rte_mempool_free(pool_);
}

void Harness::turn() {
  worker_->turn(now_);
}

void Harness::command(const Command& command) {
  expect(memory_->commands.push(command), "the mailbox is full");
  turn();
}

Peer Harness::add_peer(const PeerOptions& options) {
  Peer peer;
  peer.slot = peers_++;
  peer.kind = options.kind;
  peer.profile = options.profile;
  const std::uint32_t n = peer.slot + 1;
  const auto low = static_cast<std::uint8_t>(n % 250);
  const auto high = static_cast<std::uint8_t>(n / 250);
  peer.local = {kOurMac, {kOurIp, static_cast<std::uint16_t>(20000 + 2 * peer.slot)}};
  peer.remote = {{2, 0, 0, high, 1, low},
                 {config::IpAddress::v4(198, 18, static_cast<std::uint8_t>(1 + high), low),
                  static_cast<std::uint16_t>(5000 + 2 * n)}};
  if (options.v6) {
    peer.local.address.ip = *config::IpAddress::parse("2001:db8::1");
    peer.remote.address.ip = *config::IpAddress::parse("2001:db8::1:" + std::to_string(n));
  }
  peer.to_sluice = make_master(options.profile, static_cast<std::uint8_t>(n));
  peer.from_sluice = make_master(options.profile, static_cast<std::uint8_t>(n + 100));
  peer.mki_to_sluice = options.mki_to_sluice;
  peer.mki_from_sluice = options.mki_from_sluice;

  EndpointSlot& slot = memory_->endpoints[peer.slot];
  slot.generation = 1;
  slot.kind = options.kind;
  slot.latch = options.latch;
  slot.encrypted = options.kind != EndpointKind::kRtp;
  slot.rtcp_mux = options.rtcp_mux;
  for (const std::uint8_t type : options.repair_types) slot.repair_types.add(type);
  slot.mid_extension_id = options.mid_extension_id;
  slot.rid_extension_id = options.rid_extension_id;
  slot.repaired_rid_extension_id = options.repaired_rid_extension_id;
  slot.port_id = port_id_;
  slot.max_streams = options.max_streams;
  slot.flow = options.flow;
  slot.max_frame = 1514;
  slot.local_ssrc = 0x10ca1000 + peer.slot;
  slot.local = peer.local;
  slot.rtcp_port = static_cast<std::uint16_t>(peer.local.address.port + (options.rtcp_mux ? 0 : 1));
  slot.rtp = slot.rtcp = HeaderTemplate{};
  if (options.known_remote) {
    slot.signalled = peer.remote.address;
    slot.rtp = make_header_template(peer.local, peer.remote, 0);
    LinkEnd local = peer.local;
    LinkEnd remote = peer.remote;
    ++local.address.port;
    ++remote.address.port;
    if (!options.rtcp_mux) slot.rtcp = make_header_template(local, remote, 0);
  }
  Command install;
  install.kind = CommandKind::kInstallEndpoint;
  install.ref = {peer.slot, 1};
  command(install);
  if (slot.encrypted && options.keys_ready) make_keys_ready(peer);
  return peer;
}

namespace {
void set_mki(crypto::SrtpKeys& keys, const Bytes& mki) {
  keys.mki_length = static_cast<std::uint8_t>(mki.size());
  std::copy(mki.begin(), mki.end(), keys.mki.begin());
}
}  // namespace

void Harness::make_keys_ready(const Peer& peer) {
  EndpointKeys& keys = memory_->keys[peer.slot];
  expect(control_engine_->expand(peer.to_sluice, crypto::Direction::kReceive, keys.receive) &&
             control_engine_->expand(peer.from_sluice, crypto::Direction::kSend, keys.send),
         "the engine refuses a key");
  set_mki(keys.receive, peer.mki_to_sluice);
  set_mki(keys.send, peer.mki_from_sluice);
  Command ready;
  ready.kind = CommandKind::kKeysReady;
  ready.ref = {peer.slot, 1};
  command(ready);
}

void Harness::update(const Peer& peer, EndpointTerms terms) {
  const auto fresh = std::make_unique<EndpointKeys>();
  expect((!terms.new_receive ||
          control_engine_->expand(peer.to_sluice, crypto::Direction::kReceive, fresh->receive)) &&
             (!terms.new_send ||
              control_engine_->expand(peer.from_sluice, crypto::Direction::kSend, fresh->send)),
         "the engine refuses a key");
  Command update;
  update.kind = CommandKind::kUpdateEndpoint;
  update.ref = {peer.slot, 1};
  update.terms = terms;
  update.terms.keys = fresh.get();
  command(update);
  control_engine_->release(fresh->receive);
  control_engine_->release(fresh->send);
}

EndpointTerms Harness::terms_of(const Peer& peer) const {
  const EndpointSlot& slot = memory_->endpoints[peer.slot];
  EndpointTerms terms;
  terms.kind = slot.kind;
  terms.latch = slot.latch;
  terms.rtcp_mux = slot.rtcp_mux;
  terms.rtcp_port = slot.rtcp_port;
  return terms;
}

std::uint32_t Harness::add_source(const Peer& from, const RouteOptions& options) {
  const std::uint32_t index = sources_++;
  SourceSlot& source = memory_->sources[index];
  source.generation = 1;
  source.endpoint = {from.slot, 1};
  source.match = options.match;
  source.ssrc = options.match_ssrc;
  source.payload_type_count = static_cast<std::uint8_t>(options.match_payload_types.size());
  std::copy(options.match_payload_types.begin(), options.match_payload_types.end(),
            source.payload_types.begin());
  source.mid_length = static_cast<std::uint8_t>(options.match_mid.size());
  source.rid_length = static_cast<std::uint8_t>(options.match_rid.size());
  std::copy(options.match_rid.begin(), options.match_rid.end(), source.rid.begin());
  std::copy(options.match_mid.begin(), options.match_mid.end(), source.mid.begin());
  source.clock_rate = options.clock_rate;
  Command install;
  install.kind = CommandKind::kInstallSource;
  install.ref = {index, 1};
  command(install);
  return index;
}

std::uint32_t Harness::add_mirror(Harness& home, std::uint32_t source, const RouteOptions& options) {
  const std::uint32_t index = sources_++;
  SourceSlot& mirror = memory_->sources[index];
  mirror.generation = 1;
  mirror.endpoint = {};
  mirror.home = {source, 1};
  mirror.home_worker = static_cast<std::uint8_t>(home.worker().state().index);
  mirror.clock_rate = options.clock_rate;
  Command install;
  install.kind = CommandKind::kInstallSource;
  install.ref = {index, 1};
  command(install);
  Command lend;
  lend.kind = CommandKind::kLendSource;
  lend.ref = {source, 1};
  lend.source = {index, 1};
  lend.worker = static_cast<std::uint8_t>(worker_->state().index);
  home.command(lend);
  return index;
}

std::uint32_t Harness::add_route(std::uint32_t source, const Peer& to, const RouteOptions& options) {
  const std::uint32_t index = routes_++;
  RouteSlot& route = memory_->routes[index];
  route.generation = 1;
  route.endpoint = {to.slot, 1};
  route.ssrc = options.ssrc;
  route.clock_rate = options.clock_rate;
  route.retransmit = options.retransmit;
  route.keyframe_on_switch = options.keyframe_on_switch;
  route.has_dscp = options.dscp.has_value();
  route.dscp = options.dscp.value_or(0);
  route.map_extensions = options.extension_ids.has_value();
  if (options.extension_ids) route.extension_ids = *options.extension_ids;
  route.payload_type_count = static_cast<std::uint8_t>(options.payload_types.size());
  std::copy(options.payload_types.begin(), options.payload_types.end(), route.payload_types.begin());
  route.first_index = options.first_index;
  route.reorder_room = options.reorder_room;
  route.source = source;
  Command install;
  install.kind = CommandKind::kInstallRoute;
  install.ref = {index, 1};
  command(install);
  return index;
}

void Harness::switch_route(std::uint32_t route, std::uint32_t source) {
  Command change;
  change.kind = CommandKind::kSwitchRoute;
  change.ref = {route, 1};
  change.source = {source, 1};
  command(change);
}

Bytes Harness::frame_from(const Peer& from, std::span<const std::uint8_t> payload, bool to_rtcp_port) const {
  LinkEnd to = from.local;
  LinkEnd source = from.remote;
  if (to_rtcp_port) {
    ++to.address.port;
    ++source.address.port;
  }
  const HeaderTemplate header = make_header_template(source, to, 0);
  Bytes frame(header.length + payload.size());
  std::copy(payload.begin(), payload.end(), frame.begin() + header.length);
  write_headers(header, frame.data(), static_cast<std::uint16_t>(payload.size()));
  return frame;
}

namespace {

bool is_good(const Bytes& frame) {
  Frame layers;
  return !parse_frame(frame, layers) && layers.ip_protocol == kIpProtoUdp && udp_checksum_ok(frame, layers);
}

// What a NIC does with a frame whose checksums are left to it.
void complete(Bytes& frame) {
  Frame layers;
  if (parse_frame(frame, layers, true) || layers.ip_protocol != kIpProtoUdp) return;
  std::uint8_t* ip = frame.data() + layers.l3_offset;
  if (layers.ip_version == 4 && load_be16(ip + 10) == 0)
    store_be16(ip + 10, checksum_finish(checksum_add({ip, 20})));
  if (udp_checksum_ok(frame, layers)) return;  // the control thread has computed it
  std::uint8_t* udp = frame.data() + layers.l4_offset;
  const std::uint16_t sum = checksum_finish(checksum_add({udp, layers.l4_length}));
  store_be16(udp + 6, sum == 0 ? 0xffff : sum);
}

}  // namespace

void Harness::deliver(const Peer& from, std::span<const std::uint8_t> payload, bool to_rtcp_port) {
  deliver_frame(frame_from(from, payload, to_rtcp_port));
}

void Harness::deliver_frame(std::span<const std::uint8_t> frame) {
  deliver_frames({Bytes(frame.begin(), frame.end())});
}

std::vector<rte_mbuf*> Harness::make_mbufs(const std::vector<Bytes>& frames) {
  std::vector<rte_mbuf*> mbufs;
  std::uint64_t bytes = 0;
  for (const Bytes& frame : frames) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
    if (mbuf == nullptr) throw std::runtime_error("the test's packet pool is empty");
    std::copy(frame.begin(), frame.end(), rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size())));
    mbuf->port = port_id_;
    if (marks_checked_ && is_good(frame))
      mbuf->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    bytes += frame.size();
    mbufs.push_back(mbuf);
  }
  counters().received.add(mbufs.size());  // these packets bypass the receive stage, which counts them
  counters().received_bytes.add(bytes);
  worker_->state().now = now_;
  return mbufs;
}

void Harness::deliver_frames(const std::vector<Bytes>& frames) {
  worker_->process(make_mbufs(frames));
}

void Harness::enqueue(std::span<rte_mbuf* const> frames) {
  for (rte_mbuf* frame : frames)
    if (rte_ring_enqueue(receive_ring_, frame) != 0) throw std::runtime_error("the port's ring is full");
}

std::uint64_t Harness::turn_timed() {
  const std::uint64_t before = rte_rdtsc_precise();
  do worker_->turn(now_);
  while (!worker_->state().fanouts.empty() || !worker_->state().sender_reports.empty());
  return rte_rdtsc_precise() - before;
}

std::size_t Harness::drain() {
  std::size_t count = 0;
  std::array<void*, 64> left;
  while (const unsigned some = rte_ring_dequeue_burst(ring_, left.data(), left.size(), nullptr)) {
    rte_pktmbuf_free_bulk(reinterpret_cast<rte_mbuf**>(left.data()), some);
    count += some;
  }
  return count;
}

std::vector<Sent> Harness::sent() {
  turn();
  std::vector<Sent> out = take(SIZE_MAX);
  while (!worker_->state().fanouts.empty() || !worker_->state().sender_reports.empty()) {
    turn();
    for (Sent& sent : take(SIZE_MAX)) out.push_back(std::move(sent));
  }
  return out;
}

std::vector<Sent> Harness::take(std::size_t most) {
  std::vector<Sent> out;
  void* object = nullptr;
  while (out.size() < most && rte_ring_dequeue(ring_, &object) == 0) {
    auto* mbuf = static_cast<rte_mbuf*>(object);
    Sent sent;
    const auto* data = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
    sent.frame.assign(data, data + mbuf->data_len);
    rte_pktmbuf_free(mbuf);
    if (does_checksums_) complete(sent.frame);
    expect(!parse_frame(sent.frame, sent.layers), "a broken frame left");
    if (sent.layers.ip_protocol == kIpProtoUdp) {
      expect(udp_checksum_ok(sent.frame, sent.layers), "a wrong UDP checksum left");
      sent.payload.assign(sent.frame.begin() + sent.layers.payload_offset,
                          sent.frame.begin() + sent.layers.payload_offset + sent.layers.payload_length);
    }
    out.push_back(std::move(sent));
  }
  return out;
}

std::vector<Note> Harness::notes() {
  std::vector<Note> out;
  for (Note note; memory_->notes.pop(note);) out.push_back(note);
  return out;
}

std::vector<Punt> Harness::punts() {
  std::vector<Punt> out;
  PuntRings& rings = memory_->punts;
  for (SpscRing<Punt>* ring : {&rings.peers, &rings.strangers, &rings.link, &rings.echoes})
    for (Punt punt; ring->pop(punt);) out.push_back(punt);
  return out;
}

void Harness::advance(double seconds) {
  now_ += static_cast<std::uint64_t>(seconds * static_cast<double>(tsc_hz()));
}

std::size_t Harness::frames_in_use() const {
  return rte_mempool_in_use_count(pool_);
}

Bytes make_rtp(const RtpOptions& options) {
  Bytes packet(12);
  packet[0] = static_cast<std::uint8_t>(0x80 | options.csrcs.size() | (options.extension.empty() ? 0 : 0x10));
  packet[1] = static_cast<std::uint8_t>((options.marker ? 0x80 : 0) | options.payload_type);
  store_be16(&packet[2], options.sequence);
  store_be32(&packet[4], options.timestamp);
  store_be32(&packet[8], options.ssrc);
  for (const std::uint32_t csrc : options.csrcs) {
    packet.resize(packet.size() + 4);
    store_be32(&packet[packet.size() - 4], csrc);
  }
  packet.insert(packet.end(), options.extension.begin(), options.extension.end());
  for (std::size_t i = 0; i < options.size; ++i)
    packet.push_back(static_cast<std::uint8_t>(options.sequence * 13 + i));
  return packet;
}

}  // namespace sluice::dataplane::test
