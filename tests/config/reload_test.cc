// Reload: the differences that it reports, their text, and those that take effect.
#include "config/reload.h"

#include <gmock/gmock.h>

#include <set>

#include "tests/config/support.h"

namespace sluice::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kTwoPorts =
    "[[ports]]\nname = \"edge\"\ndevice = \"net_tap0\"\naddresses = [\"198.18.0.1/16\"]\n"
    "[[ports]]\nname = \"core\"\ndevice = \"net_tap1\"\naddresses = [\"198.19.0.1/16\"]\n";

std::vector<std::string> told(const Config& running, const Config& wanted) {
  std::vector<std::string> lines;
  for (const Change& change : changes_between(running, wanted)) lines.push_back(to_string(change));
  return lines;
}

TEST(Reload, EqualConfigurationsHaveNoChanges) {
  EXPECT_THAT(changes_between(config_of(kTwoPorts), config_of(kTwoPorts)), IsEmpty());
}

TEST(Reload, TellsEachChangeWithBothValues) {
  const Config running = config_of(kTwoPorts);
  const Config wanted = config_of(kTwoPorts +
                                  "gateway = \"198.19.0.9\"\n[workers]\ncores = [1, 2]\n[limits]\n"
                                  "sessions = 5\n[api]\nmode = \"0660\"\n[log]\nlevel = \"debug\"\n");
  EXPECT_THAT(
      told(running, wanted),
      ElementsAre("ports[core].gateway: none -> \"198.19.0.9\" (restart)",
                  "workers.cores: [1] -> [1, 2] (restart)", "limits.sessions: 10000 -> 5 (live)",
                  "api.mode: \"0600\" -> \"0660\" (restart)", "log.level: \"info\" -> \"debug\" (live)"));
}

TEST(Reload, PortsComeAndGoByName) {
  const Config running = config_of(kTwoPorts);
  Config wanted = running;
  std::swap(wanted.ports[0], wanted.ports[1]);
  EXPECT_THAT(told(running, wanted), IsEmpty());
  wanted.ports[0].name = "new";
  EXPECT_THAT(told(running, wanted), ElementsAre("ports[core]: \"net_tap1\" -> none (restart)",
                                                 "ports[new]: none -> \"net_tap1\" (restart)"));
}

// The arguments of a device may contain characters that end a TOML string.
TEST(Reload, WritesTextAsTomlWould) {
  const std::string before =
      "[[ports]]\ndevice = 'net_pcap0,iface=a\"b\\c'\naddresses = [\"198.18.0.1/16\"]\n";
  const Config running = config_of(before);
  ASSERT_EQ(running.ports[0].device, "net_pcap0,iface=a\"b\\c");
  Config wanted = running;
  wanted.ports[0].device = "net_tap0";
  EXPECT_THAT(told(running, wanted),
              ElementsAre(R"(ports[port0].device: "net_pcap0,iface=a\"b\\c" -> "net_tap0" (restart))"));
  wanted.ports.clear();
  EXPECT_THAT(told(running, wanted),
              ElementsAre(R"(ports[port0]: "net_pcap0,iface=a\"b\\c" -> none (restart))"));
}

TEST(Reload, ExactlyTheseKeysAreLive) {
  std::set<std::string> live;
  for (const Setting& setting : settings())
    if (setting.apply == Apply::kLive) live.insert(path_of(setting, 0));
  EXPECT_THAT(live, ElementsAre("dtls.handshake_timeout_ms", "ice.consent_timeout_ms",
                                "limits.idle_timeout_s", "limits.sessions", "limits.stream_timeout_s",
                                "limits.worker_load_percent", "log.level", "media.latch_window_ms"));
}

TEST(Reload, OnlyLiveKeysTakeEffect) {
  const Config running = config_of(kTwoPorts);
  const Config wanted = config_of(
      "[[ports]]\ndevice = \"net_tap7\"\naddresses = [\"198.18.0.7/16\"]\n[workers]\ncores = [5]\n"
      "[dtls]\nhandshake_timeout_ms = 1000\nmtu = 600\n[ice]\nconsent_timeout_ms = 5000\n[media]\n"
      "latch_window_ms = 0\nport_min = 30000\n[limits]\nsessions = 1\nidle_timeout_s = 0\nstream_timeout_s = "
      "2\n"
      "[log]\nlevel = \"error\"\nfile = \"/var/log/sluice.log\"\n");
  const Config result = with_live_changes(running, wanted);
  EXPECT_EQ(result.dtls.handshake_timeout_ms, 1000U);
  EXPECT_EQ(result.ice.consent_timeout_ms, 5000U);
  EXPECT_EQ(result.media.latch_window_ms, 0U);
  EXPECT_EQ(result.limits.sessions, 1U);
  EXPECT_EQ(result.limits.idle_timeout_s, 0U);
  EXPECT_EQ(result.limits.stream_timeout_s, 2U);
  EXPECT_EQ(result.log.level, LogLevel::kError);
  // The remaining changes are those that a running process cannot apply.
  for (const Change& change : changes_between(result, wanted))
    EXPECT_EQ(change.apply, Apply::kRestart) << change.setting;
  for (const Change& change : changes_between(running, result))
    EXPECT_EQ(change.apply, Apply::kLive) << change.setting;
  EXPECT_EQ(result.ports.size(), 2U);
  EXPECT_EQ(result.dtls.mtu, 1200U);
  EXPECT_EQ(result.log.file, "");
}

}  // namespace
}  // namespace sluice::config
