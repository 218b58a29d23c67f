// control_traffic: the packets that are not media. These are frames that wait to be sent, such as answers to
// ARP. If the plan asks for them, they are also RTCP reports, NACKs and STUN consent checks. All are rare
// compared to media, so the code is not made for speed. The player's thread.
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

  /// Queues the packets that are due at TSC time `now`.
  void poll(std::uint64_t now, Counts& counts);
  /// Called for each new media packet. Chooses the share of them that the plan wants to ask for again.
  void on_media(std::uint32_t receiver, std::uint16_t sequence);
  /// Called for a frame that is neither media, ARP nor an echo reply: an answer to a check, or a report.
  void on_frame(std::span<const std::uint8_t> frame, Counts& counts);

  [[nodiscard]] bool wants_media() const { return plan_.nack_share > 0; }
  /// Frames to send. The player takes them.
  std::vector<std::vector<std::uint8_t>> frames;

  static constexpr std::size_t kMaxQueued = 256;

 private:
  void report(std::uint32_t endpoint, std::uint64_t now, Counts& counts);
  void ask_again(Counts& counts);
  void check_consent(std::uint32_t endpoint, Counts& counts);
  /// Seals the compound if the endpoint has SRTP, adds the headers, and queues the frame.
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
  std::vector<std::uint32_t> highest_;  // by receiver: the last sequence number
  std::uint64_t begun_ = 0;
  std::uint64_t reports_done_ = 0, checks_done_ = 0;
  std::uint64_t random_ = 88172645463325252ULL;
};

}  // namespace sluice::gen
