// neighbor_answers: answers the relay's questions for the MAC of the plan's endpoints (ARP, RFC 826;
// neighbour solicitation, RFC 4861). All endpoints have the same MAC. One thread.
#pragma once

#include <set>
#include <span>
#include <vector>

#include "bench/gen/plan.h"

namespace sluice::gen {

class NeighborAnswers {
 public:
  explicit NeighborAnswers(const Plan& plan);
  /// The frame to send back. Empty when `frame` is no such question, or not for one of the endpoints.
  std::vector<std::uint8_t> answer(std::span<const std::uint8_t> frame) const;

 private:
  std::vector<std::uint8_t> answer_arp(std::span<const std::uint8_t> frame, std::size_t at) const;
  std::vector<std::uint8_t> answer_solicitation(std::span<const std::uint8_t> frame, std::size_t ip) const;

  dataplane::MacAddress mac_;
  std::set<config::IpAddress> ours_;
};

}  // namespace sluice::gen
