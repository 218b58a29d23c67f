#include "controlplane/api/api.h"

#include <array>
#include <utility>

#include "config/edit_distance.h"
#include "controlplane/api/api_requests.h"
#include "controlplane/session/rules.h"

namespace sluice::control {
namespace {

constexpr std::size_t kMethodCount = std::variant_size_v<Request>;
using Decoded = std::variant<Request, ApiError>;

/// Checks the rules that concern more than one member. Requests without such rules use the first overload.
std::optional<RequestError> check_whole(const auto&) {
  return std::nullopt;
}
template <typename R>
requires requires(const R& request) {
  check(request);
}
std::optional<RequestError> check_whole(const R& request) {
  return check(request);
}

template <typename R>
Decoded decode_as(const Json& params) {
  R request{};
  std::optional<RequestError> error;
  fields::Decoder decoder(params, "", error);
  describe(decoder, request);
  decoder.finish();
  if (!error) error = check_whole(request);
  if (error) return to_api_error(*error);
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

ApiError unknown(std::string_view name) {
  constexpr std::size_t kMostEdits = 3;
  const std::string_view asked = name.substr(0, 64);
  const std::string_view object = asked.substr(0, asked.find('.'));
  std::vector<std::string> near, all;
  for (const auto& method : methods()) {
    all.emplace_back(method.name);
    if (method.name.substr(0, method.name.find('.')) == object ||
        config::edit_distance(asked, method.name) <= kMostEdits)
      near.emplace_back(method.name);
  }
  return unknown_method(name, near, all);
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

std::variant<Request, ApiError> decode_request(std::string_view method, const Json& params) {
  const Method* found = find_method(method);
  if (found == nullptr) return unknown(method);
  static const Json kNone = Json::object();
  const Json& given = params.is_null() ? kNone : params;
  if (!given.is_object())
    return to_api_error(refuse_parameter("params", found_text(given), "an object of named parameters"));
  return kDecoders[static_cast<std::size_t>(found - methods().data())](given);
}

std::string_view method_name(const Request& request) {
  return methods()[request.index()].name;
}

OrderedJson encode_params(const Request& request) {
  OrderedJson params = OrderedJson::object();
  fields::Encoder encoder(params);
  Request copy = request;  // describe() takes a mutable request, for the Decoder
  std::visit([&](auto& r) { describe(encoder, r); }, copy);
  return params;
}

}  // namespace sluice::control
