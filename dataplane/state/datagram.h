// datagram: one received UDP datagram for one of our UDP ports, as classify finds it, and where it came from.
// Worker only. It does not own its mbuf.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <span>

#include "dataplane/base/own_address.h"
#include "dataplane/wire/frame.h"

namespace sluice::dataplane {

/// Where the layers of the datagram lie, and which endpoint and stream it seems to belong to.
struct Datagram {
  rte_mbuf* mbuf;
  std::uint8_t* data;  // the UDP payload inside the mbuf
  // Slot; kNoSlot on the shared ICE port from a sender that is not bound yet, and in a loan.
  std::uint32_t endpoint;
  std::uint32_t stream;     // slot; kNoSlot while not known; before classify is done, only a guess
  std::uint16_t length;     // of the payload; unprotect subtracts the SRTP tag
  std::uint16_t l3_offset;  // in the frame, for latching
  std::uint16_t l4_offset;
  std::uint16_t local_port;
  OwnAddress local_address;  // the destination
  bool is_v6;
};

inline const std::uint8_t* frame_of(const Datagram& datagram) {
  return rte_pktmbuf_mtod(datagram.mbuf, const std::uint8_t*);
}

/// The source IP address, as it lies in the frame: 4 or 16 bytes.
inline std::span<const std::uint8_t> source_address(const Datagram& datagram) {
  const std::uint8_t* ip = frame_of(datagram) + datagram.l3_offset;
  return datagram.is_v6 ? std::span{ip + 8, 16} : std::span{ip + 12, 4};
}

/// The source UDP port, in host order.
inline std::uint16_t source_port(const Datagram& datagram) {
  return load_be16(frame_of(datagram) + datagram.l4_offset);
}

}  // namespace sluice::dataplane
