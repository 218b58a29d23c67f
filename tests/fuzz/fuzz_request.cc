// request: one byte that says how the stream is cut into reads, then any bytes as requests of an operator,
// one a line. The lines are the same for each way to cut them. A line that is JSON is the same again after it
// is written on one line. As parameters of each method it is a request or an error. A request is the same
// again after it is encoded as the command line does it. An error has a short reason.
#include "controlplane/api/api.h"

#include <string>

#include "controlplane/base/line_buffer.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace sluice;
using namespace sluice::control;

constexpr std::size_t kMaxLine = 65536;
constexpr std::size_t kLongestMessage = 1024;

std::vector<std::string> plain_lines(std::string_view text) {
  std::vector<std::string> lines;
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::vector<std::string> cut_lines(std::string_view text, std::size_t read_size) {
  LineBuffer buffer(kMaxLine);
  std::vector<std::string> lines;
  std::size_t rest = 0;
  for (std::size_t at = 0; at < text.size(); at += read_size) {
    buffer.append(text.substr(at, read_size));
    while (const auto line = buffer.next()) lines.emplace_back(*line);
    rest = buffer.rest().size();
    FUZZ_CHECK(buffer.rest_is_too_long() == (rest > kMaxLine));
  }
  std::size_t whole = 0;
  for (const std::string& line : lines) whole += line.size() + 1;
  FUZZ_CHECK(whole + rest == text.size());
  return lines;
}

// True for a value that means the same as no value. An encoder may leave it out.
bool is_default(const Json& value) {
  if (value.is_structured() || value.is_string())
    return value.empty() || value == "own" || value == "passive";
  return value == 0 || value == false;
}

// True when both mean the same. In `encoded`, strings may have another spelling and defaults may be missing.
bool says_the_same(const Json& given, const Json& encoded) {
  if (given.type() != encoded.type()) return given.is_number() && encoded.is_number() && given == encoded;
  if (given.is_array()) {
    return given.size() == encoded.size() &&
           std::equal(given.begin(), given.end(), encoded.begin(), says_the_same);
  }
  if (!given.is_object()) return given.is_string() || given == encoded;
  for (const auto& [name, value] : encoded.items())
    if (!given.contains(name) || !says_the_same(given[name], value)) return false;
  for (const auto& [name, value] : given.items()) {
    if (encoded.contains(name)) continue;
    const bool all_left_out = value.is_object() && std::all_of(value.begin(), value.end(), is_default);
    if (!is_default(value) && !all_left_out) return false;
  }
  return true;
}

void check_request(const Request& request, std::string_view method, const Json& params) {
  FUZZ_CHECK(method_name(request) == method);
  const Json encoded = encode_params(request);
  FUZZ_CHECK(says_the_same(params.is_null() ? Json::object() : params, encoded));
  const auto again = decode_request(method, encoded);
  FUZZ_CHECK(std::holds_alternative<Request>(again));
  FUZZ_CHECK(std::get<Request>(again).index() == request.index());
  FUZZ_CHECK(Json(encode_params(std::get<Request>(again))) == encoded);
}

void check_decoded(std::string_view method, const Json& params) {
  const auto decoded = decode_request(method, params);
  if (const auto* request = std::get_if<Request>(&decoded)) return check_request(*request, method, params);
  const std::string& message = std::get<ApiError>(decoded).message;
  FUZZ_CHECK(!message.empty() && message.size() <= kLongestMessage && fuzz::is_printable_line(message));
}

void check_line(std::string_view line) {
  const auto parsed = parse_json(line);
  if (const auto* why = std::get_if<std::string>(&parsed)) {
    FUZZ_CHECK(!why->empty() && why->size() <= kLongestMessage);
    return;
  }
  const Json& value = std::get<Json>(parsed);
  const std::string text = to_line(OrderedJson(value));
  FUZZ_CHECK(text.find('\n') == std::string::npos);
  const auto again = parse_json(text);
  FUZZ_CHECK(std::holds_alternative<Json>(again) && std::get<Json>(again) == value);
  FUZZ_CHECK(fuzz::is_printable_line(found_text(value)) && found_text(value).size() <= 80);

  if (!value.is_object()) return;
  const auto params = value.find("params");
  const Json given = params == value.end() ? Json(nullptr) : *params;
  const auto method = value.find("method");
  if (method != value.end() && method->is_string()) check_decoded(method->get<std::string>(), given);
  for (const Method& known : methods()) check_decoded(known.name, given);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::size_t read_size = input.u8() + 1U;
  const std::string_view text = fuzz::as_text(input.rest());
  const auto lines = plain_lines(text);
  FUZZ_CHECK(cut_lines(text, read_size) == lines);
  for (const std::string& line : lines) check_line(line);
  return 0;
}
