// sluicectl without its main: tables, options, rendering, the completion script.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "controlplane/cli/cli_client.h"
#include "controlplane/cli/cli_options.h"
#include "controlplane/cli/cli_render.h"
#include "controlplane/cli/cli_table.h"

namespace sluice::control::cli {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(CliTable, AlignsAndLeavesNoBlanksAtTheEnds) {
  Table table({{"NAME"}, {"COUNT", Align::kRight}, {"STATE"}});
  table.add({"a", "1", "up"});
  table.add({"longer", "12345", ""});
  EXPECT_EQ(table.text(),
            "NAME    COUNT  STATE\n"
            "a           1  up\n"
            "longer  12345\n");
}

TEST(CliTable, CountsCharactersAndKeepsTheTerminalUnsteered) {
  Table table({{"X"}, {"Y"}});
  table.add({"\xc3\xa9", "e"});
  table.add({"ab", "\x1b[2J"});
  EXPECT_EQ(table.text(), "X   Y\n\xc3\xa9   e\nab  \\x1b[2J\n");
  Table wide({{"X"}, {"Y"}});
  wide.add({"\x1b", "e"});
  EXPECT_EQ(wide.text(), "X     Y\n\\x1b  e\n");  // the width is that of what is shown
}

TEST(CliTable, ControlCharactersAreShownByTheirNumbers) {
  struct Case {
    std::string text;
    const char* shown;
  };
  for (const auto& [text, shown] : std::vector<Case>{
           {"plain", "plain"},
           {"", ""},
           {"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
           {"\xc3\x9b", "\xc3\x9b"},  // its second byte is that of a C1 character, and it is none
           {std::string(1, '\0'), "\\x00"},
           {"a\nb\tc\r", "a\\x0ab\\x09c\\x0d"},
           {"\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"},
           {"\x7f", "\\x7f"},
           {"\xc2\x80\xc2\x9b\x32J\xc2\x9f\xc2\xa0", "\\x80\\x9b\x32J\\x9f\xc2\xa0"},
           {"\x9b\xff", "\\x9b\\xff"},   // no UTF-8
           {"\xc2", "\\xc2"},            // cut short
           {"\xe2\x82", "\\xe2\\x82"},   // cut short
           {"\xc0\x9b", "\\xc0\\x9b"}})  // longer than it need be
    EXPECT_EQ(printable(text), shown) << text;
  EXPECT_EQ(printable_lines("a\x1b\nb\n"), "a\\x1b\nb\n");
}

TEST(CliTable, UnitsHaveThreeDigits) {
  EXPECT_EQ(human_count(0), "0");
  EXPECT_EQ(human_count(999), "999");
  EXPECT_EQ(human_count(1000), "1.00k");
  EXPECT_EQ(human_count(12345), "12.3k");
  EXPECT_EQ(human_count(999499), "999k");
  EXPECT_EQ(human_count(999500), "1.00M");
  EXPECT_EQ(human_count(18446744073709551615u), "18447P");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(4560000), "4.56 MB");
  EXPECT_EQ(human_bitrate(64000), "64.0 kbit/s");
  EXPECT_EQ(human_bitrate(0.4), "0 bit/s");
  EXPECT_EQ(human_ms(0.84), "0.8 ms");
  EXPECT_EQ(human_ms(35.2), "35 ms");
  EXPECT_EQ(human_ms(1234), "1.2 s");
  EXPECT_EQ(human_ms(180000), "3 min");
  EXPECT_EQ(human_share(0.1234), "12.3%");
}

Method method(std::string_view name) {
  return *find_method(name);
}

const Leaf& leaf(const std::vector<Leaf>& leaves, std::string_view option) {
  for (const auto& candidate : leaves)
    if (candidate.option == option) return candidate;
  throw std::runtime_error("no option " + std::string(option));
}

TEST(CliOptions, FlattenWhatIsNested) {
  const auto leaves = leaves_of(method("endpoint.create"));
  EXPECT_EQ(leaf(leaves, "--ice-ufrag").path, (std::vector<std::string>{"ice", "ufrag"}));
  EXPECT_EQ(leaf(leaves, "--dtls-setup").param.choices,
            (std::vector<std::string>{"passive", "active", "actpass"}));
  EXPECT_EQ(leaf(leaves, "--ice-password").param.only_for, "kind webrtc");
  EXPECT_TRUE(leaf(leaves, "--session").is_positional);
  EXPECT_TRUE(leaf(leaves, "--id").is_positional);
  EXPECT_TRUE(leaf(leaves, "--rtcp-mux").is_flag());
}

TEST(CliOptions, EveryOptionOfAMethodIsItsOwn) {
  for (const auto& each : methods()) {
    std::set<std::string> seen;
    for (const auto& option : leaves_of(each))
      EXPECT_TRUE(seen.insert(option.option).second) << option.option;
  }
}

TEST(CliOptions, BecomeTheParametersThatTheApiHas) {
  const auto leaves = leaves_of(method("route.create"));
  OrderedJson params = OrderedJson::object();
  std::string error;
  for (const auto& [option, values] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"--session", {"s"}},
           {"--from", {"a"}},
           {"--from-payload-types", {"96", "97"}},
           {"--to", {"b"}},
           {"--clock-rate", {"48000"}},
           {"--payload-types", {"111:96", "112:97"}},
           {"--keyframe-on-switch", {"true"}}})
    ASSERT_TRUE(put(params, leaf(leaves, option), values, error)) << error;
  EXPECT_EQ(to_line(params),
            R"({"session":"s","from":{"endpoint":"a","payloadTypes":[96,97]},"to":"b","clockRate":48000,)"
            R"("payloadTypes":[{"from":111,"to":96},{"from":112,"to":97}],"keyframeOnSwitch":true})");
  EXPECT_TRUE(std::holds_alternative<Request>(decode_request("route.create", Json::parse(to_line(params)))));
}

TEST(CliOptions, ListsOfObjectsAreNamesAndValues) {
  const auto leaves = leaves_of(method("endpoint.connect"));
  OrderedJson params = OrderedJson::object();
  std::string error;
  ASSERT_TRUE(put(params, leaf(leaves, "--dtls-fingerprints"),
                  {"algorithm=sha-256,value=AB:CD", "value=00:01,algorithm=sha-512"}, error))
      << error;
  EXPECT_EQ(to_line(params), R"({"dtls":{"fingerprints":[{"algorithm":"sha-256","value":"AB:CD"},)"
                             R"({"value":"00:01","algorithm":"sha-512"}]}})");
}

TEST(CliOptions, AddressesAreWrittenAsPeopleWriteThem) {
  const auto leaves = leaves_of(method("endpoint.connect"));
  const auto remote = [&](const std::string& text) {
    OrderedJson params = OrderedJson::object();
    std::string error;
    return put(params, leaf(leaves, "--remote"), {text}, error) ? to_line(params["remote"]) : error;
  };
  EXPECT_EQ(remote("198.18.0.2:4000"), R"({"address":"198.18.0.2","rtpPort":4000})");
  EXPECT_EQ(remote("198.18.0.2:4000/5000"), R"({"address":"198.18.0.2","rtpPort":4000,"rtcpPort":5000})");
  EXPECT_EQ(remote("[2001:db8::1]:4000/4001"), R"({"address":"2001:db8::1","rtpPort":4000,"rtcpPort":4001})");
  for (const char* bad :
       {"", "198.18.0.2", "2001:db8::1:4000", "198.18.0.2:", "198.18.0.2:x", "198.18.0.2:1/", "[]"})
    EXPECT_EQ(remote(bad).find("--remote: found \""), 0u) << bad << ": " << remote(bad);
}

TEST(CliOptions, NameWhatTheyCannotRead) {
  const auto leaves = leaves_of(method("route.create"));
  OrderedJson params;
  std::string error;
  for (const auto& [option, value] :
       std::vector<std::pair<std::string, std::string>>{{"--clock-rate", "fast"},
                                                        {"--clock-rate", ""},
                                                        {"--clock-rate", "1x"},
                                                        {"--clock-rate", "99999999999999999999"},
                                                        {"--payload-types", "111"},
                                                        {"--payload-types", "1:2:3"},
                                                        {"--payload-types", "a:b"}}) {
    EXPECT_FALSE(put(params, leaf(leaves, option), {value}, error)) << option << " " << value;
    EXPECT_EQ(error.find(option + ": found \""), 0u) << error;
    EXPECT_NE(error.find("allowed: "), std::string::npos) << error;
  }
  const auto connect = leaves_of(method("endpoint.connect"));
  EXPECT_FALSE(put(params, leaf(connect, "--dtls-fingerprints"), {"algo=sha-256"}, error));
  EXPECT_NE(error.find("algorithm=...,value=..."), std::string::npos) << error;
}

TEST(CliCompletion, TheScriptInTheRepositoryIsTheOneThatIsMade) {
  EXPECT_EQ(bash_completion(), read_file(SLUICE_SOURCE_DIR "/scripts/completion/sluicectl.bash"))
      << "renew it: sluicectl completion bash > scripts/completion/sluicectl.bash";
}

std::string complete(const std::string& words) {
  const std::string command =
      "bash -c 'source " SLUICE_SOURCE_DIR "/scripts/completion/sluicectl.bash; COMP_WORDS=(" + words +
      "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _sluicectl; echo \"${COMPREPLY[*]}\"'";
  FILE* pipe = popen(command.c_str(), "r");
  std::string text;
  char buffer[4096];
  for (std::size_t size; (size = fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, size);
  pclose(pipe);
  return text;
}

TEST(CliCompletion, CompletesObjectsVerbsOptionsAndValues) {
  EXPECT_EQ(complete("sluicectl ses"), "session\n");
  EXPECT_EQ(complete("sluicectl --socket /x route sw"), "switch\n");
  EXPECT_EQ(complete("sluicectl endpoint create --mid-ext"), "--mid-extension-id\n");
  EXPECT_EQ(complete("sluicectl endpoint create call-1 --kind we"), "webrtc\n");
  EXPECT_EQ(complete("sluicectl call drop.l"), "drop.list\n");
}

TEST(CliRender, ListsAreTables) {
  const auto result = OrderedJson::parse(R"({"endpoints":[
      {"session":"s","id":"a","kind":"rtp","state":"flowing","local":{"address":"2001:db8::1","rtpPort":4000,"rtcpPort":4001},
       "remote":{"address":"198.18.0.2","rtpPort":6000,"rtcpPort":6000},"latch":"fixed","worker":0},
      {"session":"s","id":"b","kind":"sdes","state":"allocated","local":null,"remote":null,"worker":12}]})");
  EXPECT_EQ(render_result("endpoint.list", result),
            "SESSION  ID  KIND  STATE      LOCAL                    REMOTE           LATCH  WORKER\n"
            "s        a   rtp   flowing    [2001:db8::1]:4000/4001  198.18.0.2:6000  fixed       0\n"
            "s        b   sdes  allocated  -                        -                -          12\n");
  EXPECT_EQ(render_result("session.list", OrderedJson::parse(R"({"sessions":[]})")), "no sessions\n");
}

TEST(CliRender, DropsThatHappenedComeFirst) {
  EXPECT_EQ(render_result("drop.list",
                          OrderedJson::parse(R"({"drops":{"bad_ip":0,"replayed":12345,"too_old":0}})")),
            "REASON    PACKETS\nreplayed    12345\n(2 other reasons: 0)\n");
  EXPECT_EQ(render_result("drop.list", OrderedJson::parse(R"({"drops":{"bad_ip":0}})")),
            "no packet was dropped for any of 1 reasons\n");
}

TEST(CliRender, ObjectsAreMembers) {
  EXPECT_EQ(render_members(OrderedJson::parse(
                R"({"id":"x","local":{"port":1},"list":[1,2],"routes":[{"a":true}],"n":null})")),
            "id           x\nlocal.port   1\nlist         1 2\nroutes[0].a  yes\nn            -\n");
  EXPECT_EQ(
      render_result("endpoint.remove", OrderedJson::parse(R"({"session":"s","id":"e","removed":true})")),
      "removed s/e\n");
}

TEST(CliRender, AnyAnswerIsShownSomehow) {
  for (const char* text :
       {"null", "[]", "{}", "7", R"({"sessions":7})", R"({"sessions":[7,null,{}]})", R"({"drops":[1]})",
        R"({"streams":[{"bitrate":"x","jitter":null,"packetCount":-1}]})", R"({"ports":{},"media":1})"})
    for (const auto& each : methods())
      EXPECT_NO_THROW(render_result(each.name, OrderedJson::parse(text))) << each.name << " " << text;
}

TEST(CliRender, EventsAreOneLineWhateverTheyHold) {
  const auto line = render_event(
      OrderedJson::parse(R"({"time":"T","type":"endpoint.failed","session":"s","reason":"a\nb\u001b[2J"})"));
  EXPECT_EQ(line, "T  endpoint.failed    session=s reason=a\\x0ab\\x1b[2J\n");
}

TEST(CliRender, NoAnswerControlsTheTerminal) {
  const std::string evil = R"("\u001b]0;x\u0007\n\u007f\u009b2J")";
  const std::string object = R"({"id":)" + evil + R"(,"session":)" + evil + R"(,"state":)" + evil +
                             R"(,"ports":)" + evil + "," + evil + ":" + evil + R"(,"list":[)" + evil + "]}";
  const std::string answer = R"({"sessions":[)" + object + R"(],"endpoints":[)" + object + R"(],"routes":[)" +
                             object + R"(],"streams":[)" + object + R"(],"workers":[)" + object +
                             R"(],"ports":[)" + object + R"(],"media":{"min":)" + evil + R"(,"max":)" + evil +
                             R"(,"allocated":)" + evil + R"(},"drops":{)" + evil + R"(:7},"id":)" + evil +
                             R"(,"session":)" + evil + "," + evil + ":" + evil + "}";
  const auto result = OrderedJson::parse(answer);
  const auto expect_harmless = [](const std::string& text, const std::string& what) {
    EXPECT_EQ(text, printable_lines(text)) << what;
    EXPECT_EQ(text.find("\n\\x7f"), std::string::npos) << what << ": a line that the daemon began";
  };
  for (const auto& each : methods())
    expect_harmless(render_result(each.name, result), std::string(each.name));
  expect_harmless(render_event(result), "event");
  const auto json = render_json(result);
  expect_harmless(json, "JSON");
  EXPECT_EQ(OrderedJson::parse(json), result);
}

TEST(CliClient, NamesTheSocketAndHowToStart) {
  Client client;
  std::string error;
  EXPECT_FALSE(client.open("/nonexistent/sluice.sock", error));
  EXPECT_NE(error.find("/nonexistent/sluice.sock"), std::string::npos);
  EXPECT_NE(error.find("sluiced --config"), std::string::npos);
}

}  // namespace
}  // namespace sluice::control::cli
