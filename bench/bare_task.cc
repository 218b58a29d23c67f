#include "bench/bare_task.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "bench/crypto_packets.h"

namespace sluice::bench {

BareShape bare_shape(const dataplane::test::StagesCase& c, const dataplane::test::StagesLoad& load) {
  const bool opens = c.from != dataplane::EndpointKind::kRtp;
  const bool seals = c.to != dataplane::EndpointKind::kRtp;
  return {c.profile,    c.payload, opens ? load.senders() : 0, seals ? load.receivers() : 0,
          load.batch(), c.fanout};
}

BareTask::BareTask(const BareShape& shape) : shape_(shape) {
  std::string error;
  engine_ = crypto::make_engine(crypto::EngineKind::kIpsecMb, error);
  if (!engine_) throw std::runtime_error(error);
  if (shape.openers != 0) make(open_, shape.openers, crypto::Direction::kReceive);
  if (shape.sealers != 0) make(seal_, shape.sealers, crypto::Direction::kSend);
}

BareTask::~BareTask() {
  for (crypto::SrtpKeys& one : open_.keys) engine_->release(one);
  for (crypto::SrtpKeys& one : seal_.keys) engine_->release(one);
}

void BareTask::make(Half& half, std::size_t keys, crypto::Direction direction) {
  half.keys = crypto::random_keys(*engine_, shape_.profile, keys, direction);
  if (half.keys.empty()) throw std::runtime_error(engine_->last_error());
  half.loop = crypto::make_bare_loop({shape_.profile, shape_.payload, direction == crypto::Direction::kSend},
                                     half.keys);
  if (!half.loop) throw std::runtime_error("no memory for a multi-buffer manager");
}

std::uint64_t BareTask::Half::run(std::size_t packets) {
  std::uint64_t cycles = 0;
  while (loop && packets != 0) {
    const std::size_t some = std::min(packets, crypto::CryptoLoop::kBatchMax);
    cycles += loop->batch(at, some);
    at = (at + some) % keys.size();
    packets -= some;
  }
  return cycles;
}

std::uint64_t BareTask::turn() {
  ++turns_;
  return open_.run(shape_.batch) + seal_.run(shape_.batch * shape_.fanout);
}

}  // namespace sluice::bench
