// received_checksums: what the port says of the checksums of a received frame. Worker only.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "dataplane/state/worker_state.h"

namespace sluice::dataplane {

/// Whether the port has found the IPv4 header checksum good.
inline bool ip_checked(const rte_mbuf* mbuf) {
  return (mbuf->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD;
}

/// Whether the UDP checksum is not to be looked at: the port has found it good, or its driver does not
/// deliver complete ones.
inline bool udp_trusted(const WorkerState& state, const rte_mbuf* mbuf) {
  return (mbuf->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD ||
         !state.port(mbuf->port).checks_udp_checksum;
}

}  // namespace sluice::dataplane
