// gtest_complaints: turns a complaint of the harness into a failure of the test that runs. Each test program
// that uses the harness links it.
#include <gtest/gtest.h>

#include "tests/support/harness.h"

namespace sluice::dataplane::test {
namespace {

[[maybe_unused]] const bool handler_is_set = [] {
  set_complaint_handler([](const std::string& complaint) { ADD_FAILURE() << complaint; });
  return true;
}();

}  // namespace
}  // namespace sluice::dataplane::test
