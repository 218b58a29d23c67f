// api_connection: one connection of the API: it reads requests and writes answers and events, in order. Only
// api_server uses it. Control thread. A connection lives as long as its server or a pending operation holds
// it.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/base/line_buffer.h"
#include "controlplane/server/answer.h"
#include "controlplane/server/event_hub.h"

namespace sluice::control {

class ApiConnection : public std::enable_shared_from_this<ApiConnection> {
 public:
  static constexpr std::size_t kRequestsPerTurn = 64;
  static constexpr std::chrono::milliseconds kTimePerTurn{2};
  static constexpr std::size_t kMaxPending = 1024;          // requests without an answer yet
  static constexpr std::size_t kMaxQueuedBytes = 4u << 20;  // of answers; above this the socket is not read
  static constexpr std::size_t kEventBytesPerWrite = 256u << 10;

  using Socket = boost::asio::local::stream_protocol::socket;

  ApiConnection(Socket socket, std::size_t max_line_bytes, EventHub& hub, const RequestHandler& handler,
                std::function<void(const std::shared_ptr<ApiConnection>&)> on_closed);

  void start() { read(); }
  /// Reads no more requests. Closes the connection when all pending requests are answered and written.
  void drain();
  /// Closes the connection at once. Answers that are not yet written are lost.
  void close();

 private:
  struct Pending {
    Json id;
    bool is_notification = false;  // the peer expects no answer
    bool is_done = false;
    bool subscribe = false;
    std::string line;
  };

  void read();
  void on_read(std::size_t size);
  void on_end_of_input();
  void work();
  void take_lines();
  void work_later();
  bool is_paused() const { return pending_.size() >= kMaxPending || queued_bytes_ > kMaxQueuedBytes; }

  void take_line(std::string_view line);
  void take_request(const Json& request);
  void refuse_line(ApiError error, bool then_close);
  std::shared_ptr<Pending> enqueue(Json id, bool is_notification);
  void finish(const std::shared_ptr<Pending>& pending, Outcome outcome);
  void release_answers();
  void begin_events();

  void write();
  void on_written(std::size_t size);
  void close_if_done();

  Socket socket_;
  LineBuffer lines_;
  EventHub& hub_;
  const RequestHandler& handler_;
  std::function<void(const std::shared_ptr<ApiConnection>&)> on_closed_;

  std::array<char, 65536> read_buffer_;
  bool is_reading_ = false;
  bool is_work_posted_ = false;
  bool is_input_over_ = false;  // end of stream, a fatal error, or drain()
  bool is_closed_ = false;

  std::deque<std::shared_ptr<Pending>> pending_;  // in the order of the requests
  std::size_t queued_bytes_ = 0;                  // size of the answers that the peer has not read yet
  std::string output_;                            // released by release_answers(), not yet written
  std::string writing_;
  bool is_writing_ = false;
  std::shared_ptr<EventQueue> events_;
};

}  // namespace sluice::control
