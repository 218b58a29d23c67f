// error_shape: checks that an error has the form of docs/api.md: its code decides the members of `data`.
#pragma once

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "controlplane/api/api_errors.h"
#include "controlplane/base/json.h"

namespace sluice::control::test {

/// "PARAM: found X; allowed: Y"
inline bool is_about_parameter(const std::string& message) {
  const std::size_t found = message.find(": found ");
  return found != std::string::npos && found != 0 && message.find(' ') == found + 1 &&
         message.find("; allowed: ", found) != std::string::npos;
}

/// Programs and people get the same: a message about one parameter reads "PARAM: found X; allowed: Y", and
/// then `data` has the three, and the other way round.
inline void expect_param_in_data_and_message(const Json& error) {
  const int code = error["code"].get<int>();
  if (code == kErrorInvalidRequest || code == kErrorPermission)
    return;  // `data` has them, the message is prose
  const Json data = error.value("data", Json::object());
  const auto message = error["message"].get<std::string>();
  EXPECT_EQ(data.contains("param"), is_about_parameter(message));
  if (!data.contains("param")) return;
  EXPECT_EQ(message, data["param"].get<std::string>() + ": found " + data["found"].get<std::string>() +
                         "; allowed: " + data["allowed"].get<std::string>());
}

/// `error` as it goes on the wire.
inline void expect_documented(const Json& error) {
  SCOPED_TRACE(error.dump());
  ASSERT_TRUE(error.is_object() && error["code"].is_number_integer() && error["message"].is_string());
  EXPECT_FALSE(error["message"].get<std::string>().empty());
  std::set<std::string> names;
  if (error.contains("data"))
    for (const auto& [name, value] : error["data"].items()) names.insert(name);
  const std::set<std::string> parameter{"param", "found", "allowed"};
  switch (error["code"].get<int>()) {
    case kErrorInvalidRequest:
    case kErrorInvalidParams:
    case kErrorPermission:
      EXPECT_EQ(names, parameter);
      break;
    case kErrorUnknownMethod:
      EXPECT_EQ(names, (std::set<std::string>{"method", "near", "allowed"}));
      break;
    case kErrorNotFound:
      names.erase("session");
      EXPECT_EQ(names, (std::set<std::string>{"kind", "id"}));
      break;
    case kErrorConflict:
      EXPECT_TRUE(names == parameter || names == std::set<std::string>{"existing"});
      break;
    case kErrorLimit:
      if (error["data"]["limit"] == "worker_load_percent")
        EXPECT_EQ(names, (std::set<std::string>{"limit", "value", "found", "worker"}));
      else
        EXPECT_EQ(names, (std::set<std::string>{"limit", "value"}));
      break;
    case kErrorState:
      EXPECT_TRUE(names.empty() || names == parameter);
      break;
    case kErrorParse:
    case kErrorInternal:
      EXPECT_TRUE(names.empty());
      break;
    default:
      ADD_FAILURE() << "docs/api.md has no such code";
  }
  for (const auto& name : names == parameter ? parameter : std::set<std::string>())
    EXPECT_FALSE(error["data"][name].get<std::string>().empty()) << name;
  expect_param_in_data_and_message(error);
}

}  // namespace sluice::control::test
