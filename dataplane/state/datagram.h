// datagram: one received UDP datagram for one of our ports, as classify finds it, and where it came from.
// Worker only; owns nothing.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <span>

#include "dataplane/wire/frame.h"

namespace sluice::dataplane {

/// Where its layers lie, and whose it seems to be.
struct Datagram {
  rte_mbuf* mbuf;
  std::uint8_t* data;  // the UDP payload inside the mbuf
  // Slot; kNoSlot on the shared port from a sender that is not bound yet, and in a loan.
  std::uint32_t endpoint;
  std::uint32_t stream;     // slot; a guess until classify is done; kNoSlot until known
  std::uint16_t length;     // of the payload; of media without the tag after unprotect
  std::uint16_t l3_offset;  // in the frame, for latching
  std::uint16_t l4_offset;
  std::uint16_t local_port;
  std::uint8_t local_index;  // of the destination address, among the port's
  bool is_v6;
};

inline const std::uint8_t* frame_of(const Datagram& datagram) {
  return rte_pktmbuf_mtod(datagram.mbuf, const std::uint8_t*);
}

/// The IP address, as it lies in the frame: 4 or 16 bytes.
inline std::span<const std::uint8_t> source_address(const Datagram& datagram) {
  const std::uint8_t* ip = frame_of(datagram) + datagram.l3_offset;
  return datagram.is_v6 ? std::span{ip + 8, 16} : std::span{ip + 12, 4};
}

/// Host order.
inline std::uint16_t source_port(const Datagram& datagram) {
  return load_be16(frame_of(datagram) + datagram.l4_offset);
}

}  // namespace sluice::dataplane
