// bare_forward: what it costs to move a packet through a port and do nothing else. It receives a burst, swaps
// addresses and UDP ports, and sends the packets back, with as many copies as the fan-out. It measures the
// forwarding part of the bound that scripts/bench prints (docs/benchmarking.md, The bound).
//
//   bare_forward --ring NAME --cpu N [--load-cpu M --payload B --seconds S] [--copies C]
//   bare_forward --device DEV --cpu N [--copies C]
//
// --ring: a port of rings in shared memory, like sluiced's "ring:NAME". With --load-cpu a second thread fills
// the port and takes back its packets, for --seconds. Otherwise another process does so, until SIGTERM. It
// prints JSON. `cyclesPerPacket` are the TSC ticks of the turns that found packets, per packet that left.
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <rte_ring.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::uint16_t kBurst = 64;
constexpr unsigned kRingSize = 16384;
constexpr unsigned kBuffers = 65535;
constexpr unsigned kPoolCache = 512;
constexpr std::size_t kHeaderLength = 14 + 20 + 8 + 12;
constexpr unsigned kFlows = 10000;

struct Options {
  std::string ring, device;
  unsigned cpu = 1, payload = 160, copies = 1;
  int load_cpu = -1;
  double seconds = 1;
};

struct Rings {
  rte_ring* to = nullptr;    // to the forwarder
  rte_ring* from = nullptr;  // from the forwarder
};

std::atomic<bool> stop{false};

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "bare_forward: %s\n", what.c_str());
  std::exit(1);
}

void start_eal(const Options& options) {
  std::string lcores = "0@" + std::to_string(options.cpu);
  if (options.load_cpu >= 0) lcores += ",1@" + std::to_string(options.load_cpu);
  std::vector<std::string> args{"bare_forward",          "--lcores", lcores,
                                "--main-lcore",          "0",        "--no-telemetry",
                                "--log-level=*:warning", "-m",       "512"};
  if (options.ring.empty()) {
    const bool pci =
        options.device.find(':') != std::string::npos && options.device.find('=') == std::string::npos;
    args.insert(args.end(), {"--in-memory", pci ? "-a" : "--vdev", options.device});
    if (!pci) args.push_back("--no-pci");
  } else {
    args.insert(args.end(), {"--file-prefix=sluice-" + options.ring, "--no-pci"});
  }
  std::vector<char*> argv;
  for (std::string& arg : args) argv.push_back(arg.data());
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) fail("DPDK did not start");
}

Rings make_rings(const std::string& name) {
  const auto make = [&](const char* way) {
    rte_ring* ring = rte_ring_create(("sluice_" + name + way).c_str(), kRingSize, SOCKET_ID_ANY,
                                     RING_F_SP_ENQ | RING_F_SC_DEQ);
    if (ring == nullptr) fail("no memory for rings");
    return ring;
  };
  return {make("_rx0"), make("_tx0")};
}

std::uint16_t open_port(const Options& options, Rings& rings, rte_mempool* pool) {
  int id = 0;
  if (!options.ring.empty()) {
    rings = make_rings(options.ring);
    id = rte_eth_from_rings("bare", &rings.to, 1, &rings.from, 1, 0);
    if (id < 0) fail("no port of rings");
  } else {
    if (rte_eth_dev_count_avail() == 0) fail("no port \"" + options.device + "\"");
  }
  const auto port = static_cast<std::uint16_t>(id);
  rte_eth_conf conf{};
  if (rte_eth_dev_configure(port, 1, 1, &conf) != 0 ||
      rte_eth_rx_queue_setup(port, 0, 1024, 0, nullptr, pool) != 0 ||
      rte_eth_tx_queue_setup(port, 0, 1024, 0, nullptr) != 0 || rte_eth_dev_start(port) != 0)
    fail("the port does not start");
  return port;
}

/// Swaps source and destination of Ethernet, IPv4 and UDP. Touches one cache line.
void turn_around(std::uint8_t* frame) {
  std::uint8_t mac[6];
  std::memcpy(mac, frame, 6);
  std::memcpy(frame, frame + 6, 6);
  std::memcpy(frame + 6, mac, 6);
  std::uint32_t from, to;
  std::memcpy(&from, frame + 26, 4);
  std::memcpy(&to, frame + 30, 4);
  std::memcpy(frame + 26, &to, 4);
  std::memcpy(frame + 30, &from, 4);
  std::uint32_t ports;
  std::memcpy(&ports, frame + 34, 4);
  ports = ports << 16 | ports >> 16;
  std::memcpy(frame + 34, &ports, 4);
}

class Forwarder {
 public:
  Forwarder(std::uint16_t port, rte_mempool* pool, unsigned copies)
      : port_(port), pool_(pool), copies_(copies) {}

  void turn() {
    const std::uint64_t began = rte_rdtsc();
    rte_mbuf* packets[kBurst];
    const std::uint16_t got = rte_eth_rx_burst(port_, 0, packets, kBurst);
    if (got == 0) {
      rte_pause();
      return;
    }
    for (std::uint16_t i = 0; i < got; ++i) rte_prefetch0(rte_pktmbuf_mtod(packets[i], void*));
    for (std::uint16_t i = 0; i < got; ++i) {
      turn_around(rte_pktmbuf_mtod(packets[i], std::uint8_t*));
      if (copies_ > 1) send_copies(*packets[i]);
    }
    send(packets, got);
    cycles_ += rte_rdtsc() - began;
    received_ += got;
  }

  void forget() { cycles_ = received_ = sent_ = dropped_ = 0; }

  void print(const Options& options) const {
    std::printf(
        "{\"copies\":%u,\"payloadBytes\":%u,\"received\":%llu,\"sent\":%llu,\"dropped\":%llu,"
        "\"cyclesPerPacket\":%.2f}\n",
        copies_, options.payload, static_cast<unsigned long long>(received_),
        static_cast<unsigned long long>(sent_), static_cast<unsigned long long>(dropped_),
        sent_ == 0 ? 0.0 : static_cast<double>(cycles_) / static_cast<double>(sent_));
  }

 private:
  /// Sends each copy in a separate buffer, with a header. Writes no payload, since the crypto would write it.
  void send_copies(const rte_mbuf& original) {
    const std::uint8_t* header = rte_pktmbuf_mtod(&original, const std::uint8_t*);
    for (unsigned left = copies_ - 1; left != 0;) {
      rte_mbuf* packets[kBurst];
      const auto count = static_cast<std::uint16_t>(left < kBurst ? left : kBurst);
      if (rte_pktmbuf_alloc_bulk(pool_, packets, count) != 0) {
        dropped_ += left;
        return;
      }
      for (std::uint16_t i = 0; i < count; ++i) {
        std::memcpy(rte_pktmbuf_mtod(packets[i], std::uint8_t*), header, kHeaderLength);
        packets[i]->data_len = original.data_len;
        packets[i]->pkt_len = original.pkt_len;
      }
      send(packets, count);
      left -= count;
    }
  }

  void send(rte_mbuf** packets, std::uint16_t count) {
    const std::uint16_t taken = rte_eth_tx_burst(port_, 0, packets, count);
    sent_ += taken;
    if (taken == count) return;
    rte_pktmbuf_free_bulk(packets + taken, static_cast<unsigned>(count - taken));
    dropped_ += static_cast<std::uint64_t>(count - taken);
  }

  std::uint16_t port_;
  rte_mempool* pool_;
  unsigned copies_;
  std::uint64_t cycles_ = 0, received_ = 0, sent_ = 0, dropped_ = 0;
};

struct Load {
  Rings rings;
  rte_mempool* pool;
  unsigned payload, copies;
};

/// The other end of the rings. Keeps them as full as they are for a relay that is not behind.
int load_rings(void* argument) {
  const Load& load = *static_cast<const Load*>(argument);
  const auto length = static_cast<std::uint16_t>(kHeaderLength + load.payload);
  std::uint32_t flow = 0;
  while (!stop.load(std::memory_order_relaxed)) {
    rte_mbuf* packets[kBurst];
    for (unsigned round = 0; round < load.copies + 1; ++round) {
      const unsigned back =
          rte_ring_sc_dequeue_burst(load.rings.from, reinterpret_cast<void**>(packets), kBurst, nullptr);
      if (back == 0) break;
      rte_pktmbuf_free_bulk(packets, back);
    }
    // The returning packets need free entries. Otherwise the measurement would include drops.
    if (rte_ring_count(load.rings.to) > 2 * kBurst ||
        rte_ring_free_count(load.rings.from) < 2 * kBurst * load.copies)
      continue;
    if (rte_pktmbuf_alloc_bulk(load.pool, packets, kBurst) != 0) continue;
    for (rte_mbuf* packet : packets) {
      auto* frame = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(packet, length));
      std::memset(frame, 0x5a, length);
      flow = (flow + 1) % kFlows;
      std::memcpy(frame + 34, &flow, sizeof flow);
    }
    const unsigned taken =
        rte_ring_sp_enqueue_burst(load.rings.to, reinterpret_cast<void**>(packets), kBurst, nullptr);
    if (taken < kBurst) rte_pktmbuf_free_bulk(packets + taken, kBurst - taken);
  }
  return 0;
}

Options parse(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; i += 2) {
    const std::string_view option = arguments[i];
    if (i + 1 == count) fail("\"" + std::string(option) + "\" is unknown or lacks its value");
    const char* value = arguments[i + 1];
    if (option == "--ring") {
      options.ring = value;
    } else if (option == "--device") {
      options.device = value;
    } else if (option == "--cpu") {
      options.cpu = static_cast<unsigned>(std::atoi(value));
    } else if (option == "--load-cpu") {
      options.load_cpu = std::atoi(value);
    } else if (option == "--payload") {
      options.payload = static_cast<unsigned>(std::atoi(value));
    } else if (option == "--copies") {
      options.copies = static_cast<unsigned>(std::atoi(value));
    } else if (option == "--seconds") {
      options.seconds = std::atof(value);
    } else {
      fail("unknown option \"" + std::string(option) + "\"");
    }
  }
  if (options.ring.empty() == options.device.empty()) fail("one of --ring and --device is needed");
  if (options.payload > 1400 || options.copies == 0 || options.copies > 500)
    fail("--payload: allowed are 0..1400; --copies: 1..500");
  if (options.load_cpu >= 0 && options.ring.empty()) fail("--load-cpu goes with --ring");
  return options;
}

void forward_for(Forwarder& forwarder, double seconds) {
  const auto ticks = static_cast<std::uint64_t>(seconds * static_cast<double>(rte_get_tsc_hz()));
  for (const std::uint64_t end = rte_rdtsc() + ticks;
       rte_rdtsc() < end && !stop.load(std::memory_order_relaxed);)
    forwarder.turn();
}

}  // namespace

int main(int count, char** arguments) {
  const Options options = parse(count, arguments);
  start_eal(options);
  rte_mempool* pool =
      rte_pktmbuf_pool_create("bare", kBuffers, kPoolCache, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  if (pool == nullptr) fail("no memory for packets");
  Rings rings;
  Forwarder forwarder(open_port(options, rings, pool), pool, options.copies);
  for (const int signal : {SIGTERM, SIGINT}) std::signal(signal, [](int) { stop = true; });
  if (options.load_cpu >= 0) {
    Load load{rings, pool, options.payload, options.copies};
    rte_eal_remote_launch(load_rings, &load, 1);
    forward_for(forwarder, 0.1);  // to warm up
    forwarder.forget();
    forward_for(forwarder, options.seconds);
    stop = true;
    rte_eal_wait_lcore(1);
  } else {
    std::fprintf(stderr, "bare_forward: ready\n");
    while (!stop.load(std::memory_order_relaxed)) forwarder.turn();
  }
  forwarder.print(options);
  return rte_eal_cleanup() == 0 ? 0 : 1;
}
