// batch: what the stages pass to each other: arrays of fixed size that are part of the worker. A member owns
// its packet only where its comment says so. Worker only.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/state/datagram.h"
#include "dataplane/state/worker_state.h"
#include "dataplane/wire/rtp.h"

namespace sluice::dataplane {

/// One received RTP or RTCP packet, from classify on. Owns its mbuf until forward or feedback is done with
/// it. A packet made from a loan does not own its mbuf.
struct MediaPacket : Datagram {
  Component component;
  std::uint8_t fed;      // StreamSlot::fed when it came: a later packet may move a source to another stream
  bool continues;        // it is the next one of its stream, and nothing about it is new
  std::uint32_t epoch;   // StreamSlot::epoch when it came
  EndpointSlot* sender;  // the slot `endpoint`; null in a loan
  std::uint64_t index;   // packet index (RTP)
  RtpView rtp;
};

/// The media packets that classify found. It has punted, handed off or dropped all others.
struct ClassifiedBatch {
  std::array<MediaPacket, kBatch> rtp;
  std::array<MediaPacket, kBatch> rtcp;
  std::uint16_t rtp_count = 0;
  std::uint16_t rtcp_count = 0;
};

/// One copy that is to be sent. The rewritten RTP header lies at `packet`. The payload is not encrypted yet.
struct OutgoingPacket {
  rte_mbuf* mbuf;  // owned; null once dropped
  std::uint8_t* packet;
  EndpointSlot* receiver;
  /// For a plain receiver: where protect copies the payload from. Null when the payload is already in its
  /// place, and for an encrypted receiver, where sealing writes it. The two lengths are valid when not null.
  const std::uint8_t* payload;
  std::uint16_t header_length;
  std::uint16_t payload_length;
  std::uint16_t length;  // of the packet that is sent, with its tag
  bool has_dscp;         // the headers get `dscp`, not that of the receiver
  std::uint8_t dscp;
};

/// Copies that are sealed and sent together, and the received packets that protect frees afterwards.
struct OutgoingBatch {
  std::array<OutgoingPacket, kOutputs> packets;
  /// One job for each packet with an encrypted receiver, in the order of `packets`.
  std::array<crypto::RtpProtectJob, kOutputs> seals;
  std::array<rte_mbuf*, kBatch> finished;
  std::uint16_t count = 0;
  std::uint16_t seal_count = 0;
  std::uint16_t finished_count = 0;
  bool has_plain_payloads = false;  // some packet's `payload` is not null

  void clear() {
    count = seal_count = finished_count = 0;
    has_plain_payloads = false;
  }
};

}  // namespace sluice::dataplane
