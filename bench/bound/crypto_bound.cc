// crypto_bound: the least that the cryptography of one packet costs: the fastest of the bare kernels, the
// library's and our own, without parsing, window or index. It measures the crypto part of the bound that
// scripts/bench prints (docs/benchmarking.md, The bound).
//
//   crypto_bound --profile AEAD_AES_128_GCM --payload 160 --keys 10000 --seal [--engine libsrtp]
//                [--isa avx2] [--seconds S]
//
// Prints JSON. `cyclesPerPacket` is of the fastest `kernel`, and `kernels` has them all. Each is the median
// over rounds, in TSC ticks. It uses the keys in turn, so that keys that do not fit into the cache cost the
// same as in a relay. The packets are in the cache, as they are
// when a port has just delivered them.
#include <x86intrin.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/bound/bare_crypto.h"
#include "bench/bound/crypto_packets.h"
#include "crypto/engine_factory.h"
#include "crypto/srtp/instruction_set.h"

namespace sluice::crypto {
namespace {

constexpr std::size_t kBatch = CryptoLoop::kBatchMax;
constexpr std::size_t kPayloadMax = BareWork::kPayloadMax;
constexpr std::size_t kPacketsPerRound = 8192;
constexpr std::size_t kLibsrtpKeysMax = 1024;

struct Options {
  SrtpProfile profile = SrtpProfile::kAeadAes128Gcm;
  EngineKind engine = EngineKind::kIpsecMb;
  std::size_t payload = 160;
  std::size_t keys = 10000;
  bool seal = true;
  double seconds = 0.25;
};

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "crypto_bound: %s\n", what.c_str());
  std::exit(1);
}

std::vector<SrtpKeys> make_keys(SrtpEngine& engine, const Options& options, Direction direction) {
  std::vector<SrtpKeys> keys = random_keys(engine, options.profile, options.keys, direction);
  if (keys.empty()) fail(engine.last_error());
  return keys;
}

/// libsrtp has no calls below srtp_protect and srtp_unprotect, so this times whole calls of the engine. To
/// measure opening, it seals the packets outside the timed part.
class Whole final : public CryptoLoop {
 public:
  Whole(const Options& options, SrtpEngine& engine, std::vector<SrtpKeys>& keys,
        std::vector<SrtpKeys>& others)
      : options_(options), engine_(engine), keys_(keys), others_(others), packets_(kBatch) {}

  std::uint64_t batch(std::size_t at, std::size_t count) override {
    if (at < last_) ++index_;
    last_ = at;
    for (std::size_t i = 0; i < count; ++i) {
      Packet& packet = packets_[i];
      write_header(packet.bytes.data(), index_);
      const std::size_t key = (at + i) % keys_.size();
      seals_[i] = {.keys = options_.seal ? &keys_[key] : &others_[key],
                   .packet = packet.bytes.data(),
                   .payload = packet.bytes.data() + kHeaderLength,
                   .index = index_,
                   .ssrc = kSsrc,
                   .header_length = kHeaderLength,
                   .payload_length = static_cast<std::uint16_t>(options_.payload),
                   .length = 0,
                   .status = {}};
    }
    std::uint64_t began = __rdtsc();
    engine_.protect(std::span(seals_).first(count));
    if (options_.seal) return __rdtsc() - began;
    for (std::size_t i = 0; i < count; ++i)
      opens_[i] = {.keys = &keys_[(at + i) % keys_.size()],
                   .packet = packets_[i].bytes.data(),
                   .index = index_,
                   .ssrc = kSsrc,
                   .header_length = kHeaderLength,
                   .length = seals_[i].length,
                   .status = {}};
    began = __rdtsc();
    engine_.unprotect(std::span(opens_).first(count));
    const std::uint64_t cycles = __rdtsc() - began;
    if (opens_[0].status != SrtpStatus::kOk) fail("opening failed: " + engine_.last_error());
    return cycles;
  }

 private:
  const Options& options_;
  SrtpEngine& engine_;
  std::vector<SrtpKeys>& keys_;
  std::vector<SrtpKeys>& others_;
  std::vector<Packet> packets_;
  std::array<RtpProtectJob, kBatch> seals_{};
  std::array<RtpUnprotectJob, kBatch> opens_{};
  std::uint64_t index_ = 1;
  std::size_t last_ = 0;
};

double median_cycles(CryptoLoop& loop, const Options& options, std::size_t round_packets) {
  std::vector<double> rounds;
  std::size_t at = 0;
  const auto round = [&] {
    std::uint64_t cycles = 0;
    for (std::size_t done = 0; done < round_packets; done += kBatch) {
      cycles += loop.batch(at, kBatch);
      at = (at + kBatch) % options.keys;
    }
    return static_cast<double>(cycles) / static_cast<double>(round_packets);
  };
  round();  // to warm up
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(options.seconds);
  while (rounds.empty() || std::chrono::steady_clock::now() < end) rounds.push_back(round());
  std::nth_element(rounds.begin(), rounds.begin() + static_cast<std::ptrdiff_t>(rounds.size() / 2),
                   rounds.end());
  return rounds[rounds.size() / 2];
}

struct Cost {
  std::string kernel;
  double cycles;
};

std::vector<Cost> measure_kernels(const Options& options) {
  std::vector<Cost> costs;
  for (const BareKernel kernel : bare_kernels(options.profile)) {
    std::string error;
    const auto bare =
        make_bare_loop({options.profile, options.payload, options.seal, options.keys, kernel}, error);
    if (!bare) fail(error);
    costs.push_back({std::string(kernel_name(kernel)), median_cycles(*bare, options, kPacketsPerRound)});
  }
  return costs;
}

std::vector<Cost> measure_engine(const Options& options) {
  std::string error;
  const auto engine = make_engine(options.engine, error);
  if (!engine) fail(error);
  const Direction direction = options.seal ? Direction::kSend : Direction::kReceive;
  std::vector<SrtpKeys> keys = make_keys(*engine, options, direction);
  std::vector<SrtpKeys> others;
  if (!options.seal) others = make_keys(*engine, options, Direction::kSend);
  Whole work(options, *engine, keys, others);
  const double cycles =
      median_cycles(work, options, std::min(options.keys / kBatch * kBatch + kBatch, kPacketsPerRound));
  for (SrtpKeys& one : keys) engine->release(one);
  for (SrtpKeys& one : others) engine->release(one);
  return {{std::string(engine_name(options.engine)), cycles}};
}

void print(const Options& options, const std::vector<Cost>& costs) {
  const auto least = std::min_element(costs.begin(), costs.end(),
                                      [](const Cost& a, const Cost& b) { return a.cycles < b.cycles; });
  std::printf(
      "{\"engine\":\"%s\",\"profile\":\"%s\",\"payloadBytes\":%zu,\"keys\":%zu,\"direction\":\"%s\","
      "\"cyclesPerPacket\":%.2f,\"kernel\":\"%s\",\"kernels\":{",
      std::string(engine_name(options.engine)).c_str(),
      std::string(profile_info(options.profile).name).c_str(), options.payload, options.keys,
      options.seal ? "seal" : "open", least->cycles, least->kernel.c_str());
  for (const Cost& cost : costs)
    std::printf("%s\"%s\":%.2f", &cost == costs.data() ? "" : ",", cost.kernel.c_str(), cost.cycles);
  std::printf("}}\n");
}

SrtpProfile profile_named(std::string_view name) {
  for (const SrtpProfile profile : kAllSrtpProfiles)
    if (profile_info(profile).name == name) return profile;
  fail("unknown profile \"" + std::string(name) + "\"");
}

std::size_t number(const char* option, const char* text, std::size_t min, std::size_t max) {
  const unsigned long long value = std::strtoull(text, nullptr, 10);
  if (value < min || value > max)
    fail(std::string(option) + " " + text + ": allowed are " + std::to_string(min) + ".." +
         std::to_string(max));
  return static_cast<std::size_t>(value);
}

Options parse(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view option = arguments[i];
    if (option == "--seal" || option == "--open") {
      options.seal = option == "--seal";
      continue;
    }
    if (i + 1 == count) fail("\"" + std::string(option) + "\" is unknown or lacks its value");
    const char* value = arguments[++i];
    if (option == "--profile") {
      options.profile = profile_named(value);
    } else if (option == "--payload") {
      options.payload = number("--payload", value, 1, kPayloadMax);
    } else if (option == "--keys") {
      options.keys = number("--keys", value, 1, 1000000);
    } else if (option == "--engine") {
      options.engine = std::string_view(value) == "libsrtp" ? EngineKind::kLibsrtp : EngineKind::kIpsecMb;
    } else if (option == "--isa") {
      if (std::string_view(value) != "auto" && std::string_view(value) != "avx2")
        fail("--isa: allowed are auto and avx2");
      if (std::string_view(value) == "avx2") limit_instruction_set(InstructionSet::kAvx2);
    } else if (option == "--seconds") {
      options.seconds = std::strtod(value, nullptr);
    } else {
      fail("unknown option \"" + std::string(option) + "\"");
    }
  }
  return options;
}

}  // namespace
}  // namespace sluice::crypto

int main(int count, char** arguments) {
  using namespace sluice::crypto;
  const Options options = parse(count, arguments);
  // On NSS the cost of a packet grows with the number of keys. More keys would take minutes.
  if (options.engine == EngineKind::kLibsrtp && options.keys > kLibsrtpKeysMax)
    fail("--keys: allowed are up to " + std::to_string(kLibsrtpKeysMax) + " with libsrtp");
  print(options, options.engine == EngineKind::kLibsrtp ? measure_engine(options) : measure_kernels(options));
  return 0;
}
