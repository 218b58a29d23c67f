// web_peer: the peer of a webrtc endpoint for tests. It makes the checks of a full ICE agent itself and has a
// real DTLS association. It exchanges punted and injected frames with sluice, like a host on the port's
// network.
#pragma once

#include <string>
#include <vector>

#include "controlplane/protocol/dtls/dtls_transport.h"
#include "controlplane/protocol/ice/stun.h"
#include "tests/controlplane/session/session_fixture.h"

namespace sluice::control::test {

class WebPeer {
 public:
  /// `view`: the endpoint that it talks to. It takes the other DTLS role than sluice.
  WebPeer(SessionFixture& bench, const EndpointView& view, std::uint16_t udp_port = 40000);

  Fingerprint fingerprint() const;
  /// Sets the fingerprint that sluice's certificate must have. The default is that of `view`.
  void expect_fingerprint(const Fingerprint& fingerprint);

  /// Sends a check, then exchanges frames until neither side sends.
  void check(bool nominate = true, const std::string& password = {});
  /// As check(), from another address: a forged source.
  void check_from(const config::SocketAddress& source, bool nominate = true, std::uint32_t priority = 1);
  /// The worker hears an authentic packet of media from this peer's address.
  void be_heard();
  void send_dtls(std::span<const std::uint8_t> datagram);
  void start_dtls();
  /// Nothing comes for so long that the peer believes an alert in plain text.
  void let_alert_grace_pass();
  void close();
  /// Carries frames in both directions until neither side sends.
  void exchange();

  std::size_t stun_answers = 0;  // success responses
  std::size_t stun_refusals = 0;
  std::size_t dtls_datagrams = 0;
  std::optional<crypto::SrtpProfile> profile;
  crypto::MasterKey send_key, receive_key;
  bool failed = false;
  bool closed = false;
  std::string failure;
  bool mute = false;          // receives DTLS and sends none
  WebPeer* beside = nullptr;  // exchange() of this peer also carries frames to that one

  config::SocketAddress address;
  config::SocketAddress sluice;
  std::string ufrag = "peer";
  std::uint32_t priority = 1;
  EndpointView view;
  dataplane::SlotRef bound;  // the endpoint that the worker names in its punts

 private:
  void punt(dataplane::PuntKind kind, std::span<const std::uint8_t> payload);
  void take(const std::vector<std::uint8_t>& frame);

  SessionFixture& bench_;
  std::shared_ptr<const DtlsCertificate> certificate_;
  std::unique_ptr<DtlsTransport> dtls_;
  std::uint32_t transaction_ = 0;
};

}  // namespace sluice::control::test
