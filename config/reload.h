// reload: what differs between the running configuration and a new one, and what of it may take effect
// without a restart. Derived from the list of keys, control thread.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "config/settings.h"

namespace sluice::config {

struct Change {
  // "log.level". A port goes by its name: "ports[edge].mtu", or "ports[edge]" when it comes or goes.
  std::string setting;
  std::string old_value;  // as TOML would write it; "none" where there was none
  std::string new_value;
  Apply apply = Apply::kRestart;

  bool operator==(const Change&) const = default;
};

/// In the order of the list of keys; empty when the two are equal. Ports are matched by name.
std::vector<Change> changes_between(const Config& running, const Config& wanted);

/// `running` with every live key as in `wanted`: what a reload puts into force.
Config with_live_changes(const Config& running, const Config& wanted);

/// `log.level: "info" -> "debug" (live)`
std::string to_string(const Change& change);

}  // namespace sluice::config
