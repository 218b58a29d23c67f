// webrtc_transport: connects ICE and DTLS of each webrtc endpoint with its slot. It finds the endpoint of
// each check, follows which address is validated and nominated, runs handshakes and their timers, expands the
// keys into the slot, and sends close_notify at the end. Control thread only.
//
// Invariants: a datagram leaves only to an address that STUN has validated, or as the response to a STUN
// request from that address; a response leaves from the address that was asked. DTLS is read only from a
// validated address.
//
// Where we send: a check proves only that its sender knows our ICE password, since its source address may be
// forged. Until DTLS is done, a flight goes to the pair that the datagram before it came on, the first one to
// the pair that ICE selects: flights are few and short, and the first one must go somewhere. The pair on
// which the handshake ended carries the first media, since a record authenticated there. From then on ICE
// only proposes: the worker moves media to the selected pair with the first SRTP or SRTCP packet that
// authenticates from there. A peer that moves and only receives is followed with its first receiver report;
// one that sends nothing at all is not followed. When the old pair has no more consent (RFC 7675 5.1),
// nothing is sent until the peer is heard on the new one.
//
// On a shared port the worker gets the command for a validated 5-tuple before the peer gets the response, so
// the worker knows the 5-tuple when the peer's DTLS arrives.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>

#include "controlplane/session/context.h"
#include "controlplane/session/remote_addresses.h"
#include "controlplane/session/webrtc_peer.h"

namespace sluice::control {

/// A UDP datagram of a peer, taken from a punted frame.
struct Datagram {
  std::size_t port_index = 0;
  std::span<const std::uint8_t> payload;
  config::SocketAddress from;
  config::SocketAddress to;
  dataplane::MacAddress from_mac{};
};

class WebrtcTransport {
 public:
  WebrtcTransport(Context& context, RemoteAddresses& remotes)
      : context_(context), remotes_(remotes), dtls_(context.options.dtls) {}

  /// Makes the ICE agent and the DTLS association. nullopt, or the error; then the endpoint has neither.
  [[nodiscard]] std::optional<RequestError> prepare(Endpoint& endpoint);
  /// From now on checks to the endpoint are answered. REQUIRES: prepare() returned nullopt, and the endpoint
  /// is installed.
  void open(Endpoint& endpoint);
  /// Takes the peer's description. A ufrag that differs from the one before is an ICE restart (RFC 8445 9).
  /// A failed endpoint, and one whose fingerprints change, gets a new association (RFC 8842 5). If DTLS was
  /// connected, the keys of before stay in use until the new association has its own. nullopt, or the error;
  /// then nothing has changed.
  [[nodiscard]] std::optional<RequestError> connect(Endpoint& endpoint, const EndpointConnect& request);
  /// Accepts no more checks, sends close_notify, and removes every entry for the endpoint from the tables of
  /// this class.
  void close(Endpoint& endpoint);

  /// `endpoint` is the owner of the UDP port or 5-tuple; nullptr for an unknown 5-tuple on a shared port.
  void on_stun(const WorkerRecords& records, Endpoint* endpoint, const Datagram& datagram, TimePoint now);
  void on_dtls(Endpoint* endpoint, const Datagram& datagram, TimePoint now);
  /// Runs the DTLS timers that are due. Returns when to call it again.
  TimePoint tick(TimePoint now);
  /// Forgets the pairs without fresh checks.
  void expire(Endpoint& endpoint, TimePoint now);
  /// Asks the worker whether authentic packets come from the pair in use, when its consent is half spent and
  /// packets do come. pjnath keeps a pair alive with Binding indications, which prove nothing, and no checks.
  void ask_for_consent(Endpoint& endpoint, TimePoint now);
  /// The worker has moved media to `remote`: an authentic packet came from there.
  void on_moved(Endpoint& endpoint, const config::SocketAddress& remote);

 private:
  void admit(Endpoint& endpoint, const std::string& ufrag);
  void retire(Endpoint& endpoint, const std::string& ufrag);
  Endpoint* find_by_ufrag(const WorkerRecords& records, const Datagram& datagram);
  void reply(const Endpoint& endpoint, const Datagram& asked, std::span<const std::uint8_t> payload);
  void validated(Endpoint& endpoint, const IcePair& pair, const dataplane::MacAddress& mac);
  void forget(Endpoint& endpoint, const IcePair& pair);
  [[nodiscard]] bool taken_by_another(const Endpoint& endpoint, const Datagram& datagram, TimePoint now);
  void use(Endpoint& endpoint, const WebrtcPeer::Path& path);
  void await(Endpoint& endpoint, const std::optional<IcePair>& pair);
  void choose_pair(Endpoint& endpoint);

  DtlsTransport::Callbacks callbacks(Endpoint& endpoint, std::uint32_t association);
  void send_dtls(Endpoint& endpoint, std::uint32_t association, std::span<const std::uint8_t> datagram);
  void on_keys(Endpoint& endpoint, crypto::SrtpProfile profile, const crypto::MasterKey& send,
               const crypto::MasterKey& receive);
  /// The keys of a new association replace those of the former one.
  void on_other_keys(Endpoint& endpoint, crypto::SrtpProfile profile, const crypto::MasterKey& send,
                     const crypto::MasterKey& receive);
  void end_former(Endpoint& endpoint);
  /// Media goes to where the peer has finished its handshake.
  void use_dtls_path(Endpoint& endpoint);
  /// Updates the DTLS timer of the endpoint. Call it after every call into its DTLS transport.
  void arm(Endpoint& endpoint);
  [[nodiscard]] std::chrono::milliseconds consent_timeout(const std::optional<std::uint32_t>& own) const;
  IceCredentials fresh_credentials() const;
  /// Gives the endpoint a new DTLS association, which has not begun. nullopt, or the error; then nothing has
  /// changed.
  [[nodiscard]] std::optional<RequestError> associate(Endpoint& endpoint, DtlsSetup setup);
  /// Takes the DTLS role that the peer has left to sluice. nullopt, or the error; then nothing has changed.
  [[nodiscard]] std::optional<RequestError> choose_role(Endpoint& endpoint, DtlsSetup setup);
  void tell_fingerprints(Endpoint& endpoint, std::vector<DtlsFingerprint> fingerprints);
  /// The peer's ufrag is known.
  void meet(Endpoint& endpoint, const std::string& ufrag);
  void renew_certificate(TimePoint now);

  Context& context_;
  RemoteAddresses& remotes_;
  std::shared_ptr<const DtlsContext> dtls_;  // for new endpoints
  TimePoint next_renew_check_{};
  std::unordered_map<std::string, Endpoint*> by_ufrag_;
  std::map<IcePair, Endpoint*> tuples_;  // of valid pairs; on a shared port they lead to the endpoint
  std::set<std::pair<TimePoint, Endpoint*>> timers_;
};

}  // namespace sluice::control
