// forger: makes packets that only a relay without authentication would take for media: the right SSRC, a
// sequence number ahead of the stream, a random payload and tag. They come from a stranger's address, or from
// the sender's own, which anybody can write into a packet. The player's thread.
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <span>

#include "bench/gen/link.h"
#include "bench/gen/load.h"
#include "bench/gen/results.h"
#include "bench/gen/source.h"

namespace sluice::gen {

class Forger {
 public:
  Forger(const Source& source, Link& link) : source_(source), link_(link) {}

  /// The forged packets that are owed for `media` (at most kBurst) packets, for the streams in turn. The
  /// caller owns them; the span is valid until the next call. REQUIRES: flood.per_packet <= kMostForged.
  std::span<rte_mbuf* const> make(const Flood& flood, std::size_t media, Counts& counts);

 private:
  void fill(rte_mbuf* mbuf, const StreamFlow& flow, bool spoofed);

  const Source& source_;
  Link& link_;
  double owed_ = 0;
  std::size_t at_ = 0;  // the next stream
  std::minstd_rand random_{7};
  std::array<rte_mbuf*, kMostBeside> packets_{};
};

}  // namespace sluice::gen
