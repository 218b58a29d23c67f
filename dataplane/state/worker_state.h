// worker_state: what a worker alone owns: its lookup tables, its crypto engine, its transmit buffers, its
// packet cache and the fan-out pool. Every stage works on one WorkerState. The control thread allocates it
// before the worker starts. From then on only the worker touches it.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "config/config.h"
#include "crypto/srtp/srtp_engine.h"
#include "dataplane/base/flat_table.h"
#include "dataplane/port/port.h"
#include "dataplane/shared/five_tuple.h"
#include "dataplane/shared/worker_memory.h"
#include "dataplane/state/cache_shares.h"
#include "dataplane/state/cached_flow.h"
#include "dataplane/state/fanout_queue.h"
#include "dataplane/state/packet_cache.h"
#include "dataplane/state/past_streams.h"
#include "dataplane/state/punt_shares.h"
#include "dataplane/state/sender_report_queue.h"
#include "dataplane/state/ssrc_key.h"
#include "dataplane/state/steering.h"
#include "dataplane/state/transmit_queue.h"

struct rte_mempool;
struct rte_mbuf;

namespace sluice::dataplane {

inline constexpr std::size_t kBatch = 64;  // packets that one turn of the loop takes in
/// Copies that are sealed and sent together. Their buffers fit into a near cache. They are enough to fill the
/// lanes of the hash even when half of them have another profile.
inline constexpr std::size_t kOutputs = 128;
inline constexpr std::size_t kHeadroom = 128;  // RTE_PKTMBUF_HEADROOM; checked in worker.cc
/// Most receiver reports per second to the publisher of a stream.
inline constexpr std::uint64_t kReceiverReportsPerSecond = 10;

/// Our VLAN, MAC and IP addresses on one port, in the form that classify compares with a frame. The IP
/// addresses have the order of PortInfo::addresses.
struct OwnAddresses {
  std::size_t port_index = 0;  // in [[ports]]
  std::array<config::IpAddress, kAddressesPerPort - 1> list;
  std::uint8_t count = 0;
  std::uint16_t vlan = 0;
  MacAddress mac{};

  // For the comparison with a CommonFrame. Set by prepare().
  OwnAddress first_v4_number = kNoOwnAddress;
  std::uint32_t first_v4 = 0;  // as it lies in a frame
  std::uint64_t mac_bits = 0;  // as they lie in a frame

  void prepare();  // called once all members above it are set

  /// REQUIRES: 8 bytes may be read at `raw`.
  bool is_mac(const std::uint8_t* raw) const {
    std::uint64_t bits;
    std::memcpy(&bits, raw, sizeof bits);
    return (bits & 0xffff'ffff'ffff) == mac_bits;
  }
  /// `raw`: the address as it lies in the frame. kNoOwnAddress when it is not ours.
  OwnAddress find(bool is_v6, const std::uint8_t* raw) const {
    for (std::uint8_t i = 0; i < count; ++i) {
      if (list[i].is_v6() != is_v6 || std::memcmp(list[i].bytes.data(), raw, 4) != 0) continue;
      if (!is_v6 || std::memcmp(list[i].bytes.data() + 4, raw + 4, 12) == 0)
        return own_address(port_index, i);
    }
    return kNoOwnAddress;
  }
};

/// The endpoint of a UDP port of one of our addresses. With this entry alone a packet finds its state. A
/// cache line holds eight entries.
struct LocalPort {
  std::uint32_t endpoint = kNoSlot;
  /// The stream of the last packet on this UDP port. It is a guess, which classify checks. With it the worker
  /// prefetches the stream before it has read the packet.
  std::uint32_t stream_guess = kNoSlot;
};

/// Packets for one port: those of the next burst, and behind them those that wait because the port takes no
/// more. An mbuf's `hash.usr` is its session: EndpointSlot::flow.
struct TransmitBuffer {
  TransmitBuffer(TransmitChecksums who, std::size_t capacity) : checksums(who), queue(capacity) {}

  /// REQUIRES: the next burst is not full.
  void add(rte_mbuf* mbuf) {
    packets[count++] = mbuf;
    bytes += mbuf->pkt_len;
  }

  std::array<rte_mbuf*, kBatch> packets;
  std::uint16_t count = 0;
  bool is_full = false;  // the port did not take all of the last burst, or some wait in `queue`
  const TransmitChecksums checksums;
  std::uint64_t bytes = 0;  // of the next burst
  TransmitQueue queue;
};

/// RTCP packets that wait to be protected together. Each mbuf is owned and holds the plain compound.
struct ReportBuffer {
  struct Entry {
    rte_mbuf* mbuf;
    std::uint32_t endpoint;
  };
  std::array<Entry, kBatch> entries;
  std::array<crypto::RtcpProtectJob, kBatch> seals;  // for use inside seal_reports() only
  std::uint16_t count = 0;
};

/// What this worker lends to others (lend.h).
struct Lending {
  Lending(std::size_t workers, std::size_t sources);

  const bool enabled;              // there is more than one worker
  std::vector<std::uint32_t> out;  // per worker: loans not yet returned
  SlotArray<SlotRef> mirrors;      // [source * workers + worker], valid where SourceSlot::lent_to says so
};

struct WorkerState {
  WorkerState(std::size_t worker_index, const config::Config& config, WorkerMemory& worker_memory,
              Steering& steer, std::unique_ptr<crypto::SrtpEngine> srtp, std::vector<PortInfo> port_infos,
              rte_mempool* packet_pool, std::uint64_t tsc_per_second, std::uint64_t start);

  const std::size_t index;
  WorkerMemory& memory;
  Steering& steering;
  const std::unique_ptr<crypto::SrtpEngine> engine;
  const std::vector<PortInfo> ports;         // in the order of [[ports]]
  std::array<std::uint8_t, 256> port_index;  // DPDK port id -> index in ports
  std::vector<OwnAddresses> own_addresses;   // per port
  rte_mempool* const pool;
  const std::uint64_t tsc_hz;
  const std::uint16_t shared_ice_port;  // this worker's
  const std::uint64_t start_tsc;
  std::uint64_t now = 0;  // TSC of the present turn

  SlotArray<LocalPort> local_ports;  // by local_place()
  SlotArray<CachedFlow> flows;       // by the slot of the sender
  FlatTable<FiveTuple> endpoint_by_tuple;
  FlatTable<SsrcKey> stream_by_ssrc;
  FlatTable<SsrcKey> route_by_ssrc;
  PastStreams past_streams;
  SlotArray<FanoutChunk> chunks;
  FanoutQueue fanouts;
  SenderReportQueue sender_reports{1024};
  PacketCache cache;
  CacheShares cache_shares;
  std::uint32_t free_chunk = kNoSlot;  // list through FanoutChunk::next; when empty, chunk_high_water is free
  std::uint32_t chunk_high_water = 0;
  // List through StreamSlot::next; when empty, WorkerMemory::stream_high_water is free.
  std::uint32_t free_stream = kNoSlot;
  // The endpoint that has taken one of the last stream slots (make_space).
  std::uint32_t space_wanted_by = kNoSlot;
  std::uint32_t first_keyframe = kNoSlot;  // the queue of keyframe_queue.h
  std::uint32_t last_keyframe = kNoSlot;
  std::uint32_t next_to_yield = 0;       // stream slot at which the next search for a dormant stream begins
  std::vector<TransmitBuffer> transmit;  // per port
  const std::uint64_t longest_wait;      // TSC ticks that a packet may wait for a port
  ReportBuffer reports;
  PuntShares punt_shares;
  Lending lending;
  bool waits_for_port = false;  // some TransmitBuffer is full
  bool notified = false;        // a note or punt was pushed: the turn ends by waking the control thread
  bool stop_requested = false;

  WorkerCounters& counters() { return memory.counters; }
  EndpointSlot& endpoint(std::uint32_t slot) { return memory.endpoints[slot]; }
  const PortInfo& port(std::uint16_t port_id) const { return ports[port_index[port_id]]; }

  LocalPort& local_port(OwnAddress address, std::uint16_t udp_port) {
    return local_ports[local_place(address, udp_port)];
  }

  /// kNoOwnAddress when the port does not have that address.
  OwnAddress own_address_of(std::uint16_t port_id, const config::IpAddress& address) const {
    return own_addresses[port_index[port_id & 0xff]].find(address.is_v6(), address.bytes.data());
  }

  /// Whether it is less than `ms` since `tsc`; 0 = never.
  bool is_within(std::uint64_t tsc, std::uint64_t ms) const {
    return tsc != 0 && now - tsc < tsc_hz / 1000 * ms;
  }

  /// The time since start in units of a clock of `rate` Hz, modulo 2^32.
  std::uint32_t clock_now(std::uint32_t rate) {
    if (rate != clock_rate_ || now != clock_tsc_) {
      clock_rate_ = rate;
      clock_tsc_ = now;
      clock_units_ = clock_units(now - start_tsc, rate);
    }
    return clock_units_;
  }

  /// `tsc` in units of a clock of `rate` Hz, modulo 2^32.
  std::uint32_t clock_units(std::uint64_t tsc, std::uint64_t rate) const {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(
        static_cast<double>(tsc) * (static_cast<double>(rate) * seconds_per_tick_)));
  }

  /// Pushes a note. When the ring is full, the note is lost and counted. This cannot happen to the answer to
  /// a removal: run_commands() first checks that it fits.
  [[gnu::cold]] void tell(const Note& note);
  /// Frees the packet and counts the reason.
  [[gnu::cold]] void drop(rte_mbuf* packet, DropReason reason);

 private:
  const double seconds_per_tick_;
  // The last result of clock_now(), and the rate and time that it is for.
  std::uint32_t clock_rate_ = 0;
  std::uint32_t clock_units_ = 0;
  std::uint64_t clock_tsc_ = 0;
};

}  // namespace sluice::dataplane
