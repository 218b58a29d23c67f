#include "dataplane/shared/punt.h"

#include <rte_mbuf.h>

namespace sluice::dataplane {

std::span<const std::uint8_t> punt_frame(const Punt& punt) {
  return {rte_pktmbuf_mtod(punt.mbuf, const std::uint8_t*), punt.mbuf->data_len};
}

void free_punt(const Punt& punt) {
  rte_pktmbuf_free(punt.mbuf);
}

}  // namespace sluice::dataplane
