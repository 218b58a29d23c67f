// What routers say of datagrams that are too big: which of it is passed on, and how often.
#include "controlplane/protocol/neighbor/packet_too_big.h"

#include "tests/controlplane/protocol/neighbors_fixture.h"
#include "tests/support/too_big_frame.h"

namespace sluice::control {
namespace {

using namespace test;

TooBigFrame message4(std::uint32_t mtu = 1400) {
  return {.router = ip("203.0.113.1"),
          .our_mac = kOurs,
          .local = {ip("198.18.0.1"), 20000},
          .remote = {ip("203.0.113.9"), 5000},
          .mtu = mtu};
}

TooBigFrame message6(std::uint32_t mtu = 1400) {
  return {.router = ip("2001:db8:1::1"),
          .our_mac = kOurs,
          .local = {ip("2001:db8::1"), 20000},
          .remote = {ip("2001:db8:9::9"), 5000},
          .mtu = mtu};
}

class PacketTooBigTest : public NeighborsTest {
 protected:
  using NeighborsTest::give;
  void give(const TooBigFrame& message) { NeighborsTest::give(message.frame()); }
};

// The literal bytes of RFC 1191 4 and RFC 4443 3.2, without the writers of this project.
TEST_F(PacketTooBigTest, ReadsWhatRoutersSend) {
  Bytes quoted;
  put(quoted, {0x45, 0xb8, 0x05, 0xdc, 0, 0, 0x40, 0, 63, 17, 0, 0, 198, 18, 0, 1, 203, 0, 113, 9});
  put(quoted, {0x4e, 0x20, 0x13, 0x88, 0x05, 0xc8, 0, 0});
  TooBigFrame message = message4(1492);
  message.quoted = quoted;
  give(message);
  ASSERT_EQ(too_big_.size(), 1U);
  EXPECT_EQ(too_big_[0].local.to_string(), "198.18.0.1:20000");
  EXPECT_EQ(too_big_[0].remote.to_string(), "203.0.113.9:5000");
  EXPECT_EQ(too_big_[0].mtu, 1492);
  Bytes quoted6;
  put(quoted6, {0x6b, 0x80, 0, 0, 0x05, 0xb4, 17, 63});
  put(quoted6, ip("2001:db8::1").view());
  put(quoted6, ip("2001:db8:9::9").view());
  put(quoted6, {0x4e, 0x20, 0x13, 0x88, 0x05, 0xb4, 0, 0});
  message = message6(1280);
  message.quoted = quoted6;
  give(message);
  ASSERT_EQ(too_big_.size(), 2U);
  EXPECT_EQ(too_big_[1].local.to_string(), "[2001:db8::1]:20000");
  EXPECT_EQ(too_big_[1].remote.to_string(), "[2001:db8:9::9]:5000");
  EXPECT_EQ(too_big_[1].mtu, 1280);
  EXPECT_EQ(neighbors_->counters().too_big, 2U);
  EXPECT_TRUE(sent_.empty());
}

TEST_F(PacketTooBigTest, BelievesOnlyAnMtuThatALinkMayHave) {
  for (const std::uint32_t mtu : {1U, 68U, 575U}) give(message4(mtu));
  for (const std::uint32_t mtu : {0U, 576U, 1279U}) give(message6(mtu));
  EXPECT_EQ(drops(NeighborDrop::kMalformed), 6U);
  EXPECT_TRUE(too_big_.empty());
  give(message4(576));
  give(message4(0));  // a router from before RFC 1191
  give(message6(0x10000));
  ASSERT_EQ(too_big_.size(), 3U);
  EXPECT_EQ(too_big_[0].mtu, 576);
  EXPECT_EQ(too_big_[1].mtu, 576);
  EXPECT_EQ(too_big_[2].mtu, 0xffff);
}

TEST_F(PacketTooBigTest, RefusesWhatQuotesNoDatagramOfOurs) {
  std::size_t refused = 0;
  for (const TooBigFrame& whole : {message4(), message6()}) {
    const Bytes head = whole.head();
    const auto with = [&](std::size_t at, int value) {
      TooBigFrame message = whole;
      message.quoted = head;
      message.quoted[at] = static_cast<std::uint8_t>(value);
      give(message);
      ++refused;
    };
    const bool v6 = whole.router.is_v6();
    with(0, v6 ? 0x45 : 0x60);  // of the other family
    with(v6 ? 6 : 9, 6);        // TCP
    if (!v6) {
      with(0, 0x46);  // options
      with(6, 0);     // may be fragmented
      with(7, 1);     // a fragment
    }
    TooBigFrame cut = whole;
    for (std::size_t size = 1; size < head.size(); ++size, ++refused) {
      cut.quoted.assign(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(size));
      give(cut);
    }
    TooBigFrame damaged = whole;
    damaged.good_checksum = false;
    give(damaged);
    ++refused;
  }
  EXPECT_EQ(drops(NeighborDrop::kMalformed), refused);
  TooBigFrame other = message4();
  other.quoted = TooBigFrame{.local = {ip("198.18.0.2"), 20000}, .remote = other.remote}.head();
  give(other);
  other = message4();
  other.our_mac = kBroadcastMac;
  give(other);
  EXPECT_EQ(drops(NeighborDrop::kNotForUs), 2U);
  other = message4();
  other.router = ip("198.18.0.1");
  give(other);
  EXPECT_EQ(drops(NeighborDrop::kBadSource), 1U);
  EXPECT_TRUE(too_big_.empty());
}

TEST_F(PacketTooBigTest, PassesOnABoundedNumberASecond) {
  for (int i = 0; i < 1000; ++i) give(message4());
  EXPECT_EQ(too_big_.size(), 100U) << "of one router";
  TooBigFrame others = message4();
  for (int i = 0; i < 1000; ++i) {
    others.router = ip("203.0." + std::to_string(i / 250) + "." + std::to_string(1 + i % 250));
    give(others);
  }
  EXPECT_EQ(too_big_.size(), Neighbors::kTooBigPerSecond);
  EXPECT_EQ(drops(NeighborDrop::kRateLimited), 2000U - Neighbors::kTooBigPerSecond);
  give(ping4("198.18.0.9", "198.18.0.1", 8));
  EXPECT_EQ(neighbors_->counters().echo_answered, 1U) << "pings have limits of their own";
  now_ += 1s;
  give(message4());
  EXPECT_EQ(too_big_.size(), Neighbors::kTooBigPerSecond + 1);
}

}  // namespace
}  // namespace sluice::control
