// ring_peer: the far end of a "ring:NAME" port of sluiced, for tests. It sends each line of hexadecimal
// digits on standard input as a frame, and prints each frame that arrives as such a line. It ends when its
// input ends.
//
//   ring_peer NAME
#include <poll.h>
#include <rte_eal.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "dataplane/port/ring_port.h"

namespace {

using namespace sluice::dataplane;

// Packet pools have a cache for each lcore number, so this number must differ from those of sluiced.
constexpr const char* kCores = "127@0";

std::vector<std::uint8_t> from_hex(const std::string& line) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i + 1 < line.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(line.substr(i, 2), nullptr, 16)));
  return bytes;
}

void send(rte_ring* ring, rte_mempool* pool, const std::string& line) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pool);
  if (mbuf == nullptr) return;
  const auto bytes = from_hex(line);
  std::copy(
      bytes.begin(), bytes.end(),
      reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(bytes.size()))));
  mbuf->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
  if (rte_ring_sp_enqueue(ring, mbuf) != 0) rte_pktmbuf_free(mbuf);
}

void print_arrived(rte_ring* ring) {
  void* arrived = nullptr;
  while (rte_ring_sc_dequeue(ring, &arrived) == 0) {
    auto* mbuf = static_cast<rte_mbuf*>(arrived);
    const auto* bytes = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
    for (std::uint16_t i = 0; i < mbuf->data_len; ++i) std::printf("%02x", bytes[i]);
    std::printf("\n");
    std::fflush(stdout);
    rte_pktmbuf_free(mbuf);
  }
}

void exchange(rte_ring* to, rte_ring* from, rte_mempool* pool) {
  std::string line;
  for (;;) {
    print_arrived(from);
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (poll(&input, 1, 1) <= 0) continue;
    char c = 0;
    if (read(STDIN_FILENO, &c, 1) != 1) return;
    if (c != '\n') {
      line += c;
      continue;
    }
    send(to, pool, line);
    line.clear();
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: ring_peer NAME\n");
    return 64;
  }
  std::vector<std::string> args{"ring_peer",
                                "--proc-type=secondary",
                                "--file-prefix=" + ring_file_prefix(argv[1]),
                                "--lcores",
                                kCores,
                                "--no-pci",
                                "--no-telemetry",
                                "--log-level=*:warning"};
  std::vector<char*> pointers;
  for (std::string& arg : args) pointers.push_back(arg.data());
  if (rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) < 0) return 1;
  rte_ring* to = rte_ring_lookup(ring_name(argv[1], RingWay::kToSluice, 0).c_str());
  rte_ring* from = rte_ring_lookup(ring_name(argv[1], RingWay::kFromSluice, 0).c_str());
  rte_mempool* pool = rte_mempool_lookup("ring_peer");
  if (pool == nullptr)
    pool = rte_pktmbuf_pool_create("ring_peer", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  if (to == nullptr || from == nullptr || pool == nullptr) {
    std::fprintf(stderr, "ring_peer: no ring port \"%s\", or no memory\n", argv[1]);
    return 1;
  }
  std::fprintf(stderr, "ring_peer: ready\n");
  exchange(to, from, pool);
  return 0;  // the shared memory belongs to the primary process and stays
}
