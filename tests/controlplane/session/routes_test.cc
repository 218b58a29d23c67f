// Routes and sources: sharing, switching, order of commands, SSRCs and their packet indices.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/controlplane/session/session_fixture.h"

namespace sluice::control {
namespace {

using dataplane::CommandKind;
using test::SessionFixture;

class RoutesTest : public ::testing::Test {
 protected:
  RoutesTest() {
    bench.session();
    bench.create(bench.rtp("a"));
    bench.create(bench.sdes("b"));
    bench.create(bench.sdes("c"));
    bench.settle();
  }
  ~RoutesTest() override {
    bench.settle();
    bench.expect_no_breach();
  }

  RouteCreate request(const std::string& id) const {
    RouteCreate route;
    route.session = "s";
    route.id = id;
    route.from.endpoint = "a";
    route.to = "b";
    route.clock_rate = 90000;
    return route;
  }
  void remove(const std::string& id) {
    bool done = false;
    bench.sessions->remove_route("s", id, [&](auto error) {
      EXPECT_FALSE(error);
      done = true;
    });
    bench.settle();
    EXPECT_TRUE(done);
  }
  test::ScriptedWorker& worker() { return bench.plane.worker(0); }
  const dataplane::RouteSlot& slot(std::uint32_t i) { return bench.plane.memory(0).routes[i]; }

  SessionFixture bench;
};

TEST_F(RoutesTest, EveryKindToEveryKind) {
  bench.create(bench.rtp("rtp1"));
  bench.create(bench.rtp("rtp2"));
  bench.create(bench.sdes("sdes1"));
  bench.create(bench.sdes("sdes2"));
  bench.create(bench.webrtc("web1"));
  EndpointCreate shared = bench.webrtc("web2");
  shared.transport = IceTransport::kShared;
  bench.create(shared);
  const std::vector<std::string> all{"rtp1", "rtp2", "sdes1", "sdes2", "web1", "web2"};
  std::size_t routes = 0;
  for (const auto& from : all)
    for (const auto& to : all) {
      bench.route(from + "-" + to, from, to);
      ++routes;
    }
  bench.settle();
  EXPECT_EQ(worker().routes.size(), routes);
  EXPECT_EQ(worker().sources.size(), all.size()) << "one source for all routes of a publisher";
  EXPECT_EQ(std::get<0>(bench.sessions->list_routes({.session = "s"})).views.size(), routes);
  for (const auto& id : all) bench.sessions->remove_endpoint("s", id, [](auto) {});
  bench.settle();
  EXPECT_TRUE(worker().routes.empty());
  EXPECT_TRUE(worker().sources.empty());
  EXPECT_EQ(bench.count_events("route.removed"), routes);
}

TEST_F(RoutesTest, EqualSelectorsShareASource) {
  RouteCreate one = request("r1"), two = request("r2"), three = request("r3"), four = request("r4");
  one.from.payload_types = {96, 97};
  two.from.payload_types = {97, 96};
  three.from.payload_types = {96};
  four.from.payload_types = {96, 97};
  four.clock_rate = 48000;
  for (const auto& route : {one, two, three, four})
    ASSERT_TRUE(std::holds_alternative<Created<RouteView>>(bench.sessions->create_route(route)));
  bench.settle();
  EXPECT_EQ(worker().sources.size(), 3u);
  EXPECT_EQ(worker().route_source[0], worker().route_source[1]);
  remove("r1");
  EXPECT_EQ(worker().sources.size(), 3u) << "the other route still uses the source";
  remove("r2");
  EXPECT_EQ(worker().sources.size(), 2u);
}

TEST_F(RoutesTest, SourceThatIsDyingIsNotJoined) {
  bench.route("r1", "a", "b");
  bench.settle();
  worker().hold_acks();
  bench.sessions->remove_route("s", "r1", [](auto) {});
  bench.settle();
  bench.route("r2", "a", "b");
  worker().release_acks();
  bench.settle();
  EXPECT_EQ(worker().sources.size(), 1u);
  EXPECT_EQ(worker().routes.size(), 1u);
}

TEST_F(RoutesTest, SwitchInstallsTheNewSourceFirst) {
  bench.create(bench.rtp("d"));
  bench.route("r", "a", "b");
  bench.settle();
  worker().order.clear();
  const auto result = bench.sessions->switch_route({"s", "r", {"d", 1000, {}, {}, {}}});
  ASSERT_TRUE(std::holds_alternative<RouteView>(result));
  EXPECT_EQ(std::get<RouteView>(result).from.endpoint, "d");
  bench.settle();
  EXPECT_EQ(worker().order, (std::vector{CommandKind::kInstallSource, CommandKind::kSwitchRoute,
                                         CommandKind::kRemoveSource}));
  EXPECT_EQ(bench.count_events("route.switched"), 1u);
  EXPECT_EQ(bench.last_event("route.switched")->route, "r");

  worker().order.clear();
  ASSERT_TRUE(
      std::holds_alternative<RouteView>(bench.sessions->switch_route({"s", "r", {"d", 1000, {}, {}, {}}})));
  bench.settle();
  EXPECT_TRUE(worker().order.empty()) << "a switch to the present source must do nothing";

  // The removal of the former publisher keeps the route; that of the present publisher removes it.
  bench.sessions->remove_endpoint("s", "a", [](auto) {});
  bench.settle();
  EXPECT_EQ(worker().routes.size(), 1u);
  bench.sessions->remove_endpoint("s", "d", [](auto) {});
  bench.settle();
  EXPECT_TRUE(worker().routes.empty());
}

TEST_F(RoutesTest, CreationIsIdempotentAndConflictsCarryTheExisting) {
  RouteCreate route = request("r");
  route.ssrc = 1000;
  EXPECT_TRUE(std::get<0>(bench.sessions->create_route(route)).created);
  EXPECT_FALSE(std::get<0>(bench.sessions->create_route(route)).created);
  RouteCreate other = route;
  other.keyframe_on_switch = true;
  const auto result = bench.sessions->create_route(other);
  EXPECT_EQ(SessionFixture::error_of(result).kind, ErrorKind::kConflict);
  const auto& conflict = std::get<Conflict>(SessionFixture::error_of(result).detail);
  EXPECT_EQ(std::get<RouteView>(conflict.existing->view).ssrc, 1000u);
  other = route;
  other.retransmit = true;
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->create_route(other)).kind, ErrorKind::kConflict);
  other = route;
  other.dscp = 0;  // not the same as that of the endpoint
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->create_route(other)).kind, ErrorKind::kConflict);
  // After a switch, the same request is still no conflict.
  ASSERT_TRUE(
      std::holds_alternative<RouteView>(bench.sessions->switch_route({"s", "r", {"c", {}, {}, {}, {}}})));
  EXPECT_FALSE(std::get<0>(bench.sessions->create_route(route)).created);
  EXPECT_EQ(bench.count_events("route.created"), 1u);
}

TEST_F(RoutesTest, SsrcIsUniqueAtItsEndpoint) {
  bench.route("r1", "a", "b", 1000);
  RouteCreate second = request("r2");
  second.ssrc = 1000;
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->create_route(second)).kind, ErrorKind::kConflict);
  second.ssrc = bench.plane.memory(0).endpoints[1].local_ssrc;
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->create_route(second)).kind, ErrorKind::kConflict);
  bench.route("other-receiver", "a", "c", 1000);
  std::set<std::uint32_t> made;
  for (int i = 0; i < 50; ++i) made.insert(bench.route("m" + std::to_string(i), "a", "b").ssrc);
  EXPECT_EQ(made.size(), 50u);
}

TEST_F(RoutesTest, RecreatedRouteContinuesItsIndices) {
  bench.route("r", "a", "b", 1000);
  bench.settle();
  std::uint64_t next = worker().first_indices.back();
  EXPECT_LT(next, 1u << 15);
  for (const std::uint64_t sent : {70000u, 0u, 1u, 3000000u}) {
    worker().advance_ssrc(1000, sent);
    remove("r");
    next += sent;
    bench.route("r", "a", "b", 1000);
    bench.settle();
    EXPECT_EQ(worker().first_indices.back(), next);
  }
  // Another endpoint has other keys, and another SSRC has other nonces, so both begin anew.
  bench.route("c", "a", "c", 1000);
  bench.route("b2", "a", "b", 1001);
  bench.settle();
  const auto count = worker().first_indices.size();
  EXPECT_LT(worker().first_indices[count - 1], 1u << 15);
  EXPECT_LT(worker().first_indices[count - 2], 1u << 15);
}

// Another node has sent the packets before: a call that is taken over.
TEST_F(RoutesTest, ARouteBeginsWithTheGivenNumbers) {
  RouteCreate taken = request("r");
  taken.ssrc = 1000;
  taken.rollover_counter = 7;
  taken.sequence = 300;
  auto created = bench.sessions->create_route(taken);
  ASSERT_EQ(created.index(), 0u);
  EXPECT_TRUE(std::get<0>(created).created);
  bench.settle();
  EXPECT_EQ(worker().first_indices.back(), (7u << 16) + 300u);
  EXPECT_EQ(bench.plane.memory(0).routes[0].reorder_room, 0) << "the receiver would take it for a loss";
  EXPECT_EQ(std::get<0>(created).object.sequence, 300);
  EXPECT_FALSE(std::get<0>(bench.sessions->create_route(taken)).created) << "idempotent";
  taken.sequence = 301;
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->create_route(taken)).kind, ErrorKind::kConflict);
  worker().advance_ssrc(1000, 100);
  remove("r");
  taken.sequence = 399;
  const auto result = bench.sessions->create_route(taken);
  const RequestError& spent = SessionFixture::error_of(result);
  EXPECT_EQ(spent.kind, ErrorKind::kConflict);
  EXPECT_NE(spent.message.find("sequence: found 399 with rolloverCounter 7"), std::string::npos)
      << spent.message;
  taken.sequence = 400;
  EXPECT_EQ(bench.sessions->create_route(taken).index(), 0u);
  bench.settle();
  EXPECT_EQ(worker().first_indices.back(), (7u << 16) + 400u);
}

// What a fail-over takes along.
TEST_F(RoutesTest, ARouteSaysWhichNumbersComeNext) {
  bench.create(bench.sdes("secure"));
  bench.create(bench.rtp("plain"));
  const auto check = [&](const std::string& to, bool encrypted) {
    const RouteView fresh = bench.route("r-" + to, "a", to);
    bench.settle();
    auto& slots = bench.plane.memory(0).routes;
    std::uint32_t at = 0;
    while (slots[at].ssrc != fresh.ssrc) ++at;
    dataplane::RouteSlot& slot = slots[at];
    EXPECT_EQ(fresh.sequence, slot.first_index + slot.reorder_room);
    slot.highest_index.set((std::uint64_t{5} << 16) + 65535);
    slot.packets.add();
    const RouteView view = std::get<0>(bench.sessions->get_route("s", fresh.id));
    EXPECT_EQ(view.sequence, 0);
    EXPECT_EQ(view.rollover_counter, encrypted ? std::optional<std::uint32_t>(6) : std::nullopt);
  };
  check("plain", false);
  check("secure", true);
}

TEST_F(RoutesTest, ASsrcIsNotFreeBeforeTheAck) {
  bench.route("r", "a", "b", 1000);
  bench.settle();
  worker().advance_ssrc(1000, 500);
  worker().hold_acks();
  bench.sessions->remove_route("s", "r", [](auto) {});
  bench.settle();
  RouteCreate again = request("r2");
  again.ssrc = 1000;
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->create_route(again)).kind, ErrorKind::kConflict)
      << "the last index of the old route is not known yet";
  worker().release_acks();
  bench.settle();
  EXPECT_TRUE(std::holds_alternative<Created<RouteView>>(bench.sessions->create_route(again)));
}

TEST_F(RoutesTest, RemembersABoundedNumberOfSsrcs) {
  config::Config config = test::small_config();
  config.limits.routes_per_endpoint = 2;  // so it remembers 8 SSRCs
  SessionFixture small(config);
  small.session();
  small.create(small.rtp("a"));
  small.create(small.sdes("b"));
  for (std::uint32_t i = 0; i < 8; ++i) {
    small.route("r", "a", "b", 100 + i);
    small.plane.worker(0).advance_ssrc(100 + i, 10);
    small.sessions->remove_route("s", "r", [](auto) {});
    small.settle();
  }
  RouteCreate fresh;
  fresh.session = "s";
  fresh.id = "r";
  fresh.from.endpoint = "a";
  fresh.to = "b";
  fresh.clock_rate = 8000;
  fresh.ssrc = 200;
  const auto result = small.sessions->create_route(fresh);
  EXPECT_EQ(SessionFixture::error_of(result).kind, ErrorKind::kLimitReached);
  const auto& detail = std::get<LimitReached>(SessionFixture::error_of(result).detail);
  EXPECT_EQ(detail.limit, "outgoing_ssrcs_per_endpoint");
  EXPECT_EQ(detail.value, 8u);
  EXPECT_EQ(small.route("r", "a", "b").ssrc, 100u) << "the SSRC that was unused for longest continues";
  EXPECT_EQ(small.sessions->worker_load(0).routes, 1u);
  small.settle();
  small.expect_no_breach();
}

TEST_F(RoutesTest, SlotHoldsWhatWasAskedFor) {
  EndpointCreate mid = bench.rtp("m");
  mid.mid_extension_id = 4;
  mid.rid_extension_id = 5;
  bench.create(mid);
  RouteCreate route = request("r");
  route.from = {.endpoint = "m", .ssrc = {}, .payload_types = {}, .mid = "video0", .rid = "h"};
  route.payload_types = {{96, 100}, {97, 101}};
  route.header_extensions = std::vector<NumberMapping>{{1, 5}, {14, 1}};
  route.keyframe_on_switch = true;
  route.dscp = 34;
  route.ssrc = 77;
  ASSERT_TRUE(std::holds_alternative<Created<RouteView>>(bench.sessions->create_route(route)));
  bench.settle();
  EXPECT_EQ(slot(0).ssrc, 77u);
  EXPECT_EQ(slot(0).clock_rate, 90000u);
  EXPECT_TRUE(slot(0).keyframe_on_switch);
  EXPECT_TRUE(slot(0).has_dscp);
  EXPECT_EQ(slot(0).dscp, 34);
  EXPECT_EQ(slot(0).payload_type_count, 2);
  EXPECT_EQ(slot(0).payload_types[1].to, 101);
  EXPECT_TRUE(slot(0).map_extensions);
  EXPECT_EQ(slot(0).extension_ids[1], 5);
  EXPECT_EQ(slot(0).extension_ids[2], 0);
  EXPECT_EQ(slot(0).extension_ids[14], 1);
  const auto& source = bench.plane.memory(0).sources[slot(0).source];
  EXPECT_EQ(source.match, dataplane::SourceMatch::kName);
  EXPECT_EQ(std::string(source.mid.begin(), source.mid.begin() + source.mid_length), "video0");
  EXPECT_EQ(std::string(source.rid.begin(), source.rid.begin() + source.rid_length), "h");
}

TEST_F(RoutesTest, RetransmitsToWebrtcByDefaultAndAsAsked) {
  bench.create(bench.webrtc("w"));
  const auto made = [&](const char* id, const char* to, std::optional<bool> asked) {
    RouteCreate route = request(id);
    route.to = to;
    route.retransmit = asked;
    const auto result = bench.sessions->create_route(route);
    bench.settle();
    return std::get<0>(result).object.retransmit;
  };
  EXPECT_FALSE(made("r0", "b", {}));
  EXPECT_TRUE(made("r1", "b", true));
  EXPECT_TRUE(made("r2", "w", {}));
  EXPECT_FALSE(made("r3", "w", false));
  for (std::uint32_t i = 0; i < 4; ++i) EXPECT_EQ(slot(i).retransmit, i == 1 || i == 2) << i;
}

TEST(RoutesWithoutCacheTest, NothingIsSentAgain) {
  config::Config config = test::small_config();
  config.memory.packet_cache_mib = 0;
  SessionFixture bench(config);
  bench.session();
  bench.create(bench.rtp("a"));
  bench.create(bench.webrtc("w"));
  RouteCreate route;
  route.session = "s";
  route.from.endpoint = "a";
  route.to = "w";
  route.clock_rate = 90000;
  EXPECT_FALSE(std::get<0>(bench.sessions->create_route(route)).object.retransmit);
  route.retransmit = true;
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->create_route(route)).kind, ErrorKind::kInvalidParameter);
  bench.settle();
  bench.expect_no_breach();
}

TEST_F(RoutesTest, BadRoutesAreRefusedAndTakeNothing) {
  EndpointCreate muxed = bench.rtp("mux");
  muxed.rtcp_mux = true;
  bench.create(muxed);
  std::vector<std::pair<RouteCreate, std::string>> bad;
  const auto add = [&](auto change, std::string names) {
    bad.emplace_back(request("r"), std::move(names));
    change(bad.back().first);
  };
  add([](auto& r) { r.clock_rate = 0; }, "clockRate");
  add([](auto& r) { r.clock_rate = 1000001; }, "clockRate");
  add(
      [](auto& r) {
        r.from.ssrc = 1;
        r.from.mid = "x";
      },
      "from");
  add([](auto& r) { r.from.mid = "x"; }, "midExtensionId");
  add([](auto& r) { r.from.mid = std::string(17, 'x'); }, "16");
  add([](auto& r) { r.from.rid = "h"; }, "ridExtensionId");
  add([](auto& r) { r.from.rid = "h!"; }, "from.rid");
  add([](auto& r) { r.from.payload_types = {128}; }, "0..127");
  add([](auto& r) { r.from.payload_types.assign(9, 1); }, "at most 8");
  add([](auto& r) { r.payload_types = {{0, 200}}; }, "0..127");
  add([](auto& r) { r.payload_types = {{0, 1}, {0, 2}}; }, "twice");
  add([](auto& r) { r.payload_types.assign(9, {1, 1}); }, "at most 8");
  add(
      [](auto& r) {
        r.to = "mux";
        r.payload_types = {{96, 72}};
      },
      "RTCP");
  add([](auto& r) { r.header_extensions = std::vector<NumberMapping>{{0, 1}}; }, "1..14");
  add([](auto& r) { r.header_extensions = std::vector<NumberMapping>{{1, 2}, {2, 2}}; }, "once");
  add([](auto& r) { r.id = "a b"; }, "id");
  for (const auto& [route, names] : bad) {
    const auto result = bench.sessions->create_route(route);
    EXPECT_EQ(SessionFixture::error_of(result).kind, ErrorKind::kInvalidParameter) << names;
    EXPECT_NE(SessionFixture::error_of(result).message.find(names), std::string::npos)
        << SessionFixture::error_of(result).message;
  }
  RouteCreate unknown = request("r");
  unknown.to = "unknown";
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->create_route(unknown)).kind, ErrorKind::kNotFound);
  bench.settle();
  EXPECT_EQ(bench.sessions->worker_load(0).routes, 0u);
  EXPECT_TRUE(worker().sources.empty());
}

TEST_F(RoutesTest, ReceiverGoesRoutesFirst) {
  for (int i = 0; i < 3; ++i) bench.route("r" + std::to_string(i), "a", "b");
  bench.settle();
  worker().order.clear();
  bench.sessions->remove_endpoint("s", "b", [](auto) {});
  bench.settle();
  EXPECT_EQ(worker().order,
            (std::vector{CommandKind::kRemoveRoute, CommandKind::kRemoveRoute, CommandKind::kRemoveRoute,
                         CommandKind::kRemoveSource, CommandKind::kRemoveEndpoint}));
}

TEST_F(RoutesTest, NothingJoinsWhatIsOnItsWayOut) {
  worker().hold_acks();
  bench.route("r", "a", "b");
  bench.sessions->remove_endpoint("s", "b", [](auto) {});
  bench.settle();
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->create_route(request("r2"))).kind,
            ErrorKind::kWrongState);
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->create_route(request("r"))).kind,
            ErrorKind::kWrongState);
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->switch_route({"s", "r", {"c", {}, {}, {}, {}}})).kind,
            ErrorKind::kWrongState);
  EXPECT_EQ(std::get<RouteView>(bench.sessions->get_route("s", "r")).state, "removing");
  worker().release_acks();
}

}  // namespace
}  // namespace sluice::control
