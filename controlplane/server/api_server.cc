#include "controlplane/server/api_server.h"

#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <chrono>
#include <utility>
#include <vector>

#include "controlplane/api/api_errors.h"
#include "controlplane/server/api_connection.h"

namespace sluice::control {
namespace {

using Protocol = boost::asio::local::stream_protocol;

constexpr std::chrono::milliseconds kAcceptRetry{100};
constexpr std::chrono::seconds kLogInterval{1};  // between two lines about refused connections

/// Sends one line to a peer that is refused. The socket buffer is empty, so the line fits, unless the peer is
/// gone.
void turn_away(Protocol::socket& socket, const ApiError& error) {
  const std::string line = error_line(error);
  boost::system::error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(boost::asio::buffer(line), ignored);
  socket.shutdown(Protocol::socket::shutdown_send, ignored);
}

}  // namespace

ApiServer::ApiServer(boost::asio::io_context& io, int listen_fd, Options options, EventHub& hub,
                     RequestHandler handler)
    : acceptor_(io, Protocol(), listen_fd),
      retry_(io),
      options_(std::move(options)),
      hub_(hub),
      handler_(std::move(handler)) {
  accept();
}

ApiServer::~ApiServer() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  const std::vector<std::shared_ptr<ApiConnection>> open(connections_.begin(), connections_.end());
  for (const auto& connection : open) connection->close();
}

void ApiServer::accept() {
  acceptor_.async_accept([this](boost::system::error_code error, Protocol::socket socket) {
    if (error == boost::asio::error::operation_aborted) return;  // `this` may be gone
    if (!error) {
      admit(std::move(socket));
      return accept();
    }
    options_.log(fmt::format("API cannot accept connections for now: {}", error.message()));
    retry_.expires_after(kAcceptRetry);
    retry_.async_wait([this](boost::system::error_code cancelled) {
      if (!cancelled && acceptor_.is_open()) accept();
    });
  });
}

void ApiServer::refuse(Protocol::socket& socket, const ApiError& error) {
  turn_away(socket, error);
  const auto now = std::chrono::steady_clock::now();
  if (now < next_line_) {
    ++unlogged_;
    return;
  }
  next_line_ = now + kLogInterval;
  const auto more = std::exchange(unlogged_, 0);
  options_.log(fmt::format("API connection refused: {}{}", error.message,
                           more == 0 ? "" : fmt::format(" ({} more since the last line)", more)));
}

void ApiServer::admit(Protocol::socket socket) {
  if (const auto found = options_.access.refuse(socket.native_handle()))
    return refuse(socket, not_permitted(*found, options_.access.allowed()));
  if (connections_.size() >= options_.max_connections)
    return refuse(socket, to_api_error(refuse_limit("api.connections", options_.max_connections)));
  const auto connection = std::make_shared<ApiConnection>(
      std::move(socket), options_.max_line_bytes, hub_, handler_,
      [this](const std::shared_ptr<ApiConnection>& closed) { connections_.erase(closed); });
  connections_.insert(connection);
  connection->start();
}

void ApiServer::drain() {
  boost::system::error_code ignored;
  retry_.cancel(ignored);
  acceptor_.close(ignored);
  const std::vector<std::shared_ptr<ApiConnection>> open(connections_.begin(), connections_.end());
  for (const auto& connection : open) connection->drain();
}

}  // namespace sluice::control
