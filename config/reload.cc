#include "config/reload.h"

#include <algorithm>
#include <optional>

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

void compare_port(const Config& running, std::size_t old_index, const Config& wanted, std::size_t new_index,
                  std::vector<Change>& changes) {
  for (const Setting& setting : settings()) {
    if (setting.table != kPortsTable) continue;
    std::string before = setting.print(running, old_index);
    std::string after = setting.print(wanted, new_index);
    if (before == after) continue;
    changes.push_back({port_path(running.ports[old_index].name) + "." + std::string(setting.name),
                       std::move(before), std::move(after), setting.apply});
  }
}

void compare_ports(const Config& running, const Config& wanted, std::vector<Change>& changes) {
  for (std::size_t i = 0; i < running.ports.size(); ++i) {
    const Port& port = running.ports[i];
    if (const auto match = index_of(wanted, port.name))
      compare_port(running, i, wanted, *match, changes);
    else
      changes.push_back(
          {port_path(port.name), "\"" + port.device + "\"", std::string(kNone), Apply::kRestart});
  }
  for (const Port& port : wanted.ports)
    if (!index_of(running, port.name))
      changes.push_back(
          {port_path(port.name), std::string(kNone), "\"" + port.device + "\"", Apply::kRestart});
}

}  // namespace

std::vector<Change> changes_between(const Config& running, const Config& wanted) {
  std::vector<Change> changes;
  compare_ports(running, wanted, changes);
  for (const Setting& setting : settings()) {
    if (setting.table == kPortsTable) continue;
    std::string before = setting.print(running, 0);
    std::string after = setting.print(wanted, 0);
    if (before == after) continue;
    changes.push_back({path_of(setting, 0), std::move(before), std::move(after), setting.apply});
  }
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
