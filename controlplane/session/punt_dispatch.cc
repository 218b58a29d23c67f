#include "controlplane/session/punt_dispatch.h"

#include <algorithm>

namespace sluice::control {

bool PuntDispatch::drain(WorkerRecords& records, TimePoint now) {
  dataplane::PuntRings& punts = records.memory.punts;
  bool all = drain(records, punts.link, kLinkPerTurn, now);
  all = drain(records, punts.peers, kPeersPerTurn, now) && all;
  all = drain(records, punts.strangers, kStrangersPerTurn, now) && all;
  return drain(records, punts.echoes, kEchoesPerTurn, now) && all;
}

bool PuntDispatch::drain(WorkerRecords& records, Ring& ring, std::size_t most, TimePoint now) {
  dataplane::Punt punt;
  for (std::size_t spent = 0; spent < most;) {
    if (!ring.pop(punt)) return true;
    spent += punt.kind == dataplane::PuntKind::kDtls ? kDtlsCost : 1;
    dispatch(records, punt, now);
    context_.plane.free_punt(punt);
  }
  return false;
}

void PuntDispatch::dispatch(WorkerRecords& records, const dataplane::Punt& punt, TimePoint now) {
  const auto port = port_index(punt.port_id);
  if (!port) return;
  const std::span<const std::uint8_t> bytes = context_.plane.punt_frame(punt);
  switch (punt.kind) {
    case dataplane::PuntKind::kArp:
    case dataplane::PuntKind::kIcmp:
    case dataplane::PuntKind::kIcmpv6:
      return remotes_.on_frame(*port, bytes, now);
    case dataplane::PuntKind::kStun:
    case dataplane::PuntKind::kDtls:
      break;
  }
  Endpoint* endpoint = nullptr;
  if (punt.endpoint.valid()) {
    endpoint = records.endpoint(punt.endpoint);
    if (endpoint == nullptr || endpoint->removing) {
      ++context_.totals.stale_punts;
      return;
    }
  }
  dataplane::Frame frame;
  if (dataplane::parse_frame(bytes, frame) || frame.ip_version == 0 ||
      frame.ip_protocol != dataplane::kIpProtoUdp)
    return;
  Datagram datagram;
  datagram.port_index = *port;
  datagram.payload = bytes.subspan(frame.payload_offset, frame.payload_length);
  datagram.from = {dataplane::source_ip(bytes, frame), frame.source_port};
  datagram.to = {dataplane::destination_ip(bytes, frame), frame.destination_port};
  std::copy_n(bytes.data() + 6, datagram.from_mac.size(), datagram.from_mac.begin());
  if (punt.kind == dataplane::PuntKind::kStun)
    webrtc_.on_stun(records, endpoint, datagram, now);
  else
    webrtc_.on_dtls(endpoint, datagram, now);
}

std::optional<std::size_t> PuntDispatch::port_index(std::uint16_t port_id) const {
  for (std::size_t i = 0; i < context_.plane.port_count(); ++i)
    if (context_.plane.port(i).id == port_id) return i;
  return std::nullopt;
}

}  // namespace sluice::control
