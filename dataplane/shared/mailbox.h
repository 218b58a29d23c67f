// mailbox: what the control thread tells a worker (Command, down) and what the worker answers (Note, up).
// Both are values in SPSC rings, carried out in order. A full ring means "not yet": the sender keeps the
// entry and tries again.
//
// Every command names its slot with the generation it means. A worker that finds another generation there
// counts a stale command and does nothing else; removals are then still answered, so that no sender waits for
// ever.
#pragma once

#include <cstdint>
#include <type_traits>

#include "dataplane/base/slot_ref.h"
#include "dataplane/shared/five_tuple.h"
#include "dataplane/wire/header_template.h"

struct rte_mbuf;

namespace sluice::dataplane {

enum class CommandKind : std::uint8_t {
  kInstallEndpoint,  // ref: an endpoint slot that the control thread has filled
  kRemoveEndpoint,   // ref. Its routes and sources must be removed first. Answered by kEndpointRemoved
  kSetRemote,        // ref, remote: where to send (component says RTP or RTCP); from ICE, ARP/ND, signalling
  kBindTuple,        // ref, tuple: packets of that 5-tuple on a shared port belong to this endpoint
  kUnbindTuple,      // ref, tuple
  kKeysReady,        // ref: both keys of the slot are expanded; media may flow
  kInstallSource,    // ref
  kRemoveSource,     // ref. No route may hang on it. Answered by kSourceRemoved
  kLendSource,       // ref, source: its mirror on `worker`, from now on fed
  kUnlendSource,     // ref: no longer to `worker`
  kInstallRoute,     // ref
  kRemoveRoute,      // ref. Sends an RTCP BYE of its SSRC. Answered by kRouteRemoved
  kSwitchRoute,      // ref, source: from the next packet on, fed by that source
  kRequestKeyframe,  // ref: a source: PLI to its publisher
  kStreamIdle,       // ref: a stream slot and its tenancy, silent for long. See retire_idle_stream()
  kInject,           // mbuf, port_id: a whole frame, to be sent as it is. The worker owns the mbuf from here
  kStop,             // leave the poll loop after this turn. Answered by kStopped, the last note
};

enum class Component : std::uint8_t { kRtp, kRtcp };

struct Command {
  CommandKind kind{};
  Component component = Component::kRtp;
  std::uint8_t worker = 0;
  std::uint16_t port_id = 0;
  SlotRef ref;
  SlotRef source;
  rte_mbuf* mbuf = nullptr;
  FiveTuple tuple;
  HeaderTemplate remote{};
};
static_assert(std::is_trivially_copyable_v<Command>);

enum class NoteKind : std::uint8_t {
  kEndpointRemoved,  // ref. The slot, its keys and its final counters are the control thread's again
  kSourceRemoved,    // ref
  kRouteRemoved,     // ref. RouteSlot::next_index is final
  kLatched,          // ref, address, component: we now send there
  kStreamStarted,    // ref: the endpoint; stream: its slot and tenancy; ssrc
  kStreamEnded,      // ref: the endpoint; ssrc: an RTCP BYE said so
  kRouteSwitched,    // ref: the route; the first packet of the new source has left
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
