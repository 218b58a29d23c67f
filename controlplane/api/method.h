// method: the requests of the API as values, and the name, help and parameters of each. Requests with more
// than ids are in session/model.h. Plain values, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "controlplane/session/model.h"

namespace sluice::control {

// The requests that session/model.h does not have.
struct VersionGet {};
struct SessionGet {
  std::string id;
};
struct SessionRemove {
  std::string id;
};
struct EndpointGet {
  std::string session, id;
  bool show_keys = false;
};
struct EndpointRemove {
  std::string session, id;
};
struct RouteGet {
  std::string session, id;
};
struct RouteRemove {
  std::string session, id;
};
struct WorkerList {};
struct DropList {
  std::optional<std::uint16_t> worker;
};
struct EventSubscribe {};
struct Shutdown {};

using Request = std::variant<VersionGet, SessionCreate, SessionRenew, SessionList, SessionGet, SessionRemove,
                             EndpointCreate, EndpointConnect, EndpointList, EndpointGet, EndpointRemove,
                             RouteCreate, RouteSwitch, RouteList, RouteGet, RouteRemove, StreamList, PortList,
                             NeighborList, WorkerList, DropList, EventSubscribe, Shutdown>;

/// One parameter: for help, for sluicectl's options, and for the test that compares docs/api.md with the
/// code.
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
  std::string_view example;  // arguments of sluicectl
  std::vector<Param> params;
};

}  // namespace sluice::control
