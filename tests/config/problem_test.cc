// One file with each kind of error: checks the exact text, line and column.
#include <gmock/gmock.h>

#include "config/document.h"
#include "config/settings.h"
#include "tests/config/support.h"

namespace sluice::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST(Problem, Prints) {
  EXPECT_EQ(to_string({"a.toml", 3, 7, "log.level", "1", "\"info\""}),
            "a.toml:3:7: log.level: found 1; allowed: \"info\"");
  EXPECT_EQ(to_string({"a.toml", 0, 0, "file", "1 GiB", "less"}), "a.toml: file: found 1 GiB; allowed: less");
}

TEST(Load, TheLeastConfigurationHasEveryDefault) {
  const Config config = config_of(kLeast);
  ASSERT_THAT(config.ports, SizeIs(1));
  EXPECT_EQ(config.ports[0].name, "port0");
  EXPECT_EQ(config.ports[0].device, "net_tap0");
  EXPECT_THAT(config.ports[0].addresses, ElementsAre(*IpPrefix::parse("198.18.0.1/15")));
  Config defaults;
  defaults.ports.resize(1);
  for (const Setting& setting : settings()) {
    if (setting.required || setting.name == "name") continue;
    EXPECT_EQ(setting.print(config, 0), setting.print(defaults, 0)) << path_of(setting, 0);
  }
}

TEST(Load, UnknownKeysAndTablesWithAGuess) {
  EXPECT_THAT(
      errors_in(kLeast + "mtuu = 1500\n[wrokers]\n[workers]\n  coers = [1]\n  mtu = 3\n  Control-Core = 0\n"
                         "[colour]\n[log]\nzebra = 1\n"),
      ElementsAre("f:4:1: ports[0].mtuu: found an unknown key (did you mean mtu?); allowed: name, device, "
                  "addresses, gateway, gateway6, vlan, mtu, rx_descriptors, tx_descriptors",
                  "f:5:2: wrokers: found an unknown table (did you mean [workers]?); allowed: the tables "
                  "[[ports]], [workers], [memory], [crypto], [dtls], [ice], [media], [limits], [api], [log]",
                  "f:7:3: workers.coers: found an unknown key (did you mean cores?); allowed: "
                  "control_core, cores, idle, idle_sleep_us, transmit_queue_ms",
                  "f:8:3: workers.mtu: found an unknown key (did you mean ports.mtu?); allowed: "
                  "control_core, cores, idle, idle_sleep_us, transmit_queue_ms",
                  "f:9:3: workers.Control-Core: found an unknown key (did you mean control_core?); allowed: "
                  "control_core, cores, idle, idle_sleep_us, transmit_queue_ms",
                  HasSubstr("f:10:2: colour: found an unknown table; allowed: the tables"),
                  "f:12:1: log.zebra: found an unknown key; allowed: level, file"));
}

TEST(Load, AKeyOutsideItsTable) {
  EXPECT_THAT(errors_in("level = \"info\"\n" + kLeast),
              ElementsAre(HasSubstr("f:1:1: level: found an unknown key (did you mean log.level?)")));
}

TEST(Load, TheWrongTypeOfEachKey) {
  // One value of each type, and the type of setting that accepts it.
  const std::vector<std::pair<std::string, std::string>> values = {
      {"true", "boolean"}, {"70000000", ""}, {"1.5", ""},       {"\"\\u0001\"", ""},
      {"[]", ""},          {"{}", ""},       {"1979-05-27", ""}};
  for (const Setting& setting : settings()) {
    for (const auto& [value, taken_by] : values) {
      if (setting.type == taken_by || (value == "[]" && setting.default_text == "[]")) continue;
      const std::string table(setting.table);
      const std::string line = std::string(setting.name) + " = " + value + "\n";
      std::string text = kLeast + "[" + table + "]\n" + line;
      if (setting.required)
        text = "[[ports]]\n# \n# \n# \n" + line;
      else if (table == "ports")
        text = kLeast + "#\n" + line;
      const std::string place = "f:5:" + std::to_string(setting.name.size() + 4);
      const auto errors = errors_in(text);
      EXPECT_THAT(errors, ::testing::Contains(StartsWith(place + ": " + path_of(setting, 0)))) << text;
    }
  }
}

TEST(Load, TheWrongTypeInWords) {
  EXPECT_THAT(
      errors_in(kLeast + "mtu = \"1500\"\nvlan = 1.0\nname = 7\ndevice2 = 1\n"),
      ElementsAre("f:4:7: ports[0].mtu: found \"1500\"; allowed: an integer, 1280..1500",
                  "f:5:8: ports[0].vlan: found the fraction 1; allowed: an integer, 0..4094",
                  "f:6:8: ports[0].name: found 7; allowed: a string: 1..15 of a-z, 0-9 and -",
                  StartsWith("f:7:1: ports[0].device2: found an unknown key (did you mean device?)")));
  EXPECT_THAT(
      errors_in(kLeast + "[workers]\ncores = 1\nidle = 1\n[log]\nlevel = \"loud\"\n"
                         "[api]\nmode = 600\n"),
      ElementsAre(
          "f:5:9: workers.cores: found 1; allowed: an array of 1..32 CPU ids, each 0..1023",
          "f:6:8: workers.idle: found 1; allowed: \"spin\", \"pause\", \"yield\", \"interrupt\", \"monitor\"",
          "f:8:9: log.level: found \"loud\"; allowed: \"debug\", \"info\", \"warning\", \"error\"",
          "f:10:8: api.mode: found 600; allowed: a string of octal mode bits, "
          "\"0000\"..\"0777\""));
}

TEST(Load, ATableThatIsNone) {
  EXPECT_THAT(errors_in("log = 3\nworkers = []\n" + kLeast),
              ElementsAre("f:1:7: log: found 3; allowed: a table, [log]",
                          "f:2:11: workers: found an empty array; allowed: a table, [workers]"));
  EXPECT_THAT(errors_in("[ports]\ndevice = \"net_tap0\"\n"),
              ElementsAre("f:1:1: ports: found a table; allowed: an array of tables, [[ports]]"));
  EXPECT_THAT(errors_in("ports = [1, {device = \"net_tap0\", addresses = [\"198.18.0.1/15\"]}]\n"),
              ElementsAre("f:1:10: ports[0]: found 1; allowed: a table, [[ports]]"));
}

TEST(Load, MissingKeys) {
  const std::string device =
      "a PCI address, a DPDK virtual device net_... or ring:NAME[,size=N][,mac=M], at most 255 bytes";
  EXPECT_THAT(
      errors_in("[log]\n"),
      ElementsAre("f:1:1: ports: found nothing; allowed: at least one [[ports]] with device and addresses"));
  EXPECT_THAT(
      errors_in("[[ports]]\naddresses = [\"198.18.0.1/15\"]\n[[ports]]\ndevice = \"net_tap0\"\n"),
      ElementsAre("f:1:1: ports[0].device: found nothing; allowed: " + device,
                  HasSubstr("f:3:1: ports[1].addresses: found nothing; allowed: 1..8 addresses, each a")));
  EXPECT_THAT(errors_in("ports = []"),
              ElementsAre("f:1:9: ports: found an empty array; allowed: 1..16 ports"));
}

TEST(Load, SyntaxErrorsHaveTheirPlace) {
  EXPECT_THAT(errors_in("[[ports]]\nmtu = \n"), ElementsAre(StartsWith("f:2:7: syntax: found ")));
  EXPECT_THAT(errors_in(kLeast + "device = \"net_tap1\"\n"), ElementsAre(StartsWith("f:4:")));
  EXPECT_THAT(errors_in(kLeast + "[log]\n[log]\n"), ElementsAre(StartsWith("f:5:")));
  EXPECT_THAT(errors_in(kLeast + "[log\n"), ElementsAre(StartsWith("f:4:")));
  EXPECT_THAT(errors_in("a = \"unterminated"), ElementsAre(StartsWith("f:1:")));
  EXPECT_THAT(errors_in("a = 99999999999999999999\n"), ElementsAre(StartsWith("f:1:")));
}

TEST(Load, ManyErrorsInOneGoAndInFileOrder) {
  const auto errors = errors_in(
      "[log]\n"                                                // 1
      "level = \"chatty\"\n"                                   // 2
      "[workers]\n"                                            // 3
      "control_core = 3\n"                                     // 4
      "cores = [3, 9, 1, 1, \"2\"]\n"                          // 5
      "[[ports]]\n"                                            // 6
      "name = \"A\"\n"                                         // 7
      "device = \"eth0\"\n"                                    // 8
      "addresses = [\"198.18.0.0/15\", \"2001:db8::1/64\"]\n"  // 9
      "mtu = 9000\n"                                           // 10
      "[[ports]]\n"                                            // 11
      "vlan = -1\n"                                            // 12
      "[media]\n"                                              // 13
      "port_min = 5000\n"                                      // 14
      "port_max = 4000\n"                                      // 15
      "[crypto]\n"                                             // 16
      "profiles = []\n"                                        // 17
      "[dtls]\n"                                               // 18
      "certificate = \"/etc/sluice/cert.pem\"\n"               // 19
      "[limits]\n"                                             // 20
      "session = 5\n");                                        // 21
  EXPECT_THAT(
      errors,
      ElementsAre(StartsWith("f:2:9: log.level: found \"chatty\""),
                  StartsWith("f:5:10: workers.cores[0]: found 3, the control core"),
                  StartsWith("f:5:13: workers.cores[1]: found 9; allowed: a CPU of this host: 0-7"),
                  StartsWith("f:5:19: workers.cores[3]: found 1, the same as item 2"),
                  StartsWith("f:5:22: workers.cores[4]: found \"2\"; allowed: an integer, 0..1023"),
                  StartsWith("f:7:8: ports[0].name: found \"A\""),
                  StartsWith("f:8:10: ports[0].device: found \"eth0\""),
                  StartsWith("f:9:14: ports[0].addresses[0]: found \"198.18.0.0/15\", the network's"),
                  StartsWith("f:10:7: ports[0].mtu: found 9000; allowed: 1280..1500"),
                  StartsWith("f:11:1: ports[1].device: found nothing"),
                  StartsWith("f:11:1: ports[1].addresses: found nothing"),
                  StartsWith("f:12:8: ports[1].vlan: found -1; allowed: 0..4094"),
                  "f:15:12: media.port_max: found 4000; allowed: at least media.port_min, 5000",
                  StartsWith("f:17:12: crypto.profiles: found an empty array; allowed: 1..4 profiles"),
                  StartsWith("f:19:15: dtls.private_key: found nothing, beside a dtls.certificate"),
                  StartsWith("f:21:1: limits.session: found an unknown key (did you mean sessions?)")));
}

TEST(Load, ColumnsCountCharacters) {
  EXPECT_THAT(errors_in("[[ports]]\ndevice = \"net_tap0\"\naddresses = [\"é\", \"198.18.0.1/15\", 5]\n"),
              ElementsAre(StartsWith("f:3:14: ports[0].addresses[0]: found \"é\""),
                          StartsWith("f:3:36: ports[0].addresses[2]: found 5")));
}

TEST(Load, WhatIsQuotedFromTheFileIsFitForATerminal) {
  const auto errors = errors_in(kLeast + "name = \"\\u001b[31m\\u0085\\n\\\"\"\n\"\\u001b\" = 1\n");
  ASSERT_THAT(errors, SizeIs(2));
  EXPECT_THAT(errors[0], HasSubstr("found \"\\u001b[31m\\u0085\\n\\\"\";"));
  EXPECT_THAT(errors[1], HasSubstr("ports[0].\"\\u001b\": found an unknown key"));
  const auto huge = errors_in(kLeast + "name = \"" + std::string(500000, 'x') + "\"\n");
  ASSERT_THAT(huge, SizeIs(1));
  EXPECT_LT(huge[0].size(), 300U);
  EXPECT_THAT(huge[0], HasSubstr("... (500000 bytes)"));
  EXPECT_LT(errors_in(kLeast + std::string(500000, 'k') + " = 1\n").at(0).size(), 500U);
}

TEST(Load, AKeyIsShownAsTheFileWritesIt) {
  EXPECT_THAT(errors_in(kLeast + "[\"\"]\n[\"1.1/15\"]\n[log]\n\"\" = 1\n"),
              ElementsAre(StartsWith("f:4:2: \"\": found an unknown table"),
                          StartsWith("f:5:2: \"1.1/15\": found an unknown table"),
                          StartsWith("f:7:1: log.\"\": found an unknown key")));
}

TEST(Load, TooManyItemsAreOneProblem) {
  std::string cores = "[workers]\ncores = [0";
  for (int i = 1; i < 5000; ++i) cores += ", " + std::to_string(i);
  EXPECT_THAT(
      errors_in(kLeast + cores + "]\n"),
      ElementsAre("f:5:9: workers.cores: found an array of 5000; allowed: 1..32 CPU ids, each 0..1023"));
  std::string ports;
  for (int i = 0; i < 17; ++i) ports += kLeast;
  EXPECT_THAT(errors_in(ports), ElementsAre("f:1:1: ports: found an array of 17; allowed: 1..16 ports"));
}

TEST(Load, ACorrectFileHasNoProblems) {
  EXPECT_THAT(errors_in(kLeast), IsEmpty());
}

}  // namespace
}  // namespace sluice::config
