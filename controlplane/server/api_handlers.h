// api_handlers: carries out the requests of api.h: it calls Sessions, reads the data plane, and renders the
// results. Control thread; nothing here blocks: a removal is answered when the worker has acknowledged it.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "controlplane/api/version_info.h"
#include "controlplane/server/api_server.h"
#include "controlplane/session/plane_status.h"
#include "controlplane/session/sessions.h"
#include "crypto/srtp/srtp_engine.h"

namespace sluice::control {

class ApiHandlers {
 public:
  struct Context {
    Sessions& sessions;
    const PlaneStatus& plane;
    Versions versions;
    crypto::EngineKind engine{};
    std::vector<crypto::SrtpProfile> profiles;  // the ones that are offered to peers
    std::function<void()> on_shutdown;          // begins the orderly shutdown; may be called again
  };

  explicit ApiHandlers(Context context);

  /// Carries out one request and calls `answer`, at once or later. An invalid request is answered with an
  /// error.
  void handle(const std::string& method, const Json& params, Answer answer);

 private:
  struct RequestDispatcher;  // handles one request: api_handlers.cc

  OrderedJson version() const;
  OrderedJson ports(const Page<UdpPortView>& page) const;
  OrderedJson workers() const;
  std::variant<OrderedJson, ApiError> drops(std::optional<std::uint16_t> worker) const;

  Context context_;
};

}  // namespace sluice::control
