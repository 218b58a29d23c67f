// reload: SIGHUP reads the configuration file again. Live settings take effect. Other settings that differ
// are logged as needing a restart. A file with errors is logged and changes nothing. After a valid file the
// log file is opened again, so that it can be moved away before. Control thread only.
//
// A live setting acts on what happens later. The time limits of DTLS and ICE and the latch window act on
// endpoints that are created from then on; the others act at once.
#pragma once

#include <string>

#include "config/config.h"
#include "controlplane/session/sessions.h"

namespace sluice::control {

class ConfigReload {
 public:
  /// `running` is the configuration that was read from `path` at the start. `sessions` outlives this object.
  ConfigReload(std::string path, config::Config running, Sessions& sessions)
      : path_(std::move(path)), running_(std::move(running)), sessions_(sessions) {}

  /// Reads the file and applies it, or logs its errors.
  void reload();
  const config::Config& running() const { return running_; }

 private:
  const std::string path_;
  config::Config running_;
  Sessions& sessions_;
};

}  // namespace sluice::control
