// port_view: a network port as docs/api.md shows it. It is separate from api_views because sluicectl links
// api_views and must not link DPDK's ports. Pure function, any thread.
#pragma once

#include "controlplane/base/json.h"
#include "controlplane/session/model.h"
#include "dataplane/port/port.h"

namespace sluice::control {

[[nodiscard]] OrderedJson render_port(const dataplane::PortInfo& info,
                                      const dataplane::PortStatistics& statistics, const LinkView& link);

}  // namespace sluice::control
