// api_server: JSON-RPC 2.0, one request a line, on a Unix stream socket (docs/api.md). It knows framing,
// order, limits and which users may connect. The handler knows what the requests mean.
//
// Control thread. Nothing blocks: a connection handles a bounded number of requests per turn of the loop. It
// is not read while too many of its requests wait for the handler, or too many answers wait for the peer.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>

#include "config/config.h"
#include "controlplane/server/answer.h"
#include "controlplane/server/api_access.h"
#include "controlplane/server/event_hub.h"

namespace sluice::control {

class ApiConnection;

class ApiServer {
 public:
  using LogSink = std::function<void(const std::string&)>;

  struct Options {
    std::size_t max_connections = 64;
    std::size_t max_line_bytes = 1048576;
    ApiAccess access = {};
    LogSink log;  // gets refusals and failures of the socket
  };

  /// Takes ownership of `listen_fd`. `hub` and `io` outlive this object.
  ApiServer(boost::asio::io_context& io, int listen_fd, Options options, EventHub& hub,
            RequestHandler handler);
  ~ApiServer();

  /// Accepts no more connections and requests. Pending answers are still sent; then the connections close.
  void drain();
  /// True when no connection is open.
  bool drained() const { return connections_.empty(); }
  std::size_t connections() const { return connections_.size(); }

 private:
  void accept();
  void admit(boost::asio::local::stream_protocol::socket socket);
  void refuse(boost::asio::local::stream_protocol::socket& socket, const ApiError& error);

  boost::asio::local::stream_protocol::acceptor acceptor_;
  boost::asio::steady_timer retry_;
  Options options_;
  EventHub& hub_;
  RequestHandler handler_;
  std::unordered_set<std::shared_ptr<ApiConnection>> connections_;
  std::chrono::steady_clock::time_point next_line_{};  // when a refusal may be logged again
  std::uint64_t unlogged_ = 0;                         // refusals since the last line
};

}  // namespace sluice::control
