// reload: how a new configuration differs from the running one, and which of the changes can take effect
// without a restart. Both follow from the list of settings. Pure functions, control thread.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "config/settings.h"

namespace sluice::config {

struct Change {
  // "log.level". A port goes by its name: "ports[edge].mtu", or "ports[edge]" when it comes or goes.
  std::string setting;
  std::string old_value;  // as TOML writes it; "none" where there was none
  std::string new_value;
  Apply apply = Apply::kRestart;

  bool operator==(const Change&) const = default;
};

/// In the order of the list of settings, ports first; empty when the two are equal. Ports with the same name
/// are compared with each other.
std::vector<Change> changes_between(const Config& running, const Config& wanted);

/// `running` with the live settings of `wanted`: what is in effect after a reload.
Config with_live_changes(const Config& running, const Config& wanted);

/// `log.level: "info" -> "debug" (live)`
std::string to_string(const Change& change);

}  // namespace sluice::config
