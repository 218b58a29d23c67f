// The range of each setting: each number at its edges and one past them, each word, each path. The values are
// listed here a second time, so that a mistake in settings.cc fails a test.
#include <gmock/gmock.h>

#include <set>

#include "config/settings.h"
#include "crypto/srtp/srtp_profile.h"
#include "tests/config/support.h"

namespace sluice::config {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

struct Edge {
  std::string path;
  std::int64_t min;
  std::int64_t max;
  // Other settings that the edge needs to pass the rules over several settings.
  std::string with_min;
  std::string with_max;
};

const std::vector<Edge>& edges() {
  static const std::vector<Edge> all = {
      {"ports[0].vlan", 0, 4094, "", ""},
      {"ports[0].mtu", 1280, 1500, "", ""},
      {"ports[0].rx_descriptors", 64, 4096, "", ""},
      {"ports[0].tx_descriptors", 64, 4096, "", ""},
      {"workers.control_core", 0, 1023, "", ""},
      {"memory.size_mib", 128, 262144, "", ""},
      {"memory.mbufs_per_worker", 2048, 4194304, "", "memory.size_mib = 262144\n"},
      {"memory.packet_cache_mib", 0, 65536, "", ""},
      {"dtls.handshake_timeout_ms", 1000, 120000, "", ""},
      {"dtls.mtu", 576, 1452, "", ""},
      {"ice.shared_port", 1024, 65535, "", ""},
      {"ice.consent_timeout_ms", 0, 300000, "", ""},
      {"media.port_min", 1024, 65535, "ice.shared_port = 60000\n",
       "media.port_max = 65535\nworkers.cores = []\n"},
      {"media.port_max", 1024, 65535, "media.port_min = 1024\nworkers.cores = []\n", ""},
      {"media.latch_window_ms", 0, 60000, "", ""},
      {"limits.sessions", 1, 1000000, "", ""},
      {"limits.endpoints_per_worker", 16, 1048576, "", ""},
      {"limits.routes_per_worker", 16, 1048576, "", ""},
      {"limits.streams_per_worker", 16, 1048576, "", ""},
      {"limits.streams_per_endpoint", 1, 1024, "", ""},
      {"limits.session_block", 1, 1048576, "", ""},
      {"limits.routes_per_endpoint", 1, 16384, "", ""},
      {"limits.idle_timeout_s", 0, 86400, "", ""},
      {"limits.worker_load_percent", 1, 100, "", ""},
      {"workers.idle_sleep_us", 5, 1000, "", ""},
      {"workers.transmit_queue_ms", 1, 200, "", ""},
      {"limits.stream_timeout_s", 2, 3600, "", ""},
      {"api.connections", 1, 1024, "", ""},
      {"api.line_bytes", 4096, 16777216, "", ""},
  };
  return all;
}

Host thousand_cpus() {
  Host host;
  for (std::uint16_t cpu = 0; cpu < 1024; ++cpu) host.cpus.push_back(cpu);
  return host;
}

/// The problems of `path = value` together with `others`.
std::vector<Problem> problems_with(const std::string& path, std::int64_t value, const std::string& others) {
  const std::string port = "ports[0].";
  const std::string text =
      path.starts_with(port)
          ? others + kLeast + path.substr(port.size()) + " = " + std::to_string(value) + "\n"
          : others + path + " = " + std::to_string(value) + "\n" + kLeast;
  return problems_of(load_text(text, "f", thousand_cpus()));
}

std::vector<std::string> bad_keys(const std::vector<Problem>& problems) {
  std::vector<std::string> names;
  for (const Problem& problem : problems) names.push_back(problem.key);
  return names;
}

TEST(Limits, EachNumberAtItsEdges) {
  for (const Edge& edge : edges()) {
    EXPECT_THAT(bad_keys(problems_with(edge.path, edge.min, edge.with_min)),
                ::testing::Not(Contains(edge.path)));
    EXPECT_THAT(bad_keys(problems_with(edge.path, edge.max, edge.with_max)),
                ::testing::Not(Contains(edge.path)));
  }
}

TEST(Limits, EachNumberBeyondItsEdges) {
  for (const Edge& edge : edges()) {
    const std::string range = std::to_string(edge.min) + ".." + std::to_string(edge.max);
    for (const std::int64_t value : {edge.min - 1, edge.max + 1, INT64_MIN, INT64_MAX, edge.min - 65536,
                                     edge.min + 4294967296}) {  // the last two equal min in 16 or 32 bits
      const auto problems = problems_with(edge.path, value, "");
      ASSERT_THAT(bad_keys(problems), Contains(edge.path)) << value;
      for (const Problem& problem : problems) {
        if (problem.key != edge.path) continue;
        EXPECT_EQ(problem.found, std::to_string(value));
        EXPECT_EQ(problem.allowed, range);
      }
    }
  }
}

TEST(Limits, TheListAboveIsComplete) {
  std::set<std::string> numbers;
  for (const Setting& setting : settings())
    if (setting.type == "integer") numbers.insert(path_of(setting, 0));
  std::set<std::string> listed;
  for (const Edge& edge : edges()) listed.insert(edge.path);
  EXPECT_EQ(numbers, listed);
}

TEST(Limits, NumbersArriveWhereTheyBelong) {
  const Config config = config_of(
      kLeast +
      "name = \"edge-1\"\ngateway = \"198.18.0.2\"\nvlan = 7\nmtu = 1400\nrx_descriptors = "
      "64\ntx_descriptors = 128\n"
      "[workers]\ncontrol_core = 2\ncores = [3, 1]\nidle = \"pause\"\nidle_sleep_us = 7\ntransmit_queue_ms = "
      "8\n"
      "[memory]\nhuge_pages = \"never\"\nsize_mib = 300\nmbufs_per_worker = 4096\n"
      "packet_cache_mib = 7\n"
      "[crypto]\nengine = \"libsrtp\"\ninstruction_set = \"avx2\"\nprofiles = [\"AES_CM_128_HMAC_SHA1_32\", "
      "\"AEAD_AES_256_GCM\"]\n"
      "[dtls]\ncertificate = \"/c.pem\"\nprivate_key = \"/k.pem\"\nhandshake_timeout_ms = 2000\nmtu = 900\n"
      "[ice]\nshared_port = 5000\nconsent_timeout_ms = 6000\n"
      "[media]\nport_min = 6000\nport_max = 7000\nlatch_window_ms = 10\n"
      "[limits]\nsessions = 11\nendpoints_per_worker = 17\nroutes_per_worker = 18\nstreams_per_worker = 19\n"
      "streams_per_endpoint = 20\nsession_block = 24\nroutes_per_endpoint = 21\n"
      "idle_timeout_s = 22\nstream_timeout_s = 23\n"
      "[api]\nsocket = \"/run/s\"\nmode = \"0660\"\nconnections = 2\nline_bytes = 5000\n"
      "[log]\nlevel = \"warning\"\nfile = \"/var/log/s\"\n");
  ASSERT_EQ(config.ports.size(), 1U);
  const Port& port = config.ports[0];
  EXPECT_EQ(port.name, "edge-1");
  EXPECT_EQ(port.gateway, IpAddress::v4(198, 18, 0, 2));
  EXPECT_EQ(port.gateway6, std::nullopt);
  EXPECT_EQ(port.vlan, 7);
  EXPECT_EQ(port.mtu, 1400);
  EXPECT_EQ(port.rx_descriptors, 64);
  EXPECT_EQ(port.tx_descriptors, 128);
  EXPECT_EQ(config.workers.control_core, 2);
  EXPECT_THAT(config.workers.cores, ElementsAre(3, 1));
  EXPECT_EQ(config.workers.idle, Idle::kPause);
  EXPECT_EQ(config.workers.idle_sleep_us, 7);
  EXPECT_EQ(config.workers.transmit_queue_ms, 8);
  EXPECT_EQ(config.memory.huge_pages, HugePages::kNever);
  EXPECT_EQ(config.memory.size_mib, 300U);
  EXPECT_EQ(config.memory.mbufs_per_worker, 4096U);
  EXPECT_EQ(config.memory.packet_cache_mib, 7U);
  EXPECT_EQ(config.crypto.engine, CryptoEngine::kLibsrtp);
  EXPECT_EQ(config.crypto.instruction_set, CryptoInstructions::kAvx2);
  EXPECT_THAT(config.crypto.profiles, ElementsAre("AES_CM_128_HMAC_SHA1_32", "AEAD_AES_256_GCM"));
  EXPECT_EQ(config.dtls.certificate, "/c.pem");
  EXPECT_EQ(config.dtls.private_key, "/k.pem");
  EXPECT_EQ(config.dtls.handshake_timeout_ms, 2000U);
  EXPECT_EQ(config.dtls.mtu, 900);
  EXPECT_EQ(config.ice.shared_port, 5000);
  EXPECT_EQ(config.ice.consent_timeout_ms, 6000U);
  EXPECT_EQ(config.media.port_min, 6000);
  EXPECT_EQ(config.media.port_max, 7000);
  EXPECT_EQ(config.media.latch_window_ms, 10U);
  EXPECT_EQ(config.limits.sessions, 11U);
  EXPECT_EQ(config.limits.endpoints_per_worker, 17U);
  EXPECT_EQ(config.limits.routes_per_worker, 18U);
  EXPECT_EQ(config.limits.streams_per_worker, 19U);
  EXPECT_EQ(config.limits.streams_per_endpoint, 20);
  EXPECT_EQ(config.limits.session_block, 24U);
  EXPECT_EQ(config.limits.routes_per_endpoint, 21);
  EXPECT_EQ(config.limits.idle_timeout_s, 22U);
  EXPECT_EQ(config.limits.stream_timeout_s, 23U);
  EXPECT_EQ(config.api.socket, "/run/s");
  EXPECT_EQ(config.api.mode, 0660);
  EXPECT_EQ(config.api.connections, 2);
  EXPECT_EQ(config.api.line_bytes, 5000U);
  EXPECT_EQ(config.log.level, LogLevel::kWarning);
  EXPECT_EQ(config.log.file, "/var/log/s");
}

TEST(Limits, EachWordOfAnEnumeration) {
  const auto with = [](const std::string& line) { return config_of(line + "\n" + kLeast); };
  EXPECT_EQ(with("memory.huge_pages = \"auto\"").memory.huge_pages, HugePages::kAuto);
  EXPECT_EQ(with("memory.huge_pages = \"require\"").memory.huge_pages, HugePages::kRequire);
  EXPECT_EQ(with("memory.huge_pages = \"never\"").memory.huge_pages, HugePages::kNever);
  EXPECT_EQ(with("crypto.engine = \"auto\"").crypto.engine, CryptoEngine::kAuto);
  EXPECT_EQ(with("crypto.engine = \"ipsec_mb\"").crypto.engine, CryptoEngine::kIpsecMb);
  EXPECT_EQ(with("crypto.engine = \"libsrtp\"").crypto.engine, CryptoEngine::kLibsrtp);
  EXPECT_EQ(with("crypto.instruction_set = \"auto\"").crypto.instruction_set, CryptoInstructions::kAuto);
  EXPECT_EQ(with("crypto.instruction_set = \"avx2\"").crypto.instruction_set, CryptoInstructions::kAvx2);
  EXPECT_THAT(errors_in("crypto.instruction_set = \"avx512\"\n" + kLeast),
              ElementsAre("f:1:26: crypto.instruction_set: found \"avx512\"; allowed: \"auto\", \"avx2\""));
  EXPECT_EQ(with("log.level = \"debug\"").log.level, LogLevel::kDebug);
  EXPECT_EQ(with("log.level = \"info\"").log.level, LogLevel::kInfo);
  EXPECT_EQ(with("log.level = \"warning\"").log.level, LogLevel::kWarning);
  EXPECT_EQ(with("log.level = \"error\"").log.level, LogLevel::kError);
  EXPECT_THAT(errors_in("log.level = \"INFO\"\n" + kLeast), ElementsAre(StartsWith("f:1:13: log.level")));
}

TEST(Limits, FileModes) {
  for (const auto& [text, mode] : std::vector<std::pair<std::string, unsigned>>{
           {"0000", 0}, {"0600", 0600}, {"600", 0600}, {"0777", 0777}, {"666", 0666}})
    EXPECT_EQ(config_of("api.mode = \"" + text + "\"\n" + kLeast).api.mode, mode);
  for (const std::string text :
       {"", "0", "60", "0800", "1777", "07777", "0o600", "-600", "0600 ", "rw-------"})
    EXPECT_THAT(errors_in("api.mode = \"" + text + "\"\n" + kLeast),
                ElementsAre(StartsWith("f:1:12: api.mode")))
        << text;
}

TEST(Limits, PortNamesAndDevices) {
  const auto errors = [](const std::string& name, const std::string& device) {
    return errors_in("[[ports]]\nname = \"" + name + "\"\ndevice = \"" + device +
                     "\"\naddresses = [\"198.18.0.1/15\"]\n");
  };
  for (const std::string name : {"a", "0", "-", "abcdefghijklmno"})
    EXPECT_THAT(errors(name, "net_tap0"), IsEmpty());
  for (const std::string name : {"", "abcdefghijklmnop", "A", "a b", "a_b", "é"})
    EXPECT_THAT(errors(name, "net_tap0"), ElementsAre(StartsWith("f:2:8: ports[0].name"))) << name;
  for (const std::string& device :
       {std::string("0000:01:00.0"), std::string("01:00.0"), std::string("0000:af:1F.7,dv_flow_en=1"),
        std::string("net_tap0,iface=sluice0"), std::string("net_af_packet0,iface=eth0,qpairs=2"),
        std::string("ring:a-1"), std::string("ring:lab,size=64,mac=02:00:00:00:00:0a"),
        "net_null0," + std::string(245, 'x')})
    EXPECT_THAT(errors("a", device), IsEmpty()) << device;
  for (const std::string& device : {std::string(),
                                    std::string("eth0"),
                                    std::string("net_"),
                                    std::string("net_,iface=x"),
                                    std::string("0000:01:00"),
                                    std::string("0000:01:00.00"),
                                    std::string("g000:01:00.0"),
                                    std::string("ring:"),
                                    std::string("ring:A"),
                                    std::string("ring:abcdefghijklmnop"),
                                    std::string("ring:a,"),
                                    std::string("ring:a,size=100"),
                                    std::string("ring:a,size=32"),
                                    std::string("ring:a,size=131072"),
                                    std::string("ring:a,size="),
                                    std::string("ring:a,mac=02:00"),
                                    std::string("ring:a,mac=03:00:00:00:00:01"),
                                    std::string("ring:a,mac=00:00:00:00:00:00"),
                                    std::string("ring:a,mac=02-00-00-00-00-01"),
                                    std::string("ring:a,colour=red"),
                                    std::string("net_tap0, iface=x"),
                                    std::string("net_tap0 --no-pci"),
                                    std::string("NET_TAP0"),
                                    "net_null0," + std::string(246, 'x')})
    EXPECT_THAT(errors("a", device), ElementsAre(StartsWith("f:3:10: ports[0].device"))) << device;
}

TEST(Limits, Paths) {
  const auto errors = [](const std::string& key, const std::string& value) {
    return errors_in(key + " = \"" + value + "\"\n" + kLeast);
  };
  EXPECT_THAT(errors("api.socket", "/" + std::string(106, 'x')), IsEmpty());
  for (const std::string& path :
       {std::string(), std::string("/"), std::string("run/s"), std::string("/run/"),
        "/" + std::string(107, 'x'), std::string("/a\\u0000b"), std::string("/a\\nb")})
    EXPECT_THAT(errors("api.socket", path), ElementsAre(StartsWith("f:1:14: api.socket"))) << path;
  EXPECT_THAT(errors("log.file", ""), IsEmpty());
  EXPECT_THAT(errors("log.file", std::string(4095, 'x')), IsEmpty());
  EXPECT_THAT(errors("log.file", std::string(4096, 'x')), ElementsAre(StartsWith("f:1:12: log.file")));
}

TEST(Limits, Addresses) {
  const auto errors = [](const std::string& list) {
    return errors_in("[[ports]]\ndevice = \"net_tap0\"\naddresses = [" + list + "]\n");
  };
  for (const std::string good :
       {"198.18.0.1/15", "198.18.0.1/30", "198.18.0.0/31", "198.18.0.1/31", "198.18.0.0/32",
        "198.18.0.255/15", "2001:db8::1/64", "2001:db8::/127", "2001:db8::/128",
        "2001:db8::ffff:ffff:ffff:ffff/64", "fe80::1/64", "198.18.0.1/1"})
    EXPECT_THAT(errors("\"" + good + "\""), IsEmpty()) << good;
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"198.18.0.0/15", ", the network's address;"},
      {"198.19.255.255/15", ", the network's broadcast address;"},
      {"198.18.0.0/30", ", the network's address;"},
      {"198.18.0.3/30", ", the network's broadcast address;"},
      {"0.0.0.0/0", ", the unspecified address;"},
      {"255.255.255.255/32", ", the broadcast address;"},
      {"224.0.0.1/4", ", a multicast address;"},
      {"127.0.0.1/8", ", a loopback address;"},
      {"240.0.0.1/8", ", a reserved address;"},
      {"0.0.0.1/8", ", a reserved address;"},
      {"198.18.0.1/0", ", a prefix of length 0;"},
      {"::/64", ", the unspecified address;"},
      {"::1/128", ", a loopback address;"},
      {"ff02::1/64", ", a multicast address;"},
      {"2001:db8::/64", ", the subnet-router anycast address;"},
      {"198.18.0.1", ";"},
      {"198.18.0.1/33", ";"},
      {"::ffff:198.18.0.1/96", ";"},
      {"host/24", ";"},
  };
  for (const auto& [text, reason] : bad)
    EXPECT_THAT(errors("\"" + text + "\""),
                ElementsAre("f:3:14: ports[0].addresses[0]: found \"" + text + "\"" + reason +
                            " allowed: a unicast host address with its prefix length, \"198.18.0.1/15\""));
  std::string eight = "\"198.18.0.1/15\"";
  for (int i = 2; i <= 8; ++i) eight += ", \"198.18.0." + std::to_string(i) + "/15\"";
  EXPECT_THAT(errors(eight), IsEmpty());
  EXPECT_THAT(errors(eight + ", \"198.18.0.9/15\""),
              ElementsAre(StartsWith("f:3:13: ports[0].addresses: found an array of 9")));
  EXPECT_THAT(errors(""), ElementsAre(StartsWith("f:3:13: ports[0].addresses: found an empty array")));
}

TEST(Limits, Gateways) {
  const auto errors = [](const std::string& line) {
    return errors_in(
        "[[ports]]\ndevice = \"net_tap0\"\naddresses = [\"198.18.0.1/15\", \"2001:db8::1/64\"]\n" + line +
        "\n");
  };
  EXPECT_THAT(errors("gateway = \"198.19.0.1\""), IsEmpty());
  EXPECT_THAT(errors("gateway6 = \"2001:db8::2\""), IsEmpty());
  EXPECT_THAT(errors("gateway6 = \"fe80::1\""), IsEmpty());
  for (const std::string bad : {"2001:db8::2", "0.0.0.0", "224.0.0.1", "198.18.0.1/15", "router", ""})
    EXPECT_THAT(errors("gateway = \"" + bad + "\""),
                ElementsAre(StartsWith("f:4:11: ports[0].gateway: found")))
        << bad;
  for (const std::string bad : {"198.18.0.2", "::", "ff02::1", "fe80::1%eth0"})
    EXPECT_THAT(errors("gateway6 = \"" + bad + "\""),
                ElementsAre(StartsWith("f:4:12: ports[0].gateway6: found")))
        << bad;
}

TEST(Limits, Profiles) {
  const auto errors = [](const std::string& list) {
    return errors_in("crypto.profiles = [" + list + "]\n" + kLeast);
  };
  EXPECT_THAT(errors("\"AEAD_AES_256_GCM\""), IsEmpty());
  EXPECT_THAT(
      errors("\"AEAD_AES_128_GCM\", \"AEAD_AES_128_GCM\""),
      ElementsAre("f:1:40: crypto.profiles[1]: found \"AEAD_AES_128_GCM\", the same as item 0; allowed: "
                  "distinct profiles"));
  EXPECT_THAT(
      errors("\"SRTP_NULL\", 1"),
      ElementsAre(
          StartsWith("f:1:20: crypto.profiles[0]: found \"SRTP_NULL\"; allowed: one of \"AEAD_AES_128_GCM\""),
          StartsWith("f:1:33: crypto.profiles[1]: found 1; allowed: one of")));
}

TEST(Limits, TheProfilesAreThoseOfCrypto) {
  std::vector<std::string> names;
  for (const crypto::SrtpProfile profile : crypto::kAllSrtpProfiles)
    names.emplace_back(crypto::profile_info(profile).name);
  EXPECT_EQ(Crypto{}.profiles, names);
}

}  // namespace
}  // namespace sluice::config
