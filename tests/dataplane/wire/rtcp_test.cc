// rtcp: compounds written byte by byte and cut at every length, the writer's output read back, and random
// bytes before an inaccessible page.
#include "dataplane/wire/rtcp.h"

#include <algorithm>
#include <functional>

#include "tests/support/pure_support.h"

namespace sluice::dataplane::test {
namespace {

// One packet of a compound: header, `body` (whole words), then `padding` bytes, the last of which is their
// number.
Bytes packet_of(std::uint8_t count, std::uint8_t type, const Bytes& body, std::uint8_t padding = 0) {
  Bytes packet{static_cast<std::uint8_t>(0x80 | (padding != 0 ? 0x20 : 0) | count), type, 0, 0};
  packet.insert(packet.end(), body.begin(), body.end());
  packet.insert(packet.end(), padding, 0);
  if (padding != 0) packet.back() = padding;
  store_be16(&packet[2], static_cast<std::uint16_t>(packet.size() / 4 - 1));
  return packet;
}

Bytes filled(std::size_t size, std::uint8_t start) {
  Bytes bytes(size);
  for (auto& byte : bytes) byte = start++;
  return bytes;
}

struct Piece {
  std::uint8_t count;
  std::uint8_t type;
  Bytes body;
  std::uint8_t padding = 0;
};

std::vector<std::vector<Piece>> compounds() {
  const Piece sender{1, 200, filled(4 + 20 + 24, 1)};
  const Piece receiver{2, 201, filled(4 + 48, 60)};
  const Piece empty_receiver{0, 201, filled(4, 9)};
  const Piece description{1, 202, {0, 0, 3, 0xe8, 1, 2, 'h', 'i', 0, 0, 0, 0}};
  const Piece bye{2, 203, filled(8, 77)};
  const Piece application{5, 204, filled(12, 88)};
  const Piece nack{1, 205, filled(12, 5)};
  const Piece pli{1, 206, filled(8, 6)};
  const Piece extended{0, 207, filled(4, 7)};
  const Piece empty{3, 203, {}};
  const Piece padded{1, 206, filled(8, 6), 8};
  return {{sender, description, bye},
          {receiver, description},
          {empty_receiver, description, nack, pli},
          {pli},
          {nack, extended, pli},
          {bye, empty},
          {sender, application, padded},
          {padded},
          {empty_receiver, empty, empty, bye},
          {empty_receiver, description, nack, pli, extended, application, bye, sender, receiver}};
}

Bytes join(const std::vector<Piece>& pieces) {
  Bytes all;
  for (const Piece& piece : pieces) {
    const Bytes packet = packet_of(piece.count, piece.type, piece.body, piece.padding);
    all.insert(all.end(), packet.begin(), packet.end());
  }
  return all;
}

TEST(RtcpWalkTest, WalksWholeCompounds) {
  GuardedRoom room;
  for (const auto& pieces : compounds()) {
    const auto held = room.hold(join(pieces));
    ASSERT_EQ(sound_rtcp_length(held), held.size());
    RtcpWalk walk(held);
    RtcpItem item;
    for (const Piece& piece : pieces) {
      ASSERT_TRUE(walk.next(item));
      EXPECT_EQ(item.count, piece.count);
      EXPECT_EQ(item.type, piece.type);
      EXPECT_EQ(Bytes(item.body.begin(), item.body.end()), piece.body);
    }
    EXPECT_FALSE(walk.next(item));
  }
}

TEST(RtcpWalkTest, CutAtEveryLength) {
  GuardedRoom room;
  for (const auto& pieces : compounds()) {
    const Bytes whole = join(pieces);
    std::vector<std::size_t> ends;  // lengths of prefixes that are compounds themselves
    std::size_t end = 0;
    for (const Piece& piece : pieces) ends.push_back(end += 4 + piece.body.size() + piece.padding);
    for (std::size_t length = 0; length <= whole.size(); ++length) {
      const auto held = room.hold(std::span(whole).first(length));
      // The packets before the cut stay, unless the first one has no SSRC.
      // Only the last packet has padding, and nothing stands behind it.
      std::size_t sound = 0;
      for (const std::size_t at : ends)
        if (at <= length && ends[0] >= 8) sound = at;
      EXPECT_EQ(sound_rtcp_length(held), sound) << length << " of " << whole.size();
      RtcpItem item;  // even in an unchecked compound, the walk stays within the bytes
      for (RtcpWalk walk(held); walk.next(item);)
        ASSERT_LE(item.body.data() + item.body.size(), held.data() + length);
    }
  }
}

TEST(RtcpWalkTest, VersionsAndTypes) {
  for (unsigned first = 0; first < 256; ++first) {
    if ((first & 0x20) != 0) continue;  // another test covers padding
    for (unsigned type = 0; type < 256; ++type) {
      Bytes alone = packet_of(0, 201, filled(4, 1));
      alone[0] = static_cast<std::uint8_t>(first);
      alone[1] = static_cast<std::uint8_t>(type);
      const bool good = first >> 6 == 2 && type >= 192 && type <= 223;
      ASSERT_EQ(sound_rtcp_length(alone), good ? 8u : 0u) << first << " " << type;
      Bytes behind = packet_of(0, 201, filled(4, 1));
      behind.insert(behind.end(), alone.begin(), alone.end());
      ASSERT_EQ(sound_rtcp_length(behind), good ? 16u : 8u) << first << " " << type;
    }
  }
}

TEST(RtcpWalkTest, LengthFields) {
  GuardedRoom room;
  for (std::size_t bytes = 8; bytes <= 64; bytes += 4) {
    Bytes packet = packet_of(0, 201, filled(bytes - 4, 0));
    for (unsigned words = 0; words <= 0xffff; words += words < 40 ? 1 : 997) {
      store_be16(&packet[2], static_cast<std::uint16_t>(words));
      // The bytes behind a shorter packet are zeros and small numbers, so they have no version 2.
      const std::size_t length = (words + std::size_t{1}) * 4;
      ASSERT_EQ(sound_rtcp_length(room.hold(packet)), length >= 8 && length <= bytes ? length : 0)
          << bytes << " " << words;
    }
  }
}

TEST(RtcpWalkTest, PaddingOnlyOnTheLastAndOnlyAsMuchAsThereIs) {
  GuardedRoom room;
  for (std::size_t body = 4; body <= 264; body += 4) {
    Bytes packet = packet_of(0, 201, filled(body, 1));
    packet[0] |= 0x20;
    for (unsigned count = 0; count < 256; ++count) {
      packet.back() = static_cast<std::uint8_t>(count);
      const bool good = count >= 1 && count <= body;
      const auto held = room.hold(packet);
      ASSERT_EQ(sound_rtcp_length(held), good ? held.size() : 0) << body << "/" << count;
      if (good) {
        RtcpItem item;
        RtcpWalk walk(held);
        ASSERT_TRUE(walk.next(item));
        ASSERT_EQ(item.body.size(), body - count);
      }
      Bytes two = packet;
      const Bytes last = packet_of(0, 201, filled(4, 1));
      two.insert(two.end(), last.begin(), last.end());
      ASSERT_EQ(sound_rtcp_length(two), 0u) << "padding in front of another packet";
    }
  }
}

TEST(RtcpWalkTest, RandomCompoundsStayWithinBounds) {
  SEED_TRACE();
  Random random(test_seed());
  GuardedRoom room;
  const auto shapes = compounds();
  std::size_t accepted = 0;
  for (int round = 0; round < 300000; ++round) {
    Bytes bytes =
        round % 4 == 0 ? random_bytes(random, random() % 80) : join(shapes[random() % shapes.size()]);
    for (std::uint64_t flips = random() % 4; flips > 0 && !bytes.empty(); --flips)
      bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    if (random() % 4 == 0) bytes.resize(random() % (bytes.size() + 1));
    const auto held = room.hold(bytes);
    const std::size_t sound = sound_rtcp_length(held);
    ASSERT_LE(sound, held.size());
    const bool good = sound == held.size() && sound != 0;
    accepted += good;
    std::size_t walked = 0;
    RtcpItem item;
    for (RtcpWalk walk(held); walk.next(item); walked += 4 + item.body.size()) {
      ASSERT_GE(item.body.data(), held.data());
      ASSERT_LE(item.body.data() + item.body.size(), held.data() + held.size());
      const auto name = find_cname(item, item.body.size() >= 4 ? load_be32(item.body.data()) : 0);
      ASSERT_TRUE(name.empty() || name.data() + name.size() <= item.body.data() + item.body.size());
    }
    if (!good) continue;
    const bool padded = walked != held.size();
    ASSERT_LE(walked, held.size());
    ASSERT_EQ(held.size() - walked, padded ? held.back() : 0u);
  }
  EXPECT_GT(accepted, 10000u);
}

// ---- writer

TEST(RtcpWriterTest, ReportsWalkBack) {
  for (const bool sender : {false, true}) {
    for (std::size_t blocks = 0; blocks <= 32; ++blocks) {
      Bytes buffer(1200);
      RtcpWriter writer(buffer);
      const Bytes information = sender ? filled(20, 3) : Bytes{};
      const Bytes reports = filled(blocks * 24, 40);
      ASSERT_EQ(writer.report(0xcafe1234, information, reports), blocks <= 31) << blocks;
      if (blocks > 31) {
        EXPECT_EQ(writer.length(), 0);
        continue;
      }
      const auto written = std::span(buffer).first(writer.length());
      ASSERT_EQ(sound_rtcp_length(written), written.size());
      RtcpItem item;
      RtcpWalk walk(written);
      ASSERT_TRUE(walk.next(item));
      EXPECT_EQ(item.type, sender ? 200 : 201);
      EXPECT_EQ(item.count, blocks);
      ASSERT_EQ(item.body.size(), 4 + information.size() + reports.size());
      EXPECT_EQ(load_be32(item.body.data()), 0xcafe1234u);
      EXPECT_TRUE(std::equal(information.begin(), information.end(), item.body.begin() + 4));
      EXPECT_TRUE(std::equal(reports.begin(), reports.end(),
                             item.body.begin() + 4 + static_cast<long>(information.size())));
      EXPECT_FALSE(walk.next(item));
    }
  }
}

TEST(RtcpWriterTest, SenderInfoOfAnotherSizeIsRefused) {
  Bytes buffer(200);
  RtcpWriter writer(buffer);
  for (const std::size_t size : {1u, 4u, 16u, 19u, 21u, 24u})
    EXPECT_FALSE(writer.report(1, Bytes(size), {})) << size;
  EXPECT_EQ(writer.length(), 0);
}

TEST(RtcpWriterTest, CnamesOfEveryLengthAreFoundAgain) {
  for (std::size_t length = 0; length <= 256; ++length) {
    Bytes buffer(400, 0xee);
    RtcpWriter writer(buffer);
    const Bytes name(length, 'n');
    ASSERT_EQ(writer.cname(77, name), length <= 255);
    if (length > 255) continue;
    const auto written = std::span(buffer).first(writer.length());
    ASSERT_EQ(sound_rtcp_length(written), written.size());
    RtcpItem item;
    ASSERT_TRUE(RtcpWalk(written).next(item));
    EXPECT_EQ(item.type, 202);
    EXPECT_EQ(item.count, 1);
    EXPECT_EQ(item.body.back(), 0) << "the list of items does not end";
    const auto found = find_cname(item, 77);
    EXPECT_EQ(Bytes(found.begin(), found.end()), name);
    EXPECT_TRUE(find_cname(item, 78).empty());
  }
}

TEST(RtcpWriterTest, ByeAndFeedbackWalkBack) {
  Bytes buffer(400);
  RtcpWriter writer(buffer);
  ASSERT_TRUE(writer.report(1, {}, {}));
  ASSERT_TRUE(writer.feedback(RtcpType::kPayloadFeedback, kFeedbackPli, 10, 20, {}));
  ASSERT_TRUE(writer.feedback(RtcpType::kPayloadFeedback, kFeedbackFir, 11, 0, filled(8, 1)));
  ASSERT_TRUE(writer.feedback(RtcpType::kTransportFeedback, kFeedbackNack, 12, 22, filled(40, 9)));
  ASSERT_TRUE(writer.bye(5));
  const auto written = std::span(buffer).first(writer.length());
  ASSERT_EQ(sound_rtcp_length(written), written.size());
  RtcpWalk walk(written);
  RtcpItem item;
  ASSERT_TRUE(walk.next(item));
  struct Expected {
    std::uint8_t type, format;
    std::uint32_t sender, media;
    Bytes information;
  };
  for (const Expected& expected : {Expected{206, 1, 10, 20, {}}, Expected{206, 4, 11, 0, filled(8, 1)},
                                   Expected{205, 1, 12, 22, filled(40, 9)}}) {
    ASSERT_TRUE(walk.next(item));
    EXPECT_EQ(item.type, expected.type);
    EXPECT_EQ(item.count, expected.format);
    EXPECT_EQ(load_be32(item.body.data()), expected.sender);
    EXPECT_EQ(load_be32(item.body.data() + 4), expected.media);
    EXPECT_EQ(Bytes(item.body.begin() + 8, item.body.end()), expected.information);
  }
  ASSERT_TRUE(walk.next(item));
  EXPECT_EQ(item.type, 203);
  EXPECT_EQ(item.count, 1);
  EXPECT_EQ(load_be32(item.body.data()), 5u);
  EXPECT_FALSE(walk.next(item));
}

TEST(RtcpWriterTest, FeedbackOfBrokenWordsIsRefused) {
  Bytes buffer(100);
  RtcpWriter writer(buffer);
  for (const std::size_t size : {1u, 2u, 3u, 5u})
    EXPECT_FALSE(writer.feedback(RtcpType::kTransportFeedback, 1, 1, 2, Bytes(size)));
  EXPECT_EQ(writer.length(), 0);
}

// Each buffer that is too small is refused. The writer writes no byte past it and keeps the earlier packets.
TEST(RtcpWriterTest, NothingIsHalfWritten) {
  GuardedRoom room;
  const auto attempts = std::vector<std::pair<std::size_t, std::function<bool(RtcpWriter&)>>>{
      {8 + 20 + 48, [](RtcpWriter& w) { return w.report(1, filled(20, 1), filled(48, 1)); }},
      {8 + 24, [](RtcpWriter& w) { return w.report(1, {}, filled(24, 1)); }},
      {8 + 12, [](RtcpWriter& w) { return w.cname(1, filled(8, 'a')); }},
      {8, [](RtcpWriter& w) { return w.bye(1); }},
      {12 + 8, [](RtcpWriter& w) { return w.feedback(RtcpType::kPayloadFeedback, 4, 1, 2, filled(8, 1)); }}};
  for (const auto& [needs, write] : attempts) {
    for (std::size_t room_left = 0; room_left <= needs; ++room_left) {
      const auto held = room.hold(Bytes(8 + room_left, 0x5a));
      RtcpWriter writer(held);
      ASSERT_TRUE(writer.bye(9));
      const Bytes before(held.begin(), held.end());
      ASSERT_EQ(write(writer), room_left == needs) << room_left << " of " << needs;
      ASSERT_EQ(writer.length(), room_left == needs ? 8 + needs : 8);
      ASSERT_TRUE(room_left == needs || std::equal(before.begin(), before.end(), held.begin()));
      ASSERT_EQ(sound_rtcp_length(held.first(writer.length())), writer.length());
    }
  }
}

// ---- find_cname

RtcpItem description(std::uint8_t chunks, const Bytes& body) {
  return {chunks, 202, body};
}

TEST(RtcpCnameTest, AmongOtherItemsAndChunks) {
  const Bytes body{0, 0, 0, 1, 2, 3, 'b', 'o', 'b', 1,   1,   'x', 0, 0, 0, 0,  // SSRC 1: NAME bob, CNAME x
                   0, 0, 0, 2, 1, 2, 'a', 'b', 0,   0,   0,   0,                // SSRC 2: CNAME ab
                   0, 0, 0, 3, 0, 0, 0,   0,                                    // SSRC 3: nothing
                   0, 0, 0, 4, 1, 5, 'e', 'n', 'd', 'e', 'd', 0};               // SSRC 4: CNAME ended
  const RtcpItem item = description(4, body);
  const auto text = [&](std::uint32_t ssrc) {
    const auto found = find_cname(item, ssrc);
    return std::string(found.begin(), found.end());
  };
  EXPECT_EQ(text(1), "x");
  EXPECT_EQ(text(2), "ab");
  EXPECT_EQ(text(3), "");
  EXPECT_EQ(text(4), "ended");
  EXPECT_EQ(text(5), "");
  const RtcpItem fewer = description(1, body);
  EXPECT_TRUE(find_cname(fewer, 2).empty()) << "chunks beyond the count";
}

TEST(RtcpCnameTest, CutAtEveryLength) {
  GuardedRoom room;
  const Bytes body{0, 0, 0, 1, 2, 3, 'b', 'o', 'b', 1, 4, 'n', 'a', 'm', 'e', 0};
  for (std::size_t length = 0; length <= body.size(); ++length) {
    const auto held = room.hold(std::span(body).first(length));
    const RtcpItem item{1, 202, held};
    EXPECT_EQ(find_cname(item, 1).size(), length >= 15 ? 4u : 0u) << length;
    EXPECT_TRUE(find_cname(item, 2).empty());
  }
}

}  // namespace
}  // namespace sluice::dataplane::test
