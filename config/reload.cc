#include "config/reload.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace sluice::config {

namespace {

constexpr std::string_view kPortsTable = "ports";
constexpr std::string_view kNone = "none";

std::optional<std::size_t> index_of(const Config& config, const std::string& name) {
  const auto port = std::ranges::find(config.ports, name, &Port::name);
  if (port == config.ports.end()) return std::nullopt;
  return static_cast<std::size_t>(port - config.ports.begin());
}

std::string port_path(const std::string& name) {
  return std::string(kPortsTable) + "[" + name + "]";
}

/// Adds the change of one setting, if there is one. `path` is its name in the change.
void compare(const Setting& setting, std::string path, const Config& running, std::size_t old_port,
             const Config& wanted, std::size_t new_port, std::vector<Change>& changes) {
  std::string before = setting.print(running, old_port);
  std::string after = setting.print(wanted, new_port);
  if (before != after)
    changes.push_back({std::move(path), std::move(before), std::move(after), setting.apply});
}

void compare_port(const Config& running, std::size_t old_port, const Config& wanted, std::size_t new_port,
                  std::vector<Change>& changes) {
  const std::string port = port_path(running.ports[old_port].name);
  for (const Setting& setting : settings()) {
    if (setting.table != kPortsTable) continue;
    compare(setting, port + "." + std::string(setting.name), running, old_port, wanted, new_port, changes);
  }
}

void compare_ports(const Config& running, const Config& wanted, std::vector<Change>& changes) {
  for (std::size_t i = 0; i < running.ports.size(); ++i) {
    const Port& port = running.ports[i];
    if (const auto match = index_of(wanted, port.name))
      compare_port(running, i, wanted, *match, changes);
    else
      changes.push_back(
          {port_path(port.name), toml_string(port.device), std::string(kNone), Apply::kRestart});
  }
  for (const Port& port : wanted.ports)
    if (!index_of(running, port.name))
      changes.push_back(
          {port_path(port.name), std::string(kNone), toml_string(port.device), Apply::kRestart});
}

}  // namespace

std::vector<Change> changes_between(const Config& running, const Config& wanted) {
  std::vector<Change> changes;
  compare_ports(running, wanted, changes);
  for (const Setting& setting : settings())
    if (setting.table != kPortsTable) compare(setting, path_of(setting, 0), running, 0, wanted, 0, changes);
  return changes;
}

Config with_live_changes(const Config& running, const Config& wanted) {
  Config result = running;
  for (const Setting& setting : settings())
    if (setting.table != kPortsTable && setting.apply == Apply::kLive) setting.copy(wanted, result, 0);
  return result;
}

std::string to_string(const Change& change) {
  return change.setting + ": " + change.old_value + " -> " + change.new_value + " (" +
         std::string(to_string(change.apply)) + ")";
}

}  // namespace sluice::config
