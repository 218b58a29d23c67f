// error_shape: checks that an error has the form of docs/api.md: its code decides the members of `data`.
#pragma once

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "controlplane/api/api_errors.h"
#include "controlplane/base/json.h"

namespace sluice::control::test {

/// `error`: in its form on the wire.
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
    case kErrorParse:
    case kErrorInternal:
    case kErrorState:
      EXPECT_TRUE(names.empty());
      break;
    default:
      ADD_FAILURE() << "docs/api.md has no such code";
  }
  for (const auto& name : names == parameter ? parameter : std::set<std::string>())
    EXPECT_FALSE(error["data"][name].get<std::string>().empty()) << name;
  // The message contains the values of `data`, for people.
  if (error["code"] == kErrorInvalidParams) {
    EXPECT_EQ(error["message"], error["data"]["param"].get<std::string>() + ": found " +
                                    error["data"]["found"].get<std::string>() +
                                    "; allowed: " + error["data"]["allowed"].get<std::string>());
  }
}

}  // namespace sluice::control::test
