// result: what a request returns: a value, or why it was refused. Plain values; any thread.
#pragma once

#include <variant>

#include "controlplane/session/errors.h"

namespace sluice::control {

template <typename T>
using Result = std::variant<T, RequestError>;

template <typename T>
struct Created {
  T object;
  bool created = true;  // false: it existed already, with the same parameters
};

}  // namespace sluice::control
