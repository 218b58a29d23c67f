// Lists in pages: whole, in order, bounded, and steady while objects come and go.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "controlplane/session/listing.h"
#include "tests/controlplane/session/session_fixture.h"

namespace sluice::control {
namespace {

using test::SessionFixture;

config::Config large_config(std::uint32_t endpoints) {
  config::Config config = test::small_config();
  config.limits.sessions = 20000;
  config.limits.endpoints_per_worker = endpoints;
  config.media.port_min = 10000;
  config.media.port_max = 60000;
  return config;
}

EndpointCreate receiver(const std::string& session, const std::string& id) {
  EndpointCreate request;
  request.session = session;
  request.id = id;
  request.kind = dataplane::EndpointKind::kRtp;
  request.rtcp_mux = true;
  return request;
}

/// Reads a list to its end. Between two pages it calls `meanwhile`.
template <typename Request, typename List>
auto read_all(
    Request request, List list, const std::function<void()>& meanwhile = [] {}) {
  using View = std::remove_reference_t<decltype(std::get<0>(list(request)).views[0])>;
  Page<View> whole;
  for (int pages = 0; pages < 100000; ++pages) {
    auto result = list(request);
    if (const auto* error = std::get_if<RequestError>(&result)) {
      ADD_FAILURE() << error->message;
      break;
    }
    auto& page = std::get<0>(result);
    EXPECT_LE(page.views.size(), request.page.limit == 0 ? kDefaultPageLimit : request.page.limit);
    for (auto& view : page.views) whole.views.push_back(std::move(view));
    whole.count += page.count;
    if (page.next_cursor.empty()) break;
    EXPECT_NE(page.next_cursor, request.page.cursor) << "no progress";
    request.page.cursor = page.next_cursor;
    meanwhile();
  }
  return whole;
}

class ListingTest : public ::testing::Test {
 protected:
  explicit ListingTest() : bench(large_config(512)) {}
  ~ListingTest() override { bench.expect_no_breach(); }

  Page<EndpointView> endpoints(
      EndpointList request, const std::function<void()>& meanwhile = [] {}) {
    return read_all(
        request, [&](const EndpointList& r) { return bench.sessions->list_endpoints(r); }, meanwhile);
  }
  static std::vector<std::string> names(const Page<EndpointView>& page) {
    std::vector<std::string> names;
    for (const auto& view : page.views) names.push_back(view.session + "/" + view.id);
    return names;
  }

  SessionFixture bench;
};

TEST_F(ListingTest, ThePagesTogetherAreTheListInOrder) {
  std::set<std::string> all;
  for (const char* session : {"b", "a", "c.", "empty", "c"}) {
    bench.session(session);
    if (std::string_view(session) == "empty") continue;
    for (int i = 0; i < 12; ++i) {
      const std::string id = "e" + std::to_string(i);
      bench.create(receiver(session, id));
      all.insert(std::string(session) + "/" + id);
    }
  }
  for (const std::uint16_t limit : {0, 1, 5, 12, 47, 48, 49}) {
    EndpointList request;
    request.page.limit = limit;
    const auto found = names(endpoints(request));
    EXPECT_EQ(std::set<std::string>(found.begin(), found.end()), all) << limit;
    EXPECT_EQ(found.size(), all.size()) << limit;
    for (std::size_t i = 1; i < found.size(); ++i)
      EXPECT_LT(found[i - 1].substr(0, found[i - 1].find('/')) + '\0' + found[i - 1],
                found[i].substr(0, found[i].find('/')) + '\0' + found[i]);
  }
  const auto of_one = names(endpoints({.page = {.limit = 5}, .session = "c"}));
  EXPECT_EQ(of_one.size(), 12u);
  EXPECT_EQ(of_one.front(), "c/e0");
}

TEST_F(ListingTest, ObjectsThatComeAndGoMoveNoOther) {
  bench.session();
  std::set<std::string> staying;
  for (int i = 0; i < 40; ++i) {
    const std::string id = "k" + std::to_string(100 + i);
    bench.create(receiver("s", id));
    staying.insert("s/" + id);
    bench.create(receiver("s", "x" + id.substr(1)));
  }
  int turn = 0;
  const auto found = names(endpoints({.page = {.limit = 7}}, [&] {
    bench.sessions->remove_endpoint("s", "x" + std::to_string(100 + turn), [](auto) {});
    bench.settle();
    bench.create(receiver("s", "a" + std::to_string(turn++)));
  }));
  std::set<std::string> seen;
  for (const auto& name : found) EXPECT_TRUE(seen.insert(name).second) << name << " came twice";
  for (const auto& name : staying) EXPECT_TRUE(seen.contains(name)) << name << " is missing";
}

TEST_F(ListingTest, ACursorOutlivesItsObject) {
  bench.session();
  for (const char* id : {"a", "b", "c", "d"}) bench.create(receiver("s", id));
  const auto first = std::get<0>(bench.sessions->list_endpoints({.page = {.limit = 2}}));
  EXPECT_EQ(first.next_cursor, "s/b");
  bench.sessions->remove_endpoint("s", "b", [](auto) {});
  bench.settle();
  EXPECT_EQ(names(endpoints({.page = {.cursor = first.next_cursor}})),
            (std::vector<std::string>{"s/c", "s/d"}));
  bench.sessions->remove_session("s", [](auto) {});
  bench.settle();
  EXPECT_TRUE(names(endpoints({.page = {.cursor = first.next_cursor}})).empty());
}

TEST_F(ListingTest, FiltersAndCounts) {
  bench.session();
  bench.session("t");
  for (int i = 0; i < 9; ++i) bench.create(receiver("s", "r" + std::to_string(i)));
  bench.create(bench.webrtc("w"));
  bench.create(bench.sdes("a"));
  bench.answer_arp();
  bench.route("one", "a", "r1");
  bench.route("two", "a", "r2");
  EXPECT_EQ(endpoints({.page = {.count = true}}).count, 11u);
  EXPECT_TRUE(endpoints({.page = {.count = true}}).views.empty());
  EXPECT_EQ(names(endpoints({.kind = dataplane::EndpointKind::kWebrtc})), (std::vector<std::string>{"s/w"}));
  EXPECT_EQ(names(endpoints({.state = EndpointState::kConnected})), (std::vector<std::string>{"s/a"}));
  EXPECT_EQ(endpoints({.page = {.count = true}, .state = EndpointState::kAllocated}).count, 10u);
  EXPECT_EQ(endpoints({.session = "t"}).views.size(), 0u);
  EXPECT_EQ(endpoints({.port = "none"}).views.size(), 0u);
  const auto routes = std::get<0>(bench.sessions->list_routes({.session = "s", .to = "r2"}));
  ASSERT_EQ(routes.views.size(), 1u);
  EXPECT_EQ(routes.views[0].id, "two");
  EXPECT_EQ(std::get<0>(bench.sessions->list_routes({.session = "s", .from = "a"})).count, 2u);
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->list_routes({.from = "a"})).kind,
            ErrorKind::kInvalidParameter);

  const auto port = endpoints({.session = "s"}).views[0].local_rtp_port;  // of "a", which has a pair
  for (const std::uint16_t wanted : {port, static_cast<std::uint16_t>(port + 1)}) {
    const auto ports = std::get<0>(bench.sessions->list_udp_ports({.udp_port = wanted}));
    ASSERT_EQ(ports.views.size(), 1u) << wanted;
    EXPECT_EQ(ports.views[0].endpoint, "a");
    EXPECT_EQ(ports.views[0].component, wanted == port ? "rtp" : "rtcp");
  }
}

TEST_F(ListingTest, SessionsByPrefixAndAge) {
  for (const char* id : {"call-1", "call-2", "calm", "a", "z"}) bench.session(id);
  bench.advance(std::chrono::seconds(20));
  bench.session("call-3");
  const auto list = [&](const SessionList& r) { return bench.sessions->list_sessions(r); };
  std::vector<std::string> found;
  for (const auto& view : read_all(SessionList{.page = {.limit = 1}, .prefix = "call-"}, list).views)
    found.push_back(view.id);
  EXPECT_EQ(found, (std::vector<std::string>{"call-1", "call-2", "call-3"}));
  EXPECT_EQ(read_all(SessionList{.older_than_s = 15}, list).views.size(), 5u);
  EXPECT_EQ(read_all(SessionList{.page = {.limit = 2}, .prefix = "call-", .older_than_s = 15}, list).count,
            2u);
}

TEST_F(ListingTest, NeighboursWithTheirStates) {
  bench.session();
  for (int i = 0; i < 3; ++i) {
    EndpointCreate request = bench.rtp("e" + std::to_string(i), false);
    request.remote =
        RemoteAddress{config::IpAddress::v4(198, 18, 0, static_cast<std::uint8_t>(90 + i)), 4000, 0};
    bench.create(request);
  }
  bench.answer_arp();
  EndpointCreate silent = bench.rtp("silent", false);
  silent.remote = RemoteAddress{config::IpAddress::v4(198, 18, 0, 99), 4000, 0};
  bench.create(silent);
  bench.advance(std::chrono::milliseconds(300));
  const auto list = [&](const NeighborList& r) { return bench.sessions->list_neighbors(r); };
  const auto all = read_all(NeighborList{.page = {.limit = 1}}, list);
  std::map<std::string, NeighborView> by_address;
  for (const NeighborView& view : all.views) by_address[view.address.to_string()] = view;
  EXPECT_EQ(by_address.size(), all.views.size()) << "each is listed once";
  for (const char* address : {"198.18.0.90", "198.18.0.91", "198.18.0.92"}) {
    const NeighborView& view = by_address[address];
    EXPECT_EQ(view.port, "lan");
    EXPECT_EQ(view.state, NeighborState::kReachable) << address;
    EXPECT_EQ(view.mac, bench.peer_mac);
    EXPECT_EQ(view.age_ms, 300u);
    EXPECT_FALSE(view.is_gateway);
  }
  EXPECT_EQ(by_address["198.18.0.99"].state, NeighborState::kAsking);
  EXPECT_EQ(by_address["198.18.0.99"].mac, std::nullopt);
  const auto gateways = static_cast<std::size_t>(
      std::count_if(all.views.begin(), all.views.end(), [](const auto& view) { return view.is_gateway; }));
  EXPECT_EQ(all.views.size(), 4u + gateways);
  EXPECT_EQ(read_all(NeighborList{.state = NeighborState::kReachable}, list).count, 3u + gateways);
  EXPECT_EQ(read_all(NeighborList{.port = "none"}, list).count, 0u);
  for (const char* cursor : {"a", "0", "0/", "/198.18.0.1", "0/nowhere", "70000/198.18.0.1"})
    EXPECT_EQ(SessionFixture::error_of(list({.page = {.cursor = cursor}})).kind, ErrorKind::kInvalidParameter)
        << cursor;
}

TEST_F(ListingTest, CursorsOfOtherListsAreRefused) {
  bench.session();
  bench.create(receiver("s", "a"));
  for (const char* cursor : {"a", "/", "/a", "a/b/c", "t/a"}) {
    const auto result = bench.sessions->list_endpoints({.page = {.cursor = cursor}, .session = "s"});
    EXPECT_EQ(SessionFixture::error_of(result).kind, ErrorKind::kInvalidParameter) << cursor;
  }
  for (const char* cursor : {"a", "0", "0/", "/0", "0/x", "1/0", "-1/0", "0/99999999999999999999999"})
    EXPECT_EQ(SessionFixture::error_of(bench.sessions->list_streams({.page = {.cursor = cursor}})).kind,
              ErrorKind::kInvalidParameter)
        << cursor;
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->list_sessions({.page = {.cursor = "a/b"}})).kind,
            ErrorKind::kInvalidParameter);
}

// A page looks at a bounded number of objects, whatever the filter leaves.
TEST(Listing, APageIsBoundedWhenNothingMatches) {
  SessionFixture bench(large_config(12000));
  bench.session();
  constexpr int kCount = 10000;
  for (int i = 0; i < kCount; ++i) {
    bench.create(receiver("s", "e" + std::to_string(i)));
    if (i % 512 == 0) bench.settle();
  }
  for (int i = 0; i < 5000; ++i) bench.session("t" + std::to_string(i));
  EndpointList none{.kind = dataplane::EndpointKind::kWebrtc};
  std::size_t pages = 1;
  const auto list = [&](const EndpointList& r) { return bench.sessions->list_endpoints(r); };
  EXPECT_EQ(read_all(none, list, [&] { ++pages; }).count, 0u);
  EXPECT_EQ(pages, (kCount + 5000) / Listing::kMostExamined + 1);
  EXPECT_EQ(read_all(EndpointList{.page = {.count = true}}, list).count, std::size_t{kCount});
}

// The end of a large session is spread over many turns. Other requests are answered meanwhile.
TEST(Listing, ALargeSessionEndsInSteps) {
  SessionFixture bench(large_config(12000));
  bench.session();
  bench.session("other");
  constexpr std::size_t kCount = 3000;
  for (std::size_t i = 0; i < kCount; ++i) {
    bench.create(receiver("s", "e" + std::to_string(i)));
    if (i % 512 == 0) bench.settle();
  }
  bench.settle();
  bool done = false;
  bench.sessions->remove_session("s", [&](auto error) {
    EXPECT_FALSE(error);
    done = true;
  });
  const auto removed_at_once = bench.plane.memory(0).commands.size();
  EXPECT_LE(removed_at_once, 128u);
  EXPECT_EQ(std::get<EndpointView>(bench.sessions->get_endpoint("s", "e2999")).state,
            EndpointState::kRemoving)
      << "also before its turn comes";
  EXPECT_EQ(SessionFixture::error_of(bench.sessions->create_endpoint(receiver("s", "late"))).kind,
            ErrorKind::kWrongState);
  bench.create(receiver("other", "a"));
  std::size_t turns = 0;
  for (; !done && turns < 1000; ++turns) {
    bench.plane.worker(0).turn();
    const auto before = bench.sessions->totals().endpoints_removed;
    EXPECT_FALSE(bench.sessions->poll(bench.now) && !done) << "it must not sleep before the end";
    EXPECT_LE(bench.sessions->totals().endpoints_removed - before, 128u);
  }
  EXPECT_TRUE(done);
  EXPECT_GE(turns, kCount / 128);
  EXPECT_EQ(bench.sessions->totals().endpoints_removed, kCount);
  EXPECT_EQ(bench.sessions->session_count(), 1u);
  EXPECT_EQ(bench.count_events("endpoint.removed"), kCount);
  bench.expect_no_breach();
}

}  // namespace
}  // namespace sluice::control
