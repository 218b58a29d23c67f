// call_fixture: a publisher that uses several SSRCs, one after another or at once, and a plain receiver.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "dataplane/wire/rtcp.h"
#include "tests/dataplane/stages/rtcp_support.h"
#include "tests/support/harness.h"

namespace sluice::dataplane::test {

inline constexpr double kPacketTime = 0.02;  // seconds

inline RtpOptions talker(std::uint32_t ssrc, std::uint8_t payload_type = 0) {
  RtpOptions rtp;
  rtp.ssrc = ssrc;
  rtp.payload_type = payload_type;
  rtp.sequence = static_cast<std::uint16_t>(ssrc * 7);
  return rtp;
}

inline Bytes sender_report(std::uint32_t ssrc) {
  const Bytes info(kSenderInfoLength, 0x11);
  return compound([&](RtcpWriter& writer) {
    EXPECT_TRUE(writer.report(ssrc, info, {}));
    EXPECT_TRUE(writer.cname(ssrc, {}));
  });
}

class Call {
 public:
  explicit Call(EndpointKind kind, const RouteOptions& route = {}, PeerOptions publisher = {}) {
    publisher.kind = kind;
    from = plane.add_peer(publisher);
    to = plane.add_peer();
    source = plane.add_source(from, route);
    plane.add_route(source, to, route);
    if (kind != EndpointKind::kRtp) sender = std::make_unique<Oracle>(from.to_sluice, false, 1024);
  }

  Bytes sealed(const RtpOptions& rtp) {
    const Bytes packet = make_rtp(rtp);
    return sender ? sender->protect(packet) : packet;
  }
  Bytes sealed_rtcp(const Bytes& packet) { return sender ? sender->protect_rtcp(packet) : packet; }

  /// Delivers a packet as it is; returns how many left for it.
  int deliver(const Bytes& packet) {
    plane.deliver(from, packet);
    return static_cast<int>(plane.sent().size());
  }
  /// The next packet of a talker; returns how many left for it.
  int send(RtpOptions& rtp) {
    const Bytes packet = sealed(rtp);
    next(rtp);
    return deliver(packet);
  }
  static void next(RtpOptions& rtp) {
    ++rtp.sequence;
    rtp.timestamp += 160;
  }
  /// That many packets at the usual pace; returns how many left.
  int talk(RtpOptions& rtp, int packets) {
    int heard = 0;
    for (int i = 0; i < packets; ++i) {
      heard += send(rtp);
      plane.advance(kPacketTime);
    }
    return heard;
  }

  Harness plane;
  Peer from, to;
  std::uint32_t source = 0;
  std::unique_ptr<Oracle> sender;
};

inline std::string kind_name(const ::testing::TestParamInfo<EndpointKind>& info) {
  return info.param == EndpointKind::kRtp ? "Rtp" : "Sdes";
}

}  // namespace sluice::dataplane::test
