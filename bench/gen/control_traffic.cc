#include "bench/gen/control_traffic.h"

#include <algorithm>
#include <cstring>

#include "bench/gen/clock.h"
#include "bench/gen/rtcp_compound.h"
#include "controlplane/protocol/ice/stun.h"
#include "dataplane/wire/header_template.h"

namespace sluice::gen {
namespace {

constexpr std::size_t kMaxMissing = 4096;
constexpr std::size_t kPerPoll = 16;
constexpr std::uint64_t kNtpOfUnixEpoch = 2208988800;
constexpr std::uint32_t kHostPriority = 0x6e7f1eff;  // RFC 8445 5.1.2, peer-reflexive, first component

std::uint64_t ntp_now() {
  const std::uint64_t ns = nanoseconds(CLOCK_REALTIME);
  const std::uint64_t fraction = (ns % 1'000'000'000 << 32) / 1'000'000'000;
  return (ns / 1'000'000'000 + kNtpOfUnixEpoch) << 32 | fraction;
}

std::vector<std::uint8_t> datagram(const Plan& plan, const config::SocketAddress& from,
                                   const config::SocketAddress& to, std::span<const std::uint8_t> payload) {
  const auto header = dataplane::make_header_template({plan.mac, from}, {plan.relay_mac, to}, plan.vlan);
  std::vector<std::uint8_t> frame(header.length + payload.size());
  std::copy(payload.begin(), payload.end(), frame.begin() + header.length);
  dataplane::write_headers(header, frame.data(), static_cast<std::uint16_t>(payload.size()));
  return frame;
}

}  // namespace

ControlTraffic::ControlTraffic(const Plan& plan, Source& source, double tsc_hz)
    : plan_(plan),
      source_(source),
      tsc_hz_(tsc_hz),
      srtcp_index_(plan.endpoints.size()),
      streams_of_(plan.endpoints.size()),
      receivers_of_(plan.endpoints.size()),
      highest_(plan.receivers.size()) {
  for (std::uint32_t i = 0; i < plan.streams.size(); ++i) streams_of_[plan.streams[i].endpoint].push_back(i);
  for (std::uint32_t i = 0; i < plan.receivers.size(); ++i)
    receivers_of_[plan.receivers[i].endpoint].push_back(i);
  for (std::uint32_t i = 0; i < plan.endpoints.size(); ++i)
    if (plan.endpoints[i].ice) consenting_.push_back(i);
}

// The endpoints take turns, evenly distributed over the interval.
void ControlTraffic::poll(std::uint64_t now, Counts& counts) {
  if (begun_ == 0) begun_ = now;
  const double elapsed_ms = static_cast<double>(now - begun_) * 1e3 / tsc_hz_;
  const auto due = [&](std::uint32_t interval_ms, std::size_t members) {
    return interval_ms == 0
               ? 0
               : static_cast<std::uint64_t>(elapsed_ms / interval_ms * static_cast<double>(members));
  };
  const std::uint64_t reports = due(plan_.rtcp_interval_ms, plan_.endpoints.size());
  for (std::size_t i = 0; i < kPerPoll && reports_done_ < reports; ++i, ++reports_done_)
    report(static_cast<std::uint32_t>(reports_done_ % plan_.endpoints.size()), now, counts);
  const std::uint64_t checks = due(plan_.stun_interval_ms, consenting_.size());
  for (std::size_t i = 0; i < kPerPoll && checks_done_ < checks; ++i, ++checks_done_)
    check_consent(consenting_[checks_done_ % consenting_.size()], counts);
  ask_again(counts);
}

void ControlTraffic::report(std::uint32_t endpoint, std::uint64_t now, Counts& counts) {
  std::vector<ReportBlock> blocks;
  for (const std::uint32_t receiver : receivers_of_[endpoint])
    if (highest_[receiver] != 0) blocks.push_back({plan_.receivers[receiver].ssrc, highest_[receiver]});
  const auto& streams = streams_of_[endpoint];
  const std::string name = "gen-" + std::to_string(endpoint);
  const auto timestamp = static_cast<std::uint32_t>(now / LatencyHistogram::kTicksPerStep);
  if (streams.empty()) {
    RtcpCompound compound;
    compound.receiver_report(endpoint + 1, blocks);
    compound.cname(endpoint + 1, name);
    send_rtcp(endpoint, compound.take());
    ++counts.reports_sent;
    return;
  }
  for (const std::uint32_t stream : streams) {
    const StreamFlow& flow = source_.stream(stream);
    const auto packets = static_cast<std::uint32_t>(flow.index - flow.first_index);
    RtcpCompound compound;
    compound.sender_report(flow.ssrc, ntp_now(), timestamp, packets, packets * flow.payload_length, blocks);
    compound.cname(flow.ssrc, name);
    send_rtcp(endpoint, compound.take());
    ++counts.reports_sent;
    blocks.clear();
  }
}

void ControlTraffic::on_media(std::uint32_t receiver, std::uint16_t sequence) {
  highest_[receiver] = sequence;
  if (plan_.nack_share <= 0) return;
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  if (static_cast<double>(random_ >> 11) * 0x1p-53 < plan_.nack_share && missing_.size() < kMaxMissing)
    missing_.push_back({receiver, sequence});
}

void ControlTraffic::ask_again(Counts& counts) {
  for (std::size_t i = 0; i < kPerPoll && !missing_.empty() && frames.size() < kMaxQueued; ++i) {
    const Missing wanted = missing_.back();
    missing_.pop_back();
    const PlanReceiver& receiver = plan_.receivers[wanted.receiver];
    const auto& streams = streams_of_[receiver.endpoint];
    const std::uint32_t own = streams.empty() ? receiver.endpoint + 1 : plan_.streams[streams[0]].ssrc;
    RtcpCompound compound;
    compound.receiver_report(own, {});
    compound.nack(own, receiver.ssrc, wanted.sequence);
    send_rtcp(receiver.endpoint, compound.take());
    ++counts.nacks;
  }
}

void ControlTraffic::send_rtcp(std::uint32_t endpoint, std::vector<std::uint8_t> compound) {
  const PlanEndpoint& peer = plan_.endpoints[endpoint];
  if (peer.profile) {
    const std::size_t length = compound.size();
    compound.resize(length + crypto::kMaxRtcpTrailer + crypto::kTailBytes);
    crypto::RtcpProtectJob job{.keys = &source_.keys(endpoint),
                               .packet = compound.data(),
                               .index = srtcp_index_[endpoint]++,
                               .length = static_cast<std::uint16_t>(length),
                               .status = {}};
    source_.engine().protect_rtcp({&job, 1});
    compound.resize(job.length);
  }
  frames.push_back(datagram(plan_, {peer.address.ip, peer.rtcp_port}, peer.relay_rtcp, compound));
}

// RFC 7675: a binding request with the relay's short-term credentials.
void ControlTraffic::check_consent(std::uint32_t endpoint, Counts& counts) {
  const PlanEndpoint& peer = plan_.endpoints[endpoint];
  control::StunTransactionId id{};
  random_ = random_ * 6364136223846793005ULL + 1;
  std::memcpy(id.data(), &random_, 8);
  std::memcpy(id.data() + 8, &endpoint, 4);
  control::StunWriter request(control::StunClass::kRequest, control::kStunBinding, id);
  request.add_text(control::StunAttribute::kUsername, peer.ice->ufrag + ":" + peer.ice->peer_ufrag);
  request.add_u64(control::StunAttribute::kIceControlling, 1);
  request.add_u32(control::StunAttribute::kPriority, kHostPriority);
  request.add_flag(control::StunAttribute::kUseCandidate);
  request.add_message_integrity(peer.ice->password);
  request.add_fingerprint();
  frames.push_back(datagram(plan_, peer.address, peer.relay, request.bytes()));
  ++counts.stun_sent;
}

void ControlTraffic::on_frame(std::span<const std::uint8_t> bytes, Counts& counts) {
  dataplane::Frame frame;
  if (dataplane::parse_frame(bytes, frame) || frame.ip_protocol != dataplane::kIpProtoUdp) return;
  const auto payload = bytes.subspan(frame.payload_offset, frame.payload_length);
  if (payload.empty()) return;
  if ((payload[0] & 0xc0) == 0x80) {
    ++counts.reports_received;
    return;
  }
  const auto answer = control::StunView::parse(payload);
  if (!answer || answer->message_class() != control::StunClass::kResponse) return;
  std::uint32_t endpoint = 0;
  std::memcpy(&endpoint, answer->transaction_id().data() + 8, 4);
  if (endpoint < plan_.endpoints.size() && plan_.endpoints[endpoint].ice &&
      answer->integrity_ok(plan_.endpoints[endpoint].ice->password) && answer->fingerprint_ok())
    ++counts.stun_answered;
}

}  // namespace sluice::gen
