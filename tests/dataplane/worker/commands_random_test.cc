// commands: random sequences, compared with a simple model. One reference in six is stale.
#include <algorithm>
#include <array>
#include <set>

#include "tests/dataplane/worker/commands_fixture.h"

namespace sluice::dataplane::test {
namespace {

// The model: what the worker must have in its slots.
struct Records {
  struct Endpoint {
    std::uint32_t generation = 0;
    bool installed = false;
  };
  struct Source {
    std::uint32_t generation = 0;
    bool installed = false;
    SlotRef endpoint;
    std::set<std::uint32_t> routes;
  };
  struct Route {
    std::uint32_t generation = 0;
    bool installed = false;
    SlotRef endpoint;
    std::uint32_t source = kNoSlot;
    std::uint32_t ssrc = 0;
  };
  std::array<Endpoint, 6> endpoints;
  std::array<Source, 10> sources;
  std::array<Route, 60> routes;

  bool holds(SlotRef endpoint) const {
    return endpoints[endpoint.slot].installed && endpoints[endpoint.slot].generation == endpoint.generation;
  }
  void drop_route(std::uint32_t slot) {
    Route& route = routes[slot];
    if (route.source != kNoSlot) sources[route.source].routes.erase(slot);
    route.source = kNoSlot;
    route.installed = false;
  }
  void drop_source(std::uint32_t slot) {
    for (const std::uint32_t route : sources[slot].routes) routes[route].source = kNoSlot;
    sources[slot].routes.clear();
    sources[slot].installed = false;
  }
};

class RandomCommandsTest : public CommandsTest {
 protected:
  // Mostly the present generation, sometimes the one before or after.
  SlotRef some_ref(std::uint32_t slot, std::uint32_t generation) {
    if (random_() % 6 == 0) generation += random_() % 2 == 0 ? 1 : -1;
    return {slot, generation};
  }
  template <typename Slots>
  std::uint32_t some(const Slots& slots) {
    return static_cast<std::uint32_t>(random_() % slots.size());
  }
  // `holds`: the model expects that the command is carried out. Otherwise it must be stale.
  void expect_run(const Command& command, bool holds) { holds ? good(command) : stale(command); }

  void endpoint_step() {
    const std::uint32_t slot = some(records_.endpoints);
    auto& book = records_.endpoints[slot];
    if (random_() % 3 != 0) {
      if (!book.installed) {
        ++book.generation;
        fill_endpoint(memory(), {slot, book.generation}, static_cast<std::uint16_t>(20000 + 2 * slot));
      }
      const SlotRef ref = some_ref(slot, book.generation);
      const bool holds = !book.installed && ref.generation == book.generation;
      expect_run(make_command(CommandKind::kInstallEndpoint, ref), holds);
      if (holds) book.installed = true;
    } else {
      const SlotRef ref = some_ref(slot, book.generation);
      const bool holds = records_.holds(ref);
      expect_run(make_command(CommandKind::kRemoveEndpoint, ref), holds);
      expect_one_note(NoteKind::kEndpointRemoved, ref);
      if (!holds) return;
      for (std::uint32_t i = 0; i < records_.routes.size(); ++i)
        if (records_.routes[i].installed && records_.routes[i].endpoint.slot == slot) records_.drop_route(i);
      for (std::uint32_t i = 0; i < records_.sources.size(); ++i)
        if (records_.sources[i].installed && records_.sources[i].endpoint.slot == slot)
          records_.drop_source(i);
      book.installed = false;
    }
  }
  void source_step() {
    const std::uint32_t slot = some(records_.sources);
    auto& book = records_.sources[slot];
    if (random_() % 4 != 0) {
      if (!book.installed) {
        ++book.generation;
        const std::uint32_t endpoint = some(records_.endpoints);
        book.endpoint = some_ref(endpoint, records_.endpoints[endpoint].generation);
        fill_source(memory(), {slot, book.generation}, book.endpoint);
      }
      const SlotRef ref = some_ref(slot, book.generation);
      const bool holds =
          !book.installed && ref.generation == book.generation && records_.holds(book.endpoint);
      expect_run(make_command(CommandKind::kInstallSource, ref), holds);
      if (holds) book.installed = true;
    } else {
      const SlotRef ref = some_ref(slot, book.generation);
      const bool holds = book.installed && ref.generation == book.generation;
      expect_run(make_command(CommandKind::kRemoveSource, ref), holds);
      expect_one_note(NoteKind::kSourceRemoved, ref);
      if (holds) records_.drop_source(slot);
    }
  }
  void route_step() {
    const std::uint32_t slot = some(records_.routes);
    auto& book = records_.routes[slot];
    const std::uint32_t source = some(records_.sources);
    const SlotRef ref = some_ref(slot, book.generation);
    switch (random_() % 6) {
      case 0: {
        const bool holds = book.installed && ref.generation == book.generation;
        expect_run(make_command(CommandKind::kRemoveRoute, ref), holds);
        expect_one_note(NoteKind::kRouteRemoved, ref);
        if (holds) records_.drop_route(slot);
        return;
      }
      case 1:
      case 2: {
        Command change = make_command(CommandKind::kSwitchRoute, ref);
        change.source = some_ref(source, records_.sources[source].generation);
        const bool holds = book.installed && ref.generation == book.generation &&
                           records_.sources[source].installed &&
                           change.source.generation == records_.sources[source].generation;
        expect_run(change, holds);
        if (!holds) return;
        if (book.source != kNoSlot) records_.sources[book.source].routes.erase(slot);
        book.source = source;
        records_.sources[source].routes.insert(slot);
        return;
      }
      default: {
        if (!book.installed) {
          ++book.generation;
          const std::uint32_t endpoint = some(records_.endpoints);
          book.endpoint = some_ref(endpoint, records_.endpoints[endpoint].generation);
          book.ssrc = static_cast<std::uint32_t>(1000 + slot);
          fill_route(memory(), {slot, book.generation}, book.endpoint, {source, 0}, book.ssrc);
        }
        const SlotRef install = some_ref(slot, book.generation);
        const bool holds = !book.installed && install.generation == book.generation &&
                           records_.holds(book.endpoint) && records_.sources[source].installed;
        expect_run(make_command(CommandKind::kInstallRoute, install), holds);
        if (!holds) return;
        book.installed = true;
        book.source = source;
        records_.sources[source].routes.insert(slot);
      }
    }
  }

  void compare() {
    std::size_t routes = 0;
    std::array<std::set<std::uint32_t>, 6> incoming;
    std::array<std::set<std::uint32_t>, 6> own_sources;
    for (std::uint32_t i = 0; i < records_.routes.size(); ++i) {
      const auto& book = records_.routes[i];
      const RouteSlot& slot = memory().routes[i];
      ASSERT_EQ(slot.installed, book.installed) << "route " << i;
      if (!book.installed) continue;
      ++routes;
      ASSERT_EQ(slot.source, book.source);
      ASSERT_EQ(state().route_by_ssrc.find({book.endpoint.slot, book.ssrc}), i);
      incoming[book.endpoint.slot].insert(i);
    }
    ASSERT_EQ(state().route_by_ssrc.size(), routes);
    for (std::uint32_t i = 0; i < records_.sources.size(); ++i) {
      const auto& book = records_.sources[i];
      ASSERT_EQ(memory().sources[i].installed, book.installed) << "source " << i;
      if (!book.installed) continue;
      own_sources[book.endpoint.slot].insert(i);
      auto hanging = routes_of(state(), memory().sources[i]);
      std::sort(hanging.begin(), hanging.end());
      ASSERT_EQ(hanging, std::vector<std::uint32_t>(book.routes.begin(), book.routes.end()))
          << "source " << i;
    }
    for (std::uint32_t i = 0; i < records_.endpoints.size(); ++i) {
      const EndpointSlot& slot = memory().endpoints[i];
      const bool installed = records_.endpoints[i].installed;
      ASSERT_EQ(slot.installed, installed) << "endpoint " << i;
      ASSERT_EQ(state().local_port(0, static_cast<std::uint16_t>(20000 + 2 * i)).endpoint,
                installed ? i : kNoSlot);
      ASSERT_EQ(state().local_port(0, static_cast<std::uint16_t>(20001 + 2 * i)).endpoint,
                installed ? i : kNoSlot);
      if (!installed) continue;
      std::set<std::uint32_t> listed;
      for (std::uint32_t at = slot.first_incoming_route; at != kNoSlot;
           at = memory().routes[at].next_to_endpoint)
        ASSERT_TRUE(listed.insert(at).second) << "a circle";
      ASSERT_EQ(listed, incoming[i]);
      listed.clear();
      for (std::uint32_t at = slot.first_source; at != kNoSlot; at = memory().sources[at].next)
        ASSERT_TRUE(listed.insert(at).second) << "a circle";
      ASSERT_EQ(listed, own_sources[i]);
    }
  }

  Random random_{test_seed()};
  Records records_;
};

TEST_F(RandomCommandsTest, AgreeWithTheRecords) {
  SEED_TRACE();
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t kind = random_() % 40;
    if (kind == 0) {
      endpoint_step();
    } else if (kind < 6) {
      source_step();
    } else {
      route_step();
    }
    ASSERT_FALSE(HasFailure()) << "step " << i;
    if (i % 16 != 0) continue;
    compare();
    ASSERT_FALSE(HasFailure()) << "step " << i;
  }
}

}  // namespace
}  // namespace sluice::dataplane::test
