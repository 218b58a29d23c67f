// port_watch: follows the link of each network port. It logs when a link goes down or comes up, sends an
// event about it, and makes the port known to its neighbours again. Control thread only.
#pragma once

#include <vector>

#include "controlplane/session/context.h"
#include "controlplane/session/remote_addresses.h"

namespace sluice::control {

class PortWatch {
 public:
  static constexpr std::chrono::milliseconds kPeriod{500};

  PortWatch(Context& context, RemoteAddresses& remotes) : context_(context), remotes_(remotes) {}

  /// Looks at the links once in kPeriod. Returns when to call it again.
  TimePoint tick(TimePoint now);

 private:
  Context& context_;
  RemoteAddresses& remotes_;
  std::vector<bool> up_;  // per port; empty before the first look
  TimePoint next_{};
};

}  // namespace sluice::control
