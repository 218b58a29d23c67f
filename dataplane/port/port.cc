#include "dataplane/port/port.h"

#include <rte_errno.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <string_view>

#include "config/ring_device.h"
#include "dataplane/port/ring_port.h"

namespace sluice::dataplane {
namespace {

// Drivers whose frames come from a kernel or from another process. The sender may have left the UDP checksum
// to hardware that does not exist.
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

constexpr std::uint64_t kTransmitChecksums = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
constexpr std::uint64_t kReceiveChecksums = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;

// The steps of opening a port. Port::open() calls them in the order of the members. A step that fails returns
// false and sets `error`, which names the port, the device and the step.
class Opening {
 public:
  Opening(const config::Port& config, std::string& error)
      : config_(config), error_(error), ring_(config::parse_ring_device(config.device)) {}

  const rte_eth_dev_info& device() const { return device_; }

  [[nodiscard]] bool find_device(std::uint16_t workers) {
    const std::string name = config_.device.substr(0, config_.device.find(','));
    if (ring_) {
      std::string reason;
      if (!make_ring_port(*ring_, workers, id_, reason)) return fail(reason);
    } else if (rte_eth_dev_get_port_by_name(name.c_str(), &id_) != 0) {
      return fail(missing_device_hint(config_.device));
    }
    return check(rte_eth_dev_info_get(id_, &device_), "reading its capabilities");
  }

  [[nodiscard]] bool count_queues(std::uint16_t workers) {
    receive_queues_ = std::min(workers, device_.max_rx_queues);
    transmit_queues_ = std::min(workers, device_.max_tx_queues);
    return (receive_queues_ != 0 && transmit_queues_ != 0) ||
           fail("has no queue to receive or to transmit by");
  }

  /// The properties of the port, except its addresses (read_addresses) and its steering.
  PortInfo describe() const {
    PortInfo info;
    info.id = id_;
    info.name = config_.name;
    info.driver = device_.driver_name;
    info.vlan = config_.vlan;
    info.mtu = config_.mtu;
    info.queues = receive_queues_;
    info.transmit_queues = transmit_queues_;
    info.gateway = config_.gateway;
    info.gateway6 = config_.gateway6;
    info.checks_udp_checksum =
        std::find(kUncheckedDrivers.begin(), kUncheckedDrivers.end(), info.driver) == kUncheckedDrivers.end();
    info.transmit_checksums = computes_checksums() ? TransmitChecksums::kHardware
                              : ring_              ? TransmitChecksums::kNone
                                                   : TransmitChecksums::kSoftware;
    return info;
  }

  /// The settings for DPDK, except the steering.
  rte_eth_conf settings(bool rx_interrupts) const {
    rte_eth_conf conf{};
    conf.intr_conf.rxq = rx_interrupts ? 1 : 0;
    if (computes_checksums()) conf.txmode.offloads = kTransmitChecksums;
    conf.rxmode.offloads = device_.rx_offload_capa & kReceiveChecksums;
    return conf;
  }

  [[nodiscard]] bool set_up_queues(const rte_eth_conf& conf, const std::vector<rte_mempool*>& pools) {
    std::uint16_t rx_descriptors = config_.rx_descriptors;
    std::uint16_t tx_descriptors = config_.tx_descriptors;
    if (!check(rte_eth_dev_configure(id_, receive_queues_, transmit_queues_, &conf),
               "configuring " + std::to_string(receive_queues_) + " receive and " +
                   std::to_string(transmit_queues_) + " transmit queues") ||
        !check(rte_eth_dev_adjust_nb_rx_tx_desc(id_, &rx_descriptors, &tx_descriptors),
               "setting its descriptors"))
      return false;
    const auto socket = static_cast<unsigned>(std::max(0, rte_eth_dev_socket_id(id_)));
    for (std::uint16_t queue = 0; queue < receive_queues_; ++queue)
      if (!check(rte_eth_rx_queue_setup(id_, queue, rx_descriptors, socket, nullptr, pools[queue]),
                 "setting up receive queue " + std::to_string(queue)))
        return false;
    for (std::uint16_t queue = 0; queue < transmit_queues_; ++queue)
      if (!check(rte_eth_tx_queue_setup(id_, queue, tx_descriptors, socket, nullptr),
                 "setting up transmit queue " + std::to_string(queue)))
        return false;
    if (ring_ && !bring_buffers_home(*ring_, id_, receive_queues_, pools))
      return fail("making the rings by which its buffers return", rte_errno);
    return true;
  }

  [[nodiscard]] bool set_mtu() {
    const int code = rte_eth_dev_set_mtu(id_, config_.mtu);
    return code == 0 || code == -ENOTSUP || fail("setting an MTU of " + std::to_string(config_.mtu), code);
  }

  [[nodiscard]] bool read_addresses(PortInfo& info) {
    rte_ether_addr mac{};
    if (!check(rte_eth_macaddr_get(id_, &mac), "reading its MAC address")) return false;
    std::copy_n(mac.addr_bytes, info.mac.size(), info.mac.begin());
    if (ring_) info.mac = ring_->mac;  // the driver has none
    info.addresses = config_.addresses;
    if (std::any_of(info.addresses.begin(), info.addresses.end(),
                    [](const auto& own) { return own.address.is_v6(); }))
      info.addresses.push_back(link_local(info.mac));
    return true;
  }

  [[nodiscard]] bool start() {
    if (!check(rte_eth_dev_start(id_), "starting it")) return false;
    // Neighbour solicitations are multicast. A driver without filters needs no such call, so failure does not
    // matter.
    rte_eth_allmulticast_enable(id_);
    return true;
  }

 private:
  bool computes_checksums() const {
    return (device_.tx_offload_capa & kTransmitChecksums) == kTransmitChecksums;
  }
  bool fail(const std::string& step, int code = 0) {
    error_ = "port \"" + config_.name + "\" (device \"" + config_.device + "\"): " + step;
    if (code != 0) error_ += std::string(": ") + rte_strerror(code < 0 ? -code : code);
    return false;
  }
  bool check(int code, const std::string& step) { return code >= 0 || fail(step, code); }

  const config::Port& config_;
  std::string& error_;
  const std::optional<config::RingDevice> ring_;
  std::uint16_t id_ = 0;
  rte_eth_dev_info device_{};
  std::uint16_t receive_queues_ = 0;
  std::uint16_t transmit_queues_ = 0;
};

}  // namespace

std::unique_ptr<Port> Port::open(const config::Port& config, std::size_t workers,
                                 std::uint16_t first_shared_port, bool rx_interrupts,
                                 const std::vector<rte_mempool*>& pools, std::string& error) {
  assert(pools.size() == workers);
  Opening opening(config, error);
  const auto wanted = static_cast<std::uint16_t>(workers);
  if (!opening.find_device(wanted) || !opening.count_queues(wanted)) return nullptr;
  std::unique_ptr<Port> port(new Port);  // its destructor closes the device when a later step fails
  PortInfo& info = port->info_;
  info = opening.describe();
  rte_eth_conf conf = opening.settings(rx_interrupts);
  port->steering_.prepare(opening.device(), info.queues, conf);
  if (!opening.set_up_queues(conf, pools) || !opening.set_mtu() || !opening.read_addresses(info) ||
      !opening.start())
    return nullptr;
  port->steering_.settle(info.id, opening.device(), info.queues, info.vlan != 0, first_shared_port);
  info.steering = port->steering_.mode();
  return port;
}

Port::~Port() {
  steering_.end();
  rte_eth_dev_stop(info_.id);
  rte_eth_dev_close(info_.id);
}

PortStatistics Port::statistics() const {
  rte_eth_stats stats{};
  rte_eth_stats_get(info_.id, &stats);
  PortStatistics out;
  out.received = stats.ipackets;
  out.transmitted = stats.opackets;
  out.received_bytes = stats.ibytes;
  out.transmitted_bytes = stats.obytes;
  out.missed = stats.imissed;
  out.receive_errors = stats.ierrors;
  out.transmit_errors = stats.oerrors;
  out.no_buffer = stats.rx_nombuf;
  out.link_up = link_is_up();
  return out;
}

bool Port::link_is_up() const {
  rte_eth_link link{};
  return rte_eth_link_get_nowait(info_.id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

}  // namespace sluice::dataplane
