#include "controlplane/session/context.h"

#include <array>
#include <cstring>
#include <utility>

namespace sluice::control {

namespace {

Workers make_workers(MediaPlane& plane) {
  Workers workers;
  for (std::size_t i = 0; i < plane.worker_count(); ++i)
    workers.push_back(std::make_unique<WorkerRecords>(plane, i));
  return workers;
}

}  // namespace

Context::Context(SessionOptions given, MediaPlane& media, std::unique_ptr<crypto::SrtpEngine> srtp)
    : options(std::move(given)),
      plane(media),
      engine(std::move(srtp)),
      udp_ports(options.config, media),
      load(media),
      workers(make_workers(media)),
      placement(options, workers, load),
      registry(options.random) {}

std::uint32_t Context::random32() {
  std::array<std::uint8_t, 4> bytes{};
  options.random(bytes);
  return dataplane::load_be32(bytes.data());
}

void Context::emit(const Session& session, EventBody body) {
  if (options.on_event) options.on_event({.session = session.id, .body = std::move(body)});
}

void Context::emit(const Endpoint& endpoint, EventBody body) {
  if (options.on_event)
    options.on_event({.session = endpoint.session->id, .endpoint = endpoint.id, .body = std::move(body)});
}

void Context::emit(const Route& route, EventBody body) {
  if (options.on_event)
    options.on_event({.session = route.session->id, .route = route.request.id, .body = std::move(body)});
}

void Context::emit(std::size_t port_index, EventBody body) {
  if (options.on_event)
    options.on_event({.session = {}, .port = plane.port(port_index).name, .body = std::move(body)});
}

void Context::inject_udp(const Endpoint& endpoint, const dataplane::LinkEnd& local,
                         const dataplane::LinkEnd& remote, std::span<const std::uint8_t> payload) {
  const dataplane::PortInfo& info = port(endpoint);
  const dataplane::HeaderTemplate header =
      dataplane::make_header_template(local, remote, info.vlan, endpoint.request.dscp);
  if (header.length - header.l3_offset + payload.size() > info.mtu) {
    ++totals.datagrams_too_long;
    return;
  }
  frame_.resize(header.length + payload.size());
  std::memcpy(frame_.data() + header.length, payload.data(), payload.size());
  dataplane::write_headers(header, frame_.data(), static_cast<std::uint16_t>(payload.size()));
  (void)records(endpoint).commands.inject(info.id, frame_);  // CommandQueue counts lost frames
}

void Context::complete(std::vector<Done>& done) {
  for (Done& callback : done)
    if (callback) deferred.add(Completion{std::move(callback)});
  done.clear();
}

}  // namespace sluice::control
