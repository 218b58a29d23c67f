// udp_relay: relays UDP datagrams over kernel sockets with epoll, recvmmsg and sendmmsg. It has no
// cryptography, no rewriting and no latching, so it shows the least CPU time that a relay on sockets can
// take. One thread.
//
//   udp_relay --address IP --table FILE
//
// A line of FILE is one endpoint: LOCAL_PORT PEER_IP PEER_PORT FIRST COUNT. Datagrams that arrive at
// LOCAL_PORT go to the peers of COUNT lines, of which FIRST is the number of the first, counted from 0. Each
// copy leaves from the local port of its line.
// The program prints "ready" when all sockets are bound, and its counts as JSON on SIGTERM.
#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr unsigned kBatch = 64;
constexpr std::size_t kDatagramBytes = 2048;
constexpr int kSocketBufferBytes = 1 << 20;
constexpr int kEvents = 512;
constexpr std::uint32_t kSignal = UINT32_MAX;

struct Endpoint {
  int socket = -1;
  sockaddr_in peer{};
  std::size_t first = 0, count = 0;  // where its datagrams go
};

struct Counts {
  std::uint64_t received = 0, sent = 0, not_sent = 0;
};

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "udp_relay: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

int open_socket(const char* address, unsigned port) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  for (const int option : {SO_RCVBUFFORCE, SO_SNDBUFFORCE})
    setsockopt(fd, SOL_SOCKET, option, &kSocketBufferBytes, sizeof kSocketBufferBytes);
  sockaddr_in local{};
  local.sin_family = AF_INET;
  local.sin_port = htons(static_cast<std::uint16_t>(port));
  if (inet_pton(AF_INET, address, &local.sin_addr) != 1) fail(std::string("address ") + address);
  if (bind(fd, reinterpret_cast<sockaddr*>(&local), sizeof local) != 0)
    fail("bind to port " + std::to_string(port));
  return fd;
}

std::vector<Endpoint> read_table(const char* path, const char* address) {
  std::FILE* file = std::fopen(path, "r");
  if (file == nullptr) fail(path);
  std::vector<Endpoint> endpoints;
  char ip[64];
  unsigned local = 0, port = 0, first = 0, copies = 0;
  while (std::fscanf(file, "%u %63s %u %u %u", &local, ip, &port, &first, &copies) == 5) {
    Endpoint endpoint;
    endpoint.socket = open_socket(address, local);
    endpoint.peer.sin_family = AF_INET;
    endpoint.peer.sin_port = htons(static_cast<std::uint16_t>(port));
    if (inet_pton(AF_INET, ip, &endpoint.peer.sin_addr) != 1) fail(std::string("peer ") + ip);
    endpoint.first = first;
    endpoint.count = copies;
    endpoints.push_back(endpoint);
  }
  std::fclose(file);
  for (const Endpoint& endpoint : endpoints) {
    if (endpoint.first + endpoint.count <= endpoints.size()) continue;
    errno = EINVAL;
    fail("a line that leads to endpoint " + std::to_string(endpoint.first + endpoint.count - 1));
  }
  return endpoints;
}

/// Memory for a batch of datagrams, set up once.
class Batch {
 public:
  Batch() {
    for (unsigned i = 0; i < kBatch; ++i) {
      parts_[i] = {bytes_[i].data(), kDatagramBytes};
      messages_[i].msg_hdr.msg_iov = &parts_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  /// Relays up to a batch of the datagrams that wait at `from` to the peers that get them. False when less
  /// than a batch waited.
  bool relay(const Endpoint& from, std::vector<Endpoint>& endpoints, Counts& counts) {
    for (unsigned i = 0; i < kBatch; ++i) {
      parts_[i].iov_len = kDatagramBytes;
      messages_[i].msg_hdr.msg_name = nullptr;
      messages_[i].msg_hdr.msg_namelen = 0;
    }
    const int got = recvmmsg(from.socket, messages_.data(), kBatch, 0, nullptr);
    if (got <= 0) return false;
    counts.received += static_cast<std::uint64_t>(got);
    const auto batch = static_cast<unsigned>(got);
    for (unsigned i = 0; i < batch; ++i) parts_[i].iov_len = messages_[i].msg_len;
    for (std::size_t copy = 0; copy < from.count; ++copy) send(endpoints[from.first + copy], batch, counts);
    return batch == kBatch;
  }

 private:
  void send(Endpoint& to, unsigned batch, Counts& counts) {
    for (unsigned i = 0; i < batch; ++i) {
      messages_[i].msg_hdr.msg_name = &to.peer;
      messages_[i].msg_hdr.msg_namelen = sizeof to.peer;
    }
    const int sent = sendmmsg(to.socket, messages_.data(), batch, 0);
    const unsigned done = sent < 0 ? 0 : static_cast<unsigned>(sent);
    counts.sent += done;
    counts.not_sent += batch - done;
  }

  std::array<std::array<char, kDatagramBytes>, kBatch> bytes_{};
  std::array<iovec, kBatch> parts_{};
  std::array<mmsghdr, kBatch> messages_{};
};

void watch(int poll, int fd, std::uint32_t index) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u32 = index;
  if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
}

int termination() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const int fd = signalfd(-1, &signals, SFD_CLOEXEC);
  if (fd < 0) fail("signalfd");
  return fd;
}

Counts run(std::vector<Endpoint>& endpoints, int poll) {
  static Batch batch;
  Counts counts;
  std::array<epoll_event, kEvents> events{};
  for (;;) {
    const int ready = epoll_wait(poll, events.data(), kEvents, -1);
    if (ready < 0 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < ready; ++i) {
      const std::uint32_t index = events[static_cast<unsigned>(i)].data.u32;
      if (index == kSignal) return counts;
      const Endpoint& from = endpoints[index];
      while (batch.relay(from, endpoints, counts)) {
      }
    }
  }
}

}  // namespace

int main(int count, char** arguments) {
  const char* address = nullptr;
  const char* table = nullptr;
  for (int i = 1; i + 1 < count; i += 2) {
    if (std::strcmp(arguments[i], "--address") == 0) address = arguments[i + 1];
    if (std::strcmp(arguments[i], "--table") == 0) table = arguments[i + 1];
  }
  if (address == nullptr || table == nullptr) {
    std::fprintf(stderr, "udp_relay: usage: udp_relay --address IP --table FILE\n");
    return 64;
  }
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  std::vector<Endpoint> endpoints = read_table(table, address);
  const int poll = epoll_create1(EPOLL_CLOEXEC);
  if (poll < 0) fail("epoll_create1");
  watch(poll, termination(), kSignal);
  for (std::size_t i = 0; i < endpoints.size(); ++i)
    watch(poll, endpoints[i].socket, static_cast<std::uint32_t>(i));
  std::printf("ready\n");
  std::fflush(stdout);
  const Counts counts = run(endpoints, poll);
  std::printf("{\"received\":%llu,\"sent\":%llu,\"notSent\":%llu}\n",
              static_cast<unsigned long long>(counts.received), static_cast<unsigned long long>(counts.sent),
              static_cast<unsigned long long>(counts.not_sent));
  return 0;
}
