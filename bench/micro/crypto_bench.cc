// crypto_bench: what SRTP costs on this machine, in TSC cycles per packet, for each engine, profile, payload
// length and batch size, sealing and opening. It uses the keys of 8192 endpoints (libsrtp: 256) in turn, as a
// busy relay does. "raw" is the bound: the same bytes through the bare calls of intel-ipsec-mb (bare_crypto).
//
//   crypto_bench --benchmark_filter='protect/ipsec_mb/AEAD_AES_128_GCM'
//
// The names are operation/engine/profile/payload length/batch size. Only the engine's call is timed. The
// packets are in the cache, as they are when a NIC has just delivered them. The frequency of a CPU changes,
// so compare only ratios of one run.
#include <benchmark/benchmark.h>
#include <x86intrin.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "bench/bound/bare_crypto.h"
#include "bench/bound/crypto_packets.h"
#include "crypto/engine_factory.h"

namespace sluice::crypto {
namespace {

/// libsrtp on NSS finds its keys in lists, so the cost of a packet grows with the number of keys. With 1024
/// keys it is two to four times the cost with 256 keys, with 8192 keys more than ten times.
std::size_t key_count(EngineKind kind) {
  return kind == EngineKind::kIpsecMb ? 8192 : 256;
}
constexpr std::size_t kBatchMax = CryptoLoop::kBatchMax;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "crypto_bench: %s\n", what.c_str());
  std::exit(1);
}

struct KeySet {
  std::unique_ptr<SrtpEngine> engine;
  std::vector<SrtpKeys> keys;
  std::uint64_t next_index = 0;  // continues over all runs, so that no index repeats

  KeySet(EngineKind kind, SrtpProfile profile, Direction direction) : keys(key_count(kind)) {
    std::string error;
    engine = make_engine(kind, error);
    if (!engine) fail(error);
    std::mt19937_64 random(1);
    for (SrtpKeys& one : keys) {
      if (!engine->expand(random_key(profile, random), direction, one)) fail(engine->last_error());
      meet_ssrc(one);
    }
  }
  /// Sends a first packet of the SSRC, so that the set-up of libsrtp's stream is not timed.
  void meet_ssrc(const SrtpKeys& one);
  KeySet(const KeySet&) = delete;
  KeySet& operator=(const KeySet&) = delete;
  ~KeySet() {
    for (SrtpKeys& one : keys) engine->release(one);
  }
};

/// Keeps one set for each direction. The benchmarks are in the order of their keys, so most find their set
/// here, and memory stays bounded.
KeySet& key_set(EngineKind kind, SrtpProfile profile, Direction direction) {
  struct Slot {
    EngineKind kind;
    SrtpProfile profile;
    std::unique_ptr<KeySet> set;
  };
  static std::array<Slot, 2> slots;
  Slot& slot = slots[direction == Direction::kSend ? 0 : 1];
  if (!slot.set || slot.kind != kind || slot.profile != profile) {
    slot.set.reset();
    slot = {kind, profile, std::make_unique<KeySet>(kind, profile, direction)};
  }
  return *slot.set;
}

void KeySet::meet_ssrc(const SrtpKeys& one) {
  if (engine->kind() != EngineKind::kLibsrtp) return;
  // libsrtp does not care about the direction. A sealed packet always leaves a stream; a packet that fails to
  // open does not.
  Packet packet;
  write_header(packet.bytes.data(), 0);
  RtpProtectJob job{.keys = &one,
                    .packet = packet.bytes.data(),
                    .payload = packet.bytes.data() + kHeaderLength,
                    .index = 0,
                    .ssrc = kSsrc,
                    .header_length = kHeaderLength,
                    .payload_length = 0,
                    .length = 0,
                    .status = {}};
  engine->protect({&job, 1});
}

class Meter {
 public:
  void start() { start_ = __rdtsc(); }
  void stop(benchmark::State& state, std::size_t packets) { add(state, __rdtsc() - start_, packets); }
  void add(benchmark::State& state, std::uint64_t cycles, std::size_t packets) {
    cycles_ += cycles;
    packets_ += packets;
    state.SetIterationTime(static_cast<double>(cycles) / tsc_hz());
  }
  void report(benchmark::State& state) const {
    state.counters["cycles/packet"] = static_cast<double>(cycles_) / static_cast<double>(packets_);
    state.SetItemsProcessed(static_cast<std::int64_t>(packets_));
  }

 private:
  static double tsc_hz() {
    static const double hz = [] {
      const auto begin = std::chrono::steady_clock::now();
      const std::uint64_t tsc = __rdtsc();
      while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(50)) {
      }
      const std::uint64_t ticks = __rdtsc() - tsc;
      return static_cast<double>(ticks) /
             std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    }();
    return hz;
  }
  std::uint64_t start_ = 0;
  std::uint64_t cycles_ = 0;
  std::size_t packets_ = 0;
};

/// Seals out of place from one plaintext, as in a fan-out.
void protect(benchmark::State& state, EngineKind kind, SrtpProfile profile, std::size_t payload,
             std::size_t batch) {
  KeySet& set = key_set(kind, profile, Direction::kSend);
  std::vector<Packet> packets(kBatchMax);
  const std::vector<std::uint8_t> plain(payload, 0xab);
  std::array<RtpProtectJob, kBatchMax> jobs{};
  Meter meter;
  std::size_t at = 0;
  for (auto _ : state) {
    if (at == 0) ++set.next_index;
    for (std::size_t i = 0; i < batch; ++i) {
      write_header(packets[i].bytes.data(), set.next_index);
      jobs[i] = {.keys = &set.keys[at + i],
                 .packet = packets[i].bytes.data(),
                 .payload = plain.data(),
                 .index = set.next_index,
                 .ssrc = kSsrc,
                 .header_length = kHeaderLength,
                 .payload_length = static_cast<std::uint16_t>(payload),
                 .length = 0,
                 .status = {}};
    }
    meter.start();
    set.engine->protect(std::span(jobs).first(batch));
    meter.stop(state, batch);
    if (jobs[0].status != SrtpStatus::kOk) fail("sealing failed: " + set.engine->last_error());
    at = (at + batch) % set.keys.size();
  }
  meter.report(state);
}

void unprotect(benchmark::State& state, EngineKind kind, SrtpProfile profile, std::size_t payload,
               std::size_t batch) {
  KeySet& sender = key_set(kind, profile, Direction::kSend);
  KeySet& receiver = key_set(kind, profile, Direction::kReceive);
  // Seals 1024 packets at a time. Sealing reads only the sender's keys, so the receiver's keys are in no near
  // cache when the packets are opened.
  const std::size_t sealed_count = std::min<std::size_t>(1024, sender.keys.size());
  std::vector<Packet> sealed(sealed_count);
  std::vector<std::uint16_t> lengths(sealed_count);
  std::vector<Packet> packets(kBatchMax);
  const std::vector<std::uint8_t> plain(payload, 0xab);
  std::array<RtpUnprotectJob, kBatchMax> jobs{};
  Meter meter;
  std::size_t at = 0;
  for (auto _ : state) {
    if (at == 0) ++sender.next_index;
    if (at % sealed_count == 0) {
      for (std::size_t i = 0; i < sealed_count; ++i) {
        write_header(sealed[i].bytes.data(), sender.next_index);
        RtpProtectJob job{.keys = &sender.keys[at + i],
                          .packet = sealed[i].bytes.data(),
                          .payload = plain.data(),
                          .index = sender.next_index,
                          .ssrc = kSsrc,
                          .header_length = kHeaderLength,
                          .payload_length = static_cast<std::uint16_t>(payload),
                          .length = 0,
                          .status = {}};
        sender.engine->protect({&job, 1});
        lengths[i] = job.length;
      }
    }
    for (std::size_t i = 0; i < batch; ++i) {
      const std::size_t from = (at + i) % sealed_count;
      std::memcpy(packets[i].bytes.data(), sealed[from].bytes.data(), lengths[from]);
      jobs[i] = {.keys = &receiver.keys[at + i],
                 .packet = packets[i].bytes.data(),
                 .index = sender.next_index,
                 .ssrc = kSsrc,
                 .header_length = kHeaderLength,
                 .length = lengths[from],
                 .status = {}};
    }
    meter.start();
    receiver.engine->unprotect(std::span(jobs).first(batch));
    meter.stop(state, batch);
    if (jobs[0].status != SrtpStatus::kOk) fail("opening failed: " + receiver.engine->last_error());
    at = (at + batch) % receiver.keys.size();
  }
  meter.report(state);
}

/// The library alone, sealing.
void raw(benchmark::State& state, SrtpProfile profile, std::size_t payload, std::size_t batch) {
  static std::unique_ptr<CryptoLoop> loop;  // kept over the batch sizes, like the sets of key_set()
  static BareWork made;
  const BareWork work{profile, payload, true, key_count(EngineKind::kIpsecMb)};
  if (std::string error; !loop || !(made == work)) {
    loop.reset();
    loop = make_bare_loop(work, error);
    if (!loop) fail(error);
    made = work;
  }
  Meter meter;
  std::size_t at = 0;
  for (auto _ : state) {
    meter.add(state, loop->batch(at, batch), batch);
    at = (at + batch) % work.keys;
  }
  meter.report(state);
}

void register_all() {
  constexpr std::array<std::size_t, 3> kPayloads{60, 160, 1200};
  constexpr std::array<std::size_t, 6> kBatches{1, 4, 8, 16, 32, 64};
  const auto add = [](const std::string& name, auto body) {
    benchmark::RegisterBenchmark(name.c_str(), body)->UseManualTime()->MinTime(0.02);
  };
  for (const EngineKind kind : {EngineKind::kIpsecMb, EngineKind::kLibsrtp}) {
    for (const SrtpProfile profile : kAllSrtpProfiles) {
      for (const std::size_t payload : kPayloads) {
        for (const std::size_t batch : kBatches) {
          const std::string rest = std::string(profile_info(profile).name) + "/" + std::to_string(payload) +
                                   "/" + std::to_string(batch);
          const std::string engine(engine_name(kind));
          if (kind == EngineKind::kIpsecMb)
            add("protect/raw/" + rest, [=](benchmark::State& state) { raw(state, profile, payload, batch); });
          add("protect/" + engine + "/" + rest,
              [=](benchmark::State& state) { protect(state, kind, profile, payload, batch); });
          add("unprotect/" + engine + "/" + rest,
              [=](benchmark::State& state) { unprotect(state, kind, profile, payload, batch); });
        }
      }
    }
  }
}

}  // namespace
}  // namespace sluice::crypto

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  sluice::crypto::register_all();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
