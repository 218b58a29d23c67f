// harness: one worker with real stages, a real crypto engine and a port whose far end is a ring that the test
// reads. There is no NIC and no thread: the test calls turn() and sets the clock. Benchmarks use the harness
// too, so it does not use GoogleTest: it reports what is wrong by expect().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/config.h"
#include "crypto/srtp/srtp_engine.h"
#include "dataplane/worker/worker.h"

struct rte_ring;

namespace sluice::dataplane::test {

using Bytes = std::vector<std::uint8_t>;

/// Is called with each complaint. The default handler prints it to stderr and aborts the program. In a test
/// program gtest_complaints.cc sets a handler that makes the running test fail.
using ComplaintHandler = void (*)(const std::string& complaint);
void set_complaint_handler(ComplaintHandler handler);
/// Calls the complaint handler when `good` is false.
void expect(bool good, const std::string& complaint);

/// Starts the EAL, once for the whole program: no huge pages, no PCI devices, no files shared with other
/// processes. The calling thread becomes the lcore of CPU 0.
void start_eal();

inline constexpr MacAddress kOurMac{2, 0, 0, 0, 0, 1};
inline const config::IpAddress kOurIp = config::IpAddress::v4(198, 18, 0, 1);

/// A master key of that profile. Different seeds give different keys.
crypto::MasterKey make_master(crypto::SrtpProfile profile, std::uint8_t seed);

/// Frames that the port holds until the test takes them.
inline constexpr unsigned kPortEntries = 8192;

/// A peer of an endpoint: the addresses and the keys of both directions.
struct Peer {
  std::uint32_t slot = kNoSlot;
  EndpointKind kind{};
  LinkEnd local;   // ours
  LinkEnd remote;  // the peer's
  crypto::SrtpProfile profile{};
  crypto::MasterKey to_sluice;
  crypto::MasterKey from_sluice;
  Bytes mki_to_sluice = {}, mki_from_sluice = {};  // empty = none
};

struct PeerOptions {
  EndpointKind kind = EndpointKind::kRtp;
  crypto::SrtpProfile profile = crypto::SrtpProfile::kAeadAes128Gcm;
  bool rtcp_mux = true;
  bool known_remote = true;
  LatchPolicy latch = LatchPolicy::kFixed;
  bool keys_ready = true;
  bool v6 = false;
  std::uint8_t mid_extension_id = 0;
  std::uint8_t rid_extension_id = 0;
  std::uint8_t repaired_rid_extension_id = 0;
  std::vector<std::uint8_t> repair_types = {};
  std::uint16_t max_streams = 16;
  std::uint16_t flow = 1;  // of its session
  Bytes mki_to_sluice = {}, mki_from_sluice = {};
};

struct RouteOptions {
  std::uint32_t ssrc = 0x51000000;
  std::uint32_t clock_rate = 90000;
  SourceMatch match = SourceMatch::kAny;
  std::uint32_t match_ssrc = 0;
  std::vector<std::uint8_t> match_payload_types = {};
  std::string match_mid = {};
  std::string match_rid = {};
  std::vector<PayloadTypeMapping> payload_types = {};
  std::optional<std::array<std::uint8_t, 16>> extension_ids = {};
  std::uint64_t first_index = 100;
  std::uint8_t reorder_room = 0;
  bool keyframe_on_switch = false;
  bool retransmit = false;
  std::optional<std::uint8_t> dscp = {};
};

/// A frame that left by the port, parsed.
struct Sent {
  Bytes frame;
  Frame layers;
  Bytes payload;  // UDP payload
};

class Harness {
 public:
  /// `workers`: the number of workers in the steering table; this harness is worker 0. `peers`: the largest
  /// number of peers. `port_does_checksums`: the port computes the checksums of outgoing frames and says of
  /// incoming ones that they are good, as a NIC does; also when SLUICE_TEST_NIC is set. `port_entries`: a
  /// power of two; the port holds one frame less.
  explicit Harness(crypto::EngineKind engine = crypto::EngineKind::kIpsecMb, std::size_t workers = 1,
                   std::uint32_t peers = 256, bool port_does_checksums = false,
                   unsigned port_entries = kPortEntries);
  /// Another worker of the same plane, with its own port, pool and slots. They share the steering table and
  /// the rings between workers, nothing else, so each may run on its own thread. REQUIRES: `first` lives
  /// longer.
  Harness(Harness& first, std::size_t index, crypto::EngineKind engine = crypto::EngineKind::kIpsecMb,
          std::uint32_t peers = 256, bool port_does_checksums = false);
  ~Harness();

  Worker& worker() { return *worker_; }
  Steering& steering() { return *steering_; }
  const config::Config& config() const { return config_; }
  ControlWaker& waker() { return waker_; }
  rte_mempool* pool() { return pool_; }
  WorkerMemory& memory() { return *memory_; }
  WorkerCounters& counters() { return memory_->counters; }
  std::uint64_t drops(DropReason reason) { return counters().drops[static_cast<std::size_t>(reason)].read(); }

  Peer add_peer(const PeerOptions& options = {});
  void make_keys_ready(const Peer& peer);
  /// The peer's side is described anew. The keys of `peer` are those that it has from now on; `terms` says
  /// which of them are new.
  void update(const Peer& peer, EndpointTerms terms);
  /// Terms that leave the endpoint as it is.
  EndpointTerms terms_of(const Peer& peer) const;
  std::uint32_t add_source(const Peer& from, const RouteOptions& options);
  /// Makes a mirror on this worker of a source of `home`, and `home` lends to it from now on. Returns the
  /// slot of the mirror.
  std::uint32_t add_mirror(Harness& home, std::uint32_t source, const RouteOptions& options);
  std::uint32_t add_route(std::uint32_t source, const Peer& to, const RouteOptions& options);
  void switch_route(std::uint32_t route, std::uint32_t source);
  void command(const Command& command);

  /// Hands Worker::process a UDP datagram from the peer to its endpoint.
  void deliver(const Peer& from, std::span<const std::uint8_t> payload, bool to_rtcp_port = false);
  void deliver_frame(std::span<const std::uint8_t> frame);
  void deliver_frames(const std::vector<Bytes>& frames);  // as one batch of at most kBatch
  /// Puts frames where the port receives them, for a benchmark that times turns. REQUIRES: at most kBatch.
  void enqueue(std::span<rte_mbuf* const> frames);
  /// TSC cycles of one turn of the loop, and of those that make the copies that it leaves.
  std::uint64_t turn_timed();
  std::size_t drain();  // frees the packets that left; returns their number
  Bytes frame_from(const Peer& from, std::span<const std::uint8_t> payload, bool to_rtcp_port = false) const;

  /// Ends the turn: seals reports, makes the copies that wait, flushes, and returns the frames that left.
  std::vector<Sent> sent();
  /// Takes at most `most` frames from the port, as a wire does.
  std::vector<Sent> take(std::size_t most);
  std::vector<Note> notes();
  std::vector<Punt> punts();

  /// One turn of the loop.
  void turn();
  void advance(double seconds);
  /// What the port of port_does_checksums says of incoming frames: that they are good, or nothing.
  void mark_checked(bool marks) { marks_checked_ = marks; }
  std::uint64_t tsc_hz() const { return 2'000'000'000; }
  /// The number of buffers that are out of the pool.
  std::size_t frames_in_use() const;

 private:
  void open(crypto::EngineKind engine, std::size_t index, std::uint32_t peers, bool port_does_checksums,
            unsigned port_entries);
  std::vector<rte_mbuf*> make_mbufs(const std::vector<Bytes>& frames);

  config::Config config_;
  ControlWaker waker_;
  std::unique_ptr<WorkerMemory> memory_;
  std::shared_ptr<Steering> steering_;
  std::unique_ptr<crypto::SrtpEngine> control_engine_;
  std::unique_ptr<Worker> worker_;
  rte_mempool* pool_ = nullptr;
  rte_ring* ring_ = nullptr;          // frames that the port transmitted
  rte_ring* receive_ring_ = nullptr;  // frames that the port will receive, from enqueue()
  std::uint16_t port_id_ = 0;
  bool does_checksums_ = false;
  bool marks_checked_ = false;
  std::uint64_t now_ = 1'000'000'000;
  std::uint32_t peers_ = 0, sources_ = 0, routes_ = 0;
};

/// An RTP packet with a payload of `size` bytes that depends on the sequence number.
struct RtpOptions {
  std::uint32_t ssrc = 1000;
  std::uint16_t sequence = 1;
  std::uint32_t timestamp = 0;
  std::uint8_t payload_type = 96;
  bool marker = false;
  std::size_t size = 100;
  std::vector<std::uint32_t> csrcs = {};
  Bytes extension = {};  // profile, length and data
};
Bytes make_rtp(const RtpOptions& options);

/// The reference SRTP implementation: libsrtp2, used directly. One direction.
class Oracle {
 public:
  Oracle(const crypto::MasterKey& key, bool inbound, unsigned window_size = 128, Bytes mki = {});
  ~Oracle();
  Oracle(const Oracle&) = delete;
  Oracle& operator=(const Oracle&) = delete;

  /// The stream of that SSRC begins in the middle: its first packet has that roll-over counter. REQUIRES: no
  /// packet of it has come.
  void begin(std::uint32_t ssrc, std::uint32_t roc);

  Bytes protect(Bytes packet);
  Bytes protect_rtcp(Bytes packet);
  /// nullopt when libsrtp2 refuses; its status is in last_status().
  std::optional<Bytes> unprotect(Bytes packet);
  std::optional<Bytes> unprotect_rtcp(Bytes packet);
  int last_status() const { return last_status_; }

 private:
  void* session_ = nullptr;
  crypto::MasterKey key_;
  Bytes mki_;
  unsigned window_size_;
  int last_status_ = 0;
};

}  // namespace sluice::dataplane::test
