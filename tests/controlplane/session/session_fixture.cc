#include "tests/controlplane/session/session_fixture.h"

#include <algorithm>

#include "controlplane/protocol/dtls/dtls_certificate.h"
#include "controlplane/protocol/dtls/dtls_context.h"
#include "crypto/engine_factory.h"
#include "dataplane/wire/frame.h"

namespace sluice::control::test {

bool StubbornEngine::expand(const crypto::MasterKey& master, crypto::Direction direction,
                            crypto::SrtpKeys& out) {
  refused_ = switches_->refuse || switches_->refuse_after == 0;
  if (switches_->refuse_after > 0) --switches_->refuse_after;
  if (refused_) return false;
  const bool done = real_->expand(master, direction, out);
  if (done) ++switches_->expanded;
  return done;
}

void StubbornEngine::release(crypto::SrtpKeys& keys) {
  if (keys.ready) ++switches_->released;
  real_->release(keys);
}

config::Config small_config() {
  config::Config config;
  config.media.port_min = 20000;
  config.media.port_max = 20999;
  config.limits.sessions = 100;
  config.limits.endpoints_per_worker = 256;
  config.limits.routes_per_worker = 256;
  config.limits.streams_per_worker = 256;
  config.limits.routes_per_endpoint = 64;
  config.limits.idle_timeout_s = 60;
  config.limits.stream_timeout_s = 30;
  return config;
}

namespace {

std::unique_ptr<crypto::SrtpEngine> any_engine() {
  std::string error;
  auto engine = crypto::make_engine(crypto::EngineKind::kIpsecMb, error);
  if (!engine) engine = crypto::make_engine(crypto::EngineKind::kLibsrtp, error);
  if (!engine) throw std::runtime_error("no SRTP engine: " + error);
  return engine;
}

}  // namespace

SessionFixture::SessionFixture(config::Config with, std::size_t workers, bool with_v6)
    : SessionFixture([](ScriptedPlane&) {}, std::move(with), workers, with_v6) {}

SessionFixture::SessionFixture(const std::function<void(ScriptedPlane&)>& prepare, config::Config with,
                               std::size_t workers, bool with_v6)
    : config(std::move(with)), plane(config.limits, workers, with_v6) {
  prepare(plane);
  Sessions::Options options;
  options.config = config;
  options.profiles.assign(crypto::kAllSrtpProfiles.begin(), crypto::kAllSrtpProfiles.end());
  std::string error;
  options.dtls = DtlsContext::make(DtlsCertificate::self_made(error), options.profiles, error);
  if (!options.dtls) throw std::runtime_error("no DTLS context: " + error);
  options.on_event = [this](const Event& event) { events.push_back(event); };
  options.random = [this](std::span<std::uint8_t> out) {
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(random());
  };
  options.clock = [this] { return now; };
  sessions = std::make_unique<Sessions>(std::move(options), plane,
                                        std::make_unique<StubbornEngine>(any_engine(), engine));
}

void SessionFixture::settle() {
  for (;;) {
    std::size_t moved = 0;
    for (std::size_t i = 0; i < plane.worker_count(); ++i) moved += plane.worker(i).turn();
    const bool drained = sessions->poll(now);
    std::size_t waiting = 0;
    for (std::size_t i = 0; i < plane.worker_count(); ++i)
      waiting +=
          plane.memory(i).commands.size() + plane.memory(i).notes.size() + plane.memory(i).punts.size();
    if (moved == 0 && drained && waiting == 0) return;
  }
}

void SessionFixture::advance(std::chrono::milliseconds by) {
  now += by;
  plane.tsc += static_cast<std::uint64_t>(by.count()) * plane.tsc_hz() / 1000;
}

void SessionFixture::live(std::chrono::seconds by) {
  for (std::int64_t i = 0; i < by.count() * 2; ++i) {
    advance(std::chrono::milliseconds(500));
    while (sessions->tick(now) <= now) {
    }
    settle();
  }
}

std::string SessionFixture::session(const std::string& id) {
  const auto result = sessions->create_session({.id = id});
  if (const auto* error = std::get_if<RequestError>(&result)) throw std::runtime_error(error->message);
  return std::get<0>(result).object.id;
}

EndpointCreate SessionFixture::rtp(const std::string& id, bool with_remote) const {
  EndpointCreate request;
  request.session = "s";
  request.id = id;
  request.kind = dataplane::EndpointKind::kRtp;
  if (with_remote) request.remote = RemoteAddress{config::IpAddress::v4(198, 18, 0, 77), 5000, 0};
  return request;
}

EndpointCreate SessionFixture::sdes(const std::string& id, bool with_remote) const {
  EndpointCreate request = rtp(id, with_remote);
  request.kind = dataplane::EndpointKind::kSdes;
  request.profile = crypto::SrtpProfile::kAeadAes128Gcm;
  std::array<std::uint8_t, 28> key{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i + 1);
  request.receive_key.assign(key);
  return request;
}

EndpointCreate SessionFixture::webrtc(const std::string& id) const {
  EndpointCreate request;
  request.session = "s";
  request.id = id;
  request.kind = dataplane::EndpointKind::kWebrtc;
  return request;
}

EndpointView SessionFixture::create(const EndpointCreate& request) {
  const auto result = sessions->create_endpoint(request);
  if (const auto* error = std::get_if<RequestError>(&result)) throw std::runtime_error(error->message);
  return std::get<0>(result).object;
}

RouteView SessionFixture::route(const std::string& id, const std::string& from, const std::string& to,
                                std::optional<std::uint32_t> ssrc) {
  RouteCreate request;
  request.session = "s";
  request.id = id;
  request.from.endpoint = from;
  request.to = to;
  request.ssrc = ssrc;
  request.clock_rate = 48000;
  const auto result = sessions->create_route(request);
  if (const auto* error = std::get_if<RequestError>(&result)) throw std::runtime_error(error->message);
  return std::get<0>(result).object;
}

void SessionFixture::answer_arp() {
  settle();
  for (std::size_t w = 0; w < plane.worker_count(); ++w) {
    auto& injected = plane.worker(w).injected;
    std::vector<TestFrame> kept;
    for (TestFrame& frame : injected) {
      const bool request =
          frame.bytes.size() >= 42 && dataplane::load_be16(&frame.bytes[12]) == dataplane::kEtherTypeArp &&
          dataplane::load_be16(&frame.bytes[20]) == 1 &&
          !std::equal(&frame.bytes[28], &frame.bytes[32], &frame.bytes[38]);  // not an announcement
      if (!request) {
        kept.push_back(std::move(frame));
        continue;
      }
      std::vector<std::uint8_t> reply(frame.bytes.begin(), frame.bytes.begin() + 42);
      std::copy_n(frame.bytes.begin() + 6, 6, reply.begin());  // to the requester
      std::copy(peer_mac.begin(), peer_mac.end(), reply.begin() + 6);
      dataplane::store_be16(&reply[20], 2);
      std::copy(peer_mac.begin(), peer_mac.end(), reply.begin() + 22);
      std::copy_n(frame.bytes.begin() + 38, 4, reply.begin() + 28);  // sender: the requested address
      std::copy_n(frame.bytes.begin() + 22, 10, reply.begin() + 32);
      plane.punt(w, dataplane::PuntKind::kArp, reply);
    }
    injected = std::move(kept);
  }
  settle();
}

std::size_t SessionFixture::count_events(const std::string& type) const {
  return static_cast<std::size_t>(std::count_if(
      events.begin(), events.end(), [&](const Event& event) { return event_type(event) == type; }));
}

const Event* SessionFixture::last_event(const std::string& type) const {
  const auto found = std::find_if(events.rbegin(), events.rend(),
                                  [&](const Event& event) { return event_type(event) == type; });
  return found == events.rend() ? nullptr : &*found;
}

void SessionFixture::expect_no_breach() {
  for (std::size_t i = 0; i < plane.worker_count(); ++i)
    for (const std::string& breach : plane.worker(i).breaches)
      ADD_FAILURE() << "worker " << i << ": " << breach;
}

}  // namespace sluice::control::test
