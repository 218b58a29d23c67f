// stages_load: a whole worker with the load of one case: endpoints, routes and senders. The worker runs every
// stage as in sluiced, over a port of rings. The senders seal their packets with a separate crypto engine.
// The port is filled and emptied outside of the worker's turn, so only the turn is timed. One thread at a
// time.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bench/micro/waves.h"
#include "tests/support/harness.h"

namespace sluice::dataplane::test {

struct StagesCase {
  const char* name;
  EndpointKind from, to;
  crypto::SrtpProfile profile;
  std::size_t payload;
  std::size_t fanout;
  bool retransmit = false;
  bool forged = false;  // the packets have wrong tags: they cost, and none leaves
};

std::span<const StagesCase> stages_cases();
/// The cases with their numbers, one on each line, for `--help`.
std::string stages_case_list();

class StagesLoad final : public bench::WaveTask {
 public:
  /// Worker 0 of a plane of `workers` workers. `c` outlives this object.
  StagesLoad(const StagesCase& c, std::size_t endpoints, std::size_t workers = 1);
  /// Worker `index` of the plane of `first`, with its own port, endpoints and keys. `first` outlives this
  /// object.
  StagesLoad(StagesLoad& first, std::size_t index, std::size_t endpoints);
  ~StagesLoad() override;

  std::size_t senders() const { return senders_.size(); }
  std::size_t receivers() const { return ssrc_; }
  /// The number of packets that one turn receives.
  std::size_t batch() const { return batch_; }

  /// Registers and unregisters the thread with the EAL. Only a registered thread has a cache of packet
  /// buffers.
  void enter() override;
  void leave() override;
  void fill(std::size_t turns) override;
  std::uint64_t turn() override;
  std::size_t empty() override;

 private:
  /// A frame with its headers, and the keys that seal its packets.
  struct Sender {
    Bytes frame;
    std::size_t rtp_offset;
    std::uint64_t index = 0;
    std::unique_ptr<crypto::SrtpKeys> keys;  // null for plain RTP
  };

  StagesLoad(const StagesCase& c, std::size_t endpoints, std::unique_ptr<Harness> plane);

  Peer add_peer(EndpointKind kind);
  void add_route(const Peer& from, const Peer& to);
  void add_calls(std::size_t calls);
  void add_broadcasts(std::size_t count);
  void add_sender(const Peer& peer);
  void build(Sender& sender, rte_mbuf* mbuf);

  const StagesCase& case_;
  const std::unique_ptr<Harness> plane_;
  std::unique_ptr<crypto::SrtpEngine> engine_;
  std::vector<Sender> senders_;
  std::array<crypto::RtpProtectJob, kBatch> job_array_{};
  std::size_t jobs_ = 0;
  bool forges_ = false;  // from now on the packets have wrong tags
  std::size_t batch_ = 0;
  std::size_t at_ = 0;  // the next sender
  std::uint32_t ssrc_ = 0;
  std::vector<rte_mbuf*> frames_;  // filled; the worker has received those before `taken_`
  std::size_t taken_ = 0;
};

}  // namespace sluice::dataplane::test
