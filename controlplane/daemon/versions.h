// versions: asks sluice and its libraries for their versions. Once, at start, on the control thread.
#pragma once

#include <string>

#include "controlplane/api/version_info.h"

namespace sluice::control {

[[nodiscard]] Versions gather_versions();

/// For `sluiced --version`: a name and a version a line.
[[nodiscard]] std::string to_text(const Versions& versions);

}  // namespace sluice::control
