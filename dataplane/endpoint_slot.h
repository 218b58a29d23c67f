// endpoint_slot: one remote peer's transport, as its worker sees it.
//
// Owner: the control thread until it sends install_endpoint, the worker from then until its endpoint_removed
// note, then the control thread again. Exceptions are marked: keys are written by the control thread after
// installation, but before keys_ready, while the worker does not look at them; Counters are the worker's to
// write and anyone's to read.
#pragma once

#include <cstdint>

#include "config/ip_address.h"
#include "crypto/srtp_engine.h"
#include "dataplane/counters.h"
#include "dataplane/header_template.h"
#include "dataplane/slot_ref.h"

namespace sluice::dataplane {

enum class EndpointKind : std::uint8_t { kRtp, kSdes, kWebrtc };

/// When media may move the address that we send to.
enum class LatchPolicy : std::uint8_t {
  kFixed,  // never: the signalled (or ICE-nominated) address; for kRtp media from elsewhere is dropped
  kOnce,   // plain RTP: the first packet from latch_network before latch_deadline_tsc, then never again
  kAuthenticated,  // SRTP: whenever a packet from elsewhere authenticates and is the newest of its stream
};

struct alignas(64) EndpointSlot {
  // Written by the control thread before installation, constant afterwards.
  std::uint32_t generation;
  EndpointKind kind;
  LatchPolicy latch;
  bool encrypted;                 // SRTP both ways: false only for kRtp
  bool rtcp_mux;                  // RTCP on the RTP port (RFC 5761)
  bool shared_port;               // on the worker's shared ICE port: found by 5-tuple only
  std::uint8_t mid_extension_id;  // RFC 8843 sdes:mid; 0 = not used
  std::uint8_t dscp;
  std::uint16_t port_id;  // DPDK port
  std::uint16_t vlan;
  std::uint16_t max_streams;
  std::uint16_t max_frame;         // bytes of the largest frame that the port takes: MTU and Ethernet header
  std::uint32_t local_ssrc;        // the SSRC of sluice's own RTCP to this peer
  LinkEnd local;                   // our MAC, address and RTP port on that port
  std::uint16_t rtcp_port;         // our RTCP port; equals local.address.port with rtcp_mux
  config::IpPrefix latch_network;  // kOnce: only from here; length 0 = from anywhere
  std::uint64_t latch_deadline_tsc;  // kOnce: not after this; 0 = no deadline

  // The worker's once installed (the control thread may prefill the templates with signalled remotes).
  HeaderTemplate rtp;
  HeaderTemplate rtcp;  // used when not rtcp_mux
  bool installed;
  bool keys_ready;
  bool rtp_latched;  // kOnce: has latched, and stays
  bool rtcp_latched;
  std::uint32_t rtcp_index;            // last SRTCP index sent; the next is one more
  std::uint32_t first_stream;          // list through StreamSlot::next
  std::uint32_t first_source;          // list through SourceSlot::next
  std::uint32_t first_incoming_route;  // routes that lead here, list through RouteSlot::next_to_endpoint
  std::uint32_t stream_count;

  Counter packets_received, bytes_received;  // media and RTCP that passed all checks; bytes of RTP/RTCP
  Counter packets_sent, bytes_sent;
  Counter auth_failures;
  Counter last_received_tsc;  // 0 = nothing ever
};

/// Keys of the endpoint in the same slot. Written and wiped by the control thread only, see above.
struct EndpointKeys {
  crypto::SrtpKeys receive;
  crypto::SrtpKeys send;
};

}  // namespace sluice::dataplane
