// IpAddress and IpPrefix: what parses, what does not, and what a prefix contains.
#include "config/ip_address.h"

#include <gtest/gtest.h>

namespace sluice::config {
namespace {

TEST(IpAddress, ParsesAndPrintsBothFamilies) {
  for (const std::string_view text : {"0.0.0.0", "198.18.0.1", "255.255.255.255", "::", "::1", "2001:db8::1",
                                      "fe80::1", "2001:db8:1:2:3:4:5:6"}) {
    const auto address = IpAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), text);
    EXPECT_EQ(address->is_v6(), text.find(':') != std::string_view::npos) << text;
    EXPECT_EQ(IpAddress::from_bytes(address->view()), *address) << text;
  }
  EXPECT_EQ(IpAddress::parse("2001:DB8:0:0::1")->to_string(), "2001:db8::1");
  EXPECT_EQ(IpAddress::parse("198.18.0.1"), IpAddress::v4(198, 18, 0, 1));
}

TEST(IpAddress, RefusesEverythingElse) {
  for (const std::string_view text :
       {"", " ", "198.18.0", "198.18.0.1.2", "198.18.0.256", "198.18.0.-1", "198.18.0.1 ", " 198.18.0.1",
        "198.18.0.1/15", "0x7f.1", "1", "::ffff:198.18.0.1", "2001:db8:::1", "2001:db8::1::2", "2001:db8::g",
        "fe80::1%eth0", "[::1]", "localhost", "1:2:3:4:5:6:7:8:9"})
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  EXPECT_FALSE(IpAddress::parse(std::string_view("198.18.0.1\0", 11)));
  EXPECT_FALSE(IpAddress::parse(std::string(100000, '1')));
}

TEST(IpAddress, KnowsItsKind) {
  EXPECT_TRUE(IpAddress::parse("0.0.0.0")->is_unspecified());
  EXPECT_TRUE(IpAddress::parse("::")->is_unspecified());
  EXPECT_FALSE(IpAddress::parse("::1")->is_unspecified());
  EXPECT_TRUE(IpAddress::parse("224.0.0.1")->is_multicast());
  EXPECT_TRUE(IpAddress::parse("239.255.255.255")->is_multicast());
  EXPECT_FALSE(IpAddress::parse("223.255.255.255")->is_multicast());
  EXPECT_FALSE(IpAddress::parse("240.0.0.1")->is_multicast());
  EXPECT_TRUE(IpAddress::parse("ff02::1")->is_multicast());
  EXPECT_TRUE(IpAddress::parse("169.254.1.1")->is_link_local());
  EXPECT_TRUE(IpAddress::parse("febf::1")->is_link_local());
  EXPECT_FALSE(IpAddress::parse("fec0::1")->is_link_local());
}

TEST(IpPrefix, ParsesAndPrints) {
  for (const std::string_view text :
       {"198.18.0.1/15", "198.18.0.1/0", "198.18.0.1/32", "2001:db8::1/64", "2001:db8::1/128"}) {
    const auto prefix = IpPrefix::parse(text);
    ASSERT_TRUE(prefix) << text;
    EXPECT_EQ(prefix->to_string(), text);
  }
}

TEST(IpPrefix, RefusesEverythingElse) {
  for (const std::string_view text :
       {"", "/", "198.18.0.1", "198.18.0.1/", "/15", "198.18.0.1/33", "198.18.0.1/-1", "198.18.0.1/+1",
        "198.18.0.1/256", "198.18.0.1/4294967311", "198.18.0.1/15/", "198.18.0.1/15 ", "198.18.0.1/ 15",
        "198.18.0.1/255.254.0.0", "2001:db8::1/129", "198.18.0.1/a", "198.18.0.1/15a"})
    EXPECT_FALSE(IpPrefix::parse(text)) << text;
}

TEST(IpPrefix, ContainsItsLinkOnly) {
  const auto contains = [](std::string_view prefix, std::string_view address) {
    return IpPrefix::parse(prefix)->contains(*IpAddress::parse(address));
  };
  EXPECT_TRUE(contains("198.18.0.1/15", "198.19.255.255"));
  EXPECT_FALSE(contains("198.18.0.1/15", "198.20.0.0"));
  EXPECT_TRUE(contains("198.18.0.1/24", "198.18.0.254"));
  EXPECT_FALSE(contains("198.18.0.1/24", "198.18.1.1"));
  EXPECT_TRUE(contains("198.18.0.1/0", "1.2.3.4"));
  EXPECT_TRUE(contains("198.18.0.1/32", "198.18.0.1"));
  EXPECT_FALSE(contains("198.18.0.1/32", "198.18.0.2"));
  EXPECT_FALSE(contains("198.18.0.1/0", "2001:db8::1"));
  EXPECT_TRUE(contains("2001:db8::1/65", "2001:db8::7fff:ffff:ffff:ffff"));
  EXPECT_FALSE(contains("2001:db8::1/65", "2001:db8::8000:0:0:0"));
  EXPECT_TRUE(contains("2001:db8::1/128", "2001:db8::1"));
}

TEST(SocketAddress, PrintsAsPeopleWriteIt) {
  EXPECT_EQ((SocketAddress{IpAddress::v4(198, 18, 0, 1), 4000}.to_string()), "198.18.0.1:4000");
  EXPECT_EQ((SocketAddress{*IpAddress::parse("2001:db8::1"), 65535}.to_string()), "[2001:db8::1]:65535");
}

}  // namespace
}  // namespace sluice::config
