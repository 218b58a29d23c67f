// check: the rules over several keys, and over a key and the machine: what no limit of a single key can say.
// Pure functions, control thread.
#pragma once

#include <string>
#include <string_view>

#include "config/config.h"
#include "config/findings.h"
#include "config/host.h"

namespace sluice::config {

/// Adds a problem for each rule broken. Keys that already have a problem are left out of the rules.
void check(const Config& config, const Host& host, Findings& findings);

/// The name by which DPDK knows the device: a PCI address with its domain, or a virtual device's name.
std::string canonical_device(std::string_view device);

}  // namespace sluice::config
