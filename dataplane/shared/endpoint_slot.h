// endpoint_slot: one remote peer's transport, as its worker sees it.
//
// Owner: the control thread until it sends install_endpoint, the worker from then until its endpoint_removed
// note, then the control thread again. Exceptions are marked: keys are written by the control thread after
// installation, but before keys_ready, while the worker does not look at them; Counters are the worker's to
// write and anyone's to read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "config/ip_address.h"
#include "crypto/srtp/srtp_engine.h"
#include "dataplane/base/counters.h"
#include "dataplane/base/endpoint_kind.h"
#include "dataplane/base/slot_ref.h"
#include "dataplane/wire/header_template.h"

namespace sluice::dataplane {

/// Where a peer sends from, in the form in which it lies in a frame, so that comparing needs no parsing.
struct RemoteMark {
  std::array<std::uint8_t, 16> ip;  // IPv4: the first four
  MacAddress mac;
  std::uint16_t port;  // network byte order
};

/// Laid out by who reads what, a cache line each: what comes in, what goes out, and the rest.
struct alignas(64) EndpointSlot {
  // -- The line of each packet that comes in.
  // The worker's.
  bool installed;
  bool keys_ready;
  bool rtp_latched;  // kOnce: has latched, and stays
  bool rtcp_latched;
  // Written by the control thread before installation, constant afterwards.
  EndpointKind kind;
  LatchPolicy latch;
  bool encrypted;                 // SRTP both ways: false only for kRtp
  bool rtcp_mux;                  // RTCP on the RTP port (RFC 5761)
  bool shared_port;               // on the worker's shared ICE port: found by 5-tuple only
  std::uint8_t mid_extension_id;  // RFC 8843 sdes:mid; 0 = not used
  // The worker's.
  std::uint8_t local_index;    // of our address among the port's; set at installation
  std::uint8_t remote_family;  // of `remote`: 4, 6, or 0 while the remote is not known
  // The control thread's, constant.
  std::uint16_t port_id;    // DPDK port
  std::uint16_t rtcp_port;  // our RTCP port; equals local.address.port with rtcp_mux
  // The worker's: where `rtp` leads to, moved by aim() alone.
  RemoteMark remote;
  Counter packets_received, bytes_received;  // media and RTCP that passed all checks; bytes of RTP/RTCP
  Counter last_received_tsc;                 // 0 = nothing ever

  // -- The lines of each packet that goes out. The worker's (the control thread may prefill the templates
  // with signalled remotes).
  Counter packets_sent, bytes_sent;
  // Bytes of the largest frame that the port takes: MTU and Ethernet header. Constant.
  std::uint16_t max_frame;
  bool can_seal;                 // keys_ready, or nothing to seal with
  std::uint8_t tag_length;       // of what is sent over RTP; 0 for plain
  std::uint32_t rtcp_index;      // last SRTCP index sent; the next is one more
  std::uint16_t transmit_index;  // of our port among the worker's; set at installation
  HeaderTemplate rtp;

  // -- The rest.
  std::uint32_t generation;  // the control thread's, constant, as what follows
  std::uint8_t dscp;
  std::uint16_t vlan;
  std::uint16_t max_streams;
  std::uint32_t local_ssrc;            // the SSRC of sluice's own RTCP to this peer
  LinkEnd local;                       // our MAC, address and RTP port on that port
  config::IpPrefix latch_network;      // kOnce: only from here; length 0 = from anywhere
  std::uint64_t latch_deadline_tsc;    // kOnce: not after this; 0 = no deadline
  HeaderTemplate rtcp;                 // the worker's, as what follows; used when not rtcp_mux
  std::uint32_t first_stream;          // list through StreamSlot::next
  std::uint32_t first_source;          // list through SourceSlot::next
  std::uint32_t first_incoming_route;  // routes that lead here, list through RouteSlot::next_to_endpoint
  std::uint32_t stream_count;
  Counter auth_failures;
};
static_assert(offsetof(EndpointSlot, packets_sent) == 64, "what comes in is one line");
static_assert(offsetof(EndpointSlot, generation) <= 192, "what goes out is two");

/// Keys of the endpoint in the same slot. Written and wiped by the control thread only, see above.
struct EndpointKeys {
  crypto::SrtpKeys receive;
  crypto::SrtpKeys send;
};

}  // namespace sluice::dataplane
