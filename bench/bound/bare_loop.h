// bare_loop: what the loops of bare_crypto share: keys, packets, and a payload to seal. Private to
// bare_crypto. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "bench/bound/bare_crypto.h"
#include "bench/bound/crypto_packets.h"
#include "crypto/ipsec_mb/ipsec_mb_engine.h"

namespace sluice::crypto {

/// Keys with the engine that expanded them.
struct BareKeys {
  std::unique_ptr<IpsecMbEngine> engine;
  std::vector<SrtpKeys> all;

  BareKeys() = default;
  BareKeys(BareKeys&&) = default;
  ~BareKeys() {
    for (SrtpKeys& one : all) engine->release(one);
  }
};

class Bare : public CryptoLoop {
 public:
  Bare(const BareWork& work, BareKeys keys)
      : work_(work), keys_(std::move(keys)), packets_(kBatchMax), plain_(BareWork::kPayloadMax, 0xab) {
    for (std::size_t i = 0; i < kBatchMax; ++i) write_header(packets_[i].bytes.data(), i);
  }

 protected:
  const SrtpKeys& keys_of(std::size_t n) const { return keys_.all[n % keys_.all.size()]; }
  const SrtpKeys::Block& key(std::size_t n) const { return keys_of(n).rtp; }
  std::uint8_t* packet(std::size_t i) { return packets_[i].bytes.data(); }
  std::uint8_t* text(std::size_t i) { return packet(i) + kHeaderLength; }
  /// What the cipher reads: the plaintext, or the packet itself.
  const std::uint8_t* source(std::size_t i) { return work_.seal ? plain_.data() : text(i); }

  const BareWork work_;

 private:
  const BareKeys keys_;
  std::vector<Packet> packets_;
  const std::vector<std::uint8_t> plain_;
};

}  // namespace sluice::crypto
