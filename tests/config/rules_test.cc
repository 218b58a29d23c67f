// Rules over several settings: each is broken once and tested at its edge. A setting that is already wrong
// gets no second error.
#include <gmock/gmock.h>

#include "config/check.h"
#include "config/ring_device.h"
#include "tests/config/support.h"

namespace sluice::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::string port(const std::string& device, const std::string& addresses, const std::string& more = "") {
  return "[[ports]]\ndevice = \"" + device + "\"\naddresses = [" + addresses + "]\n" + more;
}

TEST(Rules, PortsHaveNamesDevicesAndAddressesOfTheirOwn) {
  const std::string a = "\"198.18.0.1/15\"";
  const std::string b = "\"198.18.0.2/15\"";
  EXPECT_THAT(errors_in(port("net_tap0", a) + port("net_tap1", b)), IsEmpty());
  EXPECT_THAT(
      errors_in(port("net_tap0", a) + port("net_tap1", b, "name = \"port0\"\n")),
      ElementsAre("f:7:8: ports[1].name: found \"port0\", as ports[0].name; allowed: a name of its own"));
  // An earlier port may have the default name of a later one.
  EXPECT_THAT(
      errors_in(port("net_tap0", a, "name = \"port1\"\n") + port("net_tap1", b)),
      ElementsAre("f:5:1: ports[1].name: found \"port1\", as ports[0].name (the default); allowed: a name of "
                  "its own"));
  EXPECT_THAT(errors_in(port("net_tap0", a) + port("net_tap1", "\"198.18.0.3/15\", \"198.18.0.1/16\"")),
              ElementsAre("f:6:31: ports[1].addresses[1]: found \"198.18.0.1/16\", the address of "
                          "ports[0].addresses[0]; allowed: an address of its own"));
  EXPECT_THAT(
      errors_in(port("net_tap0", "\"198.18.0.1/15\", \"198.18.0.1/24\"")),
      ElementsAre(StartsWith("f:3:31: ports[0].addresses[1]: found \"198.18.0.1/24\", the address of")));
}

TEST(Rules, ADeviceOrAnInterfaceHasOnePort) {
  struct Case {
    const char* first;
    const char* second;
    const char* shared;  // "device" or "interface"; empty where the two differ
  };
  for (const auto& [first, second, shared] :
       std::vector<Case>{{"net_tap0,iface=x", "net_tap0,iface=x", "device"},
                         {"net_tap0,iface=x", "net_tap0,iface=y", "device"},
                         {"0000:0A:00.0", "0000:0a:00.0", "device"},
                         {"0000:0A:00.0", "0a:00.0,rx_vec_en=0", "device"},
                         {"ring:a", "ring:a,size=64", "device"},
                         {"net_tap0,iface=x", "net_tap1,iface=x", "interface"},
                         {"net_tap0,iface=x", "net_tap1,mac=fixed,iface=x", "interface"},
                         {"net_af_packet0,iface=x,qpairs=2", "net_af_packet1,iface=x", "interface"},
                         {"net_tap0,iface=x", "net_af_packet0,iface=x", "interface"},
                         {"net_af_packet0,iface=x", "net_af_xdp0,iface=x", "interface"},
                         {"net_tap0,iface=x", "net_tap1,iface=x1", ""},
                         {"net_tap0,mac=fixed", "net_tap1,mac=fixed", ""},
                         {"net_tap0,iface=", "net_tap1,iface=", ""},
                         {"0a:00.0", "0a:00.1", ""}}) {
    SCOPED_TRACE(std::string(first) + " and " + second);
    const auto errors = errors_in(port(first, "\"198.18.0.1/15\"", "name = \"lan\"\n") +
                                  port(second, "\"198.18.0.2/15\"", "name = \"wan\"\n"));
    if (*shared == '\0') {
      EXPECT_THAT(errors, IsEmpty());
      continue;
    }
    const std::string article = *shared == 'd' ? "a " : "an ";
    EXPECT_THAT(errors, ElementsAre(std::string("f:6:10: ports[1].device: found \"") + second +
                                    "\" of port \"wan\", the " + shared +
                                    " of port \"lan\", ports[0].device; allowed: " + article + shared +
                                    " of its own"));
  }
}

TEST(Rules, CanonicalDevices) {
  EXPECT_EQ(canonical_device("01:00.0"), "0000:01:00.0");
  EXPECT_EQ(canonical_device("0000:AF:00.0,x=Y"), "0000:af:00.0");
  EXPECT_EQ(canonical_device("net_tap0,iface=A"), "net_tap0");
  EXPECT_EQ(canonical_device("ring:abc,size=64"), "ring:abc");
}

TEST(Rules, RingDevicesAreUniqueAndShareHugePages) {
  const std::string a = "\"198.18.0.1/15\"";
  const std::string b = "\"198.18.0.2/15\"";
  EXPECT_THAT(errors_in(port("ring:a", a) + port("ring:b", b) + "[memory]\nhuge_pages = \"require\"\n"),
              IsEmpty());
  EXPECT_THAT(errors_in(port("net_tap0", a) + port("ring:b", b) + "[memory]\nhuge_pages = \"never\"\n"),
              ElementsAre("f:8:14: memory.huge_pages: found \"never\", beside the shared memory of "
                          "ports[1].device; allowed: \"auto\" or \"require\" with a ring: device"));
}

TEST(Rules, RingDevicesHaveAnAddressOfTheirOwn) {
  const auto ring = parse_ring_device("ring:lab");
  ASSERT_TRUE(ring);
  EXPECT_EQ(ring->name, "lab");
  EXPECT_EQ(ring->size, 8192U);
  EXPECT_EQ(ring->mac[0], 2);  // locally administered, unicast
  EXPECT_EQ(parse_ring_device("ring:lab,size=64")->mac, ring->mac);
  EXPECT_NE(parse_ring_device("ring:lab2")->mac, ring->mac);
  const auto given = parse_ring_device("ring:lab,mac=02:00:00:00:a0:0B,size=256");
  ASSERT_TRUE(given);
  EXPECT_EQ(given->mac, (std::array<std::uint8_t, 6>{2, 0, 0, 0, 0xa0, 0x0b}));
  EXPECT_EQ(given->size, 256U);
}

TEST(Rules, GatewaysAreOnLink) {
  const std::string v4 = "\"198.18.0.1/24\"";
  EXPECT_THAT(
      errors_in(port("net_tap0", v4 + ", \"198.19.0.1/24\"", "gateway = \"198.18.1.1\"\n")),
      ElementsAre(
          "f:4:11: ports[0].gateway: found \"198.18.1.1\"; allowed: an address on a link of the port: "
          "198.18.0.1/24, 198.19.0.1/24"));
  EXPECT_THAT(
      errors_in(port("net_tap0", v4, "gateway = \"198.18.0.1\"\n")),
      ElementsAre("f:4:11: ports[0].gateway: found \"198.18.0.1\", the port's own address; allowed: another "
                  "host's address"));
  EXPECT_THAT(
      errors_in(port("net_tap0", v4, "gateway6 = \"fe80::1\"\n")),
      ElementsAre(
          "f:4:12: ports[0].gateway6: found \"fe80::1\"; allowed: none: the port has no IPv6 address"));
  EXPECT_THAT(errors_in(port("net_tap0", "\"2001:db8::1/64\"", "gateway6 = \"2001:db8:1::1\"\n")),
              ElementsAre(StartsWith(
                  "f:4:12: ports[0].gateway6: found \"2001:db8:1::1\"; allowed: an address on a")));
  // The bad address may be the only one on the gateway's link.
  EXPECT_THAT(errors_in(port("net_tap0", v4 + ", \"198.19.0.300/24\"", "gateway = \"198.19.0.1\"\n")),
              ElementsAre(StartsWith("f:3:31: ports[0].addresses[1]")));
}

TEST(Rules, WorkersHaveCoresOfTheirOwn) {
  EXPECT_THAT(
      errors_in(kLeast + "[workers]\ncontrol_core = 2\ncores = [1, 2]\n"),
      ElementsAre("f:6:13: workers.cores[1]: found 2, the control core; allowed: a CPU other than "
                  "workers.control_core, unless workers.idle is \"yield\", \"pause\" or \"interrupt\""));
  EXPECT_THAT(
      errors_in(kLeast + "[workers]\ncores = [1, 2, 1]\n"),
      ElementsAre("f:5:16: workers.cores[2]: found 1, the same as item 0; allowed: distinct CPU ids"));
  // A bad item is not reported as a duplicate.
  EXPECT_THAT(errors_in(kLeast + "[workers]\ncontrol_core = 7\ncores = [-1, 0]\n"),
              ElementsAre(StartsWith("f:6:10: workers.cores[0]: found -1; allowed: 0..1023")));
}

TEST(Rules, MediaPorts) {
  EXPECT_THAT(errors_in(kLeast + "[media]\nport_min = 40000\n"),
              ElementsAre("f:5:12: media.port_min: found 40000; allowed: at most media.port_max, 39999"));
  EXPECT_THAT(errors_in(kLeast + "[media]\nport_min = 2001\nport_max = 2000\n"),
              ElementsAre("f:6:12: media.port_max: found 2000; allowed: at least media.port_min, 2001"));
  EXPECT_THAT(errors_in(kLeast + "[media]\nport_min = 2000\nport_max = 2001\n"), IsEmpty());
  EXPECT_THAT(
      errors_in(kLeast + "[media]\nport_min = 2000\nport_max = 2004\n[workers]\ncores = [1, 2, 3]\n"),
      ElementsAre("f:6:12: media.port_max: found 2004, 5 ports from media.port_min to port_max; allowed: at "
                  "least 6 ports, two for each worker"));
  EXPECT_THAT(errors_in(kLeast + "[media]\nport_min = 2000\nport_max = 2005\n[workers]\ncores = [1, 2, 3]\n"),
              IsEmpty());
}

TEST(Rules, SharedIcePorts) {
  EXPECT_THAT(errors_in(kLeast + "[ice]\nshared_port = 65535\n"), IsEmpty());
  EXPECT_THAT(
      errors_in(kLeast + "[ice]\nshared_port = 65535\n[workers]\ncores = [1, 2]\n"),
      ElementsAre("f:5:15: ice.shared_port: found 65535, and up to 65536 for 2 workers; allowed: at most "
                  "65534 with so many workers"));
  EXPECT_THAT(errors_in(kLeast + "[ice]\nshared_port = 19998\n[workers]\ncores = [1, 2]\n"), IsEmpty());
  EXPECT_THAT(
      errors_in(kLeast + "[ice]\nshared_port = 19999\n[workers]\ncores = [1, 2]\n"),
      ElementsAre(
          "f:5:15: ice.shared_port: found 19999, and up to 20000 for 2 workers; allowed: ports outside "
          "the media ports, 20000..39999"));
  EXPECT_THAT(errors_in(kLeast + "[ice]\nshared_port = 39999\n"),
              ElementsAre(StartsWith("f:5:15: ice.shared_port")));
  EXPECT_THAT(errors_in(kLeast + "[ice]\nshared_port = 40000\n"), IsEmpty());
  // The problem is reported at the key that the file sets.
  EXPECT_THAT(
      errors_in(kLeast + "[media]\nport_min = 3000\n"),
      ElementsAre(
          "f:5:12: media.port_min: found media ports 3000..39999 over the shared ICE ports 3478..3478; "
          "allowed: a range without them"));
}

TEST(Rules, CertificateAndKeyGoTogether) {
  EXPECT_THAT(errors_in(kLeast + "[dtls]\ncertificate = \"/c.pem\"\nprivate_key = \"/k.pem\"\n"), IsEmpty());
  EXPECT_THAT(
      errors_in(kLeast + "[dtls]\ncertificate = \"/c.pem\"\n"),
      ElementsAre(
          "f:5:15: dtls.private_key: found nothing, beside a dtls.certificate; allowed: both files, or "
          "neither for a self-made certificate"));
  EXPECT_THAT(errors_in(kLeast + "[dtls]\ncertificate = \"\"\nprivate_key = \"/k.pem\"\n"),
              ElementsAre(StartsWith("f:6:15: dtls.certificate: found nothing, beside a dtls.private_key")));
}

TEST(Rules, HandshakeDatagramsFitThePort) {
  const std::string v4 = "\"198.18.0.1/15\"";
  EXPECT_THAT(errors_in(port("net_tap0", v4, "mtu = 1300\n[dtls]\nmtu = 1272\n")), IsEmpty());
  EXPECT_THAT(
      errors_in(port("net_tap0", v4, "mtu = 1300\n[dtls]\nmtu = 1273\n")),
      ElementsAre(
          "f:6:7: dtls.mtu: found 1273; allowed: at most 1272, what ports[0].mtu leaves behind the IP "
          "and UDP headers"));
  EXPECT_THAT(errors_in(port("net_tap0", v4 + ", \"2001:db8::1/64\"", "mtu = 1300\n[dtls]\nmtu = 1272\n")),
              ElementsAre(StartsWith("f:6:7: dtls.mtu: found 1272; allowed: at most 1252")));
}

TEST(Rules, MemoryHoldsThePacketBuffers) {
  EXPECT_THAT(errors_in(kLeast + "[memory]\nsize_mib = 128\nmbufs_per_worker = 74898\n"), IsEmpty());
  EXPECT_THAT(
      errors_in(kLeast + "[memory]\nsize_mib = 128\nmbufs_per_worker = 74899\n"),
      ElementsAre("f:5:12: memory.size_mib: found 128; allowed: at least 129 for 1 x 74899 packet buffers"));
  EXPECT_THAT(errors_in(kLeast + "[memory]\nmbufs_per_worker = 2048\n"), IsEmpty());
  EXPECT_THAT(
      errors_in(kLeast + "rx_descriptors = 1025\n[memory]\nmbufs_per_worker = 2048\n"),
      ElementsAre(
          "f:6:20: memory.mbufs_per_worker: found 2048; allowed: at least 2049, the descriptors of all "
          "ports' queues together"));
}

TEST(Rules, ABadKeyHasNoFollowUpErrors) {
  EXPECT_THAT(errors_in(kLeast + "[media]\nport_min = 70000\nport_max = 1024\n"),
              ElementsAre(StartsWith("f:5:12: media.port_min: found 70000")));
  EXPECT_THAT(errors_in(kLeast + "[dtls]\ncertificate = 1\nprivate_key = \"/k.pem\"\n"),
              ElementsAre(StartsWith("f:5:15: dtls.certificate: found 1")));
  EXPECT_THAT(errors_in(kLeast + "[workers]\ncores = []\n[media]\nport_min = 2000\nport_max = 2000\n"),
              ElementsAre(StartsWith("f:5:9: workers.cores: found an empty array")));
  EXPECT_THAT(errors_in(port("tap", "\"x\"") + port("tap", "\"x\"")).size(), 4U);
}

TEST(Rules, IndependentErrorsAreToldTogether) {
  // An address that the host cannot have hides neither the error of the gateway nor that of the media range.
  EXPECT_THAT(
      errors_in("[workers]\ncores = [9]\n[media]\nport_min = 2000\nport_max = 2000\n" +
                    port("net_tap0", "\"198.18.0.1/24\", \"2001:db8::1/64\"", "gateway = \"198.18.1.1\"\n"),
                {{0, 1}, false}),
      ElementsAre(StartsWith("f:2:10: workers.cores[0]"), StartsWith("f:5:12: media.port_max"),
                  StartsWith("f:8:31: ports[0].addresses[1]"), StartsWith("f:9:11: ports[0].gateway")));
}

}  // namespace
}  // namespace sluice::config
