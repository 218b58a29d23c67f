// mailbox: what the control thread tells a worker (Command, down) and what the worker answers (Note, up).
// Both are values in SPSC rings, and are handled in order. When the command ring is full, the control thread
// keeps the command and tries again.
//
// Every command names its slot with the expected generation. A worker that finds another generation there
// counts a stale command and does nothing else. It still answers a removal, so that the control thread does
// not wait forever.
#pragma once

#include <cstdint>
#include <type_traits>

#include "dataplane/base/slot_ref.h"
#include "dataplane/shared/endpoint_slot.h"
#include "dataplane/shared/five_tuple.h"
#include "dataplane/wire/header_template.h"

struct rte_mbuf;

namespace sluice::dataplane {

enum class CommandKind : std::uint8_t {
  kInstallEndpoint,  // ref: an endpoint slot that the control thread has filled
  kRemoveEndpoint,   // ref. Its routes and sources must be removed first. Answered by kEndpointRemoved
  kSetRemote,        // ref, remote: where to send (component says RTP or RTCP); from ICE, ARP/ND, signalling.
                     // Changes only the MAC of a remote that was learned from media
  kSetNextHop,       // as kSetRemote, but only while the endpoint sends there: the next hop has another MAC
  kSetMaxFrame,      // ref, max_frame: the path has another MTU. With tuple.remote: only while RTP goes there
  kAwaitRemote,      // ref, tuple.remote: send there once an authentic packet comes from there; unset: not
  kUpdateEndpoint,   // ref, terms: the peer's side was described anew. Answered by kEndpointUpdated
  kBindTuple,        // ref, tuple: packets of that 5-tuple on a shared port now belong to the endpoint
  kUnbindTuple,      // ref, tuple
  kKeysReady,        // ref: both keys of the slot are expanded; media may flow
  kExpectStream,     // ref: an SRTP endpoint; ssrc, index: the stream stands at that packet index
  kInstallSource,    // ref
  kRemoveSource,     // ref. Its routes must be removed first. Answered by kSourceRemoved
  kLendSource,       // ref, worker, source: from now on lend to `worker`, where `source` is the mirror
  kUnlendSource,     // ref, worker: lend to `worker` no longer
  kInstallRoute,     // ref
  kRemoveRoute,      // ref. Sends an RTCP BYE of its SSRC. Answered by kRouteRemoved
  kSwitchRoute,      // ref, source: from the next packet on that source feeds the route
  kRequestKeyframe,  // ref: a source. Sends a PLI to its publisher
  kStreamIdle,       // ref: a stream slot and its tenancy. The stream is silent: see retire_idle_stream()
  kInject,           // mbuf, port_id: sends a whole frame as it is. The worker now owns the mbuf
  kStop,             // leave the poll loop after this turn. Answered by kStopped, the last note
};

enum class Component : std::uint8_t { kRtp, kRtcp };

struct Command {
  CommandKind kind{};
  Component component = Component::kRtp;
  std::uint8_t worker = 0;
  std::uint16_t port_id = 0;
  std::uint16_t max_frame = 0;
  SlotRef ref;
  SlotRef source;
  std::uint32_t ssrc = 0;
  std::uint64_t index = 0;
  rte_mbuf* mbuf = nullptr;
  FiveTuple tuple;
  HeaderTemplate remote{};
  EndpointTerms terms;
};
static_assert(std::is_trivially_copyable_v<Command>);

enum class NoteKind : std::uint8_t {
  kEndpointRemoved,  // ref. The control thread owns the slot, its keys and its final counters again
  kEndpointUpdated,  // ref. The control thread owns the exchanged keys. address: where the component is sent
                     // to, if that was learned from media; else its port is 0. One for each component
  kSourceRemoved,    // ref
  kRouteRemoved,     // ref. RouteSlot::next_index is final
  kLatched,          // ref, address, component: the worker now sends to that address
  kStreamStarted,    // ref: the endpoint; stream: its slot and tenancy; ssrc
  kStreamEnded,      // ref: the endpoint; ssrc: an RTCP BYE named it
  kRouteSwitched,    // ref: the route, which now sends another stream; ssrc: of that stream
  kStopped,
};

struct Note {
  NoteKind kind{};
  Component component = Component::kRtp;
  SlotRef ref;
  SlotRef stream;
  std::uint32_t ssrc = 0;
  config::SocketAddress address;
};
static_assert(std::is_trivially_copyable_v<Note>);

}  // namespace sluice::dataplane
