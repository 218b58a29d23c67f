#include "controlplane/base/rfc3339.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace sluice::control {

std::string rfc3339(std::chrono::system_clock::time_point time, TimePrecision precision) {
  using std::chrono::floor;
  const auto seconds = floor<std::chrono::seconds>(time);
  std::string text =
      fmt::format("{:%Y-%m-%dT%H:%M:%S}", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)));
  if (precision == TimePrecision::kMilliseconds)
    text += fmt::format(".{:03}", floor<std::chrono::milliseconds>(time - seconds).count());
  return text + "Z";
}

}  // namespace sluice::control
