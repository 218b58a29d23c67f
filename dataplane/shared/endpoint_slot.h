// endpoint_slot: one remote peer's transport, as its worker sees it.
//
// Owner: the control thread until it sends kInstallEndpoint, then the worker until its kEndpointRemoved note,
// then the control thread again. There are two exceptions. The control thread writes the keys of a webrtc
// endpoint after installation, but before it sends kKeysReady; until then the worker does not read them. Only
// the worker writes Counters, and any thread may read them.
//
// What the peer's side decides may change during a call, when signalling describes it anew (kUpdateEndpoint):
// the worker then writes the new terms and exchanges the keys, between two turns.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "config/ip_address.h"
#include "crypto/srtp/srtp_engine.h"
#include "dataplane/base/counters.h"
#include "dataplane/base/endpoint_kind.h"
#include "dataplane/base/own_address.h"
#include "dataplane/base/slot_ref.h"
#include "dataplane/shared/payload_type_set.h"
#include "dataplane/wire/header_template.h"

namespace sluice::dataplane {

/// A peer's address, each part as it lies in a frame, so that it can be compared without parsing.
struct RemoteMark {
  std::array<std::uint8_t, 16> ip;  // IPv4: the first four
  std::uint16_t port;               // network byte order
};

/// Fields are grouped by use: incoming packets (one cache line), outgoing packets (two), and the rest.
struct alignas(64) EndpointSlot {
  // -- The cache line that each incoming packet needs.
  // Written by the worker.
  bool installed;
  bool keys_ready;
  bool rtp_latched;  // kOnce: has latched, and does not move again
  bool rtcp_latched;
  // Written by the control thread before installation, and changed by kUpdateEndpoint.
  EndpointKind kind;
  LatchPolicy latch;  // kWebrtc: kNominated while `awaited` is set, written by the worker
  bool encrypted;     // SRTP both ways: false only for kRtp
  bool rtcp_mux;      // RTCP on the RTP port (RFC 5761)
  // Written by the control thread before installation, constant afterwards.
  bool shared_port;  // on the worker's shared ICE port: found by 5-tuple only
  bool has_names;    // of the header extensions below that name a stream, one is used
  // Written by the worker.
  OwnAddress local_address;    // that of `local`; set at installation
  std::uint8_t remote_family;  // of `remote`: 4, 6, or 0 while the remote is not known
  bool has_cached_flow;        // state/cached_flow.h
  // Written by the control thread before installation, constant afterwards.
  std::uint16_t port_id;  // DPDK port
  // Our RTCP port; equals local.address.port with rtcp_mux. Changed by kUpdateEndpoint.
  std::uint16_t rtcp_port;
  // Written by the worker: the address that `rtp` leads to. Only aim() changes it.
  RemoteMark remote;
  std::uint32_t flow_missed_in;              // the batch that has left a packet to the stages
  Counter packets_received, bytes_received;  // media and RTCP that passed all checks; bytes of RTP/RTCP
  Counter last_received_tsc;                 // 0 = nothing received yet

  // -- The two cache lines that each outgoing packet needs. Written by the worker, except where marked. The
  // control thread may fill in the templates of signalled remotes before installation.
  Counter packets_sent, bytes_sent;
  // Bytes of the largest frame that passes to the peer: MTU and Ethernet header. Written by the control
  // thread before installation, and changed by kSetMaxFrame.
  std::uint16_t max_frame;
  bool can_seal;                 // the keys are ready, or the endpoint is plain RTP
  std::uint8_t tag_length;       // with the MKI, of SRTP packets to the peer; 0: plain RTP, or keys not ready
  std::uint16_t transmit_index;  // of our port in WorkerState::ports; set at installation
  std::uint16_t flow;            // sessions take turns at a full port. Written by the control thread
  // Last SRTCP index sent; the next is one more. The control thread writes it before installation, and may
  // read it afterwards.
  Counter rtcp_index;
  std::uint32_t send_version;  // counts up when one of the fields here changes (state/cached_flow.h)
  HeaderTemplate rtp;

  // -- The rest.
  // Written by the control thread before installation, constant afterwards.
  std::uint32_t generation;
  std::uint8_t dscp;
  std::uint16_t vlan;
  std::uint16_t max_streams;
  // Header extensions that name a stream: RFC 8843 sdes:mid, RFC 8852 sdes:rtp-stream-id and
  // sdes:repaired-rtp-stream-id; 0 = not used. The last one marks RTX and FEC streams.
  std::uint8_t mid_extension_id;
  std::uint8_t rid_extension_id;
  std::uint8_t repaired_rid_extension_id;
  PayloadTypeSet repair_types;     // of RTX (RFC 4588) and FEC streams with an SSRC of their own
  std::uint32_t local_ssrc;        // the SSRC of sluice's own RTCP to this peer
  LinkEnd local;                   // our MAC, address and RTP port on that port
  config::IpPrefix latch_network;  // kOnce: only from here; length 0 = from anywhere
  // Latching (stages/latch.h). Written by the control thread before installation, then by the worker.
  std::uint64_t latch_deadline_tsc;  // kOnce: not after this; 0 = no deadline
  config::SocketAddress signalled;   // where signalling says that the peer's RTP is; port 0 = nothing known
  // Written by the worker.
  config::SocketAddress former;    // kOnce: where the peer was before signalling moved it; port 0 = nowhere
  std::uint64_t former_heard_tsc;  // the last packet from there
  bool rtp_learned;                // `rtp` leads to where media came from: signalling alone does not move it
  bool rtcp_learned;               // the same of `rtcp`
  HeaderTemplate rtcp;             // used without rtcp_mux
  std::uint32_t first_stream;      // list through StreamSlot::next
  std::uint32_t first_source;      // list through SourceSlot::next
  // Routes that lead here: a list through RouteSlot::next_to_endpoint and previous_to_endpoint.
  std::uint32_t first_incoming_route;
  std::uint32_t stream_count;
  config::SocketAddress awaited;      // kNominated: the address that media moves to
  std::uint64_t strangers_until_tsc;  // kSdes: until then unknown addresses are not heard (stages/latch.h)
  Counter auth_failures;
  std::uint64_t nacks_paid_tsc;  // what it asked for by NACK has used up its share of the turns until then
};
static_assert(offsetof(EndpointSlot, packets_sent) == 64, "what comes in is one line");
static_assert(offsetof(EndpointSlot, generation) <= 192, "what goes out is two");

/// The keys of the endpoint with the same slot index. The control thread expands and wipes them, see above;
/// the worker exchanges them for those of an EndpointTerms.
struct EndpointKeys {
  crypto::SrtpKeys receive;
  crypto::SrtpKeys send;
};

/// What signalling may decide again while the endpoint lives (kUpdateEndpoint). The worker takes all of it
/// between two turns, so no packet sees half of it.
///
/// `keys` are fresh keys in memory of the control thread. The worker exchanges those that `new_receive` and
/// `new_send` name for the ones in its slot; after the answer the control thread wipes what it got back.
struct EndpointTerms {
  EndpointKeys* keys = nullptr;
  bool new_receive = false;    // a new SRTP context: roll-over counters and replay windows start again
  bool new_send = false;       // the key that we send with, or its profile, is another one
  bool send_restarts = false;  // that key has sealed nothing yet: roll-over counters start at zero
  EndpointKind kind{};
  LatchPolicy latch{};
  bool rtcp_mux = false;
  std::uint16_t rtcp_port = 0;
  std::uint64_t latch_deadline_tsc = 0;  // of a latch that is open from now on
  config::SocketAddress signalled;       // where the peer's RTP is; port 0 = as before
};

}  // namespace sluice::dataplane
