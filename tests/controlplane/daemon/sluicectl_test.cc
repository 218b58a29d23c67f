// sluicectl as a program: its command line, and what it prints of a daemon that the test plays.
#include <gtest/gtest.h>

#include "controlplane/cli/cli_table.h"
#include "tests/controlplane/daemon/programs.h"

namespace sluice::control {
namespace {

using namespace test;

TEST(SluicectlCommandLine, SaysItsVersion) {
  const auto version = run({kSluicectl, "--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_EQ(version.output, "sluicectl " SLUICE_VERSION "\n");
}

TEST(SluicectlCommandLine, SuggestsTheNearestNameForAnUnknownOne) {
  struct Case {
    std::vector<std::string> words;
    const char* says;
  };
  for (const auto& [words, says] : std::vector<Case>{
           {{"sesion", "list"}, "unknown command \"sesion\" (did you mean session?)"},
           {{"sesion", "version"}, "unknown command \"sesion\" (did you mean session?)"},
           {{"session", "lst"}, "unknown command \"lst\" (did you mean list?)"},
           {{"session", "creat", "a"}, "unknown command \"creat\" (did you mean create?)"},
           {{"evnets"}, "unknown command \"evnets\" (did you mean events?)"},
           {{"frobnicate"}, "unknown command \"frobnicate\"; allowed: "},
           {{"session", "frobnicate"}, "unknown command \"frobnicate\"; allowed: create, "},
           {{"--sockte", "/x", "version"}, "unknown option \"--sockte\" (did you mean --socket?)"},
           {{"version", "--jsno"}, "unknown option \"--jsno\" (did you mean --json?)"},
           {{"endpoint", "create", "s", "--knd", "rtp"}, "unknown option \"--knd\" (did you mean --kind?)"},
           {{"endpoint", "create", "s", "--knd=rtp"}, "unknown option \"--knd\" (did you mean --kind?)"},
           {{"endpoint", "create", "s", "--kind", "rtp", "--frobnicate"},
            "unknown option \"--frobnicate\"; allowed are those of: sluicectl endpoint create --help"},
           {{"session", "get", "a", "b"}, "b"},  // no command: one value too many
           {{"session", "get"}, "id"}}) {
    auto command = words;
    command.insert(command.begin(), kSluicectl);
    const auto ran = run(command);
    EXPECT_EQ(ran.code, 64) << ran.output;
    EXPECT_NE(ran.output.find(says), std::string::npos) << says << " in " << ran.output;
  }
}

/// Answers each connection's first line with `answer`, and closes it.
class ScriptedDaemon {
 public:
  ScriptedDaemon(const std::string& path, std::string answer)
      : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)), answer_(std::move(answer)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(fd_, 8), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedDaemon() {
    shutdown(fd_, SHUT_RDWR);  // ends accept
    thread_.join();
    close(fd_);
  }
  ScriptedDaemon(const ScriptedDaemon&) = delete;
  ScriptedDaemon& operator=(const ScriptedDaemon&) = delete;

 private:
  void serve() const {
    for (int peer; (peer = accept(fd_, nullptr, nullptr)) >= 0; close(peer)) {
      char byte = 0;
      while (read(peer, &byte, 1) == 1 && byte != '\n') {
      }
      EXPECT_EQ(send(peer, answer_.data(), answer_.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(answer_.size()));
    }
  }

  int fd_;
  std::string answer_;
  std::thread thread_;
};

TEST(SluicectlCommandLine, NoTextOfTheDaemonControlsTheTerminal) {
  const std::string evil = R"("x\u001b[31m\u0007\u007f\u009b2J")";
  const std::string shown = "x\\x1b[31m\\x07\\x7f\\x9b2J";
  const std::string head = R"({"jsonrpc":"2.0","id":1,)";
  struct Case {
    std::vector<std::string> words;
    std::string answer;
    int code;
    bool is_json;
  };
  for (const auto& [words, answer, code, is_json] :
       std::vector<Case>{{{"session", "list"}, R"("result":{"sessions":[{"id":)" + evil + "}]}}\n", 0, false},
                         {{"session", "get", "a"}, R"("result":{)" + evil + ":" + evil + "}}\n", 0, false},
                         {{"session", "remove", "a"}, R"("result":{"id":)" + evil + "}}\n", 0, false},
                         {{"version"}, R"("error":{"code":-32000,"message":)" + evil + "}}\n", 1, false},
                         {{"events"},
                          "\"result\":{}}\n{\"method\":\"event\",\"params\":{\"type\":" + evil + "}}\n",
                          2,
                          false},
                         {{"--json", "version"}, R"("result":{"a":)" + evil + "}}\n", 0, true}}) {
    const TemporaryDirectory directory;
    const ScriptedDaemon daemon(directory.file("s"), head + answer);
    std::vector<std::string> command{kSluicectl, "--socket", directory.file("s")};
    command.insert(command.end(), words.begin(), words.end());
    const auto ran = run(command);
    EXPECT_EQ(ran.code, code) << ran.output;
    EXPECT_EQ(ran.output, cli::printable_lines(ran.output));
    EXPECT_NE(ran.output.find(is_json ? R"("x\u001b[31m\u0007\u007f\u009b2J")" : shown), std::string::npos)
        << ran.output;
  }
}

TEST(Sluicectl, TakesKeysFromStandardInputOutOfSightOfPs) {
  NEEDS_TWO_CPUS();
  const std::string first = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==";
  const std::string second = "AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==";
  Daemon daemon;
  ASSERT_TRUE(daemon.is_ready()) << daemon.log();
  ASSERT_EQ(daemon.ctl({"session", "create", "s"}).code, 0);
  struct Case {
    const char* id;
    std::string options;
    std::string input;
    int code;
    std::string receive_key;
    std::string send_key;  // of what is refused: what the answer says
  };
  for (const auto& [id, options, input, code, receive_key, send_key] : std::vector<Case>{
           {"a", "--receive-key - --send-key -", first + "\n" + second + "\n", 0, first, second},
           {"b", "--send-key - --receive-key -", first + "\n" + second + "\nmore", 0, first, second},
           {"c", "--receive-key=- --send-key=-", first + "\r\n" + second, 0, first, second},
           {"d", "--receive-key - --send-key " + second, first, 0, first, second},
           {"e", "--receive-key - --send-key -", first + "\n", 64, "",
            "--send-key: found the end of standard"},
           {"f", "--receive-key -", "", 64, "", "--receive-key: found the end of standard input"},
           {"g", "--receive-key -", "AAAA\n", 64, "", "receiveKey: found "}}) {
    SCOPED_TRACE(id);
    const TemporaryDirectory directory;
    write_file(directory.file("in"), input);
    const auto ran =
        run({"sh", "-c",
             kSluicectl + " --socket " + daemon.socket() + " --json endpoint create s --kind sdes --id " +
                 id + " " + options + " < " + directory.file("in")});
    EXPECT_EQ(ran.code, code) << ran.output;
    if (code != 0) {
      EXPECT_NE(ran.output.find(send_key), std::string::npos) << ran.output;
      continue;
    }
    const Json endpoint = Json::parse(ran.output);
    EXPECT_EQ(endpoint["crypto"]["receiveKey"], receive_key);
    EXPECT_EQ(endpoint["crypto"]["sendKey"], send_key);
  }
  const auto help = run({kSluicectl, "endpoint", "create", "--help"});
  EXPECT_NE(help.output.find("- reads a line of standard input"), std::string::npos) << help.output;
}

}  // namespace
}  // namespace sluice::control
