// fanout: routes are added and removed at random, over many chunks, and compared with plain sets.
#include "dataplane/stages/fanout.h"

#include <algorithm>
#include <set>

#include "tests/support/pure_support.h"

namespace sluice::dataplane::test {
namespace {

std::size_t free_chunks(const WorkerState& state) {
  std::size_t count = 0;
  for (std::uint32_t at = state.free_chunk; at != kNoSlot && count <= state.chunks.size();
       at = state.chunks[at].next)
    ++count;
  return count;
}

void clear_sources(WorkerMemory& memory) {
  for (std::size_t i = 0; i < memory.sources.size(); ++i) memory.sources[i].first_chunk = kNoSlot;
  for (std::size_t i = 0; i < memory.routes.size(); i += 2) memory.routes[i].keeps = true;
}

void expect_same(const WorkerState& state, const SourceSlot& source, const std::set<std::uint32_t>& model) {
  auto routes = routes_of(state, source);
  std::sort(routes.begin(), routes.end());
  ASSERT_EQ(routes, std::vector<std::uint32_t>(model.begin(), model.end()));
}

TEST(FanoutTest, FillsAndEmptiesOverChunkBoundaries) {
  for (const bool first_in_first_out : {false, true}) {
    BareWorker worker;
    clear_sources(worker.memory);
    SourceSlot& source = worker.memory.sources[0];
    std::set<std::uint32_t> model;
    for (std::uint32_t route = 0; route < 3 * FanoutChunk::kRoutes + 1; ++route) {
      ASSERT_TRUE(add_to_fanout(*worker.state, source, route));
      model.insert(route);
      ASSERT_NO_FATAL_FAILURE(expect_same(*worker.state, source, model));
    }
    EXPECT_EQ(worker.state->chunk_high_water, 4u);
    while (!model.empty()) {
      const std::uint32_t route = first_in_first_out ? *model.begin() : *model.rbegin();
      remove_from_fanout(*worker.state, source, route);
      model.erase(route);
      ASSERT_NO_FATAL_FAILURE(expect_same(*worker.state, source, model));
    }
    EXPECT_EQ(source.first_chunk, kNoSlot);
    EXPECT_EQ(free_chunks(*worker.state), 4u) << "chunks were lost";
  }
}

// Nothing between a route and the first chunk is looked at: here the list is cut there.
TEST(FanoutTest, ARemovalDoesNotSearch) {
  constexpr std::uint32_t kRoutes = 12'500;
  config::Limits limits = small_capacity();
  limits.routes_per_worker = kRoutes;
  BareWorker worker(limits);
  clear_sources(worker.memory);
  SourceSlot& source = worker.memory.sources[0];
  for (std::uint32_t route = 0; route < kRoutes; ++route)
    ASSERT_TRUE(add_to_fanout(*worker.state, source, route));
  // The order of joining is the worst one for a search: the newest routes stand in the first chunk.
  for (std::uint32_t route = 0; route < kRoutes; ++route) {
    FanoutChunk& first = worker.state->chunks[source.first_chunk];
    const std::uint32_t next = first.next;
    const bool stays = first.count > 1;
    if (stays) first.next = kNoSlot;
    remove_from_fanout(*worker.state, source, route);
    if (stays) first.next = next;
    ASSERT_EQ(source.route_count, kRoutes - route - 1);
    if (route % 1000 == 0) {
      auto left = routes_of(*worker.state, source);
      std::sort(left.begin(), left.end());
      ASSERT_EQ(left.size(), kRoutes - route - 1);
      ASSERT_EQ(left.front(), route + 1);
      ASSERT_TRUE(std::adjacent_find(left.begin(), left.end()) == left.end());
    }
  }
  EXPECT_EQ(source.first_chunk, kNoSlot);
  EXPECT_EQ(free_chunks(*worker.state), worker.state->chunk_high_water) << "chunks were lost";
}

TEST(FanoutTest, AnEmptyPoolRefusesAndLeavesAllAsItWas) {
  config::Limits limits = small_capacity();
  limits.routes_per_worker = 16;
  BareWorker worker(limits);
  clear_sources(worker.memory);
  SourceSlot& source = worker.memory.sources[0];
  std::uint32_t hung = 0;
  while (hung < 1000 && add_to_fanout(*worker.state, source, hung % 16)) ++hung;
  EXPECT_EQ(hung, worker.state->chunks.size() * FanoutChunk::kRoutes);
  EXPECT_EQ(routes_of(*worker.state, source).size(), hung);
  remove_from_fanout(*worker.state, source, 3);
  EXPECT_TRUE(add_to_fanout(*worker.state, source, 3));
  EXPECT_FALSE(add_to_fanout(*worker.state, source, 4));
}

// The pool of chunks is sufficient for the configured number of routes, also when each has another source.
TEST(FanoutTest, ThePoolLastsForEveryRouteOnItsOwnSource) {
  BareWorker worker;
  clear_sources(worker.memory);
  const auto routes = static_cast<std::uint32_t>(worker.memory.routes.size());
  for (std::uint32_t route = 0; route < routes; ++route)
    ASSERT_TRUE(add_to_fanout(*worker.state, worker.memory.sources[route], route));
}

TEST(FanoutTest, RandomHangingAgainstSets) {
  SEED_TRACE();
  Random random(test_seed());
  BareWorker worker;
  clear_sources(worker.memory);
  WorkerState& state = *worker.state;
  constexpr std::uint32_t kSources = 6;
  const auto routes = static_cast<std::uint32_t>(worker.memory.routes.size());
  std::vector<std::set<std::uint32_t>> model(kSources);
  std::vector<std::uint32_t> at(routes, kNoSlot);  // route -> its source
  for (int i = 0; i < 60000; ++i) {
    const auto route = static_cast<std::uint32_t>(random() % routes);
    const bool grow = (i / 3000) % 2 == 0;
    if (at[route] != kNoSlot) {  // removed, or moved to another source as in a switch
      if (grow && random() % 4 != 0) continue;
      const std::uint32_t from = at[route];
      remove_from_fanout(state, worker.memory.sources[from], route);
      model[from].erase(route);
      at[route] = kNoSlot;
      ASSERT_NO_FATAL_FAILURE(expect_same(state, worker.memory.sources[from], model[from]));
    }
    if (grow || random() % 8 == 0) {
      const auto to = static_cast<std::uint32_t>(random() % kSources / (1 + random() % 3));
      ASSERT_TRUE(add_to_fanout(state, worker.memory.sources[to], route));
      model[to].insert(route);
      at[route] = to;
      ASSERT_NO_FATAL_FAILURE(expect_same(state, worker.memory.sources[to], model[to]));
    }
  }
  for (std::uint32_t i = 0; i < kSources; ++i) {
    ASSERT_NO_FATAL_FAILURE(expect_same(state, worker.memory.sources[i], model[i]));
    for (const std::uint32_t route : model[i]) remove_from_fanout(state, worker.memory.sources[i], route);
    EXPECT_EQ(worker.memory.sources[i].first_chunk, kNoSlot);
  }
  EXPECT_EQ(free_chunks(state), state.chunk_high_water) << "chunks were lost";
}

}  // namespace
}  // namespace sluice::dataplane::test
