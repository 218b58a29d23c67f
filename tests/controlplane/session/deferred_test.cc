// deferred: order, work that adds more work, and nested calls.
#include "controlplane/session/deferred.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace sluice::control {
namespace {

class Recorder {
 public:
  explicit Recorder(Deferred& deferred) : deferred_(deferred) {}

  void operator()(const PendingRemoval& removal) { seen.push_back("remove " + removal.reason); }
  void operator()(const PendingFailure& failure) { seen.push_back("fail " + failure.reason); }
  void operator()(const SessionEnd& end) { seen.push_back(end.reason + " " + end.id); }
  void operator()(const Completion& completion) {
    completion.done(std::nullopt);
    nested_drain = deferred_.drain(*this);
    seen.push_back("completed");
  }

  std::vector<std::string> seen;
  bool nested_drain = true;

 private:
  Deferred& deferred_;
};

TEST(Deferred, DoesEverythingInOrder) {
  Deferred deferred;
  Recorder recorder(deferred);
  deferred.add(PendingRemoval{0, {1, 1}, "idle"});
  deferred.add(PendingFailure{0, {2, 1}, "handshake", "text"});
  deferred.add(SessionEnd{"s", "idle"});
  EXPECT_TRUE(deferred.drain(recorder));
  EXPECT_EQ(recorder.seen, (std::vector<std::string>{"remove idle", "fail handshake", "idle s"}));
  EXPECT_TRUE(deferred.drain(recorder));
  EXPECT_EQ(recorder.seen.size(), 3u) << "done once";
}

TEST(Deferred, ACallbackThatMakesMoreWorkIsNotNested) {
  Deferred deferred;
  Recorder recorder(deferred);
  deferred.add(Completion{[&](std::optional<RequestError>) { deferred.add(SessionEnd{"later", "lease"}); }});
  EXPECT_TRUE(deferred.drain(recorder));
  EXPECT_FALSE(recorder.nested_drain);
  EXPECT_EQ(recorder.seen, (std::vector<std::string>{"completed", "lease later"}));
}

TEST(Deferred, DoesABoundedNumberAtOnce) {
  Deferred deferred;
  Recorder recorder(deferred);
  for (std::size_t i = 0; i <= Deferred::kMostAtOnce; ++i) deferred.add(SessionEnd{"s", "idle"});
  EXPECT_TRUE(deferred.drain(recorder));
  EXPECT_EQ(recorder.seen.size(), Deferred::kMostAtOnce);
  EXPECT_FALSE(deferred.is_empty());
  EXPECT_TRUE(deferred.drain(recorder));
  EXPECT_EQ(recorder.seen.size(), Deferred::kMostAtOnce + 1);
  EXPECT_TRUE(deferred.is_empty());
}

TEST(Deferred, GoesOnAfterACallbackThatThrew) {
  Deferred deferred;
  Recorder recorder(deferred);
  deferred.add(Completion{[](std::optional<RequestError>) { throw std::runtime_error("told to"); }});
  deferred.add(SessionEnd{"s", "idle"});
  EXPECT_THROW((void)deferred.drain(recorder), std::runtime_error);
  EXPECT_TRUE(deferred.drain(recorder));
  EXPECT_EQ(recorder.seen, (std::vector<std::string>{"idle s"}));
}

}  // namespace
}  // namespace sluice::control
