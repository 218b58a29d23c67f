// The API server over a real Unix socket: framing, order, limits, back-pressure, events, and the users that
// may connect.
#include "controlplane/server/api_server.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <deque>
#include <filesystem>
#include <future>
#include <thread>

#include "controlplane/api/api.h"
#include "controlplane/base/line_buffer.h"
#include "controlplane/server/api_socket.h"
#include "tests/controlplane/daemon/process.h"
#include "tests/controlplane/server/error_shape.h"
#include "tests/controlplane/server/socket_client.h"

namespace sluice::control {
namespace {

using namespace std::chrono_literals;

using test::request;
using test::TemporaryDirectory;
using Client = test::SocketClient;

class ApiServerTest : public testing::Test {
 protected:
  void SetUp() override { start({.max_connections = 8, .max_line_bytes = 4096, .log = nullptr}); }
  void TearDown() override { stop(); }

  void start(ApiServer::Options options) {
    config::Api api;
    api.socket = path_ = directory_.file("api.sock");
    std::string error;
    claim_ = ApiSocket::claim(api, error);
    ASSERT_TRUE(claim_) << error;
    options.log = [](const std::string&) {};
    server_ = std::make_unique<ApiServer>(io_, claim_->release_fd(), std::move(options), hub_,
                                          [this](const auto& method, const auto& params, Answer answer) {
                                            handle(method, params, std::move(answer));
                                          });
    thread_ = std::thread([this] { io_.run(); });
  }
  void stop() {
    if (!thread_.joinable()) return;
    run([this] {
      held_.clear();
      server_.reset();
    });
    work_.reset();
    thread_.join();
    claim_.reset();
  }

  /// Calls the function on the loop's thread and waits until it returns.
  template <typename Function>
  void run(Function function) {
    std::promise<void> done;
    boost::asio::post(io_, [&] {
      function();
      done.set_value();
    });
    done.get_future().get();
  }
  std::size_t connections() {
    std::size_t count = 0;
    run([&] { count = server_->connections(); });
    return count;
  }
  void wait_for_connections(std::size_t wanted) {
    for (int i = 0; i < 500 && connections() != wanted; ++i) std::this_thread::sleep_for(10ms);
    EXPECT_EQ(connections(), wanted);
  }

  void handle(const std::string& method, const Json& params, Answer answer) {
    ++handled_;
    if (method == "echo") return answer({.result = OrderedJson(params)});
    if (method == "hold") return held_.push_back(std::move(answer));
    if (method == "drop") return;
    if (method == "throw") throw std::runtime_error("thrown");
    if (method == "big")
      return answer({.result = OrderedJson(std::string(params["size"].get<std::size_t>(), 'x'))});
    if (method == "follow") return answer({.result = OrderedJson(true), .subscribe = true});
    answer({.result = unknown_method(method, {}, {})});
  }

  TemporaryDirectory directory_;
  std::string path_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  EventHub hub_;
  std::unique_ptr<ApiSocket> claim_;
  std::unique_ptr<ApiServer> server_;
  std::thread thread_;
  std::deque<Answer> held_;  // used by the loop's thread only
  std::atomic<std::uint64_t> handled_{0};
};

TEST_F(ApiServerTest, AnswersWithTheIdOfTheRequest) {
  Client client(path_);
  for (const Json& id : {Json(1), Json(-1), Json(UINT64_MAX), Json(INT64_MIN), Json("a"), Json(nullptr)}) {
    client.send_bytes(request("echo", {{"x", 1}}, id));
    const Json answer = client.answer();
    EXPECT_EQ(answer["jsonrpc"], "2.0");
    EXPECT_EQ(answer["id"], id);
    EXPECT_EQ(answer["result"]["x"], 1);
  }
}

TEST_F(ApiServerTest, ANotificationIsCarriedOutAndNotAnswered) {
  Client client(path_);
  client.send_bytes("{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}\n" + request("echo", {}, 2));
  EXPECT_EQ(client.answer()["id"], 2);
  EXPECT_EQ(handled_, 2u);
}

TEST_F(ApiServerTest, ALineInPiecesIsOneRequest) {
  Client client(path_);
  const std::string text = request("echo", {{"x", "y"}});
  for (const char c : text) ASSERT_TRUE(client.send_bytes({&c, 1}));
  EXPECT_EQ(client.answer()["result"]["x"], "y");
}

TEST_F(ApiServerTest, BlankLinesAndCarriageReturnsAreNoRequests) {
  Client client(path_);
  client.send_bytes("\n \t\r\n" + request("echo").substr(0, request("echo").size() - 1) + "\r\n");
  EXPECT_TRUE(client.answer().contains("result"));
}

TEST_F(ApiServerTest, HalfARequestIsAnsweredAndNotCarriedOut) {
  Client client(path_);
  const std::string whole = request("echo");
  client.send_bytes(whole.substr(0, whole.size() - 1));  // a whole request without its line feed
  client.end_output();
  EXPECT_EQ(client.answer()["error"]["code"], kErrorParse);
  EXPECT_FALSE(client.line());
  EXPECT_TRUE(client.is_at_end());
  EXPECT_EQ(handled_, 0u);
}

TEST_F(ApiServerTest, AnEndWithNothingOpenIsQuiet) {
  Client client(path_);
  client.send_bytes(request("echo") + "  ");
  client.end_output();
  EXPECT_TRUE(client.answer().contains("result"));
  EXPECT_FALSE(client.line());
  EXPECT_TRUE(client.is_at_end());
}

struct BadLine {
  const char* line;
  int code;
};

TEST_F(ApiServerTest, BadLinesAreAnsweredAndTheConnectionGoesOn) {
  Client client(path_);
  const BadLine bad[] = {{"x", kErrorParse},
                         {"{\"jsonrpc\":\"2.0\",", kErrorParse},
                         {"{} {}", kErrorParse},
                         {"\xff\xfe", kErrorParse},
                         {"[]", kErrorInvalidRequest},
                         {R"([{"jsonrpc":"2.0","id":1,"method":"echo"}])", kErrorInvalidRequest},
                         {"7", kErrorInvalidRequest},
                         {"{}", kErrorInvalidRequest},
                         {R"({"id":1,"method":"echo"})", kErrorInvalidRequest},
                         {R"({"jsonrpc":2.0,"id":1,"method":"echo"})", kErrorInvalidRequest},
                         {R"({"jsonrpc":"2.0","id":{},"method":"echo"})", kErrorInvalidRequest},
                         {R"({"jsonrpc":"2.0","id":true,"method":"echo"})", kErrorInvalidRequest},
                         {R"({"jsonrpc":"2.0","id":1,"method":7})", kErrorInvalidRequest},
                         {R"({"jsonrpc":"2.0","id":1})", kErrorInvalidRequest},
                         {R"({"jsonrpc":"2.0","id":1,"method":"echo","extra":1})", kErrorInvalidRequest},
                         {R"({"jsonrpc":"2.0","id":1,"id":2,"method":"echo"})", kErrorParse},
                         {R"({"jsonrpc":"2.0","id":1,"method":"nope"})", kErrorUnknownMethod}};
  for (const auto& [line, code] : bad) {
    ASSERT_TRUE(client.send_bytes(std::string(line) + "\n"));
    const Json answer = client.answer();
    EXPECT_EQ(answer["error"]["code"], code) << line;
    test::expect_documented(answer["error"]);
  }
  EXPECT_EQ(handled_, 1u);
  client.send_bytes(request("echo"));
  EXPECT_TRUE(client.answer().contains("result"));
}

TEST_F(ApiServerTest, NestingIsBounded) {
  Client client(path_);
  client.send_bytes(std::string(4000, '[') + "\n");
  EXPECT_EQ(client.answer()["error"]["code"], kErrorParse);
  client.send_bytes(request("echo"));
  EXPECT_TRUE(client.answer().contains("result"));
}

TEST_F(ApiServerTest, ALineOfTheGreatestLengthIsTakenAndOneMoreByteIsNot) {
  std::string fits = request("echo", {{"x", ""}});
  const auto fill = [&](std::size_t length) {
    std::string text = fits;
    return text.insert(text.find("\"x\":\"") + 5, std::string(length + 1 - fits.size(), 'y'));
  };
  Client client(path_);
  client.send_bytes(fill(4096));
  EXPECT_TRUE(client.answer().contains("result"));
  client.send_bytes(fill(4097) + request("echo"));
  const Json answer = client.answer();
  EXPECT_EQ(answer["error"]["code"], kErrorInvalidRequest);
  test::expect_documented(answer["error"]);
  EXPECT_NE(answer["error"]["message"].get<std::string>().find("line_bytes = 4096"), std::string::npos);
  EXPECT_FALSE(client.line());
  EXPECT_EQ(handled_, 1u);
}

TEST_F(ApiServerTest, AnEndlessLineIsRefusedBeforeItEnds) {
  Client client(path_);
  client.send_bytes(std::string(100000, 'a'));
  EXPECT_EQ(client.answer()["error"]["code"], kErrorInvalidRequest);
  EXPECT_FALSE(client.line());
  wait_for_connections(0);
}

TEST_F(ApiServerTest, TenThousandRequestsInOneWriteAreAnsweredInOrder) {
  std::string all;
  for (int i = 0; i < 10000; ++i) all += request("echo", {{"n", i}}, i);
  Client client(path_);
  std::thread writer([&] { EXPECT_TRUE(client.send_bytes(all)); });
  for (int i = 0; i < 10000; ++i) {
    const Json answer = client.answer();
    ASSERT_EQ(answer["id"], i);
    ASSERT_EQ(answer["result"]["n"], i);
  }
  writer.join();
}

TEST_F(ApiServerTest, ManyRequestsOfOneDoNotStarveAnother) {
  std::string flood;
  for (int i = 0; i < 20000; ++i) flood += request("big", {{"size", 100}}, i);
  Client greedy(path_);
  std::atomic<bool> is_flooding{true};
  std::thread reader([&] {
    for (int i = 0; i < 20000 && greedy.line(); ++i) {
    }
    is_flooding = false;
  });
  std::thread writer([&] { greedy.send_bytes(flood); });
  Client modest(path_);
  int answered_meanwhile = 0;
  while (is_flooding) {
    modest.send_bytes(request("echo"));
    ASSERT_TRUE(modest.answer().contains("result"));
    ++answered_meanwhile;
  }
  writer.join();
  reader.join();
  EXPECT_GT(answered_meanwhile, 10);
}

TEST_F(ApiServerTest, LateAnswersKeepTheOrder) {
  Client client(path_);
  client.send_bytes(request("hold", {}, 1) + request("echo", {}, 2) + request("hold", {}, 3) +
                    request("echo", {}, 4));
  for (int i = 0; i < 500 && handled_ < 4; ++i) std::this_thread::sleep_for(10ms);
  ASSERT_EQ(handled_, 4u);
  pollfd waiting{.fd = client.fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&waiting, 1, 50), 0);
  run([this] { held_[1]({.result = OrderedJson("third")}); });
  EXPECT_EQ(poll(&waiting, 1, 50), 0);
  run([this] { held_[0]({.result = OrderedJson("first")}); });
  for (int id = 1; id <= 4; ++id) EXPECT_EQ(client.answer()["id"], id);
}

TEST_F(ApiServerTest, PendingRequestsAreBounded) {
  Client client(path_);
  std::string all;
  for (int i = 0; i < 3000; ++i) all += request("hold", {}, i);
  std::thread writer([&] { client.send_bytes(all); });
  for (int i = 0; i < 100 && handled_ < 1024; ++i) std::this_thread::sleep_for(10ms);
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(handled_, 1024u);
  std::thread answerer([this] {
    for (std::size_t answered = 0; answered < 3000;)
      run([&] {
        for (; !held_.empty(); held_.pop_front(), ++answered) held_.front()({.result = OrderedJson(true)});
      });
  });
  for (int i = 0; i < 3000; ++i) ASSERT_EQ(client.answer()["id"], i);
  writer.join();
  answerer.join();
}

TEST_F(ApiServerTest, ARequestThatIsDroppedOrThrowsIsAnInternalError) {
  Client client(path_);
  client.send_bytes(request("drop", {}, 1) + request("throw", {}, 2) + request("echo", {}, 3));
  for (int i = 0; i < 2; ++i) {
    const Json answer = client.answer();
    EXPECT_EQ(answer["error"]["code"], kErrorInternal);
    test::expect_documented(answer["error"]);
  }
  EXPECT_TRUE(client.answer().contains("result"));
}

TEST_F(ApiServerTest, ASlowReaderIsNotReadFromAndLosesNothing) {
  Client client(path_);
  constexpr int kCount = 200;
  std::string all;
  for (int i = 0; i < kCount; ++i) all += request("big", {{"size", 100000}}, i);
  client.send_bytes(all);
  std::this_thread::sleep_for(200ms);
  // The server stops after 4 MiB and the answer that passes the limit; the kernel holds a few more. That is
  // far less than all 20 MB.
  EXPECT_LT(handled_, 60u);
  for (int i = 0; i < kCount; ++i) ASSERT_EQ(client.answer()["id"], i);
  EXPECT_EQ(handled_, static_cast<std::uint64_t>(kCount));
}

TEST_F(ApiServerTest, APeerThatLeavesInTheMiddleLeavesNothingBehind) {
  for (int i = 0; i < 20; ++i) {
    Client client(path_);
    client.send_bytes(request("big", {{"size", 1000000}}) + request("hold") + request("follow"));
  }
  run([this] { held_.clear(); });
  for (int i = 0; i < 500 && connections() > 0; ++i) {
    run([this] { held_.clear(); });
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_EQ(connections(), 0u);
  Client client(path_);
  client.send_bytes(request("echo"));
  EXPECT_TRUE(client.answer().contains("result"));
}

TEST_F(ApiServerTest, OneConnectionTooManyIsToldSo) {
  std::deque<Client> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back(path_).send_bytes(request("echo"));
    ASSERT_TRUE(clients.back().answer().contains("result"));
  }
  for (int i = 0; i < 50; ++i) {
    Client extra(path_);
    extra.send_bytes(request("echo"));
    const Json answer = extra.answer();
    ASSERT_EQ(answer["error"]["code"], kErrorLimit);
    ASSERT_EQ(answer["error"]["data"]["value"], 8);
    test::expect_documented(answer["error"]);
    ASSERT_FALSE(extra.line());
  }
  clients.pop_back();
  wait_for_connections(7);
  Client again(path_);
  again.send_bytes(request("echo"));
  EXPECT_TRUE(again.answer().contains("result"));
}

TEST_F(ApiServerTest, EventsFollowTheAnswerToTheSubscription) {
  Client client(path_);
  client.send_bytes(request("hold", {}, 1) + request("follow", {}, 2));
  for (int i = 0; i < 500 && handled_ < 2; ++i) std::this_thread::sleep_for(10ms);
  Event event{.session = {}, .body = SessionCreated{}};
  run([&] { hub_.publish(event); });  // before the answer: the subscription is not active yet
  run([&] { held_[0]({.result = OrderedJson(true)}); });
  EXPECT_EQ(client.answer()["id"], 1);
  EXPECT_EQ(client.answer()["id"], 2);
  event.session = "after";
  run([&] { hub_.publish(event); });
  const Json notification = client.answer();
  EXPECT_EQ(notification["method"], "event");
  EXPECT_FALSE(notification.contains("id"));
  EXPECT_EQ(notification["params"]["session"], "after");
  client.send_bytes(request("echo", {}, 3));  // the connection still takes requests
  EXPECT_EQ(client.answer()["id"], 3);
}

TEST_F(ApiServerTest, ASlowSubscriberIsToldHowManyItLost) {
  Client slow(path_);
  slow.send_bytes(request("follow"));
  ASSERT_TRUE(slow.answer().contains("result"));
  constexpr std::uint64_t kEvents = 40000;
  run([&] {
    Event event{.session = {}, .body = SessionCreated{}};
    for (std::uint64_t i = 0; i < kEvents; ++i) {
      event.session = std::to_string(i);
      hub_.publish(event);
    }
  });
  std::uint64_t received = 0, lost = 0, markers = 0;
  while (received + lost < kEvents) {
    const Json line = slow.answer();
    ASSERT_TRUE(line.is_object()) << received << " received, " << lost << " lost";
    if (line["params"]["type"] == "events.lost") {
      lost += line["params"]["count"].get<std::uint64_t>();
      ++markers;
    } else {
      EXPECT_EQ(line["params"]["session"],
                std::to_string(received + lost));  // in order, with the gap at its place
      ++received;
    }
  }
  EXPECT_EQ(markers, 1u);
  EXPECT_GE(received, EventQueue::kMaxLines);
}

TEST_F(ApiServerTest, DrainingAnswersWhatIsPendingAndThenCloses) {
  Client client(path_), idle(path_);
  client.send_bytes(request("hold"));
  idle.send_bytes(request("echo"));
  EXPECT_TRUE(idle.answer().contains("result"));
  for (int i = 0; i < 500 && handled_ < 2; ++i) std::this_thread::sleep_for(10ms);
  run([this] { server_->drain(); });
  EXPECT_FALSE(idle.line());
  EXPECT_TRUE(idle.is_at_end());
  run([this] { EXPECT_FALSE(server_->drained()); });
  client.send_bytes(request("echo", {}, 2));  // too late: gets no answer
  run([this] { held_[0]({.result = OrderedJson("done")}); });
  EXPECT_EQ(client.answer()["result"], "done");
  EXPECT_FALSE(client.line());
  wait_for_connections(0);
  EXPECT_FALSE(Client(path_).is_connected());
}

TEST_F(ApiServerTest, OnlyRootAndTheDaemonsUserMayConnect) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  ASSERT_EQ(chmod(path_.c_str(), 0666), 0);  // the mode now allows all users
  ASSERT_EQ(chmod(std::filesystem::path(path_).parent_path().c_str(), 0755), 0);
  int result[2];
  ASSERT_EQ(pipe(result), 0);
  const pid_t child = fork();
  if (child == 0) {
    if (setuid(65534) != 0) _exit(2);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) _exit(3);
    char buffer[1024];
    for (ssize_t size; (size = read(fd, buffer, sizeof buffer)) > 0;)
      if (write(result[1], buffer, static_cast<std::size_t>(size)) != size) _exit(4);
    _exit(0);
  }
  close(result[1]);
  std::string text;
  char buffer[1024];
  for (ssize_t size; (size = read(result[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(size));
  close(result[0]);
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  const Json answer = Json::parse(text, nullptr, false);
  ASSERT_TRUE(answer.is_object()) << text;
  EXPECT_EQ(answer["error"]["code"], kErrorPermission);
  EXPECT_EQ(answer["error"]["data"]["found"], "user id 65534");
  test::expect_documented(answer["error"]);
}

TEST(LineBufferTest, CutsLinesWhereverThePiecesEnd) {
  const std::string text = "one\n\nthree\nfour";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    LineBuffer buffer(100);
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < text.size(); i += piece) {
      buffer.append(std::string_view(text).substr(i, piece));
      while (const auto line = buffer.next()) lines.emplace_back(*line);
    }
    EXPECT_EQ(lines, (std::vector<std::string>{"one", "", "three"})) << piece;
    EXPECT_EQ(buffer.rest(), "four");
  }
}

TEST(EventQueueTest, ALossIsToldOnceInItsPlace) {
  int ready = 0;
  EventQueue queue([&] { ++ready; }, 4);
  const auto line = [](const char* text) { return std::make_shared<const std::string>(text); };
  for (const char* text : {"a", "b", "c", "d", "lost", "lost"}) queue.push(line(text));
  EXPECT_EQ(ready, 1);
  EXPECT_EQ(*queue.pop(), "a");
  queue.push(line("lost"));  // lost: the queue is not half empty yet
  EXPECT_EQ(*queue.pop(), "b");
  queue.push(line("e"));
  EXPECT_EQ(*queue.pop(), "c");
  EXPECT_EQ(*queue.pop(), "d");
  EXPECT_NE(queue.pop()->find(R"("type":"events.lost","count":3)"), std::string::npos);
  EXPECT_EQ(*queue.pop(), "e");
  EXPECT_EQ(queue.pop(), nullptr);
  queue.push(line("f"));
  EXPECT_EQ(ready, 2);
}

}  // namespace
}  // namespace sluice::control
