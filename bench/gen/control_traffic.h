// control_traffic: what is not media: frames that wait to be sent (answers to ARP), and, where the plan asks,
// RTCP reports, NACKs and STUN consent checks. The player's thread; rare beside media, so plainly written.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "bench/gen/plan.h"
#include "bench/gen/results.h"
#include "bench/gen/source.h"

namespace sluice::gen {

class ControlTraffic {
 public:
  ControlTraffic(const Plan& plan, Source& source, double tsc_hz);

  /// Queues what has become due.
  void poll(std::uint64_t now, Counts& counts);
  /// A media packet that came, of which the plan wants a share asked for again.
  void on_media(std::uint32_t receiver, std::uint16_t sequence);
  /// A frame that is neither media nor ARP: an answer to a check, a report.
  void on_frame(std::span<const std::uint8_t> frame, Counts& counts);

  [[nodiscard]] bool wants_media() const { return plan_.nack_share > 0; }
  /// Frames to send; taken by the player.
  std::vector<std::vector<std::uint8_t>> frames;

  static constexpr std::size_t kMaxQueued = 256;

 private:
  void report(std::uint32_t endpoint, std::uint64_t now, Counts& counts);
  void ask_again(Counts& counts);
  void check_consent(std::uint32_t endpoint, Counts& counts);
  /// Seals for SRTP endpoints and puts the headers in front.
  void send_rtcp(std::uint32_t endpoint, std::vector<std::uint8_t> compound);

  struct Missing {
    std::uint32_t receiver;
    std::uint16_t sequence;
  };
  const Plan& plan_;
  Source& source_;
  double tsc_hz_;
  std::vector<std::uint32_t> srtcp_index_;                // by endpoint
  std::vector<std::vector<std::uint32_t>> streams_of_;    // by endpoint
  std::vector<std::vector<std::uint32_t>> receivers_of_;  // by endpoint
  std::vector<std::uint32_t> consenting_;                 // endpoints with ICE
  std::vector<Missing> missing_;
  std::vector<std::uint32_t> highest_;  // by receiver: last number that was sampled here
  std::uint64_t begun_ = 0;
  std::uint64_t reports_done_ = 0, checks_done_ = 0;
  std::uint64_t random_ = 88172645463325252ULL;
};

}  // namespace sluice::gen
