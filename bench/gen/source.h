// source: makes and sends the streams of the plan. The headers come from templates, the payload comes from
// the pattern, and each packet is sealed with the key of its sender when it is sent. One thread; only the
// constructor allocates.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "bench/gen/huge_array.h"
#include "bench/gen/link.h"
#include "bench/gen/pattern.h"
#include "bench/gen/plan.h"
#include "bench/gen/results.h"
#include "crypto/srtp/srtp_engine.h"

namespace sluice::gen {

inline constexpr std::size_t kBurst = 32;
inline constexpr std::size_t kMostBeside = 8 * kBurst;
// Packets that do not come over a wire need no check of checksums. virtio marks them in the same way.
inline constexpr std::uint64_t kGoodChecksums = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;

/// The state of one stream that is sent: two cache lines.
struct alignas(64) StreamFlow {
  std::array<std::uint8_t, 80>
      header;           // Ethernet, IP, UDP and RTP; sequence number and timestamp to be filled
  std::uint64_t index;  // of the last packet: ROC || SEQ
  std::uint64_t first_index;
  std::uint32_t ssrc;
  std::uint32_t endpoint;
  std::uint32_t outputs;
  std::uint16_t payload_length;
  std::uint16_t queue;
  std::uint16_t frame_length;  // with the tag
  std::uint8_t rtp_offset;
  bool sealed;
  bool is_v6;
};
static_assert(sizeof(StreamFlow) == 128);

/// When the packets of a burst left. Their RTP timestamps are older, since they are taken before the sealing.
class Departures {
 public:
  void note(std::uint32_t timestamp, std::uint32_t late_by) {
    entries_[timestamp % entries_.size()] = {timestamp, late_by};
  }
  /// The age of a packet since it left, in steps of 64 TSC ticks.
  std::uint32_t age(std::uint32_t timestamp, std::uint32_t now) const {
    const Entry& entry = entries_[timestamp % entries_.size()];
    return now - timestamp - (entry.timestamp == timestamp ? entry.late_by : 0);
  }

 private:
  struct Entry {
    std::uint32_t timestamp, late_by;
  };
  std::array<Entry, 4096> entries_{};
};

class Source {
 public:
  Source(const Plan& plan, Link& link, std::unique_ptr<crypto::SrtpEngine> engine);
  ~Source();

  /// Sends the next `count` (at most kBurst) packets of the schedule. `beside`: other packets (at most
  /// kMostBeside) that leave among them, evenly mixed. So a link that is full refuses both alike.
  void send(std::size_t count, Counts& counts, std::span<rte_mbuf* const> beside = {});
  /// Sends one packet of each of these (at most kBurst) streams, outside of the schedule.
  void send_of(const std::uint32_t* streams, std::size_t count, Counts& counts,
               std::span<rte_mbuf* const> beside = {});

  const StreamFlow& stream(std::size_t index) const { return streams_[index]; }
  std::size_t stream_count() const { return streams_.size(); }
  const Pattern& pattern() const { return pattern_; }
  const Departures& departures() const { return departures_; }
  const crypto::SrtpKeys& keys(std::size_t endpoint) const { return keys_[endpoint]; }
  crypto::SrtpEngine& engine() { return *engine_; }

 private:
  void make_stream(const Plan& plan, std::size_t index);
  void fill(rte_mbuf* mbuf, std::uint32_t stream, std::uint32_t timestamp);
  void hand_over(rte_mbuf** packets, std::size_t count, Counts& counts);
  void hand_over_mixed(rte_mbuf** packets, std::size_t count, std::span<rte_mbuf* const> beside,
                       Counts& counts);

  Link& link_;
  std::unique_ptr<crypto::SrtpEngine> engine_;
  Pattern pattern_;
  Departures departures_;
  HugeArray<StreamFlow> streams_;
  HugeArray<crypto::SrtpKeys> keys_;
  std::vector<std::uint32_t> order_;
  std::size_t at_ = 0;
  std::array<crypto::RtpProtectJob, kBurst> jobs_{};
  std::size_t job_count_ = 0;
  std::array<std::uint16_t, kBurst> queue_of_{};
};

}  // namespace sluice::gen
