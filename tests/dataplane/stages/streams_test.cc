// streams: which stream feeds which source, for every kind of match; limits; the sources of a stream that
// ends.
#include "dataplane/stages/streams.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>

#include "dataplane/stages/classify.h"
#include "dataplane/stages/latch.h"
#include "dataplane/stages/unprotect.h"
#include "dataplane/worker/commands.h"
#include "tests/support/pure_support.h"

namespace sluice::dataplane::test {
namespace {

class StreamsTest : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kEndpoint = 5;
  static constexpr std::uint16_t kPort = 20000;

  StreamsTest() { endpoint_ = &add_endpoint(kEndpoint, kPort); }

  EndpointSlot& add_endpoint(std::uint32_t slot, std::uint16_t port) {
    EndpointSlot& endpoint = fill_endpoint(worker_.memory, {slot, 1}, port);
    run(make_command(CommandKind::kInstallEndpoint, {slot, 1}));
    return endpoint;
  }

  void run(const Command& command) {
    ASSERT_TRUE(worker_.memory.commands.push(command));
    ASSERT_EQ(run_commands(*worker_.state, 1), 1u);
    ASSERT_EQ(worker_.stale(), 0u);
  }

  template <typename Fill>
  std::uint32_t add_source(Fill fill) {
    const std::uint32_t slot = next_source_++;
    fill(fill_source(worker_.memory, {slot, 1}, {kEndpoint, 1}));
    run(make_command(CommandKind::kInstallSource, {slot, 1}));
    return slot;
  }
  std::uint32_t any_source() {
    return add_source([](SourceSlot&) {});
  }
  std::uint32_t ssrc_source(std::uint32_t ssrc) {
    return add_source([&](SourceSlot& source) {
      source.match = SourceMatch::kSsrc;
      source.ssrc = ssrc;
    });
  }
  std::uint32_t type_source(std::vector<std::uint8_t> types) {
    return add_source([&](SourceSlot& source) {
      source.match = SourceMatch::kPayloadType;
      source.payload_type_count = static_cast<std::uint8_t>(types.size());
      std::copy(types.begin(), types.end(), source.payload_types.begin());
    });
  }
  std::uint32_t mid_source(std::string_view mid) {
    return add_source([&](SourceSlot& source) {
      source.match = SourceMatch::kName;
      source.mid_length = static_cast<std::uint8_t>(mid.size());
      std::copy(mid.begin(), mid.end(), source.mid.begin());
    });
  }

  // Makes a stream as its first packet does: creates it, describes it, wakes it.
  std::uint32_t hear(std::uint32_t ssrc, std::uint8_t type = 96, std::string_view mid = {}) {
    const std::uint32_t slot = create_stream(*worker_.state, kEndpoint, ssrc);
    if (slot == kNoSlot) return slot;
    StreamSlot& stream = worker_.memory.streams[slot];
    stream.payload_type.store(type);
    stream.mid_length = static_cast<std::uint8_t>(mid.size());
    std::copy(mid.begin(), mid.end(), stream.mid.begin());
    worker_.state->now = ++clock_;
    wake_stream(*worker_.state, slot);
    stream.last_packet_tsc.set(clock_);
    stream.packets.add();
    return slot;
  }

  std::uint32_t feeder(std::uint32_t source) { return worker_.memory.sources[source].stream; }
  StreamSlot& stream(std::uint32_t slot) { return worker_.memory.streams[slot]; }

  BareWorker worker_;
  EndpointSlot* endpoint_;
  std::uint32_t next_source_ = 0;
  std::uint64_t clock_ = 100;
};

TEST_F(StreamsTest, BirthIsKnownAndTold) {
  const std::uint32_t slot = create_stream(*worker_.state, kEndpoint, 1000);
  ASSERT_NE(slot, kNoSlot);
  EXPECT_EQ(find_stream(*worker_.state, kEndpoint, 1000), slot);
  EXPECT_EQ(find_stream(*worker_.state, kEndpoint, 1001), kNoSlot);
  EXPECT_EQ(find_stream(*worker_.state, kEndpoint + 1, 1000), kNoSlot);
  EXPECT_EQ(stream(slot).tenancy.load() % 2, 1u);
  EXPECT_EQ(stream(slot).endpoint_generation.load(), 1u);
  EXPECT_TRUE(stream(slot).dormant.load()) << "it has carried no media yet";
  EXPECT_TRUE(worker_.notes().empty());

  wake_stream(*worker_.state, slot);
  EXPECT_FALSE(stream(slot).dormant.load());
  const auto notes = worker_.notes();
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].kind, NoteKind::kStreamStarted);
  EXPECT_EQ(notes[0].ref, (SlotRef{kEndpoint, 1}));
  EXPECT_EQ(notes[0].stream, (SlotRef{slot, stream(slot).tenancy.load()}));
  EXPECT_EQ(notes[0].ssrc, 1000u);
  EXPECT_EQ(worker_.memory.stream_high_water.load(), 1u);
}

TEST_F(StreamsTest, TheWorkerCountsItsStreams) {
  const auto count = [&] { return worker_.memory.streams_in_use.read(); };
  EXPECT_EQ(count(), 0u);
  const std::uint32_t one = create_stream(*worker_.state, kEndpoint, 1000);
  const std::uint32_t other = create_stream(*worker_.state, kEndpoint, 1001);
  EXPECT_EQ(count(), 2u);
  const std::uint32_t mirror = create_mirror_stream(*worker_.state, 0);
  EXPECT_EQ(count(), 2u) << "the stream of a mirror counts at home";
  forget_stream(*worker_.state, one);
  EXPECT_EQ(count(), 1u);
  forget_mirror_stream(*worker_.state, mirror);
  EXPECT_EQ(count(), 1u);
  forget_stream(*worker_.state, other);
  EXPECT_EQ(count(), 0u);
}

TEST_F(StreamsTest, OneSsrcAtTwoEndpointsIsTwoStreams) {
  add_endpoint(6, 20010);
  const std::uint32_t here = create_stream(*worker_.state, kEndpoint, 1000);
  const std::uint32_t there = create_stream(*worker_.state, 6, 1000);
  ASSERT_NE(here, there);
  forget_stream(*worker_.state, here);
  EXPECT_EQ(find_stream(*worker_.state, kEndpoint, 1000), kNoSlot);
  EXPECT_EQ(find_stream(*worker_.state, 6, 1000), there);
}

TEST_F(StreamsTest, TheEndpointsLimit) {
  endpoint_->max_streams = 3;
  for (std::uint32_t ssrc = 1; ssrc <= 3; ++ssrc) EXPECT_NE(hear(ssrc), kNoSlot);
  EXPECT_EQ(hear(4), kNoSlot);
  EXPECT_EQ(endpoint_->stream_count, 3u);
  forget_stream(*worker_.state, find_stream(*worker_.state, kEndpoint, 2));
  EXPECT_EQ(endpoint_->stream_count, 2u);
  EXPECT_NE(hear(4), kNoSlot);
}

TEST_F(StreamsTest, TheWorkersLimit) {
  endpoint_->max_streams = 1000;
  const auto limit = static_cast<std::uint32_t>(worker_.memory.streams.size());
  for (std::uint32_t ssrc = 1; ssrc <= limit; ++ssrc)
    ASSERT_NE(create_stream(*worker_.state, kEndpoint, ssrc), kNoSlot);
  EXPECT_EQ(create_stream(*worker_.state, kEndpoint, limit + 1), kNoSlot);
  EXPECT_EQ(endpoint_->stream_count, limit);
  EXPECT_EQ(worker_.memory.stream_high_water.load(), limit);
  const std::uint32_t freed = find_stream(*worker_.state, kEndpoint, 17);
  const std::uint32_t tenancy = stream(freed).tenancy.load();
  forget_stream(*worker_.state, freed);
  EXPECT_EQ(stream(freed).tenancy.load(), tenancy + 1);
  EXPECT_EQ(create_stream(*worker_.state, kEndpoint, limit + 1), freed) << "the freed slot serves again";
  EXPECT_EQ(stream(freed).tenancy.load(), tenancy + 2);
}

TEST_F(StreamsTest, AReusedSlotRemembersNothing) {
  const std::uint32_t source = any_source();
  const std::uint32_t slot = hear(1, 111, "audio");
  stream(slot).packets.set(7);
  stream(slot).highest_index.set(9);
  stream(slot).rtp_window.commit(5);
  stream(slot).ended.store(true);
  stream(slot).epoch = 4;
  forget_stream(*worker_.state, slot);
  EXPECT_EQ(feeder(source), kNoSlot);
  ASSERT_EQ(create_stream(*worker_.state, kEndpoint, 2), slot);
  EXPECT_EQ(stream(slot).packets.read(), 0u);
  EXPECT_EQ(stream(slot).highest_index.read(), 0u);
  EXPECT_FALSE(stream(slot).rtp_window.started());
  EXPECT_FALSE(stream(slot).ended.load());
  EXPECT_EQ(stream(slot).mid_length, 0);
  EXPECT_EQ(stream(slot).source_count, 0);
  EXPECT_EQ(stream(slot).payload_type.load(), 0);
  EXPECT_EQ(stream(slot).last_packet_tsc.read(), 0u);
}

TEST_F(StreamsTest, EachMatchTakesWhatItNames) {
  const std::uint32_t any = any_source();
  const std::uint32_t by_ssrc = ssrc_source(2000);
  const std::uint32_t by_type = type_source({111, 63});
  const std::uint32_t by_mid = mid_source("video");
  const std::uint32_t plain = hear(1000);
  EXPECT_EQ(feeder(any), plain);
  EXPECT_EQ(feeder(by_ssrc), kNoSlot);
  EXPECT_EQ(feeder(by_type), kNoSlot);
  EXPECT_EQ(feeder(by_mid), kNoSlot);
  const std::uint32_t audio = hear(2000, 63);
  EXPECT_EQ(feeder(by_ssrc), audio);
  EXPECT_EQ(feeder(by_type), audio);
  EXPECT_EQ(feeder(by_mid), kNoSlot);
  for (const std::string_view other : {"vide", "video2", "Video", "audio"}) {
    hear(3000 + static_cast<std::uint32_t>(other.size() + other[0]), 97, other);
    EXPECT_EQ(feeder(by_mid), kNoSlot) << other;
  }
  const std::uint32_t video = hear(4000, 97, "video");
  EXPECT_EQ(feeder(by_mid), video);
  EXPECT_EQ(feeder(by_type), audio);
}

TEST_F(StreamsTest, SourcesOfOtherEndpointsAreLeftAlone) {
  add_endpoint(6, 20010);
  fill_source(worker_.memory, {40, 1}, {6, 1});
  run(make_command(CommandKind::kInstallSource, {40, 1}));
  hear(1000);
  EXPECT_EQ(feeder(40), kNoSlot);
}

TEST_F(StreamsTest, ANewStreamTakesOverAndAnOldOneOnlyFillsGaps) {
  const std::uint32_t any = any_source();
  const std::uint32_t old_stream = hear(1);
  const std::uint32_t young = hear(2);
  EXPECT_EQ(feeder(any), young) << "the new SSRC must replace the old one";
  stream(young).packets.set(2);
  ASSERT_TRUE(stream(old_stream).contends);
  contend(*worker_.state, old_stream);
  EXPECT_EQ(feeder(any), young);
  forget_stream(*worker_.state, young);
  EXPECT_EQ(feeder(any), old_stream) << "the remaining stream must feed the source";
}

TEST_F(StreamsTest, ANewSourceIsFedByTheStreamHeardLast) {
  hear(1, 96);
  const std::uint32_t middle = hear(2, 96);
  const std::uint32_t last = hear(3, 97);
  EXPECT_EQ(feeder(any_source()), last);
  EXPECT_EQ(feeder(type_source({96})), middle);
  EXPECT_EQ(feeder(type_source({98})), kNoSlot);
  EXPECT_EQ(feeder(ssrc_source(2)), middle);
  stream(middle).last_packet_tsc.set(++clock_);
  EXPECT_EQ(feeder(any_source()), middle);
}

TEST_F(StreamsTest, AStreamWithoutMediaFeedsNothing) {
  create_stream(*worker_.state, kEndpoint, 1);  // a stream with RTCP only
  EXPECT_EQ(feeder(any_source()), kNoSlot);
}

TEST_F(StreamsTest, TheClockRateIsTheSources) {
  const std::uint32_t slot = hear(1);
  EXPECT_EQ(stream(slot).clock_rate.read(), 0u);
  add_source([](SourceSlot& source) { source.clock_rate = 48000; });
  EXPECT_EQ(stream(slot).clock_rate.read(), 48000u);
}

TEST_F(StreamsTest, UnbindingLeavesTheOtherSources) {
  const std::uint32_t first = any_source();
  const std::uint32_t second = any_source();
  const std::uint32_t third = any_source();
  const std::uint32_t slot = hear(1);
  unbind_source(*worker_.state, second);
  EXPECT_EQ(feeder(second), kNoSlot);
  EXPECT_EQ(feeder(first), slot);
  EXPECT_EQ(feeder(third), slot);
  EXPECT_EQ(stream(slot).source_count, 2);
  unbind_source(*worker_.state, second);
  EXPECT_EQ(stream(slot).source_count, 2);
}

TEST_F(StreamsTest, OneStreamFeedsEightSourcesAndNoMore) {
  for (int i = 0; i < 10; ++i) any_source();
  const std::uint32_t slot = hear(1);
  int fed = 0;
  for (std::uint32_t source = 0; source < 10; ++source) fed += feeder(source) == slot;
  EXPECT_EQ(fed, static_cast<int>(kMaxSourcesPerStream));
  EXPECT_EQ(stream(slot).source_count, kMaxSourcesPerStream);
}

// A source that another stream has taken over must not use one of the stream's places.
TEST_F(StreamsTest, LostSourcesLeaveTheirPlaces) {
  std::vector<std::uint32_t> sources;
  for (std::size_t i = 0; i < kMaxSourcesPerStream; ++i) sources.push_back(any_source());
  const std::uint32_t robbed = hear(1);
  const std::uint32_t robber = hear(2);
  for (const std::uint32_t source : sources) ASSERT_EQ(feeder(source), robber);
  EXPECT_EQ(feeder(ssrc_source(1)), robbed);
}

TEST_F(StreamsTest, WhatAStreamLeavesGoesToOneThatFeedsAnotherSourceToo) {
  const std::uint32_t any = any_source();
  const std::uint32_t by_ssrc = ssrc_source(1);
  const std::uint32_t steady = hear(1);
  const std::uint32_t brief = hear(2);
  ASSERT_EQ(feeder(by_ssrc), steady);
  ASSERT_EQ(feeder(any), brief);
  forget_stream(*worker_.state, brief);
  EXPECT_EQ(feeder(any), steady);
  EXPECT_EQ(feeder(by_ssrc), steady);
}

TEST_F(StreamsTest, ALulledPlainStreamIsForgotten) {
  const std::uint32_t slot = hear(1);
  retire_idle_stream(*worker_.state, slot);
  EXPECT_EQ(find_stream(*worker_.state, kEndpoint, 1), kNoSlot);
  EXPECT_EQ(endpoint_->stream_count, 0u);
}

TEST_F(StreamsTest, ALulledEncryptedStreamKeepsItsWindowAndTakesBackWhatItFed) {
  endpoint_->encrypted = true;
  const std::uint32_t any = any_source();
  const std::uint32_t other = hear(1);
  const std::uint32_t slot = hear(2);
  stream(slot).rtp_window.commit(77);
  stream(slot).ended.store(true);
  const std::uint32_t tenancy = stream(slot).tenancy.load();
  worker_.notes();
  retire_idle_stream(*worker_.state, slot);
  EXPECT_EQ(find_stream(*worker_.state, kEndpoint, 2), slot);
  EXPECT_EQ(stream(slot).tenancy.load(), tenancy);
  EXPECT_EQ(stream(slot).rtp_window.check(77), crypto::ReplayVerdict::kReplayed);
  EXPECT_TRUE(stream(slot).dormant.load());
  EXPECT_EQ(feeder(any), other);
  retire_idle_stream(*worker_.state, other);
  EXPECT_EQ(feeder(any), kNoSlot) << "a dormant stream must feed no source";
  wake_stream(*worker_.state, slot);
  EXPECT_EQ(feeder(any), slot);
  EXPECT_FALSE(stream(slot).dormant.load());
  EXPECT_FALSE(stream(slot).ended.load());
  const auto notes = worker_.notes();
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].kind, NoteKind::kStreamStarted);
}

// ---- the same rules in random order, with a check of all sources after each step

TEST_F(StreamsTest, RandomBirthsAndDeaths) {
  SEED_TRACE();
  Random random(test_seed());
  endpoint_->max_streams = 12;
  std::vector<std::uint32_t> sources{any_source(),          ssrc_source(3),    ssrc_source(7),
                                     type_source({96, 97}), type_source({98}), mid_source("a"),
                                     mid_source("b")};
  const auto matches = [&](std::uint32_t source_slot, const StreamSlot& candidate) {
    const SourceSlot& source = worker_.memory.sources[source_slot];
    const std::string mid(candidate.mid.begin(), candidate.mid.begin() + candidate.mid_length);
    switch (source.match) {
      case SourceMatch::kAny:
        return true;
      case SourceMatch::kSsrc:
        return candidate.ssrc.load() == source.ssrc;
      case SourceMatch::kPayloadType:
        return std::count(source.payload_types.begin(),
                          source.payload_types.begin() + source.payload_type_count,
                          candidate.payload_type.load()) != 0;
      case SourceMatch::kName:
        return mid == std::string(source.mid.begin(), source.mid.begin() + source.mid_length);
    }
    return false;
  };
  std::vector<std::uint32_t> alive;
  for (int i = 0; i < 20000; ++i) {
    const auto ssrc = static_cast<std::uint32_t>(random() % 24);
    const std::uint32_t found = find_stream(*worker_.state, kEndpoint, ssrc);
    if (found == kNoSlot) {
      const auto type = static_cast<std::uint8_t>(pick(random, 95, 99));
      const std::uint32_t slot = hear(ssrc, type, random() % 3 == 0 ? "" : random() % 2 == 0 ? "a" : "b");
      ASSERT_EQ(slot == kNoSlot, alive.size() == 12);
      if (slot != kNoSlot) {
        alive.push_back(slot);
        for (const std::uint32_t source : sources) {
          if (matches(source, stream(slot))) {
            ASSERT_EQ(feeder(source), slot) << "the new stream did not take the source over";
          }
        }
      }
    } else if (random() % 2 == 0) {
      forget_stream(*worker_.state, found);
      std::erase(alive, found);
    }
    for (const std::uint32_t source : sources) {
      const std::uint32_t fed_by = feeder(source);
      if (fed_by == kNoSlot) {
        for (const std::uint32_t slot : alive) {
          ASSERT_FALSE(matches(source, stream(slot)) && stream(slot).source_count < kMaxSourcesPerStream)
              << "source " << source << " starves beside stream " << slot;
        }
        continue;
      }
      ASSERT_NE(std::find(alive.begin(), alive.end(), fed_by), alive.end())
          << "a removed stream feeds the source";
      ASSERT_TRUE(matches(source, stream(fed_by)));
      const StreamSlot& by = stream(fed_by);
      ASSERT_EQ(std::count(by.sources.begin(), by.sources.begin() + by.source_count, source), 1);
    }
    std::size_t listed = 0;
    for (std::uint32_t at = endpoint_->first_stream; at != kNoSlot; at = stream(at).next) ++listed;
    ASSERT_EQ(listed, alive.size());
    ASSERT_EQ(endpoint_->stream_count, alive.size());
    ASSERT_EQ(worker_.state->stream_by_ssrc.size(), alive.size());
    worker_.notes();
  }
}

// ---- the first packets of a stream

class StreamPacketsTest : public StreamsTest {
 protected:
  // Runs one frame through classify and unprotect. The buffer has a second reference, so that a drop does not
  // free it.
  void deliver(const Bytes& frame) {
    auto& held = packets_.emplace_back(std::make_unique<Packet>());
    rte_mbuf& mbuf = *new (held->header.data()) rte_mbuf{};
    std::copy(frame.begin(), frame.end(), held->bytes.begin());
    mbuf.buf_addr = held->bytes.data();
    mbuf.data_off = 0;
    mbuf.data_len = static_cast<std::uint16_t>(frame.size());
    mbuf.pkt_len = mbuf.data_len;
    mbuf.nb_segs = 1;
    mbuf.port = 3;
    rte_mbuf_refcnt_set(&mbuf, 2);
    rte_mbuf* array[] = {&mbuf};
    worker_.state->now = ++clock_;
    classify(*worker_.state, array, batch_);
    unprotect_.rtp(*worker_.state, batch_);
  }
  void deliver_rtp(std::uint32_t ssrc, std::uint16_t sequence, std::string_view mid = {}) {
    FrameSpec spec;
    spec.destination_port = kPort;
    spec.payload = {static_cast<std::uint8_t>(mid.empty() ? 0x80 : 0x90), 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    store_be16(&spec.payload[2], sequence);
    store_be32(&spec.payload[8], ssrc);
    if (!mid.empty()) {
      Bytes extension{0xbe, 0xde, 0, 0, static_cast<std::uint8_t>(3 << 4 | (mid.size() - 1))};
      extension.insert(extension.end(), mid.begin(), mid.end());
      extension.resize((extension.size() + 3) / 4 * 4);
      extension[3] = static_cast<std::uint8_t>(extension.size() / 4 - 1);
      spec.payload.insert(spec.payload.end(), extension.begin(), extension.end());
    }
    spec.payload.push_back(0x55);
    deliver(build_frame(spec));
    ASSERT_EQ(batch_.rtp_count, 1) << "the packet was dropped";
  }
  void let_in_from(const config::SocketAddress& peer) {
    aim(*endpoint_, Component::kRtp, make_header_template(endpoint_->local, {{2, 0, 0, 0, 0, 2}, peer}, 0));
  }

  struct Packet {
    alignas(64) std::array<std::uint8_t, sizeof(rte_mbuf)> header{};
    std::array<std::uint8_t, 2048> bytes{};
  };
  std::vector<std::unique_ptr<Packet>> packets_;
  ClassifiedBatch batch_;
  Unprotect unprotect_;
};

TEST_F(StreamPacketsTest, AMidThatComesLateStillFindsItsSource) {
  const FrameSpec usual;
  let_in_from({usual.source, usual.source_port});
  endpoint_->mid_extension_id = 3;
  endpoint_->has_names = true;
  const std::uint32_t any = any_source();
  const std::uint32_t by_mid = mid_source("v1");
  deliver_rtp(1000, 1);
  const std::uint32_t slot = find_stream(*worker_.state, kEndpoint, 1000);
  ASSERT_NE(slot, kNoSlot);
  EXPECT_EQ(feeder(any), slot);
  EXPECT_EQ(feeder(by_mid), kNoSlot);
  deliver_rtp(1000, 2, "v1");
  EXPECT_EQ(feeder(by_mid), slot);
  // A new SSRC, whose second packet names the same mid, replaces the first.
  deliver_rtp(2000, 500);
  EXPECT_EQ(feeder(by_mid), slot);
  deliver_rtp(2000, 501, "v1");
  EXPECT_EQ(feeder(by_mid), find_stream(*worker_.state, kEndpoint, 2000));
  deliver_rtp(2000, 502, "v1");
  // A mid that is known changes nothing when a packet names it again.
  deliver_rtp(1000, 3, "v1");
  EXPECT_EQ(feeder(by_mid), find_stream(*worker_.state, kEndpoint, 2000));
}

// With IPv6 extension headers, UDP can begin more than 255 bytes into the frame. The source port is still
// read.
TEST_F(StreamPacketsTest, LatchesBehindLongExtensionHeaders) {
  FrameSpec spec = v6_spec();
  endpoint_->local.address.ip = spec.destination;
  endpoint_->local_address = worker_.state->own_address_of(endpoint_->port_id, spec.destination);
  worker_.state->local_port(endpoint_->local_address, kPort).endpoint = kEndpoint;
  endpoint_->latch = LatchPolicy::kOnce;
  spec.destination_port = kPort;
  spec.source_port = 6789;
  spec.extension_headers = {{60, Bytes(1022)}};
  spec.payload = {0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0x55};
  deliver(build_frame(spec));
  ASSERT_EQ(batch_.rtp_count, 1);
  ASSERT_TRUE(endpoint_->rtp.known());
  EXPECT_EQ(template_remote(endpoint_->rtp), (config::SocketAddress{spec.source, 6789}));
  // The next packet from that address is accepted.
  store_be16(&spec.payload[2], 2);
  deliver(build_frame(spec));
  EXPECT_EQ(batch_.rtp_count, 1);
}

}  // namespace
}  // namespace sluice::dataplane::test
