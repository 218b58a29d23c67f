#include "dataplane/port.h"

#include <rte_errno.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "config/ring_device.h"
#include "dataplane/ring_port.h"

namespace sluice::dataplane {
namespace {

// Drivers whose frames come from a kernel or another process that may have left the UDP checksum to hardware
// there is none of.
constexpr std::array<std::string_view, 5> kUncheckedDrivers{"net_af_packet", "net_af_xdp", "net_memif",
                                                            "net_ring", "net_null"};

config::IpPrefix link_local(const MacAddress& mac) {
  config::IpPrefix prefix;
  prefix.address.family = config::IpFamily::kIpv6;
  prefix.address.bytes = {
      0xfe,   0x80,   0,    0,    0,      0,      0,     0, static_cast<std::uint8_t>(mac[0] ^ 2),
      mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]};  // modified EUI-64, RFC 4291 appendix A
  prefix.length = 64;
  return prefix;
}

class Opening {
 public:
  Opening(const config::Port& config, std::string& error) : config_(config), error_(error) {}

  bool fail(const std::string& step, int code) {
    error_ = "port \"" + config_.name + "\" (device \"" + config_.device + "\"): " + step;
    if (code != 0) error_ += std::string(": ") + rte_strerror(code < 0 ? -code : code);
    return false;
  }
  bool check(int code, const std::string& step) { return code >= 0 || fail(step, code); }

 private:
  const config::Port& config_;
  std::string& error_;
};

std::string missing_device_hint(const std::string& device) {
  if (device.rfind("net_tap", 0) == 0)
    return "the device did not come up: is /dev/net/tun there, and is sluiced root?";
  if (device.rfind("net_af_", 0) == 0)
    return "the device did not come up: does the interface of iface= exist and is it up?";
  if (device.find(':') != std::string::npos)
    return "no such PCI device is bound to a DPDK driver: see 'dpdk-devbind.py --status'";
  return "the device did not come up: is the driver's name right? (net_tap0,iface=... "
         "net_af_packet0,iface=... net_ring0 "
         "net_memif0,... net_null0), or ring:NAME";
}

struct QueueCounts {
  std::uint16_t receive;
  std::uint16_t transmit;
};

bool set_up_queues(Opening& opening, std::uint16_t id, const config::Port& config, const rte_eth_conf& conf,
                   QueueCounts queues, const std::vector<rte_mempool*>& pools) {
  std::uint16_t rx_descriptors = config.rx_descriptors;
  std::uint16_t tx_descriptors = config.tx_descriptors;
  if (!opening.check(rte_eth_dev_configure(id, queues.receive, queues.transmit, &conf),
                     "configuring " + std::to_string(queues.receive) + " receive and " +
                         std::to_string(queues.transmit) + " transmit queues") ||
      !opening.check(rte_eth_dev_adjust_nb_rx_tx_desc(id, &rx_descriptors, &tx_descriptors),
                     "setting its descriptors"))
    return false;
  const auto socket = static_cast<unsigned>(std::max(0, rte_eth_dev_socket_id(id)));
  for (std::uint16_t queue = 0; queue < queues.receive; ++queue)
    if (!opening.check(rte_eth_rx_queue_setup(id, queue, rx_descriptors, socket, nullptr, pools[queue]),
                       "setting up receive queue " + std::to_string(queue)))
      return false;
  for (std::uint16_t queue = 0; queue < queues.transmit; ++queue)
    if (!opening.check(rte_eth_tx_queue_setup(id, queue, tx_descriptors, socket, nullptr),
                       "setting up transmit queue " + std::to_string(queue)))
      return false;
  return true;
}

}  // namespace

std::unique_ptr<Port> Port::open(const config::Port& config, std::size_t workers,
                                 std::uint16_t first_shared_port, bool rx_interrupts,
                                 const std::vector<rte_mempool*>& pools, std::string& error) {
  Opening opening(config, error);
  std::uint16_t id = 0;
  const std::string device_name = config.device.substr(0, config.device.find(','));
  const auto ring = config::parse_ring_device(config.device);
  if (ring) {
    std::string reason;
    if (!make_ring_port(*ring, static_cast<std::uint16_t>(workers), id, reason)) {
      opening.fail(reason, 0);
      return nullptr;
    }
  } else if (rte_eth_dev_get_port_by_name(device_name.c_str(), &id) != 0) {
    opening.fail(missing_device_hint(config.device), 0);
    return nullptr;
  }
  rte_eth_dev_info device{};
  if (!opening.check(rte_eth_dev_info_get(id, &device), "reading its capabilities")) return nullptr;
  const auto wanted = static_cast<std::uint16_t>(workers);
  const std::uint16_t queues = std::min(wanted, device.max_rx_queues);
  const std::uint16_t transmit_queues = std::min(wanted, device.max_tx_queues);
  if (queues == 0 || transmit_queues == 0) {
    opening.fail("has no queue to receive or to transmit by", 0);
    return nullptr;
  }
  std::unique_ptr<Port> port(new Port);
  PortInfo& info = port->info_;
  info.id = id;
  info.name = config.name;
  info.driver = device.driver_name;
  info.vlan = config.vlan;
  info.mtu = config.mtu;
  info.queues = queues;
  info.transmit_queues = transmit_queues;
  info.gateway = config.gateway;
  info.gateway6 = config.gateway6;
  info.checks_udp_checksum =
      std::find(kUncheckedDrivers.begin(), kUncheckedDrivers.end(), info.driver) == kUncheckedDrivers.end();
  constexpr std::uint64_t kChecksums = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
  const bool computes_checksums = (device.tx_offload_capa & kChecksums) == kChecksums;
  info.transmit_checksums = computes_checksums ? TransmitChecksums::kHardware
                            : ring             ? TransmitChecksums::kNone
                                               : TransmitChecksums::kSoftware;

  rte_eth_conf conf{};
  port->steering_.prepare(device, queues, conf);
  conf.intr_conf.rxq = rx_interrupts ? 1 : 0;
  if (computes_checksums) conf.txmode.offloads = kChecksums;
  conf.rxmode.offloads =
      device.rx_offload_capa & (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM);
  if (!set_up_queues(opening, id, config, conf, {queues, transmit_queues}, pools)) return nullptr;
  if (ring && !bring_buffers_home(*ring, id, queues, pools)) {
    opening.fail("making the rings by which its buffers come home", rte_errno);
    return nullptr;
  }
  const int mtu_code = rte_eth_dev_set_mtu(id, config.mtu);
  if (mtu_code != 0 && mtu_code != -ENOTSUP) {
    opening.fail("setting an MTU of " + std::to_string(config.mtu), mtu_code);
    return nullptr;
  }
  rte_ether_addr mac{};
  if (!opening.check(rte_eth_macaddr_get(id, &mac), "reading its MAC address")) return nullptr;
  std::copy_n(mac.addr_bytes, info.mac.size(), info.mac.begin());
  if (ring) info.mac = ring->mac;  // the driver has none
  info.addresses = config.addresses;
  if (std::any_of(info.addresses.begin(), info.addresses.end(),
                  [](const auto& own) { return own.address.is_v6(); }))
    info.addresses.push_back(link_local(info.mac));
  if (!opening.check(rte_eth_dev_start(id), "starting it")) return nullptr;
  port->steering_.settle(id, device, queues, info.vlan != 0, first_shared_port);
  info.steering = port->steering_.mode();
  rte_eth_allmulticast_enable(
      id);  // neighbour solicitations come by multicast; drivers without filters need no asking
  return port;
}

Port::~Port() {
  steering_.end();
  rte_eth_dev_stop(info_.id);
  rte_eth_dev_close(info_.id);
}

PortStatistics Port::statistics() const {
  rte_eth_stats stats{};
  rte_eth_link link{};
  rte_eth_stats_get(info_.id, &stats);
  rte_eth_link_get_nowait(info_.id, &link);
  PortStatistics out;
  out.received = stats.ipackets;
  out.transmitted = stats.opackets;
  out.received_bytes = stats.ibytes;
  out.transmitted_bytes = stats.obytes;
  out.missed = stats.imissed;
  out.receive_errors = stats.ierrors;
  out.transmit_errors = stats.oerrors;
  out.no_buffer = stats.rx_nombuf;
  out.link_up = link.link_status == RTE_ETH_LINK_UP;
  return out;
}

}  // namespace sluice::dataplane
