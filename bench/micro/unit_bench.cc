// unit_bench: what the small parts of the packet's way cost, in TSC cycles per packet: frame and RTP headers,
// packet index, replay window, look-ups, header templates, rings, packet cache. A figure shows which part a
// change affected. stages_bench and scripts/bench show what a packet costs in total, where the parts compete
// for the caches.
//
//   unit_bench --benchmark_filter=parse
//
// Each part works on batches of 64 different packets in the cache, as in a turn. Google Benchmark's times are
// those of a batch, `cycles` those of one packet. The frequency of a CPU changes, so compare only rows of one
// run. A wrong result of a part ends the run (exit code 1).
#include <benchmark/benchmark.h>
#include <x86intrin.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "crypto/srtp/packet_index.h"
#include "crypto/srtp/replay_window.h"
#include "dataplane/base/flat_table.h"
#include "dataplane/base/spsc_ring.h"
#include "dataplane/state/packet_cache.h"
#include "dataplane/state/worker_state.h"
#include "dataplane/wire/frame.h"
#include "dataplane/wire/header_template.h"
#include "dataplane/wire/rtp.h"

namespace sluice::dataplane {
namespace {

constexpr std::uint16_t kRtpBytes = 172;  // 20 ms of telephone audio

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "unit_bench: %s\n", what);
  std::exit(1);
}

/// Runs `work` for each of the 64 packets of a batch, again and again. `work` returns whether the result was
/// right. `room`: the name of the part, for the message when it was not.
template <typename Work>
void each(benchmark::State& state, const char* room, Work work) {
  std::uint64_t right = 0;
  const std::uint64_t began = __rdtsc();
  for (auto _ : state)
    for (std::size_t i = 0; i < kBatch; ++i) right += work(i) ? 1 : 0;
  const std::uint64_t cycles = __rdtsc() - began;
  const std::uint64_t packets = state.iterations() * kBatch;
  if (right != packets) fail(room);
  state.counters["cycles"] = static_cast<double>(cycles) / static_cast<double>(packets);
}

// ---- Frames

HeaderTemplate template_to(std::size_t peer, bool v6, std::uint16_t vlan) {
  const auto low = static_cast<std::uint8_t>(peer + 1);
  LinkEnd local{{2, 0, 0, 0, 0, 1}, {config::IpAddress::v4(198, 18, 0, 1), 20000}};
  LinkEnd remote{{2, 0, 0, 0, 1, low}, {config::IpAddress::v4(198, 18, 1, low), 5000}};
  if (v6) {
    local.address.ip = *config::IpAddress::parse("2001:db8::1");
    remote.address.ip = *config::IpAddress::parse("2001:db8::1:" + std::to_string(low));
  }
  return make_header_template(local, remote, vlan);
}

struct Frames {
  explicit Frames(bool v6, std::uint16_t vlan = 0) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      headers[i] = template_to(i, v6, vlan);
      length = static_cast<std::size_t>(headers[i].length + kRtpBytes);
      std::fill_n(bytes[i].begin(), length, static_cast<std::uint8_t>(i));
      write_headers(headers[i], bytes[i].data(), kRtpBytes);
    }
  }
  std::span<const std::uint8_t> operator[](std::size_t i) const { return std::span(bytes[i]).first(length); }

  std::array<HeaderTemplate, kBatch> headers;
  std::array<std::array<std::uint8_t, 256>, kBatch> bytes;
  std::size_t length = 0;
};

void common_frame(benchmark::State& state) {
  const auto frames = std::make_unique<Frames>(false);
  each(state, "CommonFrame",
       [&](std::size_t i) { return CommonFrame::payload_length((*frames)[i]) == kRtpBytes; });
}

void any_frame(benchmark::State& state, bool v6, std::uint16_t vlan, bool checksum_known_good) {
  const auto frames = std::make_unique<Frames>(v6, vlan);
  each(state, "parse_frame", [&](std::size_t i) {
    Frame frame;
    const auto reason = parse_frame((*frames)[i], frame, checksum_known_good);
    benchmark::DoNotOptimize(frame);
    return !reason && frame.payload_length == kRtpBytes;
  });
}

void udp_checksum(benchmark::State& state, bool v6) {
  const auto frames = std::make_unique<Frames>(v6);
  Frame frame;
  if (parse_frame((*frames)[0], frame)) return fail("parse_frame");
  each(state, "udp_checksum_ok", [&](std::size_t i) { return udp_checksum_ok((*frames)[i], frame); });
}

void headers(benchmark::State& state, bool v6, bool port_does_checksums) {
  const auto frames = std::make_unique<Frames>(v6);
  each(state, "write_headers", [&](std::size_t i) {
    std::uint8_t* frame = frames->bytes[i].data();
    port_does_checksums ? write_headers_for_offload(frames->headers[i], frame, kRtpBytes)
                        : write_headers(frames->headers[i], frame, kRtpBytes);
    benchmark::ClobberMemory();
    return frame[12] == (v6 ? 0x86 : 0x08);  // the EtherType
  });
}

// ---- RTP and SRTP

void rtp(benchmark::State& state, bool extended) {
  constexpr std::array<std::uint8_t, 24> kPacket{0x90, 96,   0,    1,    0,    0,    0, 0,
                                                 0x12, 0x34, 0x56, 0x78, 0xbe, 0xde, 0, 2,
                                                 0x12, 'a',  'b',  'c',  0x20, 9,    0, 0};
  std::array<std::array<std::uint8_t, kRtpBytes>, kBatch> packets{};
  for (auto& packet : packets) {
    std::copy(kPacket.begin(), kPacket.end(), packet.begin());
    if (!extended) packet[0] = 0x80;
  }
  each(state, "parse_rtp", [&](std::size_t i) {
    RtpView view;
    const bool good = parse_rtp(packets[i], view);
    benchmark::DoNotOptimize(view);
    return good && view.header_length == (extended ? 24 : 12);
  });
}

void mid_extension(benchmark::State& state) {
  constexpr std::array<std::uint8_t, 24> kPacket{0x90, 96,   0, 1, 0,    0, 0,    0,   0x12, 0x34, 0x56, 0x78,
                                                 0xbe, 0xde, 0, 2, 0x20, 9, 0x12, 'a', 'b',  'c',  0,    0};
  std::array<std::array<std::uint8_t, kPacket.size()>, kBatch> packets;
  packets.fill(kPacket);
  RtpView view;
  if (!parse_rtp(packets[0], view)) return fail("parse_rtp");
  each(state, "find_extension",
       [&](std::size_t i) { return find_extension(packets[i], view, 1).size() == 3; });
}

/// Each packet of a batch belongs to another stream.
void packet_index(benchmark::State& state, bool ahead) {
  std::array<std::uint64_t, kBatch> highest;
  highest.fill(0x2fff0);
  // `ahead`: every packet is the next one, also where the sequence number wraps around. Otherwise each packet
  // is ten behind.
  each(state, "estimate_packet_index", [&](std::size_t i) {
    const std::uint64_t index = highest[i] + 1 - (ahead ? 0 : 11);
    const std::uint64_t estimate =
        crypto::estimate_packet_index(highest[i], static_cast<std::uint16_t>(index));
    ++highest[i];
    benchmark::DoNotOptimize(highest);
    return estimate == index;
  });
}

void replay_window(benchmark::State& state, bool reordered) {
  std::array<crypto::ReplayWindow, kBatch> windows;
  std::array<std::uint64_t, kBatch> next{};
  // Reordered: 2, 1, 4, 3, ...
  each(state, "ReplayWindow", [&](std::size_t i) {
    const std::uint64_t count = ++next[i];
    const std::uint64_t index = reordered ? count + (count % 2 != 0 ? 1 : -1) : count;
    if (windows[i].check(index) != crypto::ReplayVerdict::kFresh) return false;
    windows[i].commit(index);
    benchmark::DoNotOptimize(windows[i]);
    return true;
  });
}

// ---- Tables and rings

/// Looks the entries up in random order, so that the CPU cannot prefetch them.
void look_up(benchmark::State& state, std::size_t entries) {
  FlatTable<SsrcKey> table(entries);
  std::vector<SsrcKey> keys;
  for (std::uint32_t i = 0; i < entries; ++i) {
    keys.push_back({i, static_cast<std::uint32_t>(mix64(i))});
    if (!table.insert(keys.back(), i)) return fail("FlatTable::insert");
  }
  std::shuffle(keys.begin(), keys.end(), std::mt19937_64(1));
  keys.insert(keys.end(), keys.begin(), keys.begin() + kBatch);  // so that no batch wraps around
  std::size_t at = 0;
  each(state, "FlatTable::find", [&](std::size_t i) {
    if (i == 0) at = at + kBatch >= entries ? 0 : at + kBatch;
    const SsrcKey& key = keys[at + i];
    return table.find(key) == key.endpoint;
  });
}

void look_up_in_vain(benchmark::State& state, std::size_t entries) {
  FlatTable<SsrcKey> table(entries);
  for (std::uint32_t i = 0; i < entries; ++i)
    if (!table.insert({i, static_cast<std::uint32_t>(mix64(i))}, i)) return fail("FlatTable::insert");
  std::uint32_t unknown = 0;
  each(state, "FlatTable::find", [&](std::size_t) { return table.find({0xffff, ++unknown}) == kNoSlot; });
}

/// Both ends are in one thread, so this is the cost without any effect of the other end.
void ring(benchmark::State& state) {
  SpscRing<void*> ring(1024);
  for (std::size_t i = 0; i < kBatch; ++i)
    if (!ring.push(&state)) return fail("SpscRing::push");
  each(state, "SpscRing", [&](std::size_t) {
    void* entry = nullptr;
    return ring.push(&state) && ring.pop(entry) && entry == &state;
  });
}

// ---- Packet cache

constexpr std::size_t kCacheMib = 64;
constexpr std::uint64_t kNewest = 4096;  // number of packets to look up; the cache still has all of them

void keep(benchmark::State& state, std::size_t bytes) {
  PacketCache cache(kCacheMib);
  cache.warm();
  const std::vector<std::uint8_t> packet(bytes, 1);
  std::uint64_t index = 0;
  each(state, "PacketCache::keep", [&](std::size_t i) {
    cache.keep({static_cast<std::uint32_t>(i), 1, ++index}, packet);
    return true;
  });
  const CachedKey last{kBatch - 1, 1, index};
  const CacheLine* place = cache.locate(last);
  if (place == nullptr || cache.open(place, last).size() != bytes) fail("PacketCache::keep");
}

/// As retransmit does it: locates and prefetches all packets of a batch before it opens the first one.
void open_kept(benchmark::State& state, std::size_t bytes) {
  PacketCache cache(kCacheMib);
  cache.warm();
  const std::vector<std::uint8_t> packet(bytes, 1);
  for (std::uint64_t index = 0; index < kNewest; ++index) cache.keep({1, 1, index}, packet);
  std::vector<std::uint64_t> order(kNewest);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937_64(1));
  std::array<const CacheLine*, kBatch> places{};
  std::size_t at = 0;
  each(state, "PacketCache::open", [&](std::size_t i) {
    if (i == 0) {
      at = (at + kBatch) % kNewest;
      for (std::size_t k = 0; k < kBatch; ++k) {
        places[k] = cache.locate({1, 1, order[at + k]});
        __builtin_prefetch(places[k]);
      }
    }
    return places[i] != nullptr && cache.open(places[i], {1, 1, order[at + i]}).size() == bytes;
  });
}

template <typename Body>
void add(const char* name, Body body) {
  benchmark::RegisterBenchmark(name, body);
}

void register_packets() {
  using State = benchmark::State;
  add("CommonFrame/ipv4", common_frame);
  add("parse_frame/ipv4", [](State& state) { any_frame(state, false, 0, false); });
  add("parse_frame/ipv4/checksum_known_good", [](State& state) { any_frame(state, false, 0, true); });
  add("parse_frame/ipv4/vlan", [](State& state) { any_frame(state, false, 7, false); });
  add("parse_frame/ipv6", [](State& state) { any_frame(state, true, 0, false); });
  add("udp_checksum_ok/ipv4/172B", [](State& state) { udp_checksum(state, false); });
  add("udp_checksum_ok/ipv6/172B", [](State& state) { udp_checksum(state, true); });
  add("write_headers/ipv4/whole/172B", [](State& state) { headers(state, false, false); });
  add("write_headers/ipv4/pseudo", [](State& state) { headers(state, false, true); });
  add("write_headers/ipv6/whole/172B", [](State& state) { headers(state, true, false); });
  add("write_headers/ipv6/pseudo", [](State& state) { headers(state, true, true); });
  add("parse_rtp", [](State& state) { rtp(state, false); });
  add("parse_rtp/extension", [](State& state) { rtp(state, true); });
  add("find_extension/second_of_two", mid_extension);
  add("packet_index/ahead", [](State& state) { packet_index(state, true); });
  add("packet_index/behind", [](State& state) { packet_index(state, false); });
  add("replay_window/in_order", [](State& state) { replay_window(state, false); });
  add("replay_window/reordered", [](State& state) { replay_window(state, true); });
}

void register_tables() {
  using State = benchmark::State;
  add("flat_table/find/64", [](State& state) { look_up(state, 64); });
  add("flat_table/find/20000", [](State& state) { look_up(state, 20000); });
  add("flat_table/absent/20000", [](State& state) { look_up_in_vain(state, 20000); });
  add("spsc_ring/push_and_pop", ring);
  add("packet_cache/keep/172B", [](State& state) { keep(state, 172); });
  add("packet_cache/keep/1200B", [](State& state) { keep(state, 1200); });
  add("packet_cache/locate_and_open/172B", [](State& state) { open_kept(state, 172); });
  add("packet_cache/locate_and_open/1200B", [](State& state) { open_kept(state, 1200); });
}

}  // namespace
}  // namespace sluice::dataplane

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  sluice::dataplane::register_packets();
  sluice::dataplane::register_tables();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
