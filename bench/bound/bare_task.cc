#include "bench/bound/bare_task.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace sluice::bench {

BareShape bare_shape(const dataplane::test::StagesCase& c, const dataplane::test::StagesLoad& load) {
  const bool opens = c.from != dataplane::EndpointKind::kRtp;
  const bool seals = c.to != dataplane::EndpointKind::kRtp;
  return {c.profile,    c.payload, opens ? load.senders() : 0, seals ? load.receivers() : 0,
          load.batch(), c.fanout};
}

BareTask::BareTask(const BareShape& shape) : shape_(shape) {
  if (shape.openers != 0) make(open_, shape.openers, false);
  if (shape.sealers != 0) make(seal_, shape.sealers, true);
}

void BareTask::make(Half& half, std::size_t keys, bool seal) {
  std::string error;
  half.keys = keys;
  half.loop = crypto::make_bare_loop({shape_.profile, shape_.payload, seal, keys}, error);
  if (!half.loop) throw std::runtime_error(error);
}

std::uint64_t BareTask::Half::run(std::size_t packets) {
  std::uint64_t cycles = 0;
  while (loop && packets != 0) {
    const std::size_t some = std::min(packets, crypto::CryptoLoop::kBatchMax);
    cycles += loop->batch(at, some);
    at = (at + some) % keys;
    packets -= some;
  }
  return cycles;
}

std::uint64_t BareTask::turn() {
  ++turns_;
  return open_.run(shape_.batch) + seal_.run(shape_.batch * shape_.fanout);
}

}  // namespace sluice::bench
