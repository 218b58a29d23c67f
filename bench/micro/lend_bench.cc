// lend_bench: what it costs to serve receivers of a room on another worker, in TSC cycles. It prints the
// lender's cycles for each packet that it lends (unprotect, the loan, taking the buffer back), and the
// borrower's cycles for each copy that leaves. For comparison it prints the cycles for the same receivers on
// the publisher's worker. Both workers run in turn on one thread. So the borrower finds the buffers in the
// CPU's caches, more often than on two CPUs.
//
//   lend_bench [batches, default 2000]
#include <fmt/format.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <stdexcept>

#include "tests/dataplane/stages/lend_fixture.h"

namespace sluice::dataplane::test {
namespace {

constexpr std::size_t kPackets = 16;  // a batch

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<long>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

struct Costs {
  double home_per_packet, away_per_copy;
};

Costs measure(bool lent, int receivers, int batches) {
  Room room;
  for (int i = 0; i < receivers; ++i) room.add_receiver(lent ? room.away : room.home);
  std::vector<double> home, away;
  std::uint16_t sequence = 0;
  for (int batch = 0; batch < batches; ++batch) {
    std::array<rte_mbuf*, kPackets> frames;
    for (rte_mbuf*& mbuf : frames) {
      RtpOptions rtp;
      rtp.sequence = sequence++;
      rtp.size = 1200;
      const Bytes frame = room.home.frame_from(room.publisher, room.sealer->protect(make_rtp(rtp)));
      mbuf = rte_pktmbuf_alloc(room.home.pool());
      if (mbuf == nullptr) throw std::runtime_error("the packet pool is empty");
      std::copy(frame.begin(), frame.end(),
                rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size())));
    }
    room.home.enqueue(frames);
    std::uint64_t home_cycles = room.home.turn_timed();
    room.home.drain();
    if (lent) {
      const std::uint64_t cycles = room.away.turn_timed();
      away.push_back(static_cast<double>(cycles) / static_cast<double>(room.away.drain()));
      home_cycles += room.home.turn_timed();
    }
    home.push_back(static_cast<double>(home_cycles) / kPackets);
  }
  return {median(home), lent ? median(away) : 0};
}

}  // namespace
}  // namespace sluice::dataplane::test

int main(int argc, char** argv) {
  using namespace sluice::dataplane::test;
  const int batches = argc > 1 ? std::atoi(argv[1]) : 2000;
  fmt::print("AEAD_AES_128_GCM, 1200 B, batches of {}\n{:>10} {:>24} {:>24} {:>24}\n", kPackets, "receivers",
             "all here, per copy", "lent, per packet lent", "borrowed, per copy");
  for (const int receivers : {1, 10, 50}) {
    const auto here = measure(false, receivers, batches);
    const auto lent = measure(true, receivers, batches);
    fmt::print("{:>10} {:>24.0f} {:>24.0f} {:>24.0f}\n", receivers, here.home_per_packet / receivers,
               lent.home_per_packet, lent.away_per_copy);
  }
  return 0;
}
