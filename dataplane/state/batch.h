// batch: what the stages hand to one another. Arrays of fixed size that live in the worker; nothing here owns
// a packet unless it says so.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/state/datagram.h"
#include "dataplane/state/worker_state.h"
#include "dataplane/wire/rtp.h"

namespace sluice::dataplane {

/// One received RTP or RTCP packet on its way from classify on. Owns its mbuf until forward or feedback has
/// done with it.
struct MediaPacket : Datagram {
  Component component;
  EndpointSlot* sender;  // the slot `endpoint`; null in a loan
  std::uint64_t index;   // packet index (RTP)
  std::uint8_t fed;      // StreamSlot::fed when it came: a later packet may move a source to another stream
  RtpView rtp;
};

/// What classify found: media by kind. Whatever else came is already punted, handed off or dropped.
struct ClassifiedBatch {
  std::array<MediaPacket, kBatch> rtp;
  std::array<MediaPacket, kBatch> rtcp;
  std::uint16_t rtp_count = 0;
  std::uint16_t rtcp_count = 0;
};

/// One copy on its way out: the RTP header is rewritten and lies at `packet`; the payload is still plain.
struct OutgoingPacket {
  rte_mbuf* mbuf;  // owned; null once dropped
  std::uint8_t* packet;
  EndpointSlot* receiver;
  /// For a plain receiver, where the payload is to be copied from; null when it is in its place, or sealing
  /// puts it there.
  const std::uint8_t* payload;
  std::uint16_t header_length;
  std::uint16_t payload_length;
  std::uint16_t length;  // of the packet that is sent, its tag included
};

/// Copies that are sealed and sent together, and the received packets that may be freed once they are.
struct OutgoingBatch {
  std::array<OutgoingPacket, kOutputs> packets;
  /// Of the packets with encrypted receivers, in their order.
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
