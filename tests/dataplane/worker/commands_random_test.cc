// commands: random sequences, compared with a simple model. One reference in six is stale.
#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "crypto/engine_factory.h"
#include "dataplane/stages/latch.h"
#include "dataplane/stages/streams.h"
#include "tests/dataplane/worker/commands_fixture.h"

namespace sluice::dataplane::test {
namespace {

using Salt = std::array<std::uint8_t, 14>;  // tells one key from another
constexpr Salt kNoKey{};
constexpr std::uint32_t kSharedPort = 5;  // the slot of the endpoint on the shared ICE port
constexpr std::uint32_t kSsrcs = 8;       // of the streams of each endpoint

std::uint16_t port_of(std::uint32_t slot) {
  return static_cast<std::uint16_t>(20000 + 2 * slot);
}

// The model: what the worker must have in its slots.
struct Records {
  struct Endpoint {
    std::uint32_t generation = 0;
    bool installed = false;
    // What signalling decides.
    EndpointKind kind = EndpointKind::kRtp;
    LatchPolicy latch = LatchPolicy::kFixed;
    bool rtcp_mux = false;
    bool keys_ready = false;
    Salt receive = kNoKey, send = kNoKey;
    config::SocketAddress signalled, former;
    std::uint64_t deadline = 0;
    // What media has shown.
    config::SocketAddress remote;  // where RTP goes
    bool rtp_learned = false, rtp_latched = false;
    std::optional<config::SocketAddress> rtcp_learned;
    std::set<std::uint32_t> streams;  // SSRCs
    std::set<std::uint32_t> past;     // SSRCs whose highest indices are spent under the receive key

    bool encrypted() const { return kind != EndpointKind::kRtp; }
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

  bool leads_to(const Route& route, std::uint32_t endpoint) const {
    return route.installed && route.endpoint.slot == endpoint;
  }
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
        const std::uint32_t generation = book.generation + 1;
        book = {};
        book.generation = generation;
        EndpointSlot& filled = fill_endpoint(memory(), {slot, book.generation}, port_of(slot));
        filled.shared_port = slot == kSharedPort;
        filled.signalled = {};
        filled.latch_deadline_tsc = 0;
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
        if (records_.leads_to(records_.routes[i], slot)) records_.drop_route(i);
      for (std::uint32_t i = 0; i < records_.sources.size(); ++i)
        if (records_.sources[i].installed && records_.sources[i].endpoint.slot == slot)
          records_.drop_source(i);
      book.installed = false;
      engine_->release(memory().keys[slot].receive);
      engine_->release(memory().keys[slot].send);
    }
  }
  // What signalling may decide again, at random. A key is new for both directions, for one, or for none.
  EndpointTerms some_terms(std::uint32_t slot, EndpointKeys& fresh) {
    EndpointTerms terms;
    terms.kind = coin() ? EndpointKind::kSdes : EndpointKind::kRtp;
    terms.new_receive = terms.kind == EndpointKind::kSdes && coin();
    terms.new_send = terms.kind == EndpointKind::kSdes && coin();
    terms.send_restarts = terms.new_send && coin();
    if (terms.new_receive) expand(crypto::Direction::kReceive, fresh.receive);
    if (terms.new_send) expand(crypto::Direction::kSend, fresh.send);
    if (terms.new_receive || terms.new_send) terms.keys = &fresh;
    terms.latch = static_cast<LatchPolicy>(random_() % 3);
    terms.rtcp_mux = coin();
    terms.rtcp_port = static_cast<std::uint16_t>(port_of(slot) + (terms.rtcp_mux ? 0 : 1));
    terms.latch_deadline_tsc = random_() % 4;
    if (coin()) terms.signalled = some_address();
    return terms;
  }
  void update_step() {
    const std::uint32_t slot = some(records_.endpoints);
    auto& book = records_.endpoints[slot];
    const SlotRef ref = some_ref(slot, book.generation);
    const bool holds = records_.holds(ref);
    const auto fresh = std::make_unique<EndpointKeys>();
    Command update = make_command(CommandKind::kUpdateEndpoint, ref);
    update.terms = some_terms(slot, *fresh);
    const Salt receive = fresh->receive.rtp_salt;
    const Salt send = fresh->send.rtp_salt;
    const auto numbers = numbers_to(slot);
    static_cast<void>(worker_.notes());
    expect_run(update, holds);
    if (holds) {
      expect_exchanged(update.terms, book, *fresh);
      update_records(book, update.terms);
      if (update.terms.new_receive) book.receive = receive;
      if (update.terms.new_send) book.send = send;
      book.keys_ready = book.receive != kNoKey && book.send != kNoKey;
    } else {
      EXPECT_EQ(fresh->receive.rtp_salt, receive) << "a stale command exchanges nothing";
      EXPECT_EQ(fresh->send.rtp_salt, send) << "a stale command exchanges nothing";
    }
    expect_updated(ref, holds);
    expect_numbers(slot, numbers, holds && update.terms.send_restarts);
    engine_->release(fresh->receive);
    engine_->release(fresh->send);
  }
  // The control thread gets back the former keys of those that are new, and wipes them.
  static void expect_exchanged(const EndpointTerms& terms, const Records::Endpoint& before,
                               const EndpointKeys& back) {
    EXPECT_EQ(back.receive.rtp_salt, terms.new_receive ? before.receive : kNoKey);
    EXPECT_EQ(back.send.rtp_salt, terms.new_send ? before.send : kNoKey);
  }
  // All but the keys.
  static void update_records(Records::Endpoint& book, const EndpointTerms& terms) {
    const bool encrypted = terms.kind != EndpointKind::kRtp;
    if (terms.new_receive || encrypted != book.encrypted()) {
      if (book.encrypted()) book.past.insert(book.streams.begin(), book.streams.end());
      book.streams.clear();
    }
    if (terms.new_receive) book.past.clear();
    book.kind = terms.kind;
    if (book.rtcp_mux != terms.rtcp_mux) book.rtcp_learned.reset();
    book.rtcp_mux = terms.rtcp_mux;
    if (book.latch != terms.latch) book.rtp_latched = false;
    book.latch = terms.latch;
    const bool moves = terms.signalled.port != 0 && terms.signalled != book.signalled;
    if (moves || !book.rtp_latched) book.deadline = terms.latch_deadline_tsc;
    if (!moves) return;
    const bool was_heard = book.rtp_latched || book.rtp_learned;
    book.former = book.latch == LatchPolicy::kOnce && was_heard ? book.remote : config::SocketAddress{};
    const bool stays = book.signalled.port == 0 && book.rtp_learned && !terms.new_receive;
    book.signalled = terms.signalled;
    book.rtp_latched = false;
    book.rtp_learned = stays;
    if (!stays) book.rtcp_learned.reset();
  }
  // One answer for each component, RTP first, with the address that media has shown.
  void expect_updated(SlotRef ref, bool holds) {
    const auto& book = records_.endpoints[ref.slot];
    const auto notes = worker_.notes();
    ASSERT_EQ(notes.size(), 2u);
    for (const Note& note : notes) {
      EXPECT_EQ(note.kind, NoteKind::kEndpointUpdated);
      EXPECT_EQ(note.ref, ref);
    }
    EXPECT_EQ(notes[0].component, Component::kRtp);
    EXPECT_EQ(notes[1].component, Component::kRtcp);
    const config::SocketAddress nothing;
    EXPECT_EQ(notes[0].address, holds && book.rtp_learned ? book.remote : nothing);
    EXPECT_EQ(notes[1].address, holds && book.rtcp_learned ? *book.rtcp_learned : nothing);
  }
  // The next number of each route to the endpoint.
  std::vector<std::uint64_t> numbers_to(std::uint32_t endpoint) {
    std::vector<std::uint64_t> numbers;
    for (std::uint32_t i = 0; i < records_.routes.size(); ++i) {
      if (!records_.leads_to(records_.routes[i], endpoint)) continue;
      const RouteSlot& route = memory().routes[i];
      numbers.push_back(route.started ? route.highest_index.read() + 1 : route.first_index);
    }
    return numbers;
  }
  // Sequence numbers go on. Roll-over counters are zero after a restart, and no number is 0 that follows
  // another one (RFC 3711 3.3.1).
  void expect_numbers(std::uint32_t endpoint, const std::vector<std::uint64_t>& before, bool restarted) {
    const auto after = numbers_to(endpoint);
    ASSERT_EQ(after.size(), before.size());
    for (std::size_t i = 0; i < after.size(); ++i) {
      const std::uint64_t expected = restarted ? before[i] & 0xffff : before[i];
      EXPECT_TRUE(after[i] == expected || (expected == 0 && after[i] == 1)) << before[i] << ' ' << after[i];
    }
    if (!restarted) return;
    for (std::uint32_t i = 0; i < records_.routes.size(); ++i) {
      if (records_.leads_to(records_.routes[i], endpoint)) {
        EXPECT_EQ(memory().routes[i].stream, kNoSlot) << "nothing of before is sent again";
      }
    }
  }

  // What packets do between two commands: a stream begins, the peer is heard, a route sends.
  void media_step() {
    const std::uint32_t slot = some(records_.endpoints);
    auto& book = records_.endpoints[slot];
    if (!book.installed) return;
    const auto ssrc = static_cast<std::uint32_t>(1 + random_() % kSsrcs);
    if (!book.streams.contains(ssrc) && (book.keys_ready || !book.encrypted())) {
      const std::uint32_t stream = create_stream(state(), slot, ssrc);
      ASSERT_NE(stream, kNoSlot);
      EXPECT_EQ(memory().streams[stream].rtp_window.started(), book.encrypted() && book.past.contains(ssrc));
      if (!memory().streams[stream].rtp_window.started()) memory().streams[stream].rtp_window.commit(ssrc);
      wake_stream(state(), stream);
      book.streams.insert(ssrc);
      if (book.encrypted()) book.past.erase(ssrc);
    }
    if (coin()) hear(slot, coin() ? Component::kRtp : Component::kRtcp);
    for (std::uint32_t i = 0; i < records_.routes.size(); ++i) {
      if (!records_.leads_to(records_.routes[i], slot) || coin()) continue;
      RouteSlot& route = memory().routes[i];
      route.highest_index.set((route.started ? route.highest_index.read() : route.first_index) +
                              random_() % 40000);
      route.started = true;
    }
    static_cast<void>(worker_.notes());
  }
  void hear(std::uint32_t slot, Component component) {
    auto& book = records_.endpoints[slot];
    if (book.latch == LatchPolicy::kFixed || (component == Component::kRtcp && book.rtcp_mux)) return;
    EndpointSlot& endpoint = memory().endpoints[slot];
    const LinkEnd remote{{2, 0, 0, 0, 0, 9}, some_address()};
    LinkEnd local = endpoint.local;
    if (component == Component::kRtcp) local.address.port = endpoint.rtcp_port;
    aim(endpoint, component, make_header_template(local, remote, 0));
    if (component == Component::kRtcp) {
      endpoint.rtcp_learned = true;
      book.rtcp_learned = remote.address;
      return;
    }
    endpoint.rtp_learned = book.rtp_learned = true;
    endpoint.rtp_latched = book.rtp_latched = book.latch == LatchPolicy::kOnce;
    book.remote = remote.address;
  }
  void expand(crypto::Direction direction, crypto::SrtpKeys& keys) {
    crypto::MasterKey master;
    master.profile = crypto::kAllSrtpProfiles[random_() % crypto::kAllSrtpProfiles.size()];
    const auto info = crypto::profile_info(master.profile);
    master.key.assign(random_bytes(random_, info.key_length));
    master.salt.assign(random_bytes(random_, info.salt_length));
    ASSERT_TRUE(engine_->expand(master, direction, keys));
  }
  config::SocketAddress some_address() {
    return {config::IpAddress::v4(198, 18, 1, static_cast<std::uint8_t>(1 + random_() % 3)),
            static_cast<std::uint16_t>(5000 + 2 * (random_() % 3))};
  }
  bool coin() { return random_() % 2 == 0; }
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
        memory().routes[slot].started = false;  // its BYE would need a packet pool
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
          fill_route(memory(), {slot, book.generation}, book.endpoint, {source, 0}, book.ssrc).first_index =
              random_() % (1 << 20);
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
    compare_endpoints(incoming, own_sources);
  }

  void compare_endpoints(const std::array<std::set<std::uint32_t>, 6>& incoming,
                         const std::array<std::set<std::uint32_t>, 6>& own_sources) {
    std::size_t streams = 0, past = 0;
    for (std::uint32_t i = 0; i < records_.endpoints.size(); ++i) {
      const auto& book = records_.endpoints[i];
      const EndpointSlot& slot = memory().endpoints[i];
      ASSERT_EQ(slot.installed, book.installed) << "endpoint " << i;
      const bool has_ports = book.installed && i != kSharedPort;
      ASSERT_EQ(state().local_port(0, port_of(i)).endpoint, has_ports ? i : kNoSlot);
      ASSERT_EQ(state().local_port(0, static_cast<std::uint16_t>(port_of(i) + 1)).endpoint,
                has_ports && !book.rtcp_mux ? i : kNoSlot);
      if (!book.installed) continue;
      std::set<std::uint32_t> listed;
      std::uint32_t before = kNoSlot;
      for (std::uint32_t at = slot.first_incoming_route; at != kNoSlot;
           before = at, at = memory().routes[at].next_to_endpoint) {
        ASSERT_TRUE(listed.insert(at).second) << "a circle";
        ASSERT_EQ(memory().routes[at].previous_to_endpoint, before);
      }
      ASSERT_EQ(listed, incoming[i]);
      listed.clear();
      for (std::uint32_t at = slot.first_source; at != kNoSlot; at = memory().sources[at].next)
        ASSERT_TRUE(listed.insert(at).second) << "a circle";
      ASSERT_EQ(listed, own_sources[i]);
      compare_terms(i);
      compare_streams(i);
      if (HasFatalFailure()) return;
      streams += book.streams.size();
      past += book.past.size();
    }
    ASSERT_EQ(state().stream_by_ssrc.size(), streams);
    ASSERT_EQ(state().past_streams.size(), past);
  }

  void compare_terms(std::uint32_t i) {
    const auto& book = records_.endpoints[i];
    const EndpointSlot& slot = memory().endpoints[i];
    ASSERT_EQ(slot.kind, book.kind);
    ASSERT_EQ(slot.encrypted, book.encrypted());
    ASSERT_EQ(slot.keys_ready, book.keys_ready);
    ASSERT_EQ(slot.can_seal, book.keys_ready || !book.encrypted());
    ASSERT_EQ(slot.tag_length != 0, book.keys_ready && book.encrypted());
    ASSERT_EQ(memory().keys[i].receive.ready, book.receive != kNoKey);
    ASSERT_EQ(memory().keys[i].send.ready, book.send != kNoKey);
    ASSERT_EQ(memory().keys[i].receive.rtp_salt, book.receive);
    ASSERT_EQ(memory().keys[i].send.rtp_salt, book.send);
    ASSERT_EQ(slot.rtcp_mux, book.rtcp_mux);
    ASSERT_EQ(slot.rtcp_port, port_of(i) + (book.rtcp_mux ? 0 : 1));
    ASSERT_EQ(slot.latch, book.latch);
    ASSERT_EQ(slot.signalled, book.signalled);
    ASSERT_EQ(slot.former, book.former);
    ASSERT_EQ(slot.latch_deadline_tsc, book.deadline);
    ASSERT_EQ(slot.rtp_latched, book.rtp_latched);
    ASSERT_EQ(slot.rtp_learned, book.rtp_learned);
    ASSERT_EQ(slot.rtcp_learned, book.rtcp_learned.has_value());
  }

  void compare_streams(std::uint32_t i) {
    const auto& book = records_.endpoints[i];
    std::set<std::uint32_t> listed;
    for (std::uint32_t at = memory().endpoints[i].first_stream; at != kNoSlot;
         at = memory().streams[at].next) {
      const std::uint32_t ssrc = memory().streams[at].ssrc.load();
      ASSERT_TRUE(listed.insert(ssrc).second) << "a circle";
      ASSERT_EQ(state().stream_by_ssrc.find({i, ssrc}), at);
    }
    ASSERT_EQ(listed, book.streams);
    ASSERT_EQ(memory().endpoints[i].stream_count, book.streams.size());
    for (std::uint32_t ssrc = 1; ssrc <= kSsrcs; ++ssrc)
      ASSERT_EQ(state().past_streams.find({i, ssrc}) != nullptr, book.past.contains(ssrc)) << ssrc;
    for (std::uint32_t at = memory().endpoints[i].first_source; at != kNoSlot;
         at = memory().sources[at].next) {
      const std::uint32_t stream = memory().sources[at].stream;
      ASSERT_EQ(stream == kNoSlot, book.streams.empty()) << "any stream feeds a source of this kind";
      if (stream == kNoSlot) continue;
      ASSERT_EQ(memory().streams[stream].endpoint.load(), i);
      ASSERT_TRUE(book.streams.contains(memory().streams[stream].ssrc.load()));
    }
  }

  Random random_{test_seed()};
  Records records_;
  std::unique_ptr<crypto::SrtpEngine> engine_ = any_engine();  // the control thread's
};

TEST_F(RandomCommandsTest, AgreeWithTheRecords) {
  SEED_TRACE();
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t kind = random_() % 40;
    if (kind == 0) {
      endpoint_step();
    } else if (kind == 1) {
      update_step();
    } else if (kind == 2) {
      media_step();
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
