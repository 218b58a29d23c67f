// versions: gets the versions of sluice and its libraries. Called once, at start, on the control thread.
#pragma once

#include <string>

#include "controlplane/api/version_info.h"

namespace sluice::control {

[[nodiscard]] Versions gather_versions();

/// The text of `sluiced --version`: one line for each, a name and a version.
[[nodiscard]] std::string to_text(const Versions& versions);

}  // namespace sluice::control
