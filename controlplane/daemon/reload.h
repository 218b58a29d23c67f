// reloading: SIGHUP. The configuration file is read again; what may change while sluiced runs takes effect,
// what else differs is said to need a restart, and a file with errors changes nothing. All of it is told in
// the log, which is opened anew as well, so that it may have been moved away. Control thread only.
//
// Live keys act on what comes after: time limits of DTLS and ICE on webrtc endpoints that are created from
// then on, the latch window likewise; the others at once.
#pragma once

#include <string>

#include "config/config.h"
#include "controlplane/session/sessions.h"

namespace sluice::control {

class ConfigReload {
 public:
  /// `running` is what `path` held at the start. `sessions` outlives this.
  ConfigReload(std::string path, config::Config running, Sessions& sessions)
      : path_(std::move(path)), running_(std::move(running)), sessions_(sessions) {}

  void reload();
  const config::Config& running() const { return running_; }

 private:
  const std::string path_;
  config::Config running_;
  Sessions& sessions_;
};

}  // namespace sluice::control
