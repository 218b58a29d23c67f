// api: every request of docs/api.md, defined once: its name, its parameters with their help and the rules
// that they follow, and how they turn from and to JSON. The daemon decodes by it, sluicectl makes its
// sub-commands from it and encodes by it. Decoding is total: whatever comes in, out comes a request or an
// error that names the parameter, what was found and what is allowed. Pure functions and constant tables, any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "controlplane/api/api_errors.h"
#include "controlplane/base/json.h"
#include "controlplane/session/model.h"

namespace sluice::control {

// The requests that requests.h does not have. An empty session, id or endpoint in a list request means "all".
struct VersionGet {};
struct SessionCreate {
  std::string id;  // empty = the daemon makes one
};
struct SessionList {};
struct SessionGet {
  std::string id;
};
struct SessionRemove {
  std::string id;
};
struct EndpointList {
  std::string session;
};
struct EndpointGet {
  std::string session, id;
};
struct EndpointRemove {
  std::string session, id;
};
struct RouteList {
  std::string session;
};
struct RouteGet {
  std::string session, id;
};
struct RouteRemove {
  std::string session, id;
};
struct StreamList {
  std::string session, endpoint;
};
struct PortList {};
struct WorkerList {};
struct DropList {
  std::optional<std::uint16_t> worker;
};
struct EventSubscribe {};
struct Shutdown {};

using Request = std::variant<VersionGet, SessionCreate, SessionList, SessionGet, SessionRemove,
                             EndpointCreate, EndpointConnect, EndpointList, EndpointGet, EndpointRemove,
                             RouteCreate, RouteSwitch, RouteList, RouteGet, RouteRemove, StreamList, PortList,
                             WorkerList, DropList, EventSubscribe, Shutdown>;

/// One parameter, for help, for sluicectl's options and for the test that holds docs/api.md to the code.
struct Param {
  std::string name{};
  std::string help{};
  std::string type{};      // "string", "integer", "boolean", "object"
  std::string allowed{};   // "1..65535", "ipv4, ipv6"
  std::string only_for{};  // "kind sdes"; empty = always
  bool required = false;
  bool list = false;  // a list of `type`
  std::vector<std::string> choices{};
  std::vector<Param> members{};  // of an object, or of a list's objects
};

struct Method {
  std::string_view name;     // "endpoint.create"
  std::string_view summary;  // one line
  std::string_view example;  // sluicectl's arguments
  std::vector<Param> params;
};

/// In the order of Request's alternatives, which is that of docs/api.md.
[[nodiscard]] std::span<const Method> methods();
/// nullptr for a name that is not a method.
[[nodiscard]] const Method* find_method(std::string_view name);

/// `params` may be null (the request had none). A request that comes out keeps the rules (rules.h). Errors:
/// kErrorUnknownMethod, kErrorInvalidParams.
[[nodiscard]] std::variant<Request, ApiError> decode_request(std::string_view method, const Json& params);

[[nodiscard]] std::string_view method_name(const Request& request);
/// The parameters, less those that are empty or at their defaults.
[[nodiscard]] OrderedJson encode_params(const Request& request);

}  // namespace sluice::control
