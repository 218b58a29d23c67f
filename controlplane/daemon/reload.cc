#include "controlplane/daemon/reload.h"

#include "config/load.h"
#include "config/reload.h"
#include "controlplane/base/log.h"

namespace sluice::control {

void ConfigReload::reload() {
  const auto loaded = config::load_file(path_, config::Host::probe());
  if (const auto* problems = std::get_if<std::vector<config::Problem>>(&loaded)) {
    for (const auto& problem : *problems) log::error("reload: {}", config::to_string(problem));
    log::error("reload refused path={} problems={}: nothing changed", log::value(path_), problems->size());
    return;
  }
  const auto& wanted = std::get<config::Config>(loaded);
  std::size_t live = 0, restart = 0;
  for (const auto& change : config::changes_between(running_, wanted)) {
    if (change.apply == config::Apply::kLive) {
      ++live;
      log::info("reload: {}: {} -> {}", change.setting, change.old_value, change.new_value);
    } else {
      ++restart;
      log::warning("reload: {} needs a restart: it stays {}, the file has {}", change.setting,
                   change.old_value, change.new_value);
    }
  }
  running_ = config::with_live_changes(running_, wanted);
  sessions_.reconfigure(running_);
  std::string error;
  if (!log::start(running_.log, error)) log::error("reload: {}; the log goes on where it was", error);
  log::info("reloaded path={} live={} restart={}", log::value(path_), live, restart);
}

}  // namespace sluice::control
