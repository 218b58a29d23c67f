// worker_memory: slots are zeroed and aligned, and a control thread that goes to sleep is always woken.
#include "dataplane/shared/worker_memory.h"

#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>

#include "tests/support/pure_support.h"

namespace sluice::dataplane::test {
namespace {

TEST(SlotArrayTest, ZeroedAlignedAndWritableToTheEnd) {
  const SlotArray<StreamSlot> one(1);
  EXPECT_EQ(one.size(), 1u);
  SlotArray<RouteSlot> routes(1000);
  ASSERT_EQ(routes.size(), 1000u);
  for (std::size_t i = 0; i < routes.size(); ++i) {
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(&routes[i]) % 64, 0u);
    ASSERT_EQ(routes[i].generation, 0u);
    ASSERT_FALSE(routes[i].installed);
    ASSERT_EQ(routes[i].next_index.read(), 0u);
    routes[i].next_index.set(i);
  }
  for (std::size_t i = 0; i < routes.size(); ++i) ASSERT_EQ(routes[i].next_index.read(), i);
}

TEST(WorkerMemoryTest, AsLargeAsConfigured) {
  ControlWaker waker;
  config::Limits limits;
  limits.endpoints_per_worker = 17;
  limits.routes_per_worker = 33;
  limits.streams_per_worker = 65;
  WorkerMemory memory(limits, waker);
  EXPECT_EQ(memory.endpoints.size(), 17u);
  EXPECT_EQ(memory.keys.size(), 17u);
  EXPECT_EQ(memory.sources.size(), 33u);
  EXPECT_EQ(memory.routes.size(), 33u);
  EXPECT_EQ(memory.streams.size(), 65u);
  EXPECT_EQ(&memory.waker, &waker);
}

bool readable(int fd, int timeout_ms) {
  pollfd poll_fd{fd, POLLIN, 0};
  return poll(&poll_fd, 1, timeout_ms) == 1 && (poll_fd.revents & POLLIN) != 0;
}

TEST(ControlWakerTest, WritesOncePerSleepAndNotAtAllToTheWaking) {
  ControlWaker waker;
  waker.wake();
  EXPECT_FALSE(readable(waker.fd(), 0)) << "the control thread was awake";
  waker.about_to_wait();
  EXPECT_FALSE(readable(waker.fd(), 0));
  waker.wake();
  waker.wake();
  waker.wake();
  ASSERT_TRUE(readable(waker.fd(), 0));
  std::uint64_t writes = 0;
  ASSERT_EQ(read(waker.fd(), &writes, sizeof writes), static_cast<ssize_t>(sizeof writes));
  EXPECT_EQ(writes, 1u);

  waker.about_to_wait();
  waker.wake();
  waker.awake();
  EXPECT_FALSE(readable(waker.fd(), 0)) << "awake() clears";
  waker.wake();
  EXPECT_FALSE(readable(waker.fd(), 0)) << "no thread waits";
  waker.about_to_wait();
  waker.awake();
  waker.wake();
  EXPECT_FALSE(readable(waker.fd(), 0)) << "awake() takes back the wait";
}

// Binds this thread to the nth of its allowed CPUs. The destructor restores all.
class OnCpu {
 public:
  explicit OnCpu(int nth) {
    sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(cpu, &before_) && nth-- == 0) CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);  // fails with fewer CPUs; the test then still runs
  }
  ~OnCpu() { sched_setaffinity(0, sizeof before_, &before_); }

 private:
  cpu_set_t before_;
};

// One thread pushes and wakes while the other is about to wait and looks once more. The other sees the entry
// or is woken.
TEST(ControlWakerTest, PushAndSleepAtTheSameMoment) {
  SEED_TRACE();
  constexpr int kRounds = 100'000;
  ControlWaker waker;
  SpscRing<int> ring(4);
  std::atomic<int> round{0};
  std::atomic<int> pushed{0};
  const auto meet = [](const std::atomic<int>& there, int i) {
    for (int spins = 1; there.load(std::memory_order_acquire) < i; ++spins)
      if (spins % 1024 == 0) std::this_thread::yield();  // needed on one CPU or a busy machine
  };
  const auto dawdle = [](std::uint64_t turns) {
    for (; turns > 0; --turns) asm volatile("");
  };
  std::thread worker([&] {
    const OnCpu second(1);
    Random random(test_seed());
    for (int i = 1; i <= kRounds; ++i) {
      meet(round, i);
      dawdle(random() % 64);
      EXPECT_TRUE(ring.push(i));
      waker.wake();
      pushed.store(i, std::memory_order_release);
    }
  });
  const OnCpu first(0);
  Random random(test_seed() + 1);
  int seen = 0;
  int woken = 0;
  int lost = 0;
  std::uint64_t bias = 0;  // delays this thread so that neither is always first
  for (int i = 1; i <= kRounds; ++i) {
    round.store(i, std::memory_order_release);
    dawdle(bias + random() % 64);
    waker.about_to_wait();
    int entry;
    const bool sees = ring.pop(entry);
    meet(pushed, i);
    if (sees) {
      ++seen;
      bias -= std::min<std::uint64_t>(bias, 4);
    } else {
      bias = std::min<std::uint64_t>(bias + 4, 1000);
      readable(waker.fd(), 0) ? ++woken : ++lost;
      EXPECT_TRUE(ring.pop(entry));
    }
    waker.awake();
  }
  worker.join();
  EXPECT_EQ(lost, 0) << "seen " << seen << ", woken " << woken;
}

// Two workers push one entry at a time, and each waits until the control thread has taken it. The control
// thread goes to sleep before nearly every entry. When a wake-up is lost, all three wait for ever.
TEST(ControlWakerTest, NoWakeUpIsLost) {
  constexpr int kEntries = 20'000;
  constexpr int kStuckMs = 5'000;
  struct Lane {
    SpscRing<int> ring{4};
    std::atomic<int> taken{0};
  };
  ControlWaker waker;
  std::array<Lane, 2> lanes;
  std::atomic<bool> give_up{false};
  const auto work = [&](Lane& lane) {
    for (int i = 1; i <= kEntries; ++i) {
      EXPECT_TRUE(lane.ring.push(i));
      waker.wake();
      while (lane.taken.load(std::memory_order_acquire) < i && !give_up.load()) std::this_thread::yield();
    }
  };
  std::thread first(work, std::ref(lanes[0]));
  std::thread second(work, std::ref(lanes[1]));

  const auto drain = [&] {
    bool any = false;
    for (Lane& lane : lanes) {
      for (int entry; lane.ring.pop(entry); any = true) lane.taken.store(entry, std::memory_order_release);
    }
    return any;
  };
  int sleeps = 0;
  int lost = 0;
  while ((lanes[0].taken.load() < kEntries || lanes[1].taken.load() < kEntries) && lost == 0) {
    waker.about_to_wait();
    if (!drain()) {
      ++sleeps;
      lost += !readable(waker.fd(), kStuckMs);
    }
    waker.awake();
    drain();
  }
  give_up.store(true);
  first.join();
  second.join();
  EXPECT_EQ(lost, 0) << "entries lay in a ring and the control thread was not woken";
  EXPECT_EQ(lanes[0].taken.load(), kEntries);
  EXPECT_EQ(lanes[1].taken.load(), kEntries);
  EXPECT_GT(sleeps, 0);
}

}  // namespace
}  // namespace sluice::dataplane::test
