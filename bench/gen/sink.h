// sink: takes the packets that the relay sends. It finds the receiver of each packet, counts it, and measures
// its latency by the RTP header, which is not encrypted. It keeps one packet in a thousand, chosen at random,
// to be opened after the trial. One thread; only the constructor allocates.
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

/// A packet as it came, to be opened later. `index` and `shift` are those of its receiver at that moment.
struct Sample {
  std::uint64_t index;
  std::uint32_t receiver;
  std::uint16_t shift;
  std::uint16_t length;  // of the RTP or SRTP packet
  std::size_t offset;    // in Sink::sample_bytes
};

class Sink {
 public:
  /// `mirrored`: the packets come back as they were sent, with the relay's address (Link's loop). Throws
  /// std::runtime_error when two receivers have the same address and SSRC.
  Sink(const Plan& plan, const Source& source, bool mirrored);

  /// Counts the packets, which the caller still owns. `now`: the TSC time when they came from the link.
  void take(std::span<rte_mbuf* const> packets, std::uint64_t now, Counts& counts);

  void begin_trial(bool sampling);
  LatencyHistogram& latency() { return latency_; }
  std::span<const Sample> samples() const { return samples_; }
  const std::uint8_t* bytes_of(const Sample& sample) const { return sample_bytes_.data() + sample.offset; }

  /// The number of receivers that have not got any packet yet.
  std::size_t silent() const { return silent_; }
  std::vector<std::uint32_t> silent_receivers();

  /// take() calls it for each frame that is not media.
  std::function<void(std::span<const std::uint8_t> frame)> on_other;
  /// take() calls it, if set, for each new media packet, with the outgoing sequence number. For NACKs.
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
  std::uint32_t until_sample_ = 0;  // packets until the next sample; 0: no samples
  std::uint64_t random_ = 0x853c49e6748fea9bULL;
};

}  // namespace sluice::gen
