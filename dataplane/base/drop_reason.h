// drop_reason: the one named cause of a packet that did not leave. Every dropped packet is counted under
// exactly one of these, by the worker that dropped it; the names are the API's, the CLI's and the metrics'.
// Add at the end of a group.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::dataplane {

enum class DropReason : std::uint8_t {
  // receive side: a received packet that is neither forwarded, consumed nor punted
  kNotForUs,         // other MAC, other IP address, or a protocol that is not spoken here
  kBadEthernet,      // truncated or unknown framing, wrong VLAN
  kBadIp,            // lengths, version, header checksum, options that do not fit
  kIpFragment,       // fragments are not reassembled
  kBadUdp,           // lengths or checksum
  kNoEndpoint,       // no endpoint has that local port or 5-tuple
  kUnknownProtocol,  // first byte is not STUN, DTLS, RTP or RTCP (RFC 7983)
  kBadRtp,           // RTP header does not fit its packet
  kBadRtcp,          // RTCP compound does not hold together
  kNoKeys,           // media before the keys are installed
  kReplayed,         // packet index seen before
  kTooOld,           // packet index behind the replay window
  kSequenceJump,     // plain RTP far off its numbering; two in a row restart the stream (RFC 3550 A.1)
  kAuthFailed,       // wrong tag: forged, corrupted or other keys
  kWrongSource,      // from an address other than the latched or signalled one
  kStreamLimit,      // no free slot for another stream
  kCryptoError,      // the engine's library refused the packet
  kNoRoute,          // a good packet of a stream that nothing is routed from
  kPuntRingFull,     // the control plane is behind
  kHandoffRingFull,  // the owning worker is behind
  // send side: a copy that was made and could not leave
  kStaleAfterSwitch,     // belongs before the switch of source that the receiver has already seen
  kNoRemote,             // the receiver's address is not known yet
  kReceiverNotReady,     // the receiver's keys are not installed yet
  kTooBig,               // larger than the port's MTU after rewriting and protection
  kNoBuffer,             // the packet pool is empty
  kProtectFailed,        // the engine's library refused, or the key's packet limit is reached
  kPayloadTypeUnmapped,  // the route maps payload types and this one is not among them
  kTransmitQueueFull,    // the port did not take it
  kLendRingFull,         // the worker that it was lent to is behind
};

inline constexpr std::size_t kDropReasonCount = static_cast<std::size_t>(DropReason::kLendRingFull) + 1;
inline constexpr std::size_t kFirstSendDrop = static_cast<std::size_t>(DropReason::kStaleAfterSwitch);

constexpr bool is_send_drop(DropReason reason) {
  return static_cast<std::size_t>(reason) >= kFirstSendDrop;
}

/// By reason.
inline constexpr std::array<std::string_view, kDropReasonCount> kDropReasonNames{
    "not_for_us",
    "bad_ethernet",
    "bad_ip",
    "ip_fragment",
    "bad_udp",
    "no_endpoint",
    "unknown_protocol",
    "bad_rtp",
    "bad_rtcp",
    "no_keys",
    "replayed",
    "too_old",
    "sequence_jump",
    "auth_failed",
    "wrong_source",
    "stream_limit",
    "crypto_error",
    "no_route",
    "punt_ring_full",
    "handoff_ring_full",
    "stale_after_switch",
    "no_remote",
    "receiver_not_ready",
    "too_big",
    "no_buffer",
    "protect_failed",
    "payload_type_unmapped",
    "transmit_queue_full",
    "lend_ring_full",
};

}  // namespace sluice::dataplane
