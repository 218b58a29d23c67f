// commands: each kind with a valid reference, with one of a past generation, with one to a slot that is not
// installed, and with one to no slot.
#include "dataplane/worker/commands.h"

#include <rte_mbuf.h>

#include "dataplane/stages/streams.h"
#include "tests/dataplane/worker/commands_fixture.h"

namespace sluice::dataplane::test {
namespace {

TEST_F(CommandsTest, InstallEndpoint) {
  publisher().keys_ready = true;  // values that an earlier endpoint left
  publisher().rtcp_index.set(99);
  good(make_command(CommandKind::kInstallEndpoint, kPublisher));
  EXPECT_TRUE(publisher().installed);
  EXPECT_FALSE(publisher().keys_ready);
  EXPECT_EQ(publisher().rtcp_index.read(), 99u) << "the control thread says where it begins";
  EXPECT_EQ(publisher().first_stream, kNoSlot);
  EXPECT_EQ(publisher().first_source, kNoSlot);
  EXPECT_EQ(publisher().first_incoming_route, kNoSlot);
  EXPECT_EQ(publisher().stream_count, 0u);
  EXPECT_EQ(state().local_port(0, 20000).endpoint, kPublisher.slot);
  EXPECT_EQ(state().local_port(0, 20001).endpoint, kPublisher.slot);
  EXPECT_EQ(state().local_port(0, 20002).endpoint, kNoSlot);
  EXPECT_TRUE(worker_.notes().empty());

  publisher().rtcp_index.set(5);
  stale(make_command(CommandKind::kInstallEndpoint, kPublisher));  // it is installed already
  EXPECT_EQ(publisher().rtcp_index.read(), 5u) << "an installed endpoint was set up again";
  stale_refs(CommandKind::kInstallEndpoint, kReceiver);
  EXPECT_FALSE(receiver().installed);
  EXPECT_EQ(state().local_port(0, 20010).endpoint, kNoSlot);
}

TEST_F(CommandsTest, ExpectStreamIsForEncryptedEndpointsOnly) {
  Command command = make_command(CommandKind::kExpectStream, kPublisher);
  command.ssrc = 1000;
  command.index = 70'000;
  stale(command);
  good(make_command(CommandKind::kInstallEndpoint, kPublisher));
  publisher().encrypted = false;
  good(command);
  EXPECT_EQ(state().past_streams.size(), 0u);
  publisher().encrypted = true;
  command.index = std::uint64_t{1} << 48;
  good(command);
  EXPECT_EQ(state().past_streams.size(), 0u) << "no such index";
  command.index = 70'000;
  good(command);
  good(command);
  EXPECT_EQ(state().past_streams.size(), 1u);
  good(make_command(CommandKind::kRemoveEndpoint, kPublisher));
  EXPECT_EQ(state().past_streams.size(), 0u);
  (void)worker_.notes();
}

TEST_F(CommandsTest, AnEndpointOnTheSharedPortHasNoPortOfItsOwn) {
  publisher().shared_port = true;
  publisher().local.address.port = publisher().rtcp_port = state().shared_ice_port;
  good(make_command(CommandKind::kInstallEndpoint, kPublisher));
  EXPECT_EQ(state().local_port(0, state().shared_ice_port).endpoint, kNoSlot);
  state().local_port(0, state().shared_ice_port).endpoint = 1;  // a value that the removal must keep
  good(make_command(CommandKind::kRemoveEndpoint, kPublisher));
  EXPECT_EQ(state().local_port(0, state().shared_ice_port).endpoint, 1u);
}

TEST_F(CommandsTest, RemoveEndpoint) {
  install_endpoints();
  for (const SlotRef wrong : {past(kPublisher), beyond(), SlotRef{9, 0}}) {
    stale(make_command(CommandKind::kRemoveEndpoint, wrong));
    expect_one_note(NoteKind::kEndpointRemoved, wrong);  // answered although it is stale
  }
  EXPECT_TRUE(publisher().installed);
  good(make_command(CommandKind::kRemoveEndpoint, kPublisher));
  expect_one_note(NoteKind::kEndpointRemoved, kPublisher);
  EXPECT_FALSE(publisher().installed);
  EXPECT_EQ(state().local_port(0, 20000).endpoint, kNoSlot);
  EXPECT_EQ(state().local_port(0, 20001).endpoint, kNoSlot);
  EXPECT_EQ(state().local_port(0, 20010).endpoint, kReceiver.slot);
  stale(make_command(CommandKind::kRemoveEndpoint, kPublisher));
  expect_one_note(NoteKind::kEndpointRemoved, kPublisher);
  ++publisher().generation;  // the next endpoint in the slot
  good(make_command(CommandKind::kInstallEndpoint, {kPublisher.slot, kPublisher.generation + 1}));
}

// The control thread removes routes and sources first. Even when it does not, no reference to the removed
// endpoint may remain.
TEST_F(CommandsTest, RemovingAnEndpointLeavesNothingThatPointsAtIt) {
  install_all();
  const std::uint32_t stream = create_stream(state(), kPublisher.slot, 1000);
  wake_stream(state(), stream);
  fill_source(memory(), {20, 1}, kReceiver);
  good(make_command(CommandKind::kInstallSource, {20, 1}));
  fill_route(memory(), {21, 1}, kPublisher, {20, 1}, 77);
  good(make_command(CommandKind::kInstallRoute, {21, 1}));
  worker_.notes();
  good(make_command(CommandKind::kRemoveEndpoint, kPublisher));
  expect_one_note(NoteKind::kEndpointRemoved, kPublisher);
  EXPECT_FALSE(source().installed);
  EXPECT_FALSE(source(kOtherSource).installed);
  EXPECT_EQ(find_stream(state(), kPublisher.slot, 1000), kNoSlot);
  EXPECT_EQ(memory().streams[stream].tenancy.load() % 2, 0u);
  EXPECT_TRUE(route().installed) << "it leads to another endpoint";
  EXPECT_EQ(route().source, kNoSlot);
  EXPECT_FALSE(memory().routes[21].installed);
  EXPECT_EQ(memory().sources[20].route_count, 0u);
  EXPECT_EQ(state().route_by_ssrc.find({kPublisher.slot, 77}), kNoSlot);
  good(make_command(CommandKind::kRemoveRoute, kRoute));
}

TEST_F(CommandsTest, SetRemote) {
  Command command;
  command.remote = make_header_template(
      publisher().local, {{2, 9, 9, 9, 9, 9}, {config::IpAddress::v4(198, 18, 1, 9), 4000}}, 0);
  stale_refs(CommandKind::kSetRemote, kPublisher, command);
  command.kind = CommandKind::kSetRemote;
  command.ref = kPublisher;
  stale(command);
  EXPECT_FALSE(publisher().rtp.known());
  install_endpoints();
  good(command);
  EXPECT_EQ(template_remote(publisher().rtp).port, 4000);
  EXPECT_FALSE(publisher().rtcp.known());
  command.component = Component::kRtcp;
  good(command);
  EXPECT_EQ(template_remote(publisher().rtcp).port, 4000);
  EXPECT_FALSE(receiver().rtp.known());
  command.remote = HeaderTemplate{};  // the remote is no longer known
  good(command);
  EXPECT_FALSE(publisher().rtcp.known());
}

TEST_F(CommandsTest, BindAndUnbindTuple) {
  const FiveTuple key{{config::IpAddress::v4(198, 18, 1, 9), 4000}, 3478};
  Command command;
  command.tuple = key;
  const auto with = [&](CommandKind kind, SlotRef ref) {
    command.kind = kind;
    command.ref = ref;
    return command;
  };
  stale(with(CommandKind::kBindTuple, kPublisher));
  stale_refs(CommandKind::kBindTuple, kPublisher, command);
  EXPECT_EQ(state().endpoint_by_tuple.find(key), kNoSlot);
  install_endpoints();
  good(with(CommandKind::kBindTuple, kPublisher));
  EXPECT_EQ(state().endpoint_by_tuple.find(key), kPublisher.slot);
  good(with(CommandKind::kUnbindTuple, kReceiver));  // the tuple belongs to the publisher
  EXPECT_EQ(state().endpoint_by_tuple.find(key), kPublisher.slot);
  good(with(CommandKind::kBindTuple, kReceiver));  // the latest owner wins
  EXPECT_EQ(state().endpoint_by_tuple.find(key), kReceiver.slot);
  good(with(CommandKind::kUnbindTuple, kPublisher));  // a late command of the former owner
  EXPECT_EQ(state().endpoint_by_tuple.find(key), kReceiver.slot);
  stale_refs(CommandKind::kUnbindTuple, kReceiver, command);
  EXPECT_EQ(state().endpoint_by_tuple.find(key), kReceiver.slot);
  good(with(CommandKind::kUnbindTuple, kReceiver));
  EXPECT_EQ(state().endpoint_by_tuple.find(key), kNoSlot);
}

TEST_F(CommandsTest, ATupleTableThatIsFullCountsWhatItRefuses) {
  install_endpoints();
  Command command = make_command(CommandKind::kBindTuple, kPublisher);
  command.tuple = {{config::IpAddress::v4(198, 18, 1, 9), 0}, 3478};
  const std::size_t capacity = std::size_t{4} * memory().endpoints.size();
  for (std::size_t i = 0; i < capacity; ++i) {
    ++command.tuple.remote.port;
    good(command);
  }
  ++command.tuple.remote.port;
  stale(command);
  EXPECT_EQ(state().endpoint_by_tuple.size(), capacity);
}

TEST_F(CommandsTest, KeysReady) {
  stale(make_command(CommandKind::kKeysReady, kPublisher));
  install_endpoints();
  stale_refs(CommandKind::kKeysReady, kPublisher);
  EXPECT_FALSE(publisher().keys_ready);
  good(make_command(CommandKind::kKeysReady, kPublisher));
  EXPECT_TRUE(publisher().keys_ready);
  EXPECT_FALSE(receiver().keys_ready);
}

TEST_F(CommandsTest, InstallSource) {
  stale(make_command(CommandKind::kInstallSource, kSource));  // its endpoint is not installed yet
  EXPECT_FALSE(source().installed);
  install_endpoints();
  stale_refs(CommandKind::kInstallSource, kSource);
  source().endpoint = past(kPublisher);
  stale(make_command(CommandKind::kInstallSource, kSource));
  EXPECT_FALSE(source().installed);
  source().endpoint = kPublisher;
  good(make_command(CommandKind::kInstallSource, kSource));
  EXPECT_TRUE(source().installed);
  EXPECT_EQ(source().stream, kNoSlot);
  EXPECT_EQ(source().first_chunk, kNoSlot);
  EXPECT_EQ(source().route_count, 0u);
  EXPECT_EQ(publisher().first_source, kSource.slot);
  stale(make_command(CommandKind::kInstallSource, kSource));
  EXPECT_EQ(source().next, kNoSlot) << "linked twice";
}

TEST_F(CommandsTest, RemoveSource) {
  install_all();
  for (const SlotRef wrong : {past(kSource), beyond(), SlotRef{40, 1}}) {
    stale(make_command(CommandKind::kRemoveSource, wrong));
    expect_one_note(NoteKind::kSourceRemoved, wrong);
  }
  EXPECT_TRUE(source().installed);
  good(make_command(CommandKind::kRemoveSource, kSource));
  expect_one_note(NoteKind::kSourceRemoved, kSource);
  EXPECT_FALSE(source().installed);
  EXPECT_EQ(publisher().first_source, kOtherSource.slot);
  EXPECT_EQ(source(kOtherSource).next, kNoSlot);
  EXPECT_EQ(route().source, kNoSlot) << "the route still refers to a removed source";
  EXPECT_TRUE(route().installed);
  Command change = make_command(CommandKind::kSwitchRoute, kRoute);
  change.source = kOtherSource;
  good(change);
  EXPECT_EQ(routes_of(state(), source(kOtherSource)), std::vector<std::uint32_t>{kRoute.slot});
}

TEST_F(CommandsTest, InstallRoute) {
  stale(make_command(CommandKind::kInstallRoute, kRoute));  // no endpoint and no source
  install_endpoints();
  stale(make_command(CommandKind::kInstallRoute, kRoute));  // no source
  EXPECT_FALSE(route().installed);
  good(make_command(CommandKind::kInstallSource, kSource));
  stale_refs(CommandKind::kInstallRoute, kRoute);
  route().endpoint = past(kReceiver);
  stale(make_command(CommandKind::kInstallRoute, kRoute));
  route().endpoint = kReceiver;
  route().source = 1'000'000;
  stale(make_command(CommandKind::kInstallRoute, kRoute));
  EXPECT_FALSE(route().installed);
  EXPECT_EQ(source().route_count, 0u);
  EXPECT_EQ(state().route_by_ssrc.find({kReceiver.slot, kSsrc}), kNoSlot);

  route().source = kSource.slot;
  route().started = route().fir_seen = true;  // values that an earlier route left
  route().stream = 3;
  good(make_command(CommandKind::kInstallRoute, kRoute));
  EXPECT_TRUE(route().installed);
  EXPECT_FALSE(route().started);
  EXPECT_FALSE(route().fir_seen);
  EXPECT_EQ(route().stream, kNoSlot);
  EXPECT_EQ(route().next_index.read(), route().first_index);
  EXPECT_EQ(receiver().first_incoming_route, kRoute.slot);
  EXPECT_EQ(state().route_by_ssrc.find({kReceiver.slot, kSsrc}), kRoute.slot);
  EXPECT_EQ(routes_of(state(), source()), std::vector<std::uint32_t>{kRoute.slot});
  stale(make_command(CommandKind::kInstallRoute, kRoute));
  EXPECT_EQ(source().route_count, 1u) << "added to the fan-out twice";
}

TEST_F(CommandsTest, RemoveRoute) {
  install_all();
  for (const SlotRef wrong : {past(kRoute), beyond(), SlotRef{41, 1}}) {
    stale(make_command(CommandKind::kRemoveRoute, wrong));
    expect_one_note(NoteKind::kRouteRemoved, wrong);
  }
  EXPECT_TRUE(route().installed);
  good(make_command(CommandKind::kRemoveRoute, kRoute));
  expect_one_note(NoteKind::kRouteRemoved, kRoute);
  EXPECT_FALSE(route().installed);
  EXPECT_EQ(source().route_count, 0u);
  EXPECT_EQ(receiver().first_incoming_route, kNoSlot);
  EXPECT_EQ(state().route_by_ssrc.find({kReceiver.slot, kSsrc}), kNoSlot);
  EXPECT_EQ(memory().counters.reports.read(), 0u) << "a BYE for an SSRC that never sent";
}

// Routes that lead to the same endpoint are not searched: here the list is cut at its begin.
TEST_F(CommandsTest, RemovingARouteDoesNotSearch) {
  install_endpoints();
  good(make_command(CommandKind::kInstallSource, kSource));
  for (std::uint32_t slot = 10; slot < 14; ++slot) {
    fill_route(memory(), {slot, 1}, kReceiver, kSource, slot);
    good(make_command(CommandKind::kInstallRoute, {slot, 1}));
  }
  memory().routes[13].next_to_endpoint = kNoSlot;
  good(make_command(CommandKind::kRemoveRoute, {11, 1}));
  EXPECT_EQ(memory().routes[12].next_to_endpoint, 10u);
  EXPECT_EQ(memory().routes[10].previous_to_endpoint, 12u);
  memory().routes[13].next_to_endpoint = 12;
  for (const std::uint32_t slot : {10u, 13u, 12u}) good(make_command(CommandKind::kRemoveRoute, {slot, 1}));
  EXPECT_EQ(receiver().first_incoming_route, kNoSlot);
}

// A route that continues an SSRC may be installed before the earlier route is removed.
TEST_F(CommandsTest, ASuccessorKeepsTheSsrc) {
  install_all();
  fill_route(memory(), {8, 1}, kReceiver, kOtherSource, kSsrc);
  good(make_command(CommandKind::kInstallRoute, {8, 1}));
  good(make_command(CommandKind::kRemoveRoute, kRoute));
  EXPECT_EQ(state().route_by_ssrc.find({kReceiver.slot, kSsrc}), 8u);
  good(make_command(CommandKind::kRemoveRoute, {8, 1}));
  EXPECT_EQ(state().route_by_ssrc.find({kReceiver.slot, kSsrc}), kNoSlot);
}

TEST_F(CommandsTest, SwitchRoute) {
  install_all();
  Command change;
  change.source = kOtherSource;
  stale_refs(CommandKind::kSwitchRoute, kRoute, change);
  change.kind = CommandKind::kSwitchRoute;
  change.ref = kRoute;
  for (const SlotRef wrong : {past(kOtherSource), beyond(), SlotRef{40, 1}}) {
    change.source = wrong;
    stale(change);
    EXPECT_EQ(route().source, kSource.slot);
  }
  route().stream = 17;  // in the middle of a stream
  change.source = kSource;
  good(change);
  EXPECT_EQ(route().stream, 17u) << "a switch to the present source must do nothing";
  change.source = kOtherSource;
  good(change);
  EXPECT_EQ(route().source, kOtherSource.slot);
  EXPECT_EQ(route().stream, kNoSlot) << "the next packet must switch";
  EXPECT_EQ(source().route_count, 0u);
  EXPECT_EQ(routes_of(state(), source(kOtherSource)), std::vector<std::uint32_t>{kRoute.slot});
}

TEST_F(CommandsTest, RequestKeyframe) {
  stale(make_command(CommandKind::kRequestKeyframe, kSource));
  install_all();
  stale_refs(CommandKind::kRequestKeyframe, kSource);
  good(make_command(CommandKind::kRequestKeyframe, kSource));  // no stream feeds it, so none can be asked
  wake_stream(state(), create_stream(state(), kPublisher.slot, 1000));
  good(make_command(CommandKind::kRequestKeyframe, kSource));  // the publisher's address is unknown
  EXPECT_EQ(memory().counters.reports.read(), 0u);
}

TEST_F(CommandsTest, ForgetStream) {
  install_all();
  const std::uint32_t slot = create_stream(state(), kPublisher.slot, 1000);
  wake_stream(state(), slot);
  const std::uint32_t tenancy = memory().streams[slot].tenancy.load();
  const auto forget = [&](std::uint32_t stream, std::uint32_t generation) {
    return make_command(CommandKind::kStreamIdle, {stream, generation});
  };
  for (const std::uint32_t wrong : {tenancy - 1, tenancy + 1, tenancy + 2, 0u}) stale(forget(slot, wrong));
  stale(forget(slot + 1, 0));  // never used
  stale(forget(1'000'000, 1));
  EXPECT_EQ(find_stream(state(), kPublisher.slot, 1000), slot);
  good(forget(slot, tenancy));
  EXPECT_EQ(find_stream(state(), kPublisher.slot, 1000), kNoSlot);
  EXPECT_EQ(source().stream, kNoSlot);
  stale(forget(slot, tenancy));
  stale(forget(slot, tenancy + 1));  // the tenancy of the free slot
}

TEST_F(CommandsTest, InjectHandsTheFrameToThePort) {
  Command command = make_command(CommandKind::kInject, {});
  command.port_id = 3;
  std::vector<rte_mbuf> frames(kBatch);  // before the burst, only their length is read
  for (std::size_t i = 1; i < kBatch; ++i) {
    frames[i].pkt_len = 60;
    command.mbuf = &frames[i];
    good(command);
  }
  ASSERT_EQ(state().transmit[0].count, kBatch - 1);
  EXPECT_EQ(state().transmit[0].bytes, (kBatch - 1) * 60);
  for (std::size_t i = 1; i < kBatch; ++i) EXPECT_EQ(state().transmit[0].packets[i - 1], &frames[i]);
  EXPECT_EQ(memory().counters.injected.read(), kBatch - 1);
}

TEST_F(CommandsTest, StopLeavesTheRestInTheRing) {
  ASSERT_TRUE(memory().commands.push(make_command(CommandKind::kStop, {})));
  ASSERT_TRUE(memory().commands.push(make_command(CommandKind::kInstallEndpoint, kPublisher)));
  EXPECT_EQ(run_commands(state(), 8), 1u);
  EXPECT_TRUE(state().stop_requested);
  EXPECT_EQ(run_commands(state(), 8), 0u);
  EXPECT_FALSE(publisher().installed);
}

TEST_F(CommandsTest, NoMoreThanTheBudget) {
  for (int i = 0; i < 10; ++i)
    ASSERT_TRUE(memory().commands.push(make_command(CommandKind::kRemoveRoute, beyond())));
  EXPECT_EQ(run_commands(state(), 4), 4u);
  EXPECT_EQ(run_commands(state(), 0), 0u);
  EXPECT_EQ(run_commands(state(), 100), 6u);
  EXPECT_EQ(memory().counters.commands.read(), 10u);
}

TEST_F(CommandsTest, WaitsWhileThereIsNoRoomToAnswer) {
  while (memory().notes.free_entries() > 1) state().tell({});
  ASSERT_TRUE(memory().commands.push(make_command(CommandKind::kRemoveRoute, beyond())));
  EXPECT_EQ(run_commands(state(), 8), 0u);
  state().tell({});
  EXPECT_EQ(memory().counters.lost_events.read(), 0u);
  state().tell({});
  EXPECT_EQ(memory().counters.lost_events.read(), 1u) << "a note that does not fit must be counted as lost";
  EXPECT_EQ(run_commands(state(), 8), 0u);
  const std::size_t notes = worker_.notes().size();
  EXPECT_EQ(notes, memory().notes.capacity());
  EXPECT_EQ(run_commands(state(), 8), 1u);
  expect_one_note(NoteKind::kRouteRemoved, beyond());
}

}  // namespace
}  // namespace sluice::dataplane::test
