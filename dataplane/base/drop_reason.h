// drop_reason: the one named cause of a packet that did not leave. The worker that drops a packet counts it
// under exactly one reason. The API, the CLI and the metrics use the names below. Add a reason at the end of
// its group, here and in the list of names. Plain values, any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::dataplane {

enum class DropReason : std::uint8_t {
  // Receive side: a received packet that is neither forwarded, consumed, punted nor handed off.
  kNotForUs,         // other MAC, other IP address, or a protocol that sluice does not speak
  kBadEthernet,      // truncated or too long, several mbuf segments, or the wrong VLAN
  kBadIp,            // wrong length, version or header checksum; too many IPv6 extension headers
  kIpFragment,       // the worker does not reassemble fragments
  kBadUdp,           // wrong length or checksum
  kNoEndpoint,       // no endpoint has that local port or 5-tuple
  kUnknownProtocol,  // the first byte is no protocol of this kind of endpoint (RFC 7983)
  kBadRtp,           // the RTP header or the padding does not fit the packet
  kBadRtcp,          // a malformed RTCP compound
  kNoKeys,           // media before the keys are ready
  kReplayed,         // packet index seen before
  kTooOld,           // packet index behind the replay window
  kSequenceJump,     // plain RTP, far from the last number; two in a row restart it (RFC 3550 A.1)
  kAuthFailed,       // wrong tag: forged, corrupted or other keys
  kWrongSource,      // from an address other than the latched or signalled one
  kStreamLimit,      // the endpoint or the worker has no slot for another stream
  kCryptoError,      // the engine's library refused the packet
  kNoRoute,          // an authentic packet of a stream without routes, or a loan to a removed mirror
  kPuntRingFull,     // the control thread is behind
  kHandoffRingFull,  // the owning worker is behind
  // Send side: a copy that could not leave.
  kStaleAfterSwitch,     // from before the switch of source, and the receiver has seen later packets
  kNoRemote,             // the receiver's address is not known yet
  kReceiverNotReady,     // the receiver's keys are not installed yet
  kTooBig,               // larger than the MTU of the path, after rewriting and protection
  kNoBuffer,             // the packet pool is empty
  kProtectFailed,        // the engine's library refused, or the key's packet limit is reached
  kPayloadTypeUnmapped,  // the route maps payload types, but not this one
  kTransmitQueueFull,    // the port did not take it for too long, or too many others waited
  kLendRingFull,         // the worker that borrows the packet is behind
  kFanoutLate,           // the copies for a large fan-out could not be made in time
};

inline constexpr std::size_t kDropReasonCount = static_cast<std::size_t>(DropReason::kFanoutLate) + 1;
inline constexpr std::size_t kFirstSendDrop = static_cast<std::size_t>(DropReason::kStaleAfterSwitch);

constexpr bool is_send_drop(DropReason reason) {
  return static_cast<std::size_t>(reason) >= kFirstSendDrop;
}

/// Indexed by DropReason.
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
    "fanout_late",
};

}  // namespace sluice::dataplane
