#include "controlplane/api.h"

#include <array>
#include <utility>

#include "controlplane/api_requests.h"

namespace sluice::control {
namespace {

constexpr std::size_t kMethodCount = std::variant_size_v<Request>;
using Decoded = std::variant<Request, RequestError>;

template <typename R>
Decoded decode_as(const Json& params) {
  R request{};
  std::optional<RequestError> error;
  fields::Decoder decoder(params, "", error);
  describe(decoder, request);
  decoder.finish();
  if (error) return *error;
  return Request(std::move(request));
}

template <typename R>
Method method_of_type() {
  fields::Describer describer;
  R request{};
  describe(describer, request);
  const auto& text = fields::TextOf<R>::kText;
  return {text.name, text.summary, text.example, describer.take()};
}

template <std::size_t... I>
std::array<Method, kMethodCount> all_methods(std::index_sequence<I...>) {
  return {method_of_type<std::variant_alternative_t<I, Request>>()...};
}

using DecodeFunction = Decoded (*)(const Json&);
template <std::size_t... I>
constexpr std::array<DecodeFunction, kMethodCount> all_decoders(std::index_sequence<I...>) {
  return {&decode_as<std::variant_alternative_t<I, Request>>...};
}
constexpr auto kDecoders = all_decoders(std::make_index_sequence<kMethodCount>{});

/// Edits from one name to the other (Levenshtein). Both are short.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({change, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

RequestError unknown_method(std::string_view name) {
  constexpr std::size_t kMaxDistance = 3;
  const std::string_view asked = name.substr(0, 64);
  const std::string_view object = asked.substr(0, asked.find('.'));
  OrderedJson near = OrderedJson::array();
  OrderedJson all = OrderedJson::array();
  for (const auto& method : methods()) {
    all.push_back(method.name);
    if (method.name.substr(0, method.name.find('.')) == object ||
        distance(asked, method.name) <= kMaxDistance)
      near.push_back(method.name);
  }
  const std::string found = found_text(Json(asked));
  std::string message = fmt::format("unknown method {}", found);
  if (!near.empty())
    message += fmt::format("; near it: {}", fmt::join(near.get<std::vector<std::string>>(), ", "));
  OrderedJson data{{"method", asked}, {"near", std::move(near)}, {"allowed", std::move(all)}};
  return {kErrorUnknownMethod, std::move(message), to_line(data)};
}

}  // namespace

std::span<const Method> methods() {
  static const auto kMethods = all_methods(std::make_index_sequence<kMethodCount>{});
  return kMethods;
}

const Method* find_method(std::string_view name) {
  for (const auto& method : methods())
    if (method.name == name) return &method;
  return nullptr;
}

std::variant<Request, RequestError> decode_request(std::string_view method, const Json& params) {
  const Method* found = find_method(method);
  if (found == nullptr) return unknown_method(method);
  static const Json kNone = Json::object();
  const Json& given = params.is_null() ? kNone : params;
  if (!given.is_object()) return invalid_param("params", found_text(given), "an object of named parameters");
  return kDecoders[static_cast<std::size_t>(found - methods().data())](given);
}

std::string_view method_name(const Request& request) {
  return methods()[request.index()].name;
}

OrderedJson encode_params(const Request& request) {
  OrderedJson params = OrderedJson::object();
  fields::Encoder encoder(params);
  Request copy = request;  // a description is read and written through one signature
  std::visit([&](auto& r) { describe(encoder, r); }, copy);
  return params;
}

RequestError invalid_param(std::string_view param, std::string_view found, std::string_view allowed) {
  const OrderedJson data{{"param", param}, {"found", found}, {"allowed", allowed}};
  return {kErrorInvalidParams, fmt::format("{}: found {}; allowed: {}", param, found, allowed),
          to_line(data)};
}

}  // namespace sluice::control
