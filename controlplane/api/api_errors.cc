#include "controlplane/api/api_errors.h"

#include <fmt/format.h>

#include <utility>

#include "controlplane/api/api_views.h"
#include "controlplane/base/bounds.h"

namespace sluice::control {
namespace {

int code_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalidParameter:
      return kErrorInvalidParams;
    case ErrorKind::kNotFound:
      return kErrorNotFound;
    case ErrorKind::kConflict:
      return kErrorConflict;
    case ErrorKind::kLimitReached:
      return kErrorLimit;
    case ErrorKind::kWrongState:
      return kErrorState;
    case ErrorKind::kInternal:
      break;
  }
  return kErrorInternal;
}

/// Makes `data`, one overload for each detail.
struct Detail {
  OrderedJson operator()(std::monostate) const { return nullptr; }
  OrderedJson operator()(const InvalidParameter& detail) const {
    return {{"param", detail.param}, {"found", detail.found}, {"allowed", detail.allowed}};
  }
  OrderedJson operator()(const NotFound& detail) const {
    OrderedJson data{{"kind", detail.kind}, {"id", detail.id}};
    if (!detail.session.empty()) data["session"] = detail.session;
    return data;
  }
  OrderedJson operator()(const LimitReached& detail) const {
    OrderedJson data{{"limit", detail.limit}, {"value", detail.value}};
    if (detail.found) data["found"] = *detail.found;
    if (detail.worker) data["worker"] = *detail.worker;
    return data;
  }
  OrderedJson operator()(const Conflict& detail) const {
    OrderedJson data;
    data["existing"] = std::visit([](const auto& view) { return render(view); }, detail.existing->view);
    return data;
  }
};

}  // namespace

ApiError to_api_error(const RequestError& error) {
  return {code_of(error.kind), error.message, std::visit(Detail{}, error.detail)};
}

ApiError parse_error(std::string message) {
  return {kErrorParse, std::move(message)};
}

ApiError invalid_request(std::string message, std::string_view param, std::string_view found,
                         std::string_view allowed) {
  return {kErrorInvalidRequest, std::move(message),
          Detail{}(InvalidParameter{std::string(param), std::string(found), std::string(allowed)})};
}

ApiError unknown_method(std::string_view method, const std::vector<std::string>& near,
                        const std::vector<std::string>& allowed) {
  std::string message = fmt::format("unknown method {}", quoted(method));
  if (!near.empty()) message += fmt::format("; near it: {}", fmt::join(near, ", "));
  return {kErrorUnknownMethod,
          std::move(message),
          {{"method", method.substr(0, 64)}, {"near", near}, {"allowed", allowed}}};
}

ApiError not_permitted(std::string_view found, std::string_view allowed) {
  return {kErrorPermission, fmt::format("{} may not use this API; allowed: {}", found, allowed),
          Detail{}(InvalidParameter{"peer", std::string(found), std::string(allowed)})};
}

OrderedJson render(const ApiError& error) {
  OrderedJson object{{"code", error.code}, {"message", error.message}};
  if (!error.data.is_null()) object["data"] = error.data;
  return object;
}

}  // namespace sluice::control
