// webrtc_transport: ICE and DTLS of every webrtc endpoint, joined to its slot: which check is for whom, which
// address is validated and nominated, handshakes and their timers, keys into the slot, close_notify at the
// end. Control thread only.
//
// Invariants: a datagram leaves only to an address that STUN has validated, or as the answer to a STUN
// request, from the address that was asked; DTLS is looked at only when it comes from a validated address. On
// a shared port the worker hears of a validated 5-tuple before the peer hears that it is validated, so that
// the DTLS that follows finds its way.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>

#include "controlplane/session/context.h"
#include "controlplane/session/remote_addresses.h"
#include "controlplane/session/webrtc_peer.h"

namespace sluice::control {

/// A UDP datagram of a peer, out of a punted frame.
struct Datagram {
  std::size_t port_index = 0;
  std::span<const std::uint8_t> payload;
  config::SocketAddress from;
  config::SocketAddress to;
  dataplane::MacAddress from_mac{};
};

class WebrtcTransport {
 public:
  WebrtcTransport(Context& context, RemoteAddresses& remotes) : context_(context), remotes_(remotes) {}

  /// Makes the ICE agent and the DTLS association. nullopt, or why they cannot be had.
  [[nodiscard]] std::optional<RequestError> prepare(Endpoint& endpoint);
  /// The endpoint is installed: from now on its checks are answered.
  void open(Endpoint& endpoint);
  /// The peer's description. Another ufrag than before is an ICE restart (RFC 8445 9); fingerprints cannot
  /// change once DTLS has begun.
  [[nodiscard]] std::optional<RequestError> connect(Endpoint& endpoint, const EndpointConnect& request);
  /// No more admission; close_notify on its way. Everything that points here from outside is undone.
  void close(Endpoint& endpoint);

  /// `endpoint`: whose port or 5-tuple it came to; nullptr on a shared port from a stranger.
  void on_stun(const WorkerRecords& records, Endpoint* endpoint, const Datagram& datagram, TimePoint now);
  void on_dtls(Endpoint* endpoint, const Datagram& datagram, TimePoint now);
  /// DTLS timers. Returns when to come again.
  TimePoint tick(TimePoint now);
  /// Pairs whose checks have stopped are forgotten.
  void expire(Endpoint& endpoint, TimePoint now);

 private:
  struct TupleKey {
    config::SocketAddress remote;
    std::uint16_t local_port = 0;
    auto operator<=>(const TupleKey&) const = default;
  };

  void admit(Endpoint& endpoint, const std::string& ufrag);
  void retire(Endpoint& endpoint, const std::string& ufrag);
  Endpoint* find_by_ufrag(const WorkerRecords& records, const Datagram& datagram);
  void reply(const Endpoint& endpoint, const Datagram& asked, std::span<const std::uint8_t> payload);
  void validated(Endpoint& endpoint, const IcePair& pair, const dataplane::MacAddress& mac);
  void forget(Endpoint& endpoint, const IcePair& pair);
  void choose_current(Endpoint& endpoint, bool nominated);

  DtlsTransport::Callbacks callbacks(Endpoint& endpoint);
  void send_dtls(Endpoint& endpoint, std::span<const std::uint8_t> datagram);
  void on_keys(Endpoint& endpoint, crypto::SrtpProfile profile, const crypto::MasterKey& send,
               const crypto::MasterKey& receive);
  /// Something of the endpoint's DTLS has moved: when is it to be looked at again?
  void arm(Endpoint& endpoint);
  IceCredentials fresh_credentials() const;
  void set_fingerprints(Endpoint& endpoint, const std::vector<Fingerprint>& fingerprints);

  Context& context_;
  RemoteAddresses& remotes_;
  std::unordered_map<std::string, Endpoint*> by_ufrag_;
  std::map<TupleKey, Endpoint*> tuples_;  // on shared ports
  std::set<std::pair<TimePoint, Endpoint*>> timers_;
};

}  // namespace sluice::control
