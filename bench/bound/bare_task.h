// bare_task: the cryptography of a worker's turns as bare calls of the library, in waves (micro/waves.h). A
// turn opens and seals the same number of packets as a turn of stages_load, with the same number of keys. One
// thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "bench/bound/bare_crypto.h"
#include "bench/micro/stages_load.h"
#include "bench/micro/waves.h"
#include "crypto/srtp/srtp_profile.h"

namespace sluice::bench {

struct BareShape {
  crypto::SrtpProfile profile;
  std::size_t payload;
  std::size_t openers, sealers;  // keys of each kind; 0 = nothing is opened, or sealed
  std::size_t batch;             // packets that a turn takes in
  std::size_t fanout;            // packets that leave for each of them
};

BareShape bare_shape(const dataplane::test::StagesCase& c, const dataplane::test::StagesLoad& load);

class BareTask final : public WaveTask {
 public:
  /// Throws std::runtime_error when the library cannot run. REQUIRES: openers or sealers are not 0.
  explicit BareTask(const BareShape& shape);

  void fill(std::size_t) override { turns_ = 0; }
  std::uint64_t turn() override;
  std::size_t empty() override { return turns_ * shape_.batch * shape_.fanout; }

 private:
  /// The opening or the sealing.
  struct Half {
    std::size_t keys = 0;
    std::unique_ptr<crypto::CryptoLoop> loop;
    std::size_t at = 0;  // the next key

    std::uint64_t run(std::size_t packets);
  };
  void make(Half& half, std::size_t keys, bool seal);

  BareShape shape_;
  Half open_, seal_;
  std::size_t turns_ = 0;
};

}  // namespace sluice::bench
