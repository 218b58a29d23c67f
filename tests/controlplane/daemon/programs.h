// programs: sluiced and sluicectl as tests run them: a whole daemon over a port without a NIC and without
// huge pages, command lines, and a plain connection to the API.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <memory>
#include <string>
#include <vector>

#include "config/host.h"
#include "controlplane/base/json.h"
#include "tests/controlplane/daemon/process.h"

namespace sluice::control::test {

inline const std::string kSluiced = SLUICED_PATH;
inline const std::string kSluicectl = SLUICECTL_PATH;
inline const std::string kDevice = "net_null0,no-rx=1";  // takes everything, gives nothing

struct Ran {
  int code;
  std::string output;
};

inline Ran run(const std::vector<std::string>& arguments) {
  const TemporaryDirectory directory;
  Process process(arguments, directory.file("out"));
  const auto code = process.exit_code();
  return {code.value_or(-1), process.output()};
}

inline void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

/// A port without a NIC, no huge pages, two CPUs of those there are.
inline std::string configuration(const std::string& directory, const std::string& extra_api = "",
                                 const std::string& extra = "") {
  const auto cpus = config::Host::probe().cpus;
  return "[[ports]]\ndevice = \"" + kDevice +
         "\"\naddresses = [\"198.18.0.1/15\"]\n"
         "[workers]\ncontrol_core = " +
         std::to_string(cpus.at(0)) + "\ncores = [" + std::to_string(cpus.at(1)) +
         "]\nidle = \"yield\"\n"
         "[memory]\nhuge_pages = \"never\"\nsize_mib = 128\nmbufs_per_worker = 4096\n"
         "[api]\nsocket = \"" +
         directory + "/run/sluice.sock\"\n" + extra_api + "[log]\nlevel = \"debug\"\n" + extra;
}

class Daemon {
 public:
  explicit Daemon(const std::string& extra_api = "", const std::string& extra = "") {
    write_file(directory_.file("sluice.toml"), configuration(directory_.path(), extra_api, extra));
    start();
  }
  void start() {
    process_ = std::make_unique<Process>(std::vector<std::string>{kSluiced, "--config", config()},
                                         directory_.file("log"));
    for (int i = 0; i < 2000 && process_->is_running() && log().find(" ready ") == std::string::npos; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  bool is_ready() { return process_->is_running() && log().find(" ready ") != std::string::npos; }
  std::string config() const { return directory_.file("sluice.toml"); }
  std::string socket() const { return directory_.file("run/sluice.sock"); }
  std::string log() const { return process_->output(); }
  Process& process() { return *process_; }

  Ran ctl(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {kSluicectl, "--socket", socket()});
    return run(arguments);
  }

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<Process> process_;
};

inline bool has_two_cpus() {
  return config::Host::probe().cpus.size() >= 2;
}
#define NEEDS_TWO_CPUS() \
  if (!has_two_cpus()) GTEST_SKIP() << "the control thread and a worker need a CPU each"

/// A plain connection: what sluicectl does not do.
class RawClient {
 public:
  explicit RawClient(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const timeval timeout{.tv_sec = 30, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0) << path;
  }
  ~RawClient() { close(fd_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool send_bytes(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  std::optional<std::string> line() {
    for (;;) {
      if (const auto end = input_.find('\n', begin_); end != std::string::npos) {
        std::string text = input_.substr(begin_, end - begin_);
        begin_ = end + 1;
        return text;
      }
      input_.erase(0, begin_);
      begin_ = 0;
      char buffer[65536];
      const ssize_t size = recv(fd_, buffer, sizeof buffer, 0);
      if (size <= 0) return std::nullopt;
      input_.append(buffer, static_cast<std::size_t>(size));
    }
  }
  Json answer() {
    const auto text = line();
    return text ? Json::parse(*text) : Json();
  }

 private:
  int fd_;
  std::string input_;
  std::size_t begin_ = 0;
};

inline std::string request(const std::string& method, const Json& params = Json::object(),
                           const Json& id = 1) {
  return Json{{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}}.dump() + "\n";
}

}  // namespace sluice::control::test
