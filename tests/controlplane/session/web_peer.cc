#include "tests/controlplane/session/web_peer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "dataplane/wire/header_template.h"

namespace sluice::control::test {
namespace {

std::shared_ptr<const DtlsContext> make_context(std::shared_ptr<const DtlsCertificate> certificate) {
  std::string error;
  auto context = DtlsContext::make(std::move(certificate), crypto::kAllSrtpProfiles, error);
  if (!context) throw std::runtime_error(error);
  return context;
}

// The endpoint that the worker finds for a packet from `remote`.
dataplane::SlotRef owner_of(SessionFixture& bench, const EndpointView& view,
                            const config::SocketAddress& remote) {
  const config::SocketAddress local{view.local_address, view.local_rtp_port};
  auto& worker = bench.plane.worker(view.worker);
  dataplane::SlotRef owner;
  for (const auto& [slot, generation] : worker.endpoints) {
    const auto& there = bench.plane.memory(view.worker).endpoints[slot];
    if (!there.shared_port && there.local.address == local) owner = {slot, generation};
  }
  for (const auto& bound : worker.bound)
    if (bound.tuple.remote == remote &&
        bench.plane.memory(view.worker).endpoints[bound.ref.slot].local.address == local)
      owner = bound.ref;
  return owner;
}

}  // namespace

WebPeer::WebPeer(SessionFixture& bench, const EndpointView& of, std::uint16_t udp_port)
    : view(of), bench_(bench) {
  std::string error;
  certificate_ = DtlsCertificate::self_made(error);
  address = {config::IpAddress::v4(198, 18, 0, 77), udp_port};
  sluice = {view.local_address, view.local_rtp_port};
  DtlsTransport::Callbacks callbacks;
  callbacks.send = [this](std::span<const std::uint8_t> datagram) {
    punt(dataplane::PuntKind::kDtls, datagram);
  };
  callbacks.on_connected = [this](crypto::SrtpProfile chosen, const crypto::MasterKey& send,
                                  const crypto::MasterKey& receive) {
    profile = chosen;
    send_key = send;
    receive_key = receive;
  };
  callbacks.on_failed = [this](DtlsFailure why, const std::string& text) {
    failed = true;
    failure = std::string(dtls_failure_name(why)) + ": " + text;
  };
  callbacks.on_closed = [this] { closed = true; };
  DtlsOptions options;
  options.role = view.setup == DtlsSetup::kActive ? DtlsRole::kPassive : DtlsRole::kActive;
  dtls_ = DtlsTransport::make(make_context(certificate_), options, callbacks, error);
  if (!dtls_) throw std::runtime_error(error);
  expect_fingerprint(view.fingerprint);
}

Fingerprint WebPeer::fingerprint() const {
  return {"sha-256", certificate_->sha256_fingerprint()};
}

void WebPeer::expect_fingerprint(const Fingerprint& fingerprint) {
  std::string error;
  dtls_->set_fingerprints({*DtlsFingerprint::parse(fingerprint.algorithm, fingerprint.value, error)},
                          bench_.now);
}

void WebPeer::check(bool nominate, const std::string& password) {
  StunTransactionId id{};
  std::memcpy(id.data(), &++transaction_, sizeof transaction_);
  StunWriter writer(StunClass::kRequest, kStunBinding, id);
  writer.add_text(StunAttribute::kUsername, view.ice_ufrag + ":" + ufrag);
  writer.add_u64(StunAttribute::kIceControlling, 1);
  writer.add_u32(StunAttribute::kPriority, priority);
  if (nominate) writer.add_flag(StunAttribute::kUseCandidate);
  writer.add_message_integrity(password.empty() ? view.ice_password : password);
  writer.add_fingerprint();
  punt(dataplane::PuntKind::kStun, writer.bytes());
  exchange();
}

void WebPeer::check_from(const config::SocketAddress& source, bool nominate, std::uint32_t of_check) {
  const auto own = std::exchange(address, source);
  const auto usual = std::exchange(priority, of_check);
  check(nominate);
  address = own;
  priority = usual;
}

void WebPeer::be_heard() {
  auto& worker = bench_.plane.worker(view.worker);
  if (worker.awaited != address) return;
  worker.awaited = {};
  dataplane::Note note;
  note.kind = dataplane::NoteKind::kLatched;
  note.ref = owner_of(bench_, view, address);
  note.address = address;
  worker.tell(note);
  exchange();
}

void WebPeer::send_dtls(std::span<const std::uint8_t> datagram) {
  punt(dataplane::PuntKind::kDtls, datagram);
}

void WebPeer::start_dtls() {
  dtls_->start(bench_.now);
  exchange();
}

void WebPeer::let_alert_grace_pass() {
  dtls_->on_timer(bench_.now + kDtlsAlertGrace);
}

void WebPeer::close() {
  dtls_->close();
  exchange();
}

void WebPeer::exchange() {
  for (;;) {
    bench_.settle();
    auto& injected = bench_.plane.worker(view.worker).injected;
    if (injected.empty()) return;
    std::vector<TestFrame> frames;
    frames.swap(injected);
    for (const TestFrame& frame : frames) {
      take(frame.bytes);
      if (beside != nullptr) beside->take(frame.bytes);
    }
  }
}

void WebPeer::punt(dataplane::PuntKind kind, std::span<const std::uint8_t> payload) {
  const auto header =
      dataplane::make_header_template({kPeerMac, address}, {bench_.plane.ports[0].mac, sluice}, 0);
  std::vector<std::uint8_t> frame(header.length + payload.size());
  std::memcpy(frame.data() + header.length, payload.data(), payload.size());
  dataplane::write_headers(header, frame.data(), static_cast<std::uint16_t>(payload.size()));
  const dataplane::SlotRef endpoint = bound = owner_of(bench_, view, address);
  // As in classify: DTLS to a shared port from an unknown 5-tuple belongs to no endpoint.
  if (kind == dataplane::PuntKind::kDtls && !endpoint.valid()) return;
  bench_.plane.punt(view.worker, kind, frame, endpoint);
}

void WebPeer::take(const std::vector<std::uint8_t>& bytes) {
  dataplane::Frame frame;
  ASSERT_FALSE(dataplane::parse_frame(bytes, frame));
  if (frame.ip_protocol != dataplane::kIpProtoUdp) return;
  EXPECT_TRUE(dataplane::udp_checksum_ok(bytes, frame));
  if (dataplane::destination_ip(bytes, frame) != address.ip || frame.destination_port != address.port) return;
  EXPECT_TRUE(std::equal(kPeerMac.begin(), kPeerMac.end(), bytes.begin()));
  EXPECT_EQ(dataplane::source_ip(bytes, frame), sluice.ip)
      << "the answer is not from the address of the request";
  EXPECT_EQ(frame.source_port, sluice.port);
  const auto payload = std::span(bytes).subspan(frame.payload_offset, frame.payload_length);
  ASSERT_FALSE(payload.empty());
  if (payload[0] >= 20) {
    ++dtls_datagrams;
    if (!mute) dtls_->receive(payload, bench_.now);
    return;
  }
  const auto answer = StunView::parse(payload);
  ASSERT_TRUE(answer);
  if (answer->message_class() == StunClass::kResponse) {
    EXPECT_TRUE(answer->integrity_ok(view.ice_password));
    EXPECT_EQ(answer->xor_mapped_address(), address);
    ++stun_answers;
  } else {
    ++stun_refusals;
  }
}

}  // namespace sluice::control::test
