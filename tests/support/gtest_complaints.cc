// gtest_complaints: what the harness complains of is a failure of the test that runs. Linked into each test
// program that uses the harness.
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
