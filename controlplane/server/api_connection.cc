#include "controlplane/server/api_connection.h"

#include <fmt/format.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include "controlplane/api/api_errors.h"

namespace sluice::control {
namespace {

constexpr std::string_view kBlank = " \t\r";

bool is_blank(std::string_view text) {
  return text.find_first_not_of(kBlank) == std::string_view::npos;
}

/// The error in the members of the request, if any; `params` is checked later.
std::optional<ApiError> check_envelope(const Json& request) {
  if (!request.is_object()) {
    const bool is_batch = request.is_array();
    return invalid_request(
        is_batch ? "batches are not spoken: one request a line" : "a request is a JSON object", "request",
        type_text(request), "an object");
  }
  for (const auto& [name, value] : request.items())
    if (name != "jsonrpc" && name != "id" && name != "method" && name != "params")
      return invalid_request(fmt::format("unknown member {}", found_text(name)), "request", found_text(name),
                             "jsonrpc, id, method, params");
  const auto version = request.find("jsonrpc");
  if (version == request.end() || *version != "2.0")
    return invalid_request("jsonrpc must be \"2.0\"", "jsonrpc",
                           version == request.end() ? "nothing" : found_text(*version), "\"2.0\"");
  const auto id = request.find("id");
  // An integer beyond 64 bits would come back as another number.
  const bool is_number = id != request.end() && id->is_number_integer();
  if (id != request.end() && !id->is_string() && !is_number && !id->is_null())
    return invalid_request("id must be a string, an integer of 64 bits or null", "id", found_text(*id),
                           "a string, an integer of 64 bits, null");
  const auto method = request.find("method");
  if (method == request.end() || !method->is_string())
    return invalid_request("method must be a string", "method",
                           method == request.end() ? "nothing" : std::string(type_text(*method)), "a string");
  return std::nullopt;
}

ApiError line_too_long(std::size_t most, std::string_view found) {
  return invalid_request(fmt::format("the request line is longer than [api] line_bytes = {}", most), "line",
                         found, fmt::format("at most {} bytes", most));
}

// What the carrying out of requests has left on the stack below the caller: JSON is written through a buffer
// there, and with it the text of keys.
[[gnu::noinline]] void wipe_dead_stack() {
  constexpr std::size_t kDepth = 64 << 10;
  std::array<char, kDepth> below;
  explicit_bzero(below.data(), below.size());
}

}  // namespace

ApiConnection::ApiConnection(Socket socket, std::size_t max_line_bytes, EventHub& hub,
                             const RequestHandler& handler,
                             std::function<void(const std::shared_ptr<ApiConnection>&)> on_closed)
    : socket_(std::move(socket)),
      lines_(max_line_bytes),
      hub_(hub),
      handler_(handler),
      on_closed_(std::move(on_closed)) {}

void ApiConnection::read() {
  if (is_reading_ || is_input_over_ || is_closed_) return;
  is_reading_ = true;
  socket_.async_read_some(boost::asio::buffer(read_buffer_),
                          [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
                            self->is_reading_ = false;
                            if (self->is_closed_) return;
                            if (!error) return self->on_read(size);
                            if (error == boost::asio::error::eof) return self->on_end_of_input();
                            if (error != boost::asio::error::operation_aborted) self->close();
                          });
}

void ApiConnection::on_read(std::size_t size) {
  if (is_input_over_) return;
  lines_.append({read_buffer_.data(), size});
  std::fill_n(read_buffer_.begin(), size, '\0');  // it may hold keys
  work();
}

void ApiConnection::on_end_of_input() {
  if (!is_input_over_ && !is_blank(lines_.rest()))
    refuse_line(parse_error("the last request has no line feed: half a request is not carried out"), true);
  is_input_over_ = true;
  events_.reset();  // a peer that has closed the connection gets no events
  close_if_done();
}

void ApiConnection::work() {
  take_lines();
  if (!is_closed_) lines_.wipe_taken();
  wipe_dead_stack();
}

void ApiConnection::take_lines() {
  const auto until = std::chrono::steady_clock::now() + kTimePerTurn;
  for (std::size_t done = 0; !is_closed_ && !is_input_over_ && !is_paused();) {
    const auto line = lines_.next();
    if (!line) {
      if (lines_.rest_is_too_long())
        return refuse_line(
            line_too_long(lines_.max_line_bytes(), fmt::format("{} bytes so far", lines_.rest().size())),
            true);
      return read();
    }
    if (!is_blank(*line)) take_line(*line);
    if (++done == kRequestsPerTurn || std::chrono::steady_clock::now() >= until) return work_later();
  }
}

void ApiConnection::work_later() {
  if (is_work_posted_) return;
  is_work_posted_ = true;
  boost::asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->is_work_posted_ = false;
    self->work();
  });
}

void ApiConnection::take_line(std::string_view line) {
  if (line.size() > lines_.max_line_bytes())
    return refuse_line(line_too_long(lines_.max_line_bytes(), fmt::format("{} bytes", line.size())), true);
  const auto parsed = parse_json(line);
  if (const auto* why = std::get_if<std::string>(&parsed))
    return refuse_line(parse_error(fmt::format("not JSON: {}", *why)), false);
  take_request(std::get<Json>(parsed));
}

void ApiConnection::take_request(const Json& request) {
  if (auto error = check_envelope(request)) {
    // A readable id is sent back, so that the peer knows which request is wrong.
    const bool has_id = request.is_object() && request.contains("id") && !request["id"].is_structured() &&
                        !request["id"].is_boolean() && !request["id"].is_number_float();
    return finish(enqueue(has_id ? request["id"] : Json(nullptr), false), {.result = std::move(*error)});
  }
  const auto id = request.find("id");
  const auto params = request.find("params");
  static const Json kNone;
  const auto pending = enqueue(id == request.end() ? kNone : *id, id == request.end());
  const std::weak_ptr<ApiConnection> weak = weak_from_this();
  const Answer answer([weak, pending](Outcome outcome) {
    if (const auto self = weak.lock()) self->finish(pending, std::move(outcome));
  });
  try {
    handler_(request["method"].get_ref<const std::string&>(), params == request.end() ? kNone : *params,
             answer);
  } catch (const std::exception& error) {
    answer({.result = to_api_error(refuse_internal(fmt::format("internal error: {}", error.what())))});
  }
}

void ApiConnection::refuse_line(ApiError error, bool then_close) {
  if (then_close) is_input_over_ = true;
  finish(enqueue(nullptr, false), {.result = std::move(error)});
}

std::shared_ptr<ApiConnection::Pending> ApiConnection::enqueue(Json id, bool is_notification) {
  auto pending = std::make_shared<Pending>();
  pending->id = std::move(id);
  pending->is_notification = is_notification;
  pending_.push_back(pending);
  return pending;
}

void ApiConnection::finish(const std::shared_ptr<Pending>& pending, Outcome outcome) {
  if (is_closed_ || pending->is_done) return;
  pending->is_done = true;
  pending->subscribe = outcome.subscribe;
  if (!pending->is_notification) pending->line = answer_line(pending->id, outcome);
  queued_bytes_ += pending->line.size();
  release_answers();
}

void ApiConnection::release_answers() {
  while (!pending_.empty() && pending_.front()->is_done) {
    output_ += pending_.front()->line;
    if (pending_.front()->subscribe) begin_events();
    pending_.pop_front();
  }
  write();
  close_if_done();
  if (!is_closed_ && !is_paused() && !is_input_over_) work_later();
}

void ApiConnection::begin_events() {
  if (events_) return;
  events_ = std::make_shared<EventQueue>([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->write();
  });
  hub_.subscribe(events_);
}

void ApiConnection::write() {
  if (is_writing_ || is_closed_) return;
  writing_ = std::move(output_);
  output_.clear();
  const std::size_t answer_bytes = writing_.size();
  while (events_ && writing_.size() < kEventBytesPerWrite) {
    const auto line = events_->pop();
    if (!line) break;
    writing_ += *line;
  }
  if (writing_.empty()) return;
  is_writing_ = true;
  boost::asio::async_write(
      socket_, boost::asio::buffer(writing_),
      [self = shared_from_this(), answer_bytes](boost::system::error_code error, std::size_t) {
        self->is_writing_ = false;
        if (self->is_closed_) return;
        if (error) return self->close();
        self->on_written(answer_bytes);
      });
}

void ApiConnection::on_written(std::size_t size) {
  queued_bytes_ -= size;
  std::fill(writing_.begin(), writing_.end(), '\0');
  writing_.clear();
  write();
  close_if_done();
  if (!is_closed_ && !is_paused() && !is_input_over_) work_later();
}

void ApiConnection::close_if_done() {
  const bool has_events = events_ && events_->size() > 0;
  if (is_input_over_ && pending_.empty() && output_.empty() && !has_events && !is_writing_) close();
}

void ApiConnection::drain() {
  if (is_closed_) return;
  is_input_over_ = true;
  close_if_done();
}

void ApiConnection::close() {
  if (is_closed_) return;
  is_closed_ = true;
  boost::system::error_code ignored;
  socket_.shutdown(Socket::shutdown_both, ignored);
  socket_.close(ignored);
  events_.reset();
  pending_.clear();
  on_closed_(shared_from_this());
}

}  // namespace sluice::control
