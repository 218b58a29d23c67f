// Host: what the kernel reports about the machine, and the configurations that it then allows.
#include "config/host.h"

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "tests/config/support.h"

namespace sluice::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string kBothFamilies =
    "[[ports]]\n"
    "device = \"net_tap0\"\n"
    "addresses = [\"198.18.0.1/15\", \"2001:db8::1/64\"]\n"
    "gateway = \"198.18.0.2\"\n"
    "gateway6 = \"2001:db8::2\"\n";

TEST(Host, ProbeFindsTheCpuItRunsOnAndKeepsTheAffinity) {
  cpu_set_t before;
  CPU_ZERO(&before);
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  const Host host = Host::probe();
  cpu_set_t after;
  CPU_ZERO(&after);
  ASSERT_EQ(sched_getaffinity(0, sizeof after, &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
  EXPECT_TRUE(std::ranges::is_sorted(host.cpus));
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    EXPECT_GE(std::ranges::count(host.cpus, cpu), CPU_ISSET(cpu, &before) ? 1 : 0) << cpu;
}

TEST(Host, ACpuThatTheAffinityLeavesOutIsStillFound) {
  const Host all = Host::probe();
  if (all.cpus.size() < 2) GTEST_SKIP() << "one CPU only";
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(all.cpus.front(), &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(Host::probe().cpus, all.cpus);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}

TEST(Host, ProbeSeesThatIpv6IsDisabled) {
  // In a child process, because the process cannot leave the network namespace again.
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    constexpr int kSkip = 77;
    if (unshare(CLONE_NEWNET) != 0) _exit(kSkip);
    const std::string switch_path = "/proc/sys/net/ipv6/conf/all/disable_ipv6";
    std::ofstream(switch_path) << "1\n";
    std::string value;
    if (!(std::ifstream(switch_path) >> value) || value != "1") _exit(kSkip);
    if (Host::probe().has_ipv6) _exit(1);
    std::ofstream(switch_path) << "0\n";
    _exit(Host::probe().has_ipv6 ? 0 : 2);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77)
    GTEST_SKIP() << "no right to make a network namespace, or no IPv6 in this kernel";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Host, CpuListsAreWrittenAsTheKernelDoes) {
  EXPECT_EQ(cpu_list_text({}), "");
  EXPECT_EQ(cpu_list_text({3}), "3");
  EXPECT_EQ(cpu_list_text({0, 1, 2, 3, 8, 10, 11}), "0-3,8,10-11");
}

TEST(Host, Ipv6AddressesNeedAHostWithIpv6) {
  EXPECT_THAT(errors_in(kBothFamilies), IsEmpty());
  EXPECT_THAT(
      errors_in(kBothFamilies, {{0, 1}, false}),
      ElementsAre("f:3:31: ports[0].addresses[1]: found \"2001:db8::1/64\"; allowed: IPv4 only: this host "
                  "has no IPv6",
                  "f:5:12: ports[0].gateway6: found \"2001:db8::2\"; allowed: none: this host has no IPv6"));
  EXPECT_THAT(errors_in(kLeast, {{0, 1}, false}), IsEmpty());
}

TEST(Host, CoresMustExist) {
  EXPECT_THAT(errors_in(kLeast + "[workers]\ncontrol_core = 4\ncores = [0, 2]\n", {{0, 1}, true}),
              ElementsAre("f:5:16: workers.control_core: found 4; allowed: a CPU of this host: 0-1",
                          "f:6:13: workers.cores[1]: found 2; allowed: a CPU of this host: 0-1"));
}

TEST(Host, DefaultsAreHeldToTheHostToo) {
  EXPECT_THAT(errors_in(kLeast, {{0}, true}),
              ElementsAre("f:1:1: workers.cores[0]: found 1 (the default); allowed: a CPU of this host: 0"));
  EXPECT_THAT(
      errors_in(kLeast + "[workers]\ncontrol_core = 1\n"),
      ElementsAre(HasSubstr("f:4:1: workers.cores[0]: found 1, the control core (the default); allowed: ")));
  for (const char* idle : {"yield", "pause", "interrupt"})
    EXPECT_THAT(errors_in(kLeast + "[workers]\ncontrol_core = 1\nidle = \"" + idle + "\"\n"), ElementsAre())
        << "a worker that gives up its CPU may share it";
  EXPECT_THAT(errors_in(kLeast + "[workers]\ncontrol_core = 1\nidle = \"monitor\"\n"), SizeIs(1));
}

}  // namespace
}  // namespace sluice::config
