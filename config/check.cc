#include "config/check.h"

#include <algorithm>
#include <map>

#include "config/ring_device.h"

namespace sluice::config {

namespace {

// Bytes of the smallest packet buffer for a whole Ethernet frame: DPDK's headroom, 1500 bytes and 128 of
// DPDK's own.
constexpr std::uint64_t kLeastMbufBytes = 1792;
constexpr std::uint64_t kMiB = std::uint64_t{1024} * 1024;
constexpr unsigned kIpv4UdpBytes = 28;
constexpr unsigned kIpv6UdpBytes = 48;

std::string port_path(std::size_t port, std::string_view key) {
  return "ports[" + std::to_string(port) + "]." + std::string(key);
}

std::string item_path(const std::string& list, std::size_t item) {
  return list + "[" + std::to_string(item) + "]";
}

std::string in_quotes(const std::string& text) {
  return "\"" + text + "\"";
}

/// Finds values that two settings share.
class Seen {
 public:
  /// The path that has this value already. Where there is none, remembers the value and returns "".
  std::string earlier(const std::string& value, const std::string& path) {
    const auto [entry, is_new] = first_.emplace(value, path);
    return is_new ? "" : entry->second;
  }

 private:
  std::map<std::string, std::string> first_;
};

/// The value of the argument iface= of a virtual device: an interface of the kernel. Empty without one.
std::string interface_of(std::string_view device) {
  constexpr std::string_view kArgument = "iface=";
  if (!device.starts_with("net_")) return "";
  while (!device.empty()) {
    const std::size_t end = std::min(device.find(','), device.size());
    const std::string_view part = device.substr(0, end);
    if (part.starts_with(kArgument)) return std::string(part.substr(kArgument.size()));
    device.remove_prefix(std::min(end + 1, device.size()));
  }
  return "";
}

void check_names(const Config& config, Findings& findings) {
  Seen names;
  for (std::size_t i = 0; i < config.ports.size(); ++i) {
    const std::string path = port_path(i, "name");
    if (!findings.is_good(path)) continue;
    const std::string other = names.earlier(config.ports[i].name, path);
    if (!other.empty())
      findings.add(path, in_quotes(config.ports[i].name) + ", as " + other, "a name of its own");
  }
}

/// Two ports of one device, or of one interface of the kernel, would take packets from each other.
void check_devices(const Config& config, Findings& findings) {
  Seen devices;
  Seen interfaces;
  const auto label = [&](std::size_t i) { return "port " + in_quotes(config.ports[i].name); };
  for (std::size_t i = 0; i < config.ports.size(); ++i) {
    const std::string& device = config.ports[i].device;
    const std::string path = port_path(i, "device");
    if (!findings.is_good(path)) continue;
    const std::string me = label(i) + ", " + path;
    const std::string interface = interface_of(device);
    const auto refuse = [&](const std::string& what, const std::string& owner, const char* allowed) {
      std::string found = in_quotes(device);
      found.append(" of ").append(label(i)).append(", the ").append(what).append(" of ").append(owner);
      findings.add(path, std::move(found), allowed);
    };
    if (const std::string owner = devices.earlier(canonical_device(device), me); !owner.empty()) {
      refuse("device", owner, "a device of its own");
      continue;
    }
    if (interface.empty()) continue;
    if (const std::string owner = interfaces.earlier(interface, me); !owner.empty())
      refuse("interface", owner, "an interface of its own");
  }
}

void check_addresses(const Config& config, const Host& host, Findings& findings) {
  Seen addresses;
  for (std::size_t i = 0; i < config.ports.size(); ++i) {
    const std::string list = port_path(i, "addresses");
    for (std::size_t j = 0; j < config.ports[i].addresses.size(); ++j) {
      const IpPrefix& prefix = config.ports[i].addresses[j];
      const std::string path = item_path(list, j);
      if (!findings.is_good(path)) continue;
      if (prefix.address.is_v6() && !host.has_ipv6)
        findings.add(path, in_quotes(prefix.to_string()), "IPv4 only: this host has no IPv6");
      const std::string other = addresses.earlier(prefix.address.to_string(), path);
      if (!other.empty())
        findings.add(path, in_quotes(prefix.to_string()) + ", the address of " + other,
                     "an address of its own");
    }
  }
}

void check_gateway(const Port& port, const std::string& path, const std::string& addresses_path,
                   const IpAddress& gateway, const Host& host, Findings& findings) {
  const std::string found = in_quotes(gateway.to_string());
  if (gateway.is_v6() && !host.has_ipv6) {
    findings.add(path, found, "none: this host has no IPv6");
    return;
  }
  if (!findings.is_good(addresses_path)) return;
  std::string links;
  bool on_link = false;
  for (const IpPrefix& prefix : port.addresses) {
    if (prefix.address == gateway) {
      findings.add(path, found + ", the port's own address", "another host's address");
      return;
    }
    if (prefix.address.family != gateway.family) continue;
    links += (links.empty() ? "" : ", ") + prefix.to_string();
    on_link = on_link || prefix.contains(gateway) || (gateway.is_v6() && gateway.is_link_local());
  }
  if (on_link) return;
  const std::string family = gateway.is_v6() ? "IPv6" : "IPv4";
  if (links.empty())
    findings.add(path, found, "none: the port has no " + family + " address");
  else
    findings.add(path, found, "an address on a link of the port: " + links);
}

void check_gateways(const Config& config, const Host& host, Findings& findings) {
  for (std::size_t i = 0; i < config.ports.size(); ++i) {
    const Port& port = config.ports[i];
    const std::string addresses = port_path(i, "addresses");
    for (const auto& [name, gateway] : {std::pair{"gateway", port.gateway}, {"gateway6", port.gateway6}}) {
      const std::string path = port_path(i, name);
      if (gateway && findings.is_good(path)) check_gateway(port, path, addresses, *gateway, host, findings);
    }
  }
}

/// Whether a worker without work gives up its CPU.
bool shares_its_cpu(Idle idle) {
  return idle == Idle::kYield || idle == Idle::kPause || idle == Idle::kInterrupt;
}

void check_cpus(const Workers& workers, const Host& host, Findings& findings) {
  const auto exists = [&](std::uint16_t cpu) { return std::ranges::count(host.cpus, cpu) != 0; };
  const std::string cpus = "a CPU of this host: " + cpu_list_text(host.cpus);
  const std::string control = "workers.control_core";
  const bool control_good = findings.is_good(control);
  if (control_good && !exists(workers.control_core))
    findings.add(control, std::to_string(workers.control_core), cpus);
  for (std::size_t i = 0; i < workers.cores.size(); ++i) {
    const std::string path = item_path("workers.cores", i);
    if (!findings.is_good(path)) continue;
    const std::string found = std::to_string(workers.cores[i]);
    if (!exists(workers.cores[i])) findings.add(path, found, cpus);
    if (control_good && workers.cores[i] == workers.control_core && !shares_its_cpu(workers.idle))
      findings.add(path, found + ", the control core",
                   "a CPU other than workers.control_core, unless workers.idle is \"yield\", \"pause\" or "
                   "\"interrupt\"");
  }
}

void check_udp_ports(const Config& config, Findings& findings) {
  const unsigned low = config.media.port_min;
  const unsigned high = config.media.port_max;
  const unsigned shared = config.ice.shared_port;
  const auto workers = static_cast<unsigned>(config.workers.cores.size());
  const bool media_good = findings.is_good("media.port_min") && findings.is_good("media.port_max");
  const bool shared_good = findings.is_good("ice.shared_port") && findings.is_good("workers.cores");
  const std::string range = std::to_string(low) + ".." + std::to_string(high);

  // When the file sets only one of the two, the problem is reported at that one.
  const bool at_max = findings.is_set("media.port_max") || !findings.is_set("media.port_min");
  const std::string path = at_max ? "media.port_max" : "media.port_min";
  const std::string found = std::to_string(at_max ? high : low);
  if (media_good && low > high) {
    findings.add(path, found,
                 at_max ? "at least media.port_min, " + std::to_string(low)
                        : "at most media.port_max, " + std::to_string(high));
  } else if (media_good && findings.is_good("workers.cores") && high - low + 1 < 2 * workers) {
    findings.add(path,
                 found + ", " + std::to_string(high - low + 1) + " ports from media.port_min to port_max",
                 "at least " + std::to_string(2 * workers) + " ports, two for each worker");
  }

  if (!shared_good || workers == 0) return;
  const unsigned last = shared + workers - 1;
  const std::string of_workers = std::to_string(shared) + ", and up to " + std::to_string(last) + " for " +
                                 std::to_string(workers) + (workers == 1 ? " worker" : " workers");
  if (last > kUdpPortRange.max) {
    findings.add("ice.shared_port", of_workers,
                 "at most " + std::to_string(kUdpPortRange.max + 1 - workers) + " with so many workers");
  } else if (media_good && low <= high && shared <= high && last >= low) {
    const bool told_at_media = !findings.is_set("ice.shared_port") && findings.is_set(path);
    if (told_at_media)
      findings.add(path,
                   "media ports " + range + " over the shared ICE ports " + std::to_string(shared) + ".." +
                       std::to_string(last),
                   "a range without them");
    else
      findings.add("ice.shared_port", of_workers, "ports outside the media ports, " + range);
  }
}

void check_ice(const Config& config, Findings& findings) {
  const std::uint32_t consent = config.ice.consent_timeout_ms;
  if (findings.is_good("ice.consent_timeout_ms") && consent != 0 && consent < kLeastConsentTimeoutMs)
    findings.add("ice.consent_timeout_ms", std::to_string(consent),
                 "0 (never), or " + std::to_string(kLeastConsentTimeoutMs) + " and more");
}

void check_dtls(const Config& config, Findings& findings) {
  const Dtls& dtls = config.dtls;
  if (findings.is_good("dtls.certificate") && findings.is_good("dtls.private_key")) {
    if (!dtls.certificate.empty() && dtls.private_key.empty())
      findings.add(findings.position_of("dtls.certificate"), "dtls.private_key",
                   "nothing, beside a dtls.certificate",
                   "both files, or neither for a self-made certificate");
    if (dtls.certificate.empty() && !dtls.private_key.empty())
      findings.add(findings.position_of("dtls.private_key"), "dtls.certificate",
                   "nothing, beside a dtls.private_key",
                   "both files, or neither for a self-made certificate");
  }
  if (!findings.is_good("dtls.mtu")) return;
  for (std::size_t i = 0; i < config.ports.size(); ++i) {
    const Port& port = config.ports[i];
    const bool has_v6 =
        std::ranges::any_of(port.addresses, [](const IpPrefix& p) { return p.address.is_v6(); });
    const unsigned most = port.mtu - (has_v6 ? kIpv6UdpBytes : kIpv4UdpBytes);
    const std::string mtu_path = port_path(i, "mtu");
    if (dtls.mtu <= most || !findings.is_good(mtu_path)) continue;
    findings.add(
        "dtls.mtu", std::to_string(dtls.mtu),
        "at most " + std::to_string(most) + ", what " + mtu_path + " leaves behind the IP and UDP headers");
    return;
  }
}

void check_memory(const Config& config, Findings& findings) {
  const Memory& memory = config.memory;
  const std::string path = "memory.mbufs_per_worker";
  if (!findings.is_good(path)) return;
  const std::string found = std::to_string(memory.mbufs_per_worker);
  std::uint64_t descriptors = 0;
  for (std::size_t i = 0; i < config.ports.size(); ++i) {
    if (!findings.is_good(port_path(i, "rx_descriptors")) ||
        !findings.is_good(port_path(i, "tx_descriptors")))
      return;
    descriptors += config.ports[i].rx_descriptors + config.ports[i].tx_descriptors;
  }
  if (descriptors > memory.mbufs_per_worker) {
    findings.add(
        path, found,
        "at least " + std::to_string(descriptors) + ", the descriptors of all ports' queues together");
    return;
  }
  if (!findings.is_good("memory.size_mib") || !findings.is_good("workers.cores")) return;
  const std::uint64_t needed = kLeastMbufBytes * memory.mbufs_per_worker * config.workers.cores.size();
  if (needed > memory.size_mib * kMiB)
    findings.add("memory.size_mib", std::to_string(memory.size_mib),
                 "at least " + std::to_string((needed + kMiB - 1) / kMiB) + " for " +
                     std::to_string(config.workers.cores.size()) + " x " + found + " packet buffers");
}

// The memory that a ring: device shares with another process must be huge pages.
void check_rings(const Config& config, Findings& findings) {
  const std::string path = "memory.huge_pages";
  if (!findings.is_good(path) || config.memory.huge_pages != HugePages::kNever) return;
  for (std::size_t i = 0; i < config.ports.size(); ++i) {
    if (!is_ring_device(config.ports[i].device)) continue;
    findings.add(path, "\"never\", beside the shared memory of " + port_path(i, "device"),
                 "\"auto\" or \"require\" with a ring: device");
    return;
  }
}

}  // namespace

std::string canonical_device(std::string_view device) {
  std::string name(device.substr(0, device.find(',')));
  if (name.starts_with("net_") || is_ring_device(name)) return name;
  if (std::ranges::count(name, ':') == 1) name = "0000:" + name;
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c; });
  return name;
}

void check(const Config& config, const Host& host, Findings& findings) {
  // Rules over single items of a list come last. An item that breaks one is bad, and the other rules would
  // skip the whole list.
  check_names(config, findings);
  check_devices(config, findings);
  check_gateways(config, host, findings);
  check_udp_ports(config, findings);
  check_ice(config, findings);
  check_dtls(config, findings);
  check_memory(config, findings);
  check_rings(config, findings);
  check_addresses(config, host, findings);
  check_cpus(config.workers, host, findings);
}

}  // namespace sluice::config
