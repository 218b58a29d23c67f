// web_peer: the other side of a webrtc endpoint for tests: a full ICE agent's checks by hand and a real DTLS
// association, speaking to sluice through punted and injected frames as a host on the port's network would.
#pragma once

#include <string>
#include <vector>

#include "controlplane/protocol/dtls/dtls_transport.h"
#include "controlplane/protocol/ice/stun.h"
#include "tests/controlplane/session/session_fixture.h"

namespace sluice::control::test {

class WebPeer {
 public:
  /// `view`: the endpoint that it talks to. Plays the DTLS role that sluice does not.
  WebPeer(SessionFixture& bench, const EndpointView& view, std::uint16_t udp_port = 40000);

  Fingerprint fingerprint() const;
  /// What sluice's own certificate must be; as in `view` unless a test says otherwise.
  void expect_fingerprint(const Fingerprint& fingerprint);

  /// A check; then everything runs until nothing moves.
  void check(bool nominate = true, const std::string& password = {});
  void send_dtls(std::span<const std::uint8_t> datagram);
  void start_dtls();
  void close();
  /// Carries frames to and fro until neither side sends.
  void exchange();

  std::size_t stun_answers = 0;  // success
  std::size_t stun_refusals = 0;
  std::size_t dtls_datagrams = 0;
  std::optional<crypto::SrtpProfile> profile;
  crypto::MasterKey send_key, receive_key;
  bool failed = false;
  bool closed = false;
  std::string failure;
  bool mute = false;  // hears DTLS and says nothing

  config::SocketAddress address;
  config::SocketAddress sluice;
  std::string ufrag = "peer";
  EndpointView view;
  dataplane::SlotRef bound;  // what the worker says in its punts

 private:
  void punt(dataplane::PuntKind kind, std::span<const std::uint8_t> payload);
  void take(const std::vector<std::uint8_t>& frame);

  SessionFixture& bench_;
  std::shared_ptr<const DtlsCertificate> certificate_;
  std::unique_ptr<DtlsTransport> dtls_;
  std::uint32_t transaction_ = 0;
};

}  // namespace sluice::control::test
