#include "config/settings.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "config/ring_device.h"

namespace sluice::config {

namespace {

constexpr std::size_t kSocketPathBytes = 107;  // sun_path without its terminator
constexpr std::size_t kPathBytes = 4095;
constexpr std::size_t kPortNameBytes = 15;
constexpr std::size_t kDeviceBytes = 255;

bool in(char c, std::string_view set) {
  return set.find(c) != std::string_view::npos;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_visible(char c) {
  return c > ' ' && c != 0x7f;
}

bool is_port_name(std::string_view text) {
  return !text.empty() && text.size() <= kPortNameBytes &&
         std::ranges::all_of(text, [](char c) { return is_lower(c) || is_digit(c) || c == '-'; });
}

// In `shape` x stands for any hexadecimal digit.
bool has_shape(std::string_view text, std::string_view shape) {
  return std::ranges::equal(text, shape, [](char c, char s) { return s == 'x' ? is_hex(c) : c == s; });
}

// "0000:01:00.0", "01:00.0", "net_tap0" or "ring:name", with or without ",argument=value..." behind.
bool is_device(std::string_view text) {
  if (text.size() > kDeviceBytes || !std::ranges::all_of(text, is_visible)) return false;
  if (is_ring_device(text)) return parse_ring_device(text).has_value();
  const std::string_view name = text.substr(0, text.find(','));
  if (has_shape(name, "xxxx:xx:xx.x") || has_shape(name, "xx:xx.x")) return true;
  return name.size() > 4 && name.starts_with("net_") &&
         std::ranges::all_of(name, [](char c) { return is_lower(c) || is_digit(c) || c == '_'; });
}

bool is_plain_text(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return (c >= 0 && c < ' ') || in(c, "\x7f\"\\"); });
}

bool is_path_or_empty(std::string_view text) {
  return text.size() <= kPathBytes && is_plain_text(text);
}

bool is_socket_path(std::string_view text) {
  return text.size() > 1 && text.size() <= kSocketPathBytes && text.front() == '/' && text.back() != '/' &&
         is_plain_text(text);
}

bool is_account(std::string_view text) {
  const auto is_fine = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '$';
  };
  return !text.empty() && text.size() <= 32 && text.front() != '-' && std::ranges::all_of(text, is_fine);
}

/// The part of Config that belongs to the table of a setting: a member, or one element of the ports.
template <typename AnyConfig, typename Section>
auto& section_of(AnyConfig& config, Section Config::*section, std::size_t) {
  return config.*section;
}
template <typename AnyConfig, typename Section>
auto& section_of(AnyConfig& config, std::vector<Section> Config::*section, std::size_t index) {
  assert(index < (config.*section).size());
  return (config.*section)[index];
}

/// The part of a row besides its form.
struct Row {
  std::string_view name;
  Apply apply;
  std::string_view meaning;
};

/// Makes a setting. `holder` is a member of Config, `member` the member of that section.
template <typename Holder, typename Section, typename T, typename Form>
Setting setting(std::string_view table, Holder holder, T Section::*member, Form form, Row row) {
  Setting made{.table = table,
               .name = row.name,
               .type = form.type(),
               .default_text = form.print(Section{}.*member),
               .allowed = form.allowed(),
               .apply = row.apply,
               .required = false,
               .meaning = row.meaning,
               .read = nullptr,
               .print = nullptr,
               .copy = nullptr};
  made.read = [=](const Node& node, Config& config, std::size_t port, Mismatches& mismatches) {
    form.read(node, section_of(config, holder, port).*member, mismatches);
  };
  made.print = [=](const Config& config, std::size_t port) {
    return form.print(section_of(config, holder, port).*member);
  };
  made.copy = [=](const Config& from, Config& to, std::size_t port) {
    section_of(to, holder, port).*member = section_of(from, holder, port).*member;
  };
  return made;
}

Setting required(Setting made) {
  made.required = true;
  made.default_text = "required";
  return made;
}

Setting with_default(std::string_view text, Setting made) {
  made.default_text = text;
  return made;
}

constexpr Apply kRestart = Apply::kRestart;
constexpr Apply kLive = Apply::kLive;

const TextForm kPath{"a path of at most 4095 bytes, or empty", is_path_or_empty};
const TextForm kSocketPath{"an absolute path of at most 107 bytes", is_socket_path};
const TextForm kAccount{"a name of 1..32 of A-Z, a-z, 0-9, _, -, . and $, or a numeric id", is_account};
const TextForm kPortName{"1..15 of a-z, 0-9 and -", is_port_name};
const TextForm kDevice{
    "a PCI address, a DPDK virtual device net_... or ring:NAME[,size=N][,mac=M], at most 255 bytes",
    is_device};
const ChoiceForm<HugePages> kHugePages{
    {{"auto", HugePages::kAuto}, {"require", HugePages::kRequire}, {"never", HugePages::kNever}}};
const ChoiceForm<CryptoEngine> kEngine{{{"auto", CryptoEngine::kAuto},
                                        {"ipsec_mb", CryptoEngine::kIpsecMb},
                                        {"libsrtp", CryptoEngine::kLibsrtp}}};
const ChoiceForm<CryptoInstructions> kInstructions{
    {{"auto", CryptoInstructions::kAuto}, {"avx2", CryptoInstructions::kAvx2}}};
const ChoiceForm<Idle> kIdle{{{"spin", Idle::kSpin},
                              {"pause", Idle::kPause},
                              {"yield", Idle::kYield},
                              {"interrupt", Idle::kInterrupt},
                              {"monitor", Idle::kMonitor}}};
const ChoiceForm<LogLevel> kLevel{{{"debug", LogLevel::kDebug},
                                   {"info", LogLevel::kInfo},
                                   {"warning", LogLevel::kWarning},
                                   {"error", LogLevel::kError}}};

/// An SRTP profile, kept as its name. Only the names of the default are allowed.
struct ProfileForm {
  std::string type() const { return "string"; }
  std::string allowed() const {
    std::string names;
    for (const std::string& name : Crypto::srtp_profile_names())
      names += (names.empty() ? "\"" : ", \"") + name + "\"";
    return "one of " + names;
  }
  void read(const Node& node, std::string& out, Mismatches& mismatches) const {
    const std::vector<std::string> known = Crypto::srtp_profile_names();
    if (node.kind == Node::Kind::kString && std::ranges::count(known, node.text) == 1)
      out = node.text;
    else
      mismatches.push_back({node.position, "", describe(node), allowed()});
  }
  std::string print(const std::string& value) const { return "\"" + value + "\""; }
};

// clang-format off
std::vector<Setting> port_settings() {
  constexpr auto t = "ports";
  constexpr auto h = &Config::ports;
  return {
    with_default("\"port0\", \"port1\", ... by place",
      setting(t, h, &Port::name, kPortName, {"name", kRestart, "Label of the port in the API and in messages; unique"})),
    required(
      setting(t, h, &Port::device, kDevice, {"device", kRestart, "The network interface: \"0000:01:00.0\" or \"net_tap0,iface=sluice0\"; unique"})),
    required(
      setting(t, h, &Port::addresses, ListForm<PrefixForm>{{}, "addresses", kAddressCountRange}, {"addresses", kRestart, "Own addresses, IPv4 and IPv6, each with the length of its on-link prefix; no two ports share one"})),
    setting(t, h, &Port::gateway, AddressForm{IpFamily::kIpv4}, {"gateway", kRestart, "IPv4 default gateway; none: on-link peers only"}),
    setting(t, h, &Port::gateway6, AddressForm{IpFamily::kIpv6}, {"gateway6", kRestart, "IPv6 default gateway, link-local or on-link; none: on-link peers only"}),
    setting(t, h, &Port::vlan, IntegerForm{kVlanRange}, {"vlan", kRestart, "802.1Q VLAN id; 0: untagged"}),
    setting(t, h, &Port::mtu, IntegerForm{kMtuRange}, {"mtu", kRestart, "Largest IP packet, bytes"}),
    setting(t, h, &Port::rx_descriptors, IntegerForm{kDescriptorRange}, {"rx_descriptors", kRestart, "Receive descriptors of each queue"}),
    setting(t, h, &Port::tx_descriptors, IntegerForm{kDescriptorRange}, {"tx_descriptors", kRestart, "Transmit descriptors of each queue"}),
  };
}

std::vector<Setting> machine_settings() {
  constexpr auto w = &Config::workers;
  constexpr auto m = &Config::memory;
  constexpr auto c = &Config::crypto;
  const ListForm<IntegerForm> cpus{{kCpuRange}, "CPU ids", kWorkerCountRange};
  const ListForm<ProfileForm> profiles{{}, "profiles", kProfileCountRange};
  return {
    setting("workers", w, &Workers::control_core, IntegerForm{kCpuRange}, {"control_core", kRestart, "CPU of the control thread"}),
    setting("workers", w, &Workers::cores, cpus, {"cores", kRestart, "CPUs of the workers, one each; distinct, and not control_core unless idle is yield, pause or interrupt"}),
    setting("workers", w, &Workers::idle, kIdle, {"idle", kRestart, "What a worker does that finds no work; where a port or the CPU cannot do it, sluiced refuses to start"}),
    setting("workers", w, &Workers::idle_sleep_us, IntegerForm{kIdleSleepRange}, {"idle_sleep_us", kRestart, "Longest single sleep of idle pause and monitor, us: the most that a packet or a command waits for it"}),
    setting("workers", w, &Workers::transmit_queue_ms, IntegerForm{kTransmitQueueRange}, {"transmit_queue_ms", kRestart, "Longest wait of a packet for a port that takes no more, ms; older ones are dropped as transmit_queue_full"}),
    setting("memory", m, &Memory::huge_pages, kHugePages, {"huge_pages", kRestart, "auto: use huge pages if there are any; require: refuse to start without; never: ordinary pages"}),
    setting("memory", m, &Memory::size_mib, IntegerForm{kMemoryMibRange}, {"size_mib", kRestart, "DPDK memory (packet buffers, rings), MiB"}),
    setting("memory", m, &Memory::mbufs_per_worker, IntegerForm{kMbufRange}, {"mbufs_per_worker", kRestart, "Packet buffers of each worker"}),
    setting("memory", m, &Memory::packet_cache_mib, IntegerForm{kPacketCacheMibRange}, {"packet_cache_mib", kRestart, "Packets that each worker keeps for receivers that ask again (NACK), MiB, beside size_mib; 0: none"}),
    setting("crypto", c, &Crypto::engine, kEngine, {"engine", kRestart, "SRTP engine; auto: ipsec_mb where the CPU has AES-NI, else libsrtp"}),
    setting("crypto", c, &Crypto::instruction_set, kInstructions, {"instruction_set", kRestart, "Widest instruction set of engine ipsec_mb; auto: what the CPU has; avx2: no AVX-512, to measure or to keep the clock up"}),
    setting("crypto", c, &Crypto::profiles, profiles, {"profiles", kRestart, "SRTP profiles offered, in order of preference"}),
  };
}

std::vector<Setting> protocol_settings() {
  constexpr auto d = &Config::dtls;
  constexpr auto i = &Config::ice;
  constexpr auto m = &Config::media;
  return {
    setting("dtls", d, &Dtls::certificate, kPath, {"certificate", kRestart, "PEM file; empty: self-made ECDSA P-256 at each start"}),
    setting("dtls", d, &Dtls::private_key, kPath, {"private_key", kRestart, "PEM file; goes with certificate, or both are empty"}),
    setting("dtls", d, &Dtls::handshake_timeout_ms, IntegerForm{kHandshakeTimeoutRange}, {"handshake_timeout_ms", kLive, "A handshake that takes longer fails, ms"}),
    setting("dtls", d, &Dtls::mtu, IntegerForm{kDtlsMtuRange}, {"mtu", kRestart, "Largest UDP payload of a handshake datagram, bytes"}),
    setting("ice", i, &Ice::shared_port, IntegerForm{kUdpPortRange}, {"shared_port", kRestart, "UDP port that worker 0's webrtc endpoints share; worker n has this port + n"}),
    setting("ice", i, &Ice::consent_timeout_ms, IntegerForm{kConsentTimeoutRange}, {"consent_timeout_ms", kLive, "A peer that sends neither a valid STUN check nor authentic media for this long is gone (RFC 7675), ms; 0: never"}),
    setting("media", m, &Media::port_min, IntegerForm{kUdpPortRange}, {"port_min", kRestart, "First UDP port for endpoints with a port of their own"}),
    setting("media", m, &Media::port_max, IntegerForm{kUdpPortRange}, {"port_max", kRestart, "Last such port, inclusive"}),
    setting("media", m, &Media::latch_window_ms, IntegerForm{kLatchWindowRange}, {"latch_window_ms", kLive, "How long a plain-RTP endpoint without a signalled address may latch to its first sender, ms"}),
  };
}

std::vector<Setting> operation_settings() {
  constexpr auto l = &Config::limits;
  constexpr auto a = &Config::api;
  constexpr auto o = &Config::log;
  const ListForm<TextForm> users{kAccount, "users", kApiAccountRange};
  const ListForm<TextForm> groups{kAccount, "groups", kApiAccountRange};
  return {
    setting("limits", l, &Limits::sessions, IntegerForm{kSessionRange}, {"sessions", kLive, "Sessions at a time; lowering it ends none, it only refuses new ones"}),
    setting("limits", l, &Limits::endpoints_per_worker, IntegerForm{kSlotRange}, {"endpoints_per_worker", kRestart, "Endpoint slots of each worker"}),
    setting("limits", l, &Limits::routes_per_worker, IntegerForm{kSlotRange}, {"routes_per_worker", kRestart, "Route slots of each worker"}),
    setting("limits", l, &Limits::streams_per_worker, IntegerForm{kSlotRange}, {"streams_per_worker", kRestart, "Stream slots of each worker"}),
    setting("limits", l, &Limits::streams_per_endpoint, IntegerForm{kStreamsPerEndpointRange}, {"streams_per_endpoint", kRestart, "Incoming streams of one endpoint"}),
    setting("limits", l, &Limits::session_block, IntegerForm{kSessionBlockRange}, {"session_block", kRestart, "Endpoints of one session that live together on a worker; more go to others, by such blocks"}),
    setting("limits", l, &Limits::routes_per_endpoint, IntegerForm{kRoutesPerEndpointRange}, {"routes_per_endpoint", kRestart, "Routes that lead to one endpoint"}),
    setting("limits", l, &Limits::worker_load_percent, IntegerForm{kWorkerLoadRange}, {"worker_load_percent", kLive, "New sessions are refused while every worker carries more than this share of what it could; 100: never"}),
    setting("limits", l, &Limits::idle_timeout_s, IntegerForm{kIdleTimeoutRange}, {"idle_timeout_s", kLive, "An endpoint is reclaimed when neither its session's media nor signalling gives a sign of life for this long, s; 0: never"}),
    setting("limits", l, &Limits::stream_timeout_s, IntegerForm{kStreamTimeoutRange}, {"stream_timeout_s", kLive, "A stream without RTP for this long feeds nothing any more; a plain one is forgotten, s"}),
    setting("api", a, &Api::socket, kSocketPath, {"socket", kRestart, "Unix socket of the API"}),
    setting("api", a, &Api::mode, ModeForm{}, {"mode", kRestart, "File mode of the socket"}),
    setting("api", a, &Api::users, users, {"users", kRestart, "Users who may use the API, besides root and the daemon's own; mode must let them open the socket"}),
    setting("api", a, &Api::groups, groups, {"groups", kRestart, "Groups whose members may use the API; the socket's file belongs to the first"}),
    setting("api", a, &Api::connections, IntegerForm{kApiConnectionRange}, {"connections", kRestart, "API connections at a time"}),
    setting("api", a, &Api::line_bytes, IntegerForm{kApiLineRange}, {"line_bytes", kRestart, "Longest request line, bytes; a longer one is refused"}),
    setting("log", o, &Log::level, kLevel, {"level", kLive, "Least severity that is logged"}),
    setting("log", o, &Log::file, kPath, {"file", kRestart, "Log file; empty: standard error"}),
  };
}
// clang-format on

constexpr std::array kTables{
    Table{"ports", true, "The network interfaces that sluice drives itself. At least one, at most 16."},
    Table{"workers", false, "Which CPUs do what."},
    Table{"memory", false, "Packet memory."},
    Table{"crypto", false, "SRTP engine and profiles."},
    Table{"dtls", false, "DTLS-SRTP handshakes."},
    Table{"ice", false, "ICE-lite."},
    Table{"media", false, "UDP ports for endpoints that do not share one. Each own address has all of them."},
    Table{"limits", false, "How much of everything."},
    Table{"api", false, "The control socket."},
    Table{"log", false, "Logging."},
};

}  // namespace

std::string_view to_string(Apply apply) {
  return apply == Apply::kLive ? "live" : "restart";
}

std::span<const Table> tables() {
  return kTables;
}

std::span<const Setting> settings() {
  static const std::vector<Setting> all = [] {
    std::vector<Setting> rows;
    for (auto* part : {port_settings, machine_settings, protocol_settings, operation_settings})
      for (Setting& row : part()) rows.push_back(std::move(row));
    return rows;
  }();
  return all;
}

std::string path_of(const Setting& setting, std::size_t port) {
  std::string path(setting.table);
  if (setting.table == "ports") path += "[" + std::to_string(port) + "]";
  return path + "." + std::string(setting.name);
}

std::string heading(const Table& table) {
  const std::string name(table.name);
  return table.is_array ? "[[" + name + "]]" : "[" + name + "]";
}

std::string describe_settings() {
  std::string text;
  for (const Table& table : tables()) {
    text += (text.empty() ? "" : "\n") + heading(table) + "  " + std::string(table.meaning) + "\n";
    for (const Setting& setting : settings()) {
      if (setting.table != table.name) continue;
      text += "  " + std::string(setting.name) + "\n      " + std::string(setting.meaning) + ".\n      " +
              setting.type + "; default: " + setting.default_text + "; allowed: " + setting.allowed +
              "; change: " + std::string(to_string(setting.apply)) + "\n";
    }
  }
  return text;
}

}  // namespace sluice::config
