// sink: takes what the relay sends: finds each packet's receiver, counts, measures its latency from the clear
// RTP header, and keeps one in a thousand, by chance, to be opened after the trial. One thread; allocates at
// start only.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "bench/gen/flow_table.h"
#include "bench/gen/link.h"
#include "bench/gen/plan.h"
#include "bench/gen/results.h"
#include "bench/gen/source.h"

namespace sluice::gen {

/// A packet as it came, to be opened later. `index` and `shift` are its receiver's at that moment.
struct Sample {
  std::uint64_t index;
  std::uint32_t receiver;
  std::uint16_t shift;
  std::uint16_t length;  // of the RTP or SRTP packet
  std::size_t offset;    // in Sink::sample_bytes
};

class Sink {
 public:
  /// `mirrored`: what comes back is what was sent, at the relay's address (a loop of our own).
  Sink(const Plan& plan, const Source& source, bool mirrored);

  /// Counts, and leaves the packets to the caller. `now`: TSC when they were taken from the link.
  void take(std::span<rte_mbuf* const> packets, std::uint64_t now, Counts& counts);

  void begin_trial(bool sampling);
  LatencyHistogram& latency() { return latency_; }
  std::span<const Sample> samples() const { return samples_; }
  const std::uint8_t* bytes_of(const Sample& sample) const { return sample_bytes_.data() + sample.offset; }

  /// Receivers that have heard nothing yet.
  std::size_t silent() const { return silent_; }
  std::vector<std::uint32_t> silent_receivers();

  /// What is not media: the whole frame. Called in take().
  std::function<void(std::span<const std::uint8_t> frame)> on_other;
  /// New media, when set: (receiver, outgoing sequence number). For NACKs.
  std::function<void(std::uint32_t receiver, std::uint16_t sequence)> on_media;

  static constexpr std::uint32_t kSampleEvery = 1000;
  static constexpr std::size_t kSampleBytes = std::size_t{64} << 20;
  static constexpr std::size_t kMaxSamples = 1 << 18;

 private:
  struct Media {
    std::uint64_t key;     // 0: not media
    std::uint16_t rtp;     // offset
    std::uint16_t length;  // of the RTP packet
  };
  Media look_at(const rte_mbuf* packet) const;
  Media look_closer(std::span<const std::uint8_t> frame) const;
  void count(const Media& media, const std::uint8_t* frame, std::uint32_t now, Counts& counts);
  void count_first(ReceiverFlow& flow, std::uint16_t sequence);
  void keep(const ReceiverFlow& flow, const std::uint8_t* rtp, std::uint16_t length);

  const Plan& plan_;
  const Source& source_;
  bool mirrored_;
  FlowTable flows_;
  LatencyHistogram latency_;
  std::size_t silent_ = 0;
  std::vector<std::uint8_t> sample_bytes_;
  std::vector<Sample> samples_;
  std::size_t sample_end_ = 0;
  std::uint32_t until_sample_ = 0;  // 0: none are taken
  std::uint64_t random_ = 0x853c49e6748fea9bULL;
};

}  // namespace sluice::gen
