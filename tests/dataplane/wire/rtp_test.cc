// rtp: headers and header extensions, compared with a model that keeps them as lists; packets cut at every
// length before an inaccessible page.
#include "dataplane/wire/rtp.h"

#include <algorithm>
#include <map>

#include "tests/support/pure_support.h"

namespace sluice::dataplane::test {
namespace {

struct HeaderSpec {
  std::uint8_t first = 0x80;  // version 2; X and CC are added
  std::size_t csrcs = 0;
  std::optional<std::uint16_t> profile;
  Bytes extension;  // whole words
  std::uint8_t marker_and_type = 96;
};

Bytes build_rtp(const HeaderSpec& spec, std::size_t payload) {
  Bytes packet(12 + spec.csrcs * 4, 0xc5);
  packet[0] = static_cast<std::uint8_t>(spec.first | (spec.profile ? 0x10 : 0) | spec.csrcs);
  packet[1] = spec.marker_and_type;
  store_be16(&packet[2], 0xfedc);
  store_be32(&packet[4], 0x01020304);
  store_be32(&packet[8], 0xcafe1234);
  if (spec.profile) {
    packet.resize(packet.size() + 4);
    store_be16(&packet[packet.size() - 4], *spec.profile);
    store_be16(&packet[packet.size() - 2], static_cast<std::uint16_t>(spec.extension.size() / 4));
    packet.insert(packet.end(), spec.extension.begin(), spec.extension.end());
  }
  packet.insert(packet.end(), payload, 0x99);
  return packet;
}

TEST(RtpParseTest, EveryShapeAtEveryLength) {
  GuardedRoom room;
  for (std::size_t csrcs = 0; csrcs <= 15; ++csrcs) {
    for (int words = -1; words <= 4; ++words) {
      HeaderSpec spec;
      spec.csrcs = csrcs;
      if (words >= 0) {
        spec.profile = kOneByteExtensions;
        spec.extension = Bytes(static_cast<std::size_t>(words) * 4, 0x10);
      }
      const Bytes packet = build_rtp(spec, 5);
      const std::size_t header = packet.size() - 5;
      for (std::size_t length = 0; length <= packet.size(); ++length) {
        RtpView view;
        const bool fits = parse_rtp(room.hold(std::span(packet).first(length)), view);
        ASSERT_EQ(fits, length >= header) << csrcs << " CSRCs, " << words << " words, " << length << " bytes";
        if (!fits) continue;
        EXPECT_EQ(view.header_length, header);
        EXPECT_EQ(view.extension_length, spec.extension.size());
        if (words >= 0) {
          EXPECT_EQ(view.extension_offset, 12 + csrcs * 4 + 4);
          EXPECT_EQ(view.extension_profile, kOneByteExtensions);
        } else {
          EXPECT_EQ(view.extension_offset, 0);
        }
        EXPECT_EQ(view.sequence, 0xfedc);
        EXPECT_EQ(view.timestamp, 0x01020304u);
        EXPECT_EQ(view.ssrc, 0xcafe1234u);
      }
    }
  }
}

TEST(RtpParseTest, FirstTwoBytes) {
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      Bytes packet(12 + 60 + 4);  // space for all CSRCs and an empty extension
      packet[0] = static_cast<std::uint8_t>(first);
      packet[1] = static_cast<std::uint8_t>(second);
      RtpView view;
      ASSERT_EQ(parse_rtp(packet, view), first >> 6 == 2) << first;
      if (first >> 6 != 2) continue;
      ASSERT_EQ(view.padding, (first & 0x20) != 0);
      ASSERT_EQ(view.marker, second >= 128);
      ASSERT_EQ(view.payload_type, second % 128);
    }
  }
}

// A view that is used again must not keep the earlier packet's extension.
TEST(RtpParseTest, AReusedViewForgetsTheEarlierExtension) {
  HeaderSpec spec;
  spec.profile = kOneByteExtensions;
  spec.extension = {0x10, 1, 0, 0};
  RtpView view;
  ASSERT_TRUE(parse_rtp(build_rtp(spec, 1), view));
  ASSERT_TRUE(parse_rtp(build_rtp({}, 1), view));
  EXPECT_EQ(view.extension_length, 0);
  EXPECT_EQ(view.extension_offset, 0);
  EXPECT_EQ(view.extension_profile, 0);
}

TEST(RtpParseTest, ExtensionLengthsThatDoNotFit16Bits) {
  for (const std::size_t words : {0x3ffbu, 0x3ffcu, 0x4000u, 0x4001u, 0x7fffu, 0xffffu}) {
    HeaderSpec spec;
    spec.profile = 0x1234;
    Bytes packet = build_rtp(spec, 0);
    store_be16(&packet[14], static_cast<std::uint16_t>(words));
    packet.resize(16 + words * 4);
    RtpView view;
    EXPECT_EQ(parse_rtp(packet, view), packet.size() <= 0xffff) << words;
  }
}

TEST(RtpPaddingTest, EveryCountAtEveryPayloadLength) {
  GuardedRoom room;
  for (std::size_t payload = 0; payload <= 255; payload += 1 + payload / 8) {
    HeaderSpec spec;
    spec.first = 0xa0;
    spec.csrcs = 2;
    Bytes packet = build_rtp(spec, payload);
    for (unsigned count = 0; count < 256; ++count) {
      if (payload > 0) packet.back() = static_cast<std::uint8_t>(count);
      const auto held = room.hold(packet);
      RtpView view;
      ASSERT_TRUE(parse_rtp(held, view));
      EXPECT_EQ(padding_fits(held, view), payload > 0 && count >= 1 && count <= payload)
          << payload << "/" << count;
    }
    packet[0] &= 0xdf;
    RtpView view;
    ASSERT_TRUE(parse_rtp(packet, view));
    EXPECT_TRUE(padding_fits(packet, view));
  }
}

// ---- extensions: the model is the list of elements that a reader must see

struct Element {
  std::uint8_t id;
  Bytes value;
  bool operator==(const Element&) const = default;
};

// An independent reader of the rules in RFC 8285 4.2 and 4.3.
std::vector<Element> read_elements(std::span<const std::uint8_t> data, std::uint16_t profile) {
  std::vector<Element> elements;
  const bool one_byte = profile == 0xbede;
  if (!one_byte && profile >> 4 != 0x100) return elements;
  for (std::size_t at = 0; at < data.size();) {
    if (data[at] == 0) {
      ++at;
      continue;
    }
    const std::size_t head = one_byte ? 1 : 2;
    if (data.size() - at < head) break;
    const auto id = static_cast<std::uint8_t>(one_byte ? data[at] >> 4 : data[at]);
    const std::size_t length = one_byte ? (data[at] & 15u) + 1 : data[at + 1];
    if (one_byte && (id == 15 || id == 0)) break;
    if (data.size() - at - head < length) break;
    elements.push_back({id, Bytes(data.begin() + static_cast<long>(at + head),
                                  data.begin() + static_cast<long>(at + head + length))});
    at += head + length;
  }
  return elements;
}

struct Written {
  Bytes data;
  std::vector<Element> elements;
};

Written write_elements(Random& random, bool one_byte, bool unique) {
  Written written;
  for (std::size_t count = pick(random, 0, 6); count > 0; --count) {
    written.data.insert(written.data.end(), random() % 3, 0);
    Element element;
    element.id = static_cast<std::uint8_t>(one_byte ? pick(random, 1, 14) : pick(random, 1, 255));
    const bool seen = std::any_of(written.elements.begin(), written.elements.end(),
                                  [&](const Element& other) { return other.id == element.id; });
    if (unique && seen) continue;
    element.value = random_bytes(random, one_byte ? pick(random, 1, 16) : random() % 40);
    if (one_byte) {
      written.data.push_back(static_cast<std::uint8_t>(element.id << 4 | (element.value.size() - 1)));
    } else {
      written.data.push_back(element.id);
      written.data.push_back(static_cast<std::uint8_t>(element.value.size()));
    }
    written.data.insert(written.data.end(), element.value.begin(), element.value.end());
    written.elements.push_back(element);
  }
  written.data.resize((written.data.size() + 3) / 4 * 4);
  return written;
}

std::array<std::uint8_t, 16> random_ids(Random& random) {
  std::array<std::uint8_t, 16> ids{};
  for (std::size_t id = 1; id <= 14; ++id)
    ids[id] = static_cast<std::uint8_t>(random() % 3 == 0 ? 0 : pick(random, 1, 14));
  return ids;
}

class RtpExtensionTest : public ::testing::TestWithParam<std::uint16_t> {
 protected:
  bool one_byte() const { return GetParam() == kOneByteExtensions; }
  Random random_{test_seed()};
  GuardedRoom room_;
};
INSTANTIATE_TEST_SUITE_P(Profiles, RtpExtensionTest, ::testing::Values(0xbede, 0x1000, 0x100a),
                         [](const auto& info) { return "profile_" + std::to_string(info.param); });

TEST_P(RtpExtensionTest, FindsWhatIsThereAndNothingElse) {
  SEED_TRACE();
  for (int round = 0; round < 5000; ++round) {
    const Written written = write_elements(random_, one_byte(), false);
    HeaderSpec spec;
    spec.csrcs = random_() % 4;
    spec.profile = GetParam();
    spec.extension = written.data;
    const auto held = room_.hold(build_rtp(spec, 0));
    RtpView view;
    ASSERT_TRUE(parse_rtp(held, view));
    ASSERT_EQ(read_elements(written.data, GetParam()), written.elements) << "the test's own reader is wrong";
    for (unsigned id = 0; id < 256; ++id) {
      Bytes expected;  // the first element that has a value
      for (const Element& element : written.elements)
        if (element.id == id && expected.empty()) expected = element.value;
      const auto found = find_extension(held, view, static_cast<std::uint8_t>(id));
      ASSERT_EQ(Bytes(found.begin(), found.end()), expected) << "id " << id;
    }
  }
}

TEST_P(RtpExtensionTest, MapsEachElementAndMovesNothing) {
  SEED_TRACE();
  for (int round = 0; round < 5000; ++round) {
    const Written written = write_elements(random_, one_byte(), false);
    HeaderSpec spec;
    spec.csrcs = random_() % 16;
    spec.profile = GetParam();
    spec.extension = written.data;
    Bytes packet = build_rtp(spec, 0);
    RtpView view;
    ASSERT_TRUE(parse_rtp(packet, view));
    const auto ids = random_ids(random_);
    const auto held = room_.hold(packet);
    map_extensions(held, view, ids);

    std::vector<Element> expected;
    for (Element element : written.elements) {
      element.id = element.id < 15 ? ids[element.id] : std::uint8_t{0};
      if (element.id != 0) expected.push_back(element);
    }
    RtpView after;
    ASSERT_TRUE(parse_rtp(held, after));
    ASSERT_EQ(after.header_length, view.header_length);
    ASSERT_EQ(read_elements(held.subspan(view.extension_offset, view.extension_length), GetParam()),
              expected);
    ASSERT_TRUE(std::equal(packet.begin(), packet.begin() + view.extension_offset, held.begin()));
  }
}

TEST_P(RtpExtensionTest, RandomBytesAreReadAsTheRulesSayAndNeverBeyond) {
  SEED_TRACE();
  for (int round = 0; round < 50000; ++round) {
    HeaderSpec spec;
    spec.profile = GetParam();
    spec.extension = random_bytes(random_, pick(random_, 0, 8) * 4);
    for (auto& byte : spec.extension)
      if (random_() % 3 == 0) byte &= 0xf3;  // shorter elements, so that more fit
    const Bytes packet = build_rtp(spec, 0);
    const auto held = room_.hold(packet);
    RtpView view;
    ASSERT_TRUE(parse_rtp(held, view));
    const auto elements = read_elements(spec.extension, GetParam());
    for (const Element& element : elements) {
      if (element.value.empty()) continue;
      const auto first = std::find_if(elements.begin(), elements.end(), [&](const Element& other) {
        return other.id == element.id && !other.value.empty();
      });
      const auto found = find_extension(held, view, element.id);
      ASSERT_EQ(Bytes(found.begin(), found.end()), first->value);
    }
    const auto ids = random_ids(random_);
    map_extensions(held, view, ids);
    ASSERT_TRUE(std::equal(packet.begin(), packet.begin() + view.extension_offset, held.begin()));
    std::vector<Element> expected;
    for (Element element : elements) {
      element.id = element.id < 15 ? ids[element.id] : std::uint8_t{0};
      if (element.id != 0) expected.push_back(element);
    }
    ASSERT_EQ(read_elements(held.subspan(view.extension_offset), GetParam()), expected);
  }
}

TEST(RtpExtensionRulesTest, ProfilesThatAreNotRfc8285PassUntouched) {
  for (const std::uint16_t profile : {0x0000, 0x0fff, 0x1010, 0xbedd, 0xbedf, 0xffff}) {
    HeaderSpec spec;
    spec.profile = profile;
    spec.extension = {0x10, 0xaa, 0x21, 1, 2, 0, 0, 0};
    Bytes packet = build_rtp(spec, 3);
    RtpView view;
    ASSERT_TRUE(parse_rtp(packet, view));
    EXPECT_TRUE(find_extension(packet, view, 1).empty());
    const Bytes before = packet;
    map_extensions(std::span(packet).first(view.header_length), view, {});
    EXPECT_EQ(packet, before);
  }
}

// RFC 8285 4.2: a reader stops at id 15 and at id 0 with a length.
TEST(RtpExtensionRulesTest, OneByteFormStopsAtReservedIds) {
  for (const std::uint8_t stop : {0xf0, 0xf2, 0x01, 0x0f}) {
    HeaderSpec spec;
    spec.profile = kOneByteExtensions;
    spec.extension = {0x10, 0xaa, stop, 0x20, 0xbb, 0x30, 0xcc, 0x00};
    Bytes packet = build_rtp(spec, 0);
    RtpView view;
    ASSERT_TRUE(parse_rtp(packet, view));
    EXPECT_EQ(find_extension(packet, view, 1).size(), 1u);
    for (const std::uint8_t id : {2, 3, 12, 15, 0})
      EXPECT_TRUE(find_extension(packet, view, id).empty()) << int{stop} << " then " << int{id};
    std::array<std::uint8_t, 16> ids{};
    ids[1] = 7;
    map_extensions(packet, view, ids);
    EXPECT_EQ(Bytes(packet.begin() + 16, packet.end()),
              (Bytes{0x70, 0xaa, stop, 0x20, 0xbb, 0x30, 0xcc, 0x00}));
  }
}

}  // namespace
}  // namespace sluice::dataplane::test
