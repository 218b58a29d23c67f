// api_handlers: what each request of api.h does: asks the sessions and the data plane, and renders what they
// say. Control thread; nothing here blocks: a removal answers when the worker has acknowledged it.
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
    std::vector<crypto::SrtpProfile> profiles;  // on offer
    std::function<void()> on_shutdown;          // begins the orderly end; may be called again
  };

  explicit ApiHandlers(Context context);

  void handle(const std::string& method, const Json& params, Answer answer);

 private:
  struct RequestDispatcher;  // one request's way through: api_handlers.cc

  OrderedJson version() const;
  OrderedJson ports() const;
  OrderedJson workers() const;
  std::variant<OrderedJson, ApiError> drops(std::optional<std::uint16_t> worker) const;

  Context context_;
};

}  // namespace sluice::control
