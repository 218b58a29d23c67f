// port_view: a network port as docs/api.md shows it. Apart from the other views, since the command line,
// which shares those, links no ports. Pure function, any thread.
#pragma once

#include "controlplane/base/json.h"
#include "dataplane/port/port.h"

namespace sluice::control {

[[nodiscard]] OrderedJson render_port(const dataplane::PortInfo& info,
                                      const dataplane::PortStatistics& statistics);

}  // namespace sluice::control
