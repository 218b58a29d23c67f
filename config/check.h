// check: the rules over several settings, and over a setting and the machine. The range of a single setting
// cannot express them. Pure functions, control thread.
#pragma once

#include <string>
#include <string_view>

#include "config/config.h"
#include "config/findings.h"
#include "config/host.h"

namespace sluice::config {

/// Adds a problem for each broken rule. Rules skip settings that already have a problem.
void check(const Config& config, const Host& host, Findings& findings);

/// The name by which DPDK knows the device: a PCI address with its domain, or a virtual device's name.
std::string canonical_device(std::string_view device);

}  // namespace sluice::config
