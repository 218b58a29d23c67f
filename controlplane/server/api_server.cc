#include "controlplane/server/api_server.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

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

/// nullopt for a peer that may use the API.
std::optional<ApiError> check_peer(int fd) {
  ucred peer{};
  socklen_t length = sizeof peer;
  const bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0;
  if (known && (peer.uid == 0 || peer.uid == geteuid())) return std::nullopt;
  const std::string found = known ? fmt::format("user id {}", peer.uid) : "a peer without credentials";
  const std::string allowed = geteuid() == 0 ? "user id 0" : fmt::format("user ids 0, {}", geteuid());
  return not_permitted(found, allowed);
}

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

void ApiServer::admit(Protocol::socket socket) {
  if (auto error = check_peer(socket.native_handle())) {
    options_.log(fmt::format("API connection refused: {}", error->message));
    return turn_away(socket, *error);
  }
  if (connections_.size() >= options_.max_connections) {
    const ApiError error = to_api_error(refuse_limit("api.connections", options_.max_connections));
    options_.log(fmt::format("API connection refused: {}", error.message));
    return turn_away(socket, error);
  }
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
