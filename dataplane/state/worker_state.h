// worker_state: what a worker alone owns: its lookup tables, its crypto engine, its transmit buffers and the
// fan-out pool. Every stage works on one WorkerState. Allocated by the control thread before the worker
// starts; from then no thread but the worker touches it.
#pragma once

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
#include "dataplane/state/packet_cache.h"
#include "dataplane/state/steering.h"

struct rte_mempool;
struct rte_mbuf;

namespace sluice::dataplane {

inline constexpr std::size_t kBatch = 64;  // packets that one turn of the loop takes in
/// Copies sealed and sent together: their buffers fit near caches, and the hash's lanes fill even where half
/// of them are of another profile.
inline constexpr std::size_t kOutputs = 128;
inline constexpr std::size_t kHeadroom = 128;  // RTE_PKTMBUF_HEADROOM; checked in worker.cc
/// Key-frame requests and receiver reports, per stream.
inline constexpr std::uint64_t kFeedbackPerSecondMax = 10;

/// One SSRC at one endpoint: of a stream coming in, or of a route leading there.
struct SsrcKey {
  std::uint32_t endpoint = 0;
  std::uint32_t ssrc = 0;
  bool operator==(const SsrcKey&) const = default;
  std::uint64_t hash() const { return mix64(std::uint64_t{endpoint} << 32 | ssrc); }
};

/// What makes a frame ours on one port, as classify compares it with the frame. The IP addresses are in the
/// order of PortInfo::addresses.
struct OwnAddresses {
  static constexpr std::uint8_t kNone = 0xff;
  std::array<config::IpAddress, 16> list;
  std::uint8_t count = 0;
  std::uint16_t vlan = 0;
  MacAddress mac{};

  // What the common frame is compared with: set by prepare().
  std::uint8_t first_v4_index = kNone;
  std::uint32_t first_v4 = 0;  // as it lies in a frame
  std::uint64_t mac_bits = 0;  // the same

  void prepare();  // once everything above is known

  /// REQUIRES: 8 bytes at `raw`.
  bool is_mac(const std::uint8_t* raw) const {
    std::uint64_t bits;
    std::memcpy(&bits, raw, sizeof bits);
    return (bits & 0xffff'ffff'ffff) == mac_bits;
  }
  /// `raw`: the address as it lies in the frame. kNone when it is not ours.
  std::uint8_t find(bool is_v6, const std::uint8_t* raw) const {
    for (std::uint8_t i = 0; i < count; ++i) {
      if (list[i].is_v6() != is_v6 || std::memcmp(list[i].bytes.data(), raw, 4) != 0) continue;
      if (!is_v6 || std::memcmp(list[i].bytes.data() + 4, raw + 4, 12) == 0) return i;
    }
    return kNone;
  }
};

/// What a local UDP port leads to: a cache line holds eight, and a packet needs nothing else to find its
/// state.
struct LocalPort {
  std::uint32_t endpoint = kNoSlot;
  /// The stream that its last packet belonged to. A guess, to be checked: it lets a stream be fetched before
  /// its packet has been looked at.
  std::uint32_t stream_guess = kNoSlot;
};

/// Packets of one port waiting for the next burst.
struct TransmitBuffer {
  std::array<rte_mbuf*, kBatch> packets;
  std::uint16_t count = 0;
  TransmitChecksums checksums = TransmitChecksums::kSoftware;
  std::uint64_t bytes = 0;
};

/// RTCP packets that wait to be protected together. Each mbuf holds the plain compound.
struct ReportBuffer {
  struct Entry {
    rte_mbuf* mbuf;
    std::uint32_t endpoint;
  };
  std::array<Entry, kBatch> entries;
  std::array<crypto::RtcpProtectJob, kBatch> seals;  // scratch memory of seal_reports()
  std::uint16_t count = 0;
};

/// What this worker lends to others (lend.h).
struct Lending {
  Lending(std::size_t workers, std::size_t sources);

  const bool enabled;              // there are others
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

  std::array<LocalPort, 65536> local_ports;
  FlatTable<FiveTuple> endpoint_by_tuple;
  FlatTable<SsrcKey> stream_by_ssrc;
  FlatTable<SsrcKey> route_by_ssrc;
  SlotArray<FanoutChunk> chunks;
  PacketCache cache;
  std::uint32_t free_chunk = kNoSlot;  // list through FanoutChunk::next; then chunk_high_water
  std::uint32_t chunk_high_water = 0;
  std::uint32_t free_stream = kNoSlot;  // list through StreamSlot::next; then WorkerMemory::stream_high_water
  std::vector<TransmitBuffer> transmit;  // per port
  ReportBuffer reports;
  Lending lending;
  bool notified = false;  // something was pushed up this turn: wake the control thread at its end
  bool stop_requested = false;

  WorkerCounters& counters() { return memory.counters; }
  EndpointSlot& endpoint(std::uint32_t slot) { return memory.endpoints[slot]; }
  const PortInfo& port(std::uint16_t port_id) const { return ports[port_index[port_id]]; }

  /// Of the address among those of the port; OwnAddresses::kNone when it is none of them.
  std::uint8_t own_address_index(std::uint16_t port_id, const config::IpAddress& address) const {
    return own_addresses[port_index[port_id & 0xff]].find(address.is_v6(), address.bytes.data());
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

  /// Pushes a note that may be lost (not an ack): counted when the ring is full.
  [[gnu::cold]] void tell(const Note& note);
  /// Frees the packet and counts the one reason.
  [[gnu::cold]] void drop(rte_mbuf* packet, DropReason reason);

 private:
  const double seconds_per_tick_;
  std::uint32_t clock_rate_ = 0;  // what clock_now() said last, and for when
  std::uint32_t clock_units_ = 0;
  std::uint64_t clock_tsc_ = 0;
};

}  // namespace sluice::dataplane
