// programs: sluiced and sluicectl as tests run them: a whole daemon over a port without a NIC and without
// huge pages, command lines, and a plain connection to the API.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "config/host.h"
#include "tests/controlplane/daemon/process.h"
#include "tests/controlplane/server/socket_client.h"

namespace sluice::control::test {

inline const std::string kSluiced = SLUICED_PATH;
inline const std::string kSluicectl = SLUICECTL_PATH;
inline const std::string kDevice = "net_null0,no-rx=1";  // accepts each frame and receives none

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

/// A port without a NIC, no huge pages, and two of the machine's CPUs.
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

/// Expects that the daemon takes the connection.
class RawClient : public SocketClient {
 public:
  explicit RawClient(const std::string& path) : SocketClient(path, 30) {
    EXPECT_TRUE(is_connected()) << path;
  }
};

}  // namespace sluice::control::test
