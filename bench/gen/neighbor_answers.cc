#include "bench/gen/neighbor_answers.h"

#include <algorithm>

namespace sluice::gen {
namespace {

using dataplane::load_be16;
using dataplane::store_be16;

constexpr std::size_t kArpBytes = 28;
constexpr std::size_t kIpv6Header = 40;
constexpr std::size_t kAdvertisementBytes = 32;  // with the link-layer address option
constexpr std::uint8_t kSolicitation = 135;
constexpr std::uint8_t kAdvertisement = 136;

}  // namespace

NeighborAnswers::NeighborAnswers(const Plan& plan) : mac_(plan.mac) {
  for (const PlanEndpoint& endpoint : plan.endpoints) ours_.insert(endpoint.address.ip);
}

std::vector<std::uint8_t> NeighborAnswers::answer(std::span<const std::uint8_t> bytes) const {
  dataplane::Frame frame;
  if (dataplane::parse_frame(bytes, frame)) return {};
  if (frame.ether_type == dataplane::kEtherTypeArp && frame.l3_length >= kArpBytes)
    return answer_arp(bytes, frame.l3_offset);
  if (frame.ip_version == 6 && frame.ip_protocol == dataplane::kIpProtoIcmpv6 && frame.l4_length >= 24 &&
      bytes[frame.l4_offset] == kSolicitation)
    return answer_solicitation(bytes, frame.l3_offset);
  return {};
}

std::vector<std::uint8_t> NeighborAnswers::answer_arp(std::span<const std::uint8_t> frame,
                                                      std::size_t at) const {
  const std::uint8_t* arp = frame.data() + at;
  const auto target = config::IpAddress::from_bytes({arp + 24, 4});
  if (load_be16(arp + 6) != 1 || !ours_.contains(target)) return {};
  std::vector<std::uint8_t> out(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(at + kArpBytes));
  std::copy_n(arp + 8, 6, out.begin());
  std::copy(mac_.begin(), mac_.end(), out.begin() + 6);
  std::uint8_t* reply = out.data() + at;
  store_be16(reply + 6, 2);
  std::copy_n(arp + 8, 10, reply + 18);  // the target is the sender of the request
  std::copy(mac_.begin(), mac_.end(), reply + 8);
  std::copy_n(arp + 24, 4, reply + 14);
  out.resize(std::max<std::size_t>(out.size(), 60));
  return out;
}

std::vector<std::uint8_t> NeighborAnswers::answer_solicitation(std::span<const std::uint8_t> frame,
                                                               std::size_t ip) const {
  const std::uint8_t* asked = frame.data() + ip;
  const std::uint8_t* target = asked + kIpv6Header + 8;
  if (!ours_.contains(config::IpAddress::from_bytes({target, 16}))) return {};
  std::vector<std::uint8_t> out(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(ip + kIpv6Header));
  std::copy_n(frame.begin() + 6, 6, out.begin());
  std::copy(mac_.begin(), mac_.end(), out.begin() + 6);
  out.resize(ip + kIpv6Header + kAdvertisementBytes);
  std::uint8_t* header = out.data() + ip;
  store_be16(header + 4, kAdvertisementBytes);
  std::copy_n(target, 16, header + 8);
  std::copy_n(asked + 8, 16, header + 24);
  std::uint8_t* message = header + kIpv6Header;
  message[0] = kAdvertisement;
  message[4] = 0x60;  // solicited, override
  std::copy_n(target, 16, message + 8);
  message[24] = 2;  // target link-layer address
  message[25] = 1;
  std::copy(mac_.begin(), mac_.end(), message + 26);
  const std::uint64_t pseudo =
      dataplane::checksum_add({header + 8, 32}, kAdvertisementBytes + dataplane::kIpProtoIcmpv6);
  store_be16(message + 2,
             dataplane::checksum_finish(dataplane::checksum_add({message, kAdvertisementBytes}, pseudo)));
  return out;
}

}  // namespace sluice::gen
