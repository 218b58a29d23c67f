// api_server: JSON-RPC 2.0, one request a line, on a Unix stream socket (docs/api.md). It knows framing,
// order, limits and who may connect; what the requests mean is the handler's affair.
//
// Control thread. Nothing blocks: a connection works off a bounded number of requests per turn of the loop,
// and is not read from while too many of its answers wait, be it for the handler or for the peer to read
// them.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>

#include "config/config.h"
#include "controlplane/server/answer.h"
#include "controlplane/server/event_hub.h"

namespace sluice::control {

class ApiConnection;

class ApiServer {
 public:
  using LogSink = std::function<void(const std::string&)>;

  struct Options {
    std::size_t max_connections = 64;
    std::size_t max_line_bytes = 1048576;
    LogSink log;  // refusals and failures of the socket
  };

  /// `listen_fd` is the server's from here. `hub` and `io` outlive it.
  ApiServer(boost::asio::io_context& io, int listen_fd, Options options, EventHub& hub,
            RequestHandler handler);
  ~ApiServer();

  /// No new connections and no new requests; answers that are due still go out, then the connections close.
  void drain();
  /// True when drain() has nothing left to wait for.
  bool drained() const { return connections_.empty(); }
  std::size_t connections() const { return connections_.size(); }

 private:
  void accept();
  void admit(boost::asio::local::stream_protocol::socket socket);

  boost::asio::local::stream_protocol::acceptor acceptor_;
  boost::asio::steady_timer retry_;
  Options options_;
  EventHub& hub_;
  RequestHandler handler_;
  std::unordered_set<std::shared_ptr<ApiConnection>> connections_;
};

}  // namespace sluice::control
