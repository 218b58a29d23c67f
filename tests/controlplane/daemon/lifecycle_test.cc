// The daemon's process: signals in every phase of its life, who may speak to it, and what stays in its
// memory.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <sstream>

#include "controlplane/base/json.h"
#include "tests/controlplane/daemon/programs.h"

namespace sluice::control {
namespace {

using namespace std::chrono_literals;

using test::configuration;
using test::Daemon;
using test::has_two_cpus;
using test::kSluicectl;
using test::kSluiced;
using test::Process;
using test::run;
using test::TemporaryDirectory;
using test::write_file;

/// A daemon that is told something while it starts.
class Starting {
 public:
  Starting() {
    write_file(directory_.file("sluice.toml"), configuration(directory_.path()));
    process_ = std::make_unique<Process>(
        std::vector<std::string>{kSluiced, "--config", directory_.file("sluice.toml")},
        directory_.file("log"));
  }
  Process& process() { return *process_; }
  std::string log() const { return process_->output(); }
  bool has_socket() const { return std::filesystem::exists(directory_.file("run/sluice.sock")); }
  bool has_lock() const { return std::filesystem::exists(directory_.file("run/sluice.sock.lock")); }
  void wait_for(const std::string& text) {
    for (int i = 0; i < 3000 && log().find(text) == std::string::npos && process_->is_running(); ++i)
      std::this_thread::sleep_for(2ms);
  }

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<Process> process_;
};

TEST(DaemonSignals, HangUpsWhileItStartsChangeNothing) {
  NEEDS_TWO_CPUS();
  Starting daemon;
  daemon.wait_for("starting");
  for (int i = 0; i < 100 && daemon.log().find(" ready ") == std::string::npos; ++i) {
    daemon.process().send_signal(SIGHUP);
    std::this_thread::sleep_for(5ms);
  }
  daemon.wait_for(" ready ");
  ASSERT_TRUE(daemon.process().is_running()) << daemon.log();
  daemon.process().send_signal(SIGTERM);
  EXPECT_EQ(daemon.process().exit_code(), 0) << daemon.log();
}

TEST(DaemonSignals, TheEndComesAtOnceWhileItStarts) {
  NEEDS_TWO_CPUS();
  for (const auto delay : {0ms, 5ms, 20ms, 60ms, 150ms, 300ms}) {
    Starting daemon;
    daemon.wait_for("starting");
    std::this_thread::sleep_for(delay);
    const auto began = std::chrono::steady_clock::now();
    daemon.process().send_signal(delay == 5ms ? SIGINT : SIGTERM);
    EXPECT_EQ(daemon.process().exit_code(), 0) << delay.count() << " ms\n" << daemon.log();
    EXPECT_LT(std::chrono::steady_clock::now() - began, 5s) << delay.count() << " ms";
    EXPECT_FALSE(daemon.has_socket()) << delay.count() << " ms";
    EXPECT_FALSE(daemon.has_lock()) << delay.count() << " ms";
    EXPECT_NE(daemon.log().find("stopped code=0"), std::string::npos) << daemon.log();
  }
}

TEST(DaemonSignals, NothingDisturbsTheEnd) {
  NEEDS_TWO_CPUS();
  for (const int second : {SIGTERM, SIGINT, SIGHUP}) {
    Daemon daemon;
    ASSERT_TRUE(daemon.is_ready()) << daemon.log();
    ASSERT_EQ(daemon.ctl({"session", "create", "s"}).code, 0);
    ASSERT_EQ(daemon.ctl({"endpoint", "create", "s", "--kind", "webrtc"}).code, 0);
    daemon.process().send_signal(SIGTERM);
    while (daemon.process().is_running()) {
      daemon.process().send_signal(second);
      std::this_thread::sleep_for(1ms);
    }
    EXPECT_EQ(daemon.process().exit_code(), 0) << second << "\n" << daemon.log();
    EXPECT_NE(daemon.log().find("stopped code=0"), std::string::npos) << second;
    EXPECT_FALSE(std::filesystem::exists(daemon.socket()));
  }
}

class AccessTest : public testing::Test {
 protected:
  /// sluicectl as another user. It lies where others can read it.
  int ask(const Daemon& daemon, const std::vector<std::string>& who) {
    std::filesystem::permissions(directory_.path(), std::filesystem::perms(0755));
    const auto program = directory_.file("sluicectl");
    if (!std::filesystem::exists(program)) std::filesystem::copy_file(kSluicectl, program);
    auto command = who;
    command.insert(command.begin(), "setpriv");
    command.insert(command.end(), {program, "--socket", daemon.socket(), "version"});
    return run(command).code;
  }
  TemporaryDirectory directory_;
};

TEST_F(AccessTest, UsersAndGroupsOfTheConfigurationMaySpeak) {
  NEEDS_TWO_CPUS();
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  Daemon daemon("mode = \"0666\"\nusers = [\"65531\", \"daemon\"]\ngroups = [\"65532\"]\n");
  ASSERT_TRUE(daemon.is_ready()) << daemon.log();
  std::filesystem::permissions(std::filesystem::path(daemon.config()).parent_path(),
                               std::filesystem::perms(0755));
  EXPECT_EQ(ask(daemon, {"--reuid=65531", "--regid=65530", "--clear-groups"}), 0) << "a user by number";
  EXPECT_EQ(ask(daemon, {"--reuid=daemon", "--regid=65530", "--clear-groups"}), 0) << "a user by name";
  EXPECT_EQ(ask(daemon, {"--reuid=65530", "--regid=65532", "--clear-groups"}), 0) << "its group";
  EXPECT_EQ(ask(daemon, {"--reuid=65530", "--regid=65530", "--groups=65529,65532"}), 0)
      << "one of its groups";
  EXPECT_EQ(ask(daemon, {"--reuid=65530", "--regid=65531", "--clear-groups"}), 1)
      << "a user id is no group id";
  EXPECT_EQ(ask(daemon, {"--reuid=65530", "--regid=65530", "--groups=65531"}), 1);
  EXPECT_NE(
      daemon.log().find("user id 65530 may not use this API; allowed: user ids 0, 65531, 1; group id 65532"),
      std::string::npos)
      << daemon.log();
}

TEST_F(AccessTest, TheSocketsFileBelongsToTheFirstGroup) {
  NEEDS_TWO_CPUS();
  if (geteuid() != 0) GTEST_SKIP() << "needs root to give a file to a group";
  Daemon daemon("mode = \"0660\"\ngroups = [\"65532\"]\n");
  ASSERT_TRUE(daemon.is_ready()) << daemon.log();
  std::filesystem::permissions(std::filesystem::path(daemon.config()).parent_path(),
                               std::filesystem::perms(0755));
  EXPECT_EQ(ask(daemon, {"--reuid=65530", "--regid=65532", "--clear-groups"}), 0);
  EXPECT_EQ(ask(daemon, {"--reuid=65530", "--regid=65530", "--clear-groups"}), 2) << "the file's mode";
}

TEST(Access, UnknownNamesAreNamed) {
  const TemporaryDirectory directory;
  for (const auto& [line, path] :
       {std::pair("users = [\"root\", \"no-such-user\"]\n", "api.users[1]: found \"no-such-user\""),
        std::pair("groups = [\"no-such-group\"]\n", "api.groups[0]: found \"no-such-group\"")}) {
    write_file(directory.file("sluice.toml"), configuration(directory.path(), line));
    for (const char* option : {"--check-config", "--config"}) {
      const auto ran = run({kSluiced, option, directory.file("sluice.toml")});
      EXPECT_EQ(ran.code, 2) << ran.output;
      EXPECT_NE(ran.output.find(path), std::string::npos) << ran.output;
    }
  }
}

/// The number of places in the memory of the process that hold the text.
std::size_t count_in_memory(pid_t pid, const std::string& text) {
  std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
  const int memory = open(("/proc/" + std::to_string(pid) + "/mem").c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_GE(memory, 0);
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) {
    std::uint64_t begin = 0, end = 0;
    char mode[5] = {};
    if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %4s", &begin, &end, mode) != 3) continue;
    if (mode[0] != 'r' || mode[1] != 'w' || end - begin > (64u << 20)) continue;  // DPDK's memory is larger
    std::string bytes(end - begin, '\0');
    const auto got = pread(memory, bytes.data(), bytes.size(), static_cast<off_t>(begin));
    if (got <= 0) continue;
    bytes.resize(static_cast<std::size_t>(got));
    for (auto at = bytes.find(text); at != std::string::npos; at = bytes.find(text, at + 1)) ++count;
  }
  close(memory);
  return count;
}

TEST(DaemonMemory, NoTextOfAKeyStaysAfterTheCall) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer has the heap";
#endif
  NEEDS_TWO_CPUS();
  const std::string key = "q7WmZr0x3yVtKfLbGhJdSsAaPpOoIiUuYyTt3Q==";  // of 28 bytes
  Daemon daemon;
  ASSERT_TRUE(daemon.is_ready()) << daemon.log();
  test::RawClient client(daemon.socket());  // stays connected: its buffers are looked at too
  const auto call = [&](const std::string& method, const std::string& params) {
    client.send_bytes("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" + method + "\",\"params\":" + params +
                      "}\n");
    return client.answer()["result"];
  };
  call("session.create", R"({"id":"s"})");
  const auto made =
      call("endpoint.create", R"({"session":"s","id":"e","kind":"sdes","receiveKey":")" + key + "\"}");
  ASSERT_EQ(made["crypto"]["receiveKey"], key) << made;
  const auto send_key = made["crypto"]["sendKey"].get<std::string>();
  const auto shown = call("endpoint.get", R"({"session":"s","id":"e","showKeys":true})");
  EXPECT_EQ(shown["crypto"]["sendKey"], send_key);
  const auto hidden = call("endpoint.get", R"({"session":"s","id":"e"})");
  EXPECT_TRUE(hidden["crypto"]["sendKey"].is_null());
  EXPECT_TRUE(hidden["crypto"]["receiveKey"].is_null());
  EXPECT_TRUE(call("endpoint.list", "{}")["endpoints"][0]["crypto"]["sendKey"].is_null());
  EXPECT_EQ(call("session.remove", R"({"id":"s"})")["removed"], true);
  call("version", "{}");
  EXPECT_EQ(count_in_memory(daemon.process().pid(), key.substr(4, 24)), 0u);
  EXPECT_EQ(count_in_memory(daemon.process().pid(), send_key.substr(4, 24)), 0u);
}

}  // namespace
}  // namespace sluice::control
