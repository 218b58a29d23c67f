// The claim of the API's socket: who holds it, what is in its way, and that no other user can hold it up.
#include "controlplane/server/api_socket.h"

#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <functional>

#include "tests/controlplane/daemon/process.h"

namespace sluice::control {
namespace {

using namespace std::chrono_literals;
using test::TemporaryDirectory;

constexpr uid_t kOtherUser = 65534;

mode_t mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 0777;
}

TEST(ApiSocketTest, ASocketInUseIsRefusedWithItsPid) {
  TemporaryDirectory directory;
  config::Api api;
  api.socket = directory.file("new/deep/api.sock");
  std::string error;
  const auto first = ApiSocket::claim(api, error);
  ASSERT_TRUE(first) << error;
  EXPECT_FALSE(ApiSocket::claim(api, error));
  EXPECT_NE(error.find(api.socket), std::string::npos) << error;
  EXPECT_NE(error.find("pid " + std::to_string(getpid())), std::string::npos) << error;
  EXPECT_EQ(mode_of(api.socket), 0600u);
  EXPECT_EQ(mode_of(directory.file("new/deep")), 0755u);
}

TEST(ApiSocketTest, AStaleSocketIsTakenOverAndOursIsRemoved) {
  TemporaryDirectory directory;
  config::Api api;
  api.socket = directory.file("api.sock");
  api.mode = 0660;
  const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  api.socket.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(dead, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  close(dead);  // the path stays, as after a crash
  std::string error;
  auto claim = ApiSocket::claim(api, error);
  ASSERT_TRUE(claim) << error;
  EXPECT_EQ(mode_of(api.socket), 0660u);
  claim.reset();
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));  // nor is the lock file left
}

TEST(ApiSocketTest, NeitherAnotherFileNorASuccessorsSocketIsTouched) {
  TemporaryDirectory directory;
  config::Api api;
  api.socket = directory.file("precious");
  std::ofstream(api.socket) << "data";
  std::string error;
  EXPECT_FALSE(ApiSocket::claim(api, error));
  EXPECT_NE(error.find("not a socket"), std::string::npos) << error;
  EXPECT_TRUE(std::filesystem::is_regular_file(api.socket));

  api.socket = directory.file("api.sock");
  auto first = ApiSocket::claim(api, error);
  ASSERT_TRUE(first);
  std::filesystem::rename(api.socket, directory.file("moved"));
  EXPECT_FALSE(ApiSocket::claim(api, error));  // the first still lives, and holds the lock
  std::filesystem::remove(api.socket + ".lock");
  const auto second = ApiSocket::claim(api, error);
  ASSERT_TRUE(second) << error;
  first.reset();
  EXPECT_TRUE(std::filesystem::exists(api.socket));
  EXPECT_TRUE(std::filesystem::exists(api.socket + ".lock"));
}

TEST(ApiSocketTest, APathThatCannotBeIsNamed) {
  config::Api api;
  std::string error;
  api.socket = "/tmp/" + std::string(200, 'x');
  EXPECT_FALSE(ApiSocket::claim(api, error));
  EXPECT_NE(error.find("205 bytes; allowed: 1..107"), std::string::npos) << error;
  api.socket = "/dev/null/sluice/api.sock";
  EXPECT_FALSE(ApiSocket::claim(api, error));
  EXPECT_NE(error.find("/dev/null/sluice"), std::string::npos) << error;
}

TEST(ApiSocketTest, OfManyThatRaceForAStaleSocketOneGetsIt) {
  TemporaryDirectory directory;
  config::Api api;
  api.socket = directory.file("api.sock");
  // Processes, as daemons are: the umask is the process's.
  std::vector<pid_t> children;
  int gate[2];
  ASSERT_EQ(pipe(gate), 0);
  for (int i = 0; i < 8; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      close(gate[1]);
      char byte;
      if (read(gate[0], &byte, 1) != 0) _exit(9);
      std::string why;
      auto claim = ApiSocket::claim(api, why);
      std::this_thread::sleep_for(500ms);
      const int code = claim ? 1 : 0;
      claim.reset();
      _exit(code);
    }
    children.push_back(child);
  }
  close(gate[0]);
  close(gate[1]);
  int winners = 0;
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    winners += WEXITSTATUS(status);
  }
  EXPECT_EQ(winners, 1);
}

TEST(ApiSocketTest, TheLockFileIsPrivateAndNamesTheHolder) {
  const TemporaryDirectory directory;
  config::Api api;
  api.socket = directory.file("api.sock");
  const std::string lock = api.socket + ".lock";
  std::ofstream(lock)
      << "99999999999999999999 is no process id\n";  // a dead daemon left it, with another mode
  std::filesystem::permissions(lock, std::filesystem::perms(0666));
  std::string error;
  const mode_t before = umask(0);
  auto claim = ApiSocket::claim(api, error);
  umask(before);
  ASSERT_TRUE(claim) << error;
  EXPECT_EQ(mode_of(lock), 0600u);
  EXPECT_EQ(test::read_file(lock), std::to_string(getpid()) + "\n");
  EXPECT_FALSE(ApiSocket::claim(api, error));
  EXPECT_EQ(error, "API socket " + api.socket + " is in use by a running process (pid " +
                       std::to_string(getpid()) + "), which holds " + lock +
                       "; stop it first or set [api] socket");
  claim.reset();
  EXPECT_FALSE(std::filesystem::exists(lock));
}

TEST(ApiSocketTest, WhatLiesAtTheLocksPathIsNamedAndNeverWaitedFor) {
  struct Case {
    const char* name;
    std::function<void(const std::string& path)> make;
    const char* says;
  };
  for (const auto& [name, make, says] : std::vector<Case>{
           {"FIFO", [](auto& path) { EXPECT_EQ(mkfifo(path.c_str(), 0600), 0); }, "not a lock file"},
           {"link", [](auto& path) { std::filesystem::create_symlink("/dev/zero", path); },
            "not a lock file"},
           {"directory", [](auto& path) { std::filesystem::create_directory(path); }, "not a lock file"}}) {
    const TemporaryDirectory directory;
    config::Api api;
    api.socket = directory.file("api.sock");
    make(api.socket + ".lock");
    std::string error;
    alarm(60);  // ends a test that waits
    EXPECT_FALSE(ApiSocket::claim(api, error)) << name;
    alarm(0);
    EXPECT_NE(error.find(api.socket + ".lock: something that is " + says), std::string::npos) << error;
    EXPECT_FALSE(std::filesystem::exists(api.socket)) << name;
  }
}

/// Runs `act` as another user in a process of its own, which lives until the destructor.
class OtherUser {
 public:
  explicit OtherUser(const std::function<bool()>& act) {
    int ready[2];
    EXPECT_EQ(pipe(ready), 0);
    pid_ = fork();
    if (pid_ == 0) {
      const char done = setresuid(kOtherUser, kOtherUser, kOtherUser) == 0 && act() ? 1 : 0;
      if (write(ready[1], &done, 1) != 1) _exit(1);
      for (;;) pause();
    }
    char done = 0;
    EXPECT_EQ(read(ready[0], &done, 1), 1);
    EXPECT_EQ(done, 1);
    close(ready[0]);
    close(ready[1]);
  }
  ~OtherUser() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  OtherUser(const OtherUser&) = delete;
  OtherUser& operator=(const OtherUser&) = delete;

 private:
  pid_t pid_;
};

TEST(ApiSocketTest, NoOtherUserHoldsUpTheStart) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
  const TemporaryDirectory directory;
  std::filesystem::permissions(directory.path(), std::filesystem::perms(01777));
  config::Api api;
  api.socket = directory.file("api.sock");
  const std::string lock = api.socket + ".lock";
  std::string error;
  alarm(60);  // ends a test that waits
  {
    const OtherUser locker([&] {
      const int fd = open(directory.path().c_str(), O_RDONLY | O_DIRECTORY);
      return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
    });
    const auto claim = ApiSocket::claim(api, error);
    EXPECT_TRUE(claim) << error;
    const OtherUser reader([&] { return open(lock.c_str(), O_RDONLY) < 0; });
  }
  {
    const OtherUser squatter([&] {
      const int fd = open(lock.c_str(), O_RDWR | O_CREAT, 0666);
      return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
    });
    EXPECT_FALSE(ApiSocket::claim(api, error));
    EXPECT_NE(error.find(lock + ": it belongs to user id 65534; remove it"), std::string::npos) << error;
  }
  std::filesystem::remove(lock);
  EXPECT_TRUE(ApiSocket::claim(api, error)) << error;
  alarm(0);
}

}  // namespace
}  // namespace sluice::control
