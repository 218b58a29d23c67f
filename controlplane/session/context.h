// context: what the modules of the session layer share: the options, the data plane, the registry, the
// records of each worker, UDP ports, deferred work and counts. Its functions are shortcuts to them. Control
// thread only.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/session/deferred.h"
#include "controlplane/session/load_meter.h"
#include "controlplane/session/media_plane.h"
#include "controlplane/session/objects.h"
#include "controlplane/session/options.h"
#include "controlplane/session/placement.h"
#include "controlplane/session/registry.h"
#include "controlplane/session/totals.h"
#include "controlplane/session/udp_ports.h"
#include "controlplane/session/worker_records.h"
#include "crypto/srtp/srtp_engine.h"

namespace sluice::control {

struct Context {
  Context(SessionOptions given, MediaPlane& media, std::unique_ptr<crypto::SrtpEngine> srtp);

  TimePoint now() const { return options.clock ? options.clock() : std::chrono::steady_clock::now(); }
  /// A cryptographic random number, from SessionOptions::random.
  std::uint32_t random32();
  /// Gives an event about the object to SessionOptions::on_event.
  void emit(const Session& session, EventBody body);
  void emit(const Endpoint& endpoint, EventBody body);
  void emit(const Route& route, EventBody body);
  void emit(std::size_t port_index, EventBody body);

  WorkerRecords& records(const Session& session) { return *workers[session.worker]; }
  WorkerRecords& records(const Endpoint& endpoint) { return *workers[endpoint.worker]; }
  WorkerRecords& records(const Source& source) { return *workers[source.worker]; }
  /// A route lives on the worker of the endpoint that it leads to.
  WorkerRecords& records(const Route& route) { return *workers[route.to->worker]; }
  const dataplane::PortInfo& port(const Endpoint& endpoint) const { return plane.port(endpoint.port_index); }
  dataplane::EndpointSlot& slot(const Endpoint& endpoint) {
    return records(endpoint).memory.endpoints[endpoint.ref.slot];
  }
  dataplane::RouteSlot& slot(const Route& route) { return records(route).memory.routes[route.ref.slot]; }

  /// Sends a UDP datagram from one of our addresses, as a whole frame, by the worker of `endpoint`. A
  /// datagram that is longer than the port's MTU, or that the worker cannot take, is lost and counted.
  void inject_udp(const Endpoint& endpoint, const dataplane::LinkEnd& local, const dataplane::LinkEnd& remote,
                  std::span<const std::uint8_t> payload);

  /// The idle timeout that counts for the object; 0 = never.
  [[nodiscard]] std::uint32_t idle_timeout_s(const Session& session) const {
    return session.idle_timeout_s.value_or(options.config.limits.idle_timeout_s);
  }
  [[nodiscard]] std::uint32_t idle_timeout_s(const Endpoint& endpoint) const {
    return endpoint.idle_timeout_s.value_or(idle_timeout_s(*endpoint.session));
  }

  /// Adds the callbacks to `deferred` and empties `done`. They run later, when no operation is half done.
  void complete(std::vector<Done>& done);

  SessionOptions options;
  MediaPlane& plane;
  std::unique_ptr<crypto::SrtpEngine> engine;
  UdpPorts udp_ports;
  LoadMeter load;
  Workers workers;
  Placement placement;
  Registry registry;
  Deferred deferred;
  Totals totals;
  bool stopping = false;

 private:
  std::vector<std::uint8_t> frame_;  // buffer of inject_udp
};

}  // namespace sluice::control
