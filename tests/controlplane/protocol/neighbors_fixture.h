// neighbors_fixture: one port, a clock that the test sets, and frames of other stations. The fixture makes
// these frames byte by byte, without the writers under test.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/protocol/neighbor/neighbors.h"

namespace sluice::control::test {

using namespace std::chrono_literals;
using Bytes = std::vector<std::uint8_t>;
using config::IpAddress;
using dataplane::MacAddress;

inline const MacAddress kOurs{0x02, 0, 0, 0, 0, 0x01};
inline const MacAddress kPeer{0x02, 0, 0, 0, 0, 0x99};
inline const MacAddress kThief{0x02, 0, 0, 0, 0, 0x66};
constexpr std::uint16_t kPort = 3;

inline IpAddress ip(std::string_view text) {
  return *IpAddress::parse(text);
}

inline void put(Bytes& out, std::initializer_list<int> bytes) {
  for (const int byte : bytes) out.push_back(static_cast<std::uint8_t>(byte));
}
inline void put(Bytes& out, std::span<const std::uint8_t> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// The checksum of RFC 1071 in its simplest form, sixteen bits at a time.
inline std::uint16_t plain_checksum(const Bytes& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2)
    sum += static_cast<std::uint32_t>(bytes[i] << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0));
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

inline Bytes ethernet(const MacAddress& to, const MacAddress& from, int type, int vlan = 0) {
  Bytes frame(to.begin(), to.end());
  put(frame, from);
  if (vlan != 0) put(frame, {0x81, 0, vlan >> 8, vlan & 0xff});
  put(frame, {type >> 8, type & 0xff});
  return frame;
}

struct Arp {
  int operation = 1;
  MacAddress sender_mac = kPeer;
  IpAddress sender = ip("198.18.0.9");
  MacAddress target_mac{};
  IpAddress target = ip("198.18.0.1");
  MacAddress to = kBroadcastMac;
  int vlan = 0;

  Bytes frame() const {
    Bytes out = ethernet(to, sender_mac, 0x0806, vlan);
    put(out, {0, 1, 8, 0, 6, 4, 0, operation});
    put(out, sender_mac);
    put(out, sender.view());
    put(out, target_mac);
    put(out, target.view());
    return out;
  }
};

struct Icmp6 {
  Bytes message;  // checksum zero
  IpAddress source = ip("2001:db8::9");
  IpAddress destination = ip("2001:db8::1");
  MacAddress to = kOurs;
  MacAddress from = kPeer;
  int hop_limit = 255;
  bool good_checksum = true;

  Bytes frame() const {
    Bytes pseudo;
    put(pseudo, source.view());
    put(pseudo, destination.view());
    put(pseudo,
        {0, 0, static_cast<int>(message.size() >> 8), static_cast<int>(message.size() & 0xff), 0, 0, 0, 58});
    put(pseudo, message);
    const int sum = plain_checksum(pseudo) ^ (good_checksum ? 0 : 1);
    Bytes out = ethernet(to, from, 0x86dd);
    put(out, {0x60, 0, 0, 0, static_cast<int>(message.size() >> 8), static_cast<int>(message.size() & 0xff),
              58, hop_limit});
    put(out, source.view());
    put(out, destination.view());
    const std::size_t start = out.size();
    put(out, message);
    if (message.size() >= 4) {
      out[start + 2] = static_cast<std::uint8_t>(sum >> 8);
      out[start + 3] = static_cast<std::uint8_t>(sum);
    }
    return out;
  }
};

inline Bytes nd_message(int type, int flags, std::string_view target, int option = 0,
                        const MacAddress& mac = {}) {
  Bytes message;
  put(message, {type, 0, 0, 0, flags, 0, 0, 0});
  put(message, ip(target).view());
  if (option != 0) {
    put(message, {option, 1});
    put(message, mac);
  }
  return message;
}

inline Icmp6 solicitation(std::string_view target = "2001:db8::1") {
  Icmp6 out{.message = nd_message(135, 0, target, 1, kPeer)};
  out.destination = solicited_node(ip(target));
  out.to = multicast_mac(out.destination);
  return out;
}

inline Bytes ping4(std::string_view source, std::string_view destination, std::size_t data,
                   const MacAddress& to = kOurs) {
  Bytes icmp;
  put(icmp, {8, 0, 0, 0, 0x12, 0x34, 0, 7});
  for (std::size_t i = 0; i < data; ++i) icmp.push_back(static_cast<std::uint8_t>(i));
  const std::uint16_t sum = plain_checksum(icmp);
  icmp[2] = static_cast<std::uint8_t>(sum >> 8);
  icmp[3] = static_cast<std::uint8_t>(sum);
  const int total = static_cast<int>(20 + icmp.size());
  Bytes header;
  put(header, {0x45, 0, total >> 8, total & 0xff, 0, 0, 0, 0, 64, 1, 0, 0});
  put(header, ip(source).view());
  put(header, ip(destination).view());
  const std::uint16_t header_sum = plain_checksum(header);
  header[10] = static_cast<std::uint8_t>(header_sum >> 8);
  header[11] = static_cast<std::uint8_t>(header_sum);
  Bytes frame = ethernet(to, kPeer, 0x0800);
  put(frame, header);
  put(frame, icmp);
  return frame;
}

inline Bytes ping6_message(std::size_t data) {
  Bytes message;
  put(message, {128, 0, 0, 0, 0x12, 0x34, 0, 7});
  message.resize(8 + data, 0x5a);
  return message;
}

inline NeighborPort test_port() {
  NeighborPort port;
  port.index = kPort;
  port.mac = kOurs;
  port.addresses = {*config::IpPrefix::parse("198.18.0.1/24"), *config::IpPrefix::parse("2001:db8::1/64")};
  port.gateway = ip("198.18.0.254");
  port.gateway6 = ip("2001:db8::fe");
  return port;
}

class NeighborsTest : public ::testing::Test {
 protected:
  NeighborsTest() { make(test_port()); }
  void make(NeighborPort port) {
    neighbors_ = std::make_unique<Neighbors>(
        std::vector<NeighborPort>{std::move(port)},
        Neighbors::Callbacks{[this](std::uint16_t index, std::span<const std::uint8_t> frame) {
                               EXPECT_EQ(index, kPort);
                               sent_.emplace_back(frame.begin(), frame.end());
                             },
                             [this](std::uint16_t index, const IpAddress& hop, const MacAddress& mac) {
                               EXPECT_EQ(index, kPort);
                               resolved_.emplace_back(hop.to_string(), mac);
                             },
                             [this](std::uint16_t index, const IpAddress& gateway) {
                               EXPECT_EQ(index, kPort);
                               lost_.push_back(gateway.to_string());
                             },
                             [this](std::uint16_t index, const IpAddress& ours, const MacAddress& mac) {
                               EXPECT_EQ(index, kPort);
                               conflicts_.emplace_back(ours.to_string(), mac);
                             },
                             [this](const PacketTooBig& message, Neighbors::TimePoint now) {
                               EXPECT_EQ(now, now_);
                               too_big_.push_back(message);
                             }});
  }
  void give(const Bytes& frame) {
    const auto copy = std::make_unique<std::uint8_t[]>(frame.size());  // exact, for AddressSanitizer
    std::copy(frame.begin(), frame.end(), copy.get());
    neighbors_->on_frame(kPort, {copy.get(), frame.size()}, now_);
  }
  std::uint64_t drops(NeighborDrop drop) const {
    return neighbors_->counters().drops[static_cast<std::size_t>(drop)];
  }
  Bytes only_frame() {
    EXPECT_EQ(sent_.size(), 1U);
    Bytes frame = sent_.empty() ? Bytes(60) : sent_.front();
    sent_.clear();
    return frame;
  }
  void answer(std::string_view sender, const MacAddress& mac = kPeer) {
    give(Arp{.operation = 2, .sender_mac = mac, .sender = ip(sender), .target_mac = kOurs, .to = kOurs}
             .frame());
  }
  // Advances the clock by `span`, with a tick each 10 ms, as the daemon does.
  void run(std::chrono::milliseconds span) {
    const auto end = now_ + span;
    while (now_ < end) {
      now_ += 10ms;
      neighbors_->tick(now_);
    }
  }
  std::size_t sent_to(const MacAddress& mac) const {
    return static_cast<std::size_t>(std::count_if(sent_.begin(), sent_.end(), [&](const Bytes& frame) {
      return std::equal(mac.begin(), mac.end(), frame.begin());
    }));
  }

  std::unique_ptr<Neighbors> neighbors_;
  std::vector<Bytes> sent_;
  std::vector<std::pair<std::string, MacAddress>> resolved_;
  std::vector<std::pair<std::string, MacAddress>> conflicts_;
  std::vector<std::string> lost_;
  std::vector<PacketTooBig> too_big_;
  Neighbors::TimePoint now_{1000s};
};

}  // namespace sluice::control::test
