// neighbor_answers: says where the plan's endpoints are when the relay asks (ARP, RFC 826; neighbour
// solicitation, RFC 4861): all at one MAC address. One thread.
#pragma once

#include <set>
#include <span>
#include <vector>

#include "bench/gen/plan.h"

namespace sluice::gen {

class NeighborAnswers {
 public:
  explicit NeighborAnswers(const Plan& plan);
  /// The frame to send back; empty when this was no question, or not for us.
  std::vector<std::uint8_t> answer(std::span<const std::uint8_t> frame) const;

 private:
  std::vector<std::uint8_t> answer_arp(std::span<const std::uint8_t> frame, std::size_t at) const;
  std::vector<std::uint8_t> answer_solicitation(std::span<const std::uint8_t> frame, std::size_t ip) const;

  dataplane::MacAddress mac_;
  std::set<config::IpAddress> ours_;
};

}  // namespace sluice::gen
