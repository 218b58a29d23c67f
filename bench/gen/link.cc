#include "bench/gen/link.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "dataplane/port/huge_pages.h"
#include "dataplane/port/ring_port.h"

namespace sluice::gen {
namespace {

using dataplane::RingWay;

// A packet pool has a cache for each lcore number, and two processes must not share a cache. sluiced numbers
// its lcores from 0.
constexpr unsigned kLcore = RTE_MAX_LCORE - 1;
constexpr unsigned kPoolCache = 512;
constexpr const char* kPoolKind = "lf_stack";  // as sluiced\'s pools are: see make_pool
constexpr const char* kPoolName = "sluice_gen_packets";
constexpr std::uint16_t kDescriptors = 1024;
constexpr std::uint32_t kLoopPackets = 8192;
constexpr std::size_t kGiveBack = 64;  // the most that the player receives at once

bool is_pci(const std::string& device) {
  return device.rfind("net_", 0) != 0;
}

std::string why() {
  return rte_strerror(rte_errno);
}

}  // namespace

std::unique_ptr<Link> Link::open(const LinkOptions& options, std::string& error) {
  std::unique_ptr<Link> link(new Link);
  if (!link->start_eal(options, error)) return nullptr;
  const bool attached = options.ring.empty() || link->attach(options, error);
  if (!attached || !link->make_pool(options, error)) return nullptr;
  if (!options.device.empty() && !link->open_device(options, error)) return nullptr;
  if (options.loop) {
    link->to_ = link->from_ = {
        rte_ring_create("sluice_gen_loop", kLoopPackets, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ)};
    if (link->to_[0] == nullptr) {
      error = "no memory for a ring: " + why();
      return nullptr;
    }
  }
  return link;
}

bool Link::start_eal(const LinkOptions& options, std::string& error) {
  std::vector<std::string> args{"sluice-gen", "--no-telemetry", "--log-level=*:warning", "--lcores",
                                std::to_string(kLcore) + "@" + std::to_string(options.core)};
  if (!options.ring.empty()) {
    const std::string prefix = options.file_prefix.empty() ? options.ring : options.file_prefix;
    args.insert(args.end(),
                {"--proc-type=secondary", "--file-prefix=" + dataplane::ring_file_prefix(prefix)});
  } else if (dataplane::free_huge_page_mib() >= 512) {
    args.push_back("--in-memory");
  } else {
    args.insert(args.end(), {"--no-huge", "-m", "512", "--no-shconf",
                             "--file-prefix=sluice-gen" + std::to_string(getpid())});
  }
  if (options.device.empty() || !is_pci(options.device))
    args.insert(args.end(), {"--no-pci", "--iova-mode=va"});
  if (!options.device.empty()) {
    args.push_back(is_pci(options.device) ? "-a" : "--vdev");
    args.push_back(options.device);
  }
  std::vector<char*> pointers;
  for (std::string& arg : args) pointers.push_back(arg.data());
  if (rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) >= 0) return true;
  error = "DPDK did not start: " + why();
  if (!options.ring.empty())
    error += "; is sluiced running, as root, with a port \"ring:" + options.ring + "\"?";
  return false;
}

bool Link::attach(const LinkOptions& options, std::string& error) {
  for (std::uint16_t queue = 0;; ++queue) {
    rte_ring* to = rte_ring_lookup(dataplane::ring_name(options.ring, RingWay::kToSluice, queue).c_str());
    rte_ring* from = rte_ring_lookup(dataplane::ring_name(options.ring, RingWay::kFromSluice, queue).c_str());
    if (to == nullptr || from == nullptr) break;
    to_.push_back(to);
    from_.push_back(from);
  }
  for (std::uint16_t queue = 0; queue < to_.size(); ++queue) {
    home_.push_back(rte_ring_lookup(dataplane::ring_name(options.ring, RingWay::kHome, queue).c_str()));
    theirs_.push_back(rte_mempool_lookup(("sluice_packets_" + std::to_string(queue)).c_str()));
    if (home_.back() == nullptr || theirs_.back() == nullptr) {
      error = "sluiced\'s port \"ring:" + options.ring +
              "\" has no way home for its buffers: is it of another version?";
      return false;
    }
  }
  queues_ = static_cast<std::uint16_t>(to_.size());
  if (queues_ == 0) error = "sluiced has no port \"ring:" + options.ring + "\"";
  return queues_ != 0;
}

// Uses the pool again that an earlier run left in shared memory: the relay may still hold packets of it.
bool Link::make_pool(const LinkOptions& options, std::string& error) {
  if (!options.ring.empty()) pool_ = rte_mempool_lookup(kPoolName);
  if (pool_ == nullptr)
    pool_ = rte_pktmbuf_pool_create_by_ops(kPoolName, options.mbufs, kPoolCache, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                           SOCKET_ID_ANY, kPoolKind);
  if (pool_ == nullptr) {
    error = "no memory for " + std::to_string(options.mbufs) + " packet buffers (about " +
            std::to_string(options.mbufs / 400) + " MiB of huge pages): " + why();
    return false;
  }
  // A pool names its kind by the index in a table of each process. So the two tables must have the same
  // order.
  rte_mempool* theirs = options.ring.empty() ? nullptr : rte_mempool_lookup("sluice_packets_0");
  if (theirs != nullptr && theirs->ops_index != pool_->ops_index) {
    error = "this process and sluiced load DPDK's memory pool drivers in different order";
    return false;
  }
  return true;
}

void Link::give_back(std::uint16_t queue, rte_mbuf** packets, std::size_t count) {
  std::size_t ours = 0;
  if (home_.empty()) {
    ours = count;
  } else {
    std::array<rte_mbuf*, kGiveBack> theirs;
    unsigned leaving = 0;
    for (std::size_t i = 0; i < count; ++i) {
      rte_mbuf* packet = packets[i];
      const bool whole = packet->pool == theirs_[queue] && rte_mbuf_refcnt_read(packet) == 1 &&
                         packet->nb_segs == 1 && RTE_MBUF_DIRECT(packet);
      if (whole && leaving < kGiveBack)
        theirs[leaving++] = packet;
      else
        packets[ours++] = packet;
    }
    const unsigned taken =
        rte_ring_sp_enqueue_burst(home_[queue], reinterpret_cast<void**>(theirs.data()), leaving, nullptr);
    if (taken < leaving) rte_pktmbuf_free_bulk(theirs.data() + taken, leaving - taken);
  }
  if (ours != 0) rte_pktmbuf_free_bulk(packets, static_cast<unsigned>(ours));
}

bool Link::open_device(const LinkOptions& options, std::string& error) {
  const std::string name = options.device.substr(0, options.device.find(','));
  const auto failed = [&](const std::string& step, int code) {
    error = "device \"" + options.device + "\": " + step +
            (code == 0 ? "" : std::string(": ") + rte_strerror(-code));
    return false;
  };
  if (rte_eth_dev_get_port_by_name(name.c_str(), &port_) != 0) return failed("did not come up", 0);
  rte_eth_dev_info info{};
  if (const int code = rte_eth_dev_info_get(port_, &info)) return failed("reading its capabilities", code);
  rte_eth_conf conf{};
  std::uint16_t receive = kDescriptors;
  std::uint16_t transmit = kDescriptors;
  if (const int code = rte_eth_dev_configure(port_, 1, 1, &conf)) return failed("configuring", code);
  if (const int code = rte_eth_dev_adjust_nb_rx_tx_desc(port_, &receive, &transmit))
    return failed("setting descriptors", code);
  const auto socket = static_cast<unsigned>(std::max(0, rte_eth_dev_socket_id(port_)));
  if (const int code = rte_eth_rx_queue_setup(port_, 0, receive, socket, nullptr, pool_))
    return failed("setting up its receive queue", code);
  if (const int code = rte_eth_tx_queue_setup(port_, 0, transmit, socket, nullptr))
    return failed("setting up its transmit queue", code);
  if (const int code = rte_eth_dev_start(port_)) return failed("starting", code);
  rte_eth_promiscuous_enable(port_);  // the plan may give it another MAC address
  rte_ether_addr mac{};
  if (rte_eth_macaddr_get(port_, &mac) == 0) {
    mac_.emplace();
    std::copy_n(mac.addr_bytes, mac_->size(), mac_->begin());
  }
  return true;
}

}  // namespace sluice::gen
