// rtp_counts: what each authentic RTP packet counts. Worker only.
#pragma once

#include <cstdint>

#include "dataplane/state/worker_state.h"

namespace sluice::dataplane {

/// RFC 3550 6.4.1 and A.8, in 1/16 of a clock unit. `first`: it may be the first packet that has a rate.
template <bool first>
inline void update_jitter(WorkerState& state, StreamSlot& stream, std::uint32_t timestamp) {
  const std::uint32_t rate = stream.jitter_clock_rate;
  if (rate == 0) return;
  const std::uint32_t transit = state.clock_now(rate) - timestamp;
  if (!first || stream.transit_known) {
    const std::uint32_t change = transit - stream.transit;  // modulo 2^32: a hostile sender may choose any
    const std::uint32_t distance = static_cast<std::int32_t>(change) < 0 ? 0 - change : change;
    const std::uint64_t jitter = stream.jitter.read();
    stream.jitter.set(jitter + distance - ((jitter + 8) >> 4));
  }
  stream.transit = transit;
  if (first) stream.transit_known = true;
}

/// `payload` and `length`: bytes of the payload and of the packet, both without the SRTP tag.
template <bool first>
[[gnu::always_inline]] inline void count_rtp(WorkerState& state, EndpointSlot& endpoint, StreamSlot& stream,
                                             std::uint32_t timestamp, std::uint16_t payload,
                                             std::uint16_t length) {
  stream.packets.add();
  stream.bytes.add(payload);
  stream.last_packet_tsc.set(state.now);
  endpoint.packets_received.add();
  endpoint.bytes_received.add(length);
  endpoint.last_received_tsc.set(state.now);
  update_jitter<first>(state, stream, timestamp);
}

}  // namespace sluice::dataplane
