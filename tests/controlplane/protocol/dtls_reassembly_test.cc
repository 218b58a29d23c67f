// dtls_reassembly: fragments in any order, that contradict each other, and too many of them.
#include "controlplane/protocol/dtls/dtls_reassembly.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "controlplane/protocol/dtls/dtls_record.h"

namespace sluice::control {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint8_t kHello = 1, kCertificate = 11, kVerify = 15;

struct Part {
  std::uint8_t type = kHello;
  std::uint16_t number = 0;
  Bytes message;
  std::size_t offset = 0;
  std::size_t size = 0;
};

Bytes record(std::uint8_t type, std::uint8_t epoch, const Bytes& payload) {
  Bytes bytes{type, 0xfe, 0xfd, 0, epoch, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  bytes.push_back(static_cast<std::uint8_t>(payload.size() >> 8));
  bytes.push_back(static_cast<std::uint8_t>(payload.size()));
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

Bytes fragment(const Part& part) {
  Bytes payload{part.type};
  const auto put24 = [&](std::size_t value) {
    for (const int shift : {16, 8, 0}) payload.push_back(static_cast<std::uint8_t>(value >> shift));
  };
  put24(part.message.size());
  payload.insert(payload.end(),
                 {static_cast<std::uint8_t>(part.number >> 8), static_cast<std::uint8_t>(part.number)});
  put24(part.offset);
  put24(part.size);
  const auto from = part.message.begin() + static_cast<std::ptrdiff_t>(part.offset);
  payload.insert(payload.end(), from, from + static_cast<std::ptrdiff_t>(part.size));
  return record(22, 0, payload);
}

Bytes whole(std::uint8_t type, std::uint16_t number, const Bytes& message) {
  return fragment({type, number, message, 0, message.size()});
}

struct Given {
  std::uint8_t type;
  std::uint16_t number;
  Bytes message;
  bool operator==(const Given&) const = default;
};

// The messages that OpenSSL would get. Checks that the records are numbered from `next` on.
std::vector<Given> messages_of(const Bytes& records, std::uint64_t& next) {
  std::vector<Given> messages;
  for (std::size_t at = 0; at < records.size();) {
    const std::size_t length = records[at + 11] * 256U + records[at + 12];
    const auto* payload = &records[at + kDtlsRecordHeader];
    if (records[at] == 22 && records[at + 4] == 0) {
      EXPECT_EQ(records[at + 10], next++);
      EXPECT_EQ(payload[9] * 65536U + payload[10] * 256U + payload[11] + 12, length) << "a fragment";
      messages.push_back({payload[0], static_cast<std::uint16_t>(payload[4] * 256 + payload[5]),
                          Bytes(payload + 12, payload + length)});
    }
    at += kDtlsRecordHeader + length;
  }
  return messages;
}

class DtlsReassemblyTest : public ::testing::Test {
 protected:
  std::vector<Given> take(const Bytes& records) {
    Bytes out;
    reassembly_.take(records, out);
    return messages_of(out, next_record_);
  }
  DtlsReassembly reassembly_;
  std::uint64_t next_record_ = 0;
  const Bytes hello_ = Bytes(100, 7);
  const Bytes certificate_ = Bytes(300, 8);
};

TEST_F(DtlsReassemblyTest, PutsPiecesTogetherInAnyOrderAndGivesEachMessageOnce) {
  EXPECT_TRUE(take(fragment({kCertificate, 1, certificate_, 0, 300})).empty()) << "it is early";
  EXPECT_TRUE(take(fragment({kHello, 0, hello_, 60, 40})).empty());
  EXPECT_TRUE(take(fragment({kHello, 0, hello_, 10, 60})).empty()) << "overlaps";
  EXPECT_EQ(take(fragment({kHello, 0, hello_, 0, 20})),
            (std::vector<Given>{{kHello, 0, hello_}, {kCertificate, 1, certificate_}}));
  EXPECT_TRUE(take(whole(kHello, 0, hello_)).empty()) << "the peer repeats";
  EXPECT_FALSE(reassembly_.begun_anew());
  EXPECT_EQ(take(whole(14, 2, {})), (std::vector<Given>{{14, 2, {}}})) << "a message without a body";
}

TEST_F(DtlsReassemblyTest, FragmentsThatContradictEachOtherDoNotMix) {
  Bytes forged = hello_;
  forged[5] = 99;
  take(fragment({kHello, 0, Bytes(20, 1), 0, 10}));  // another length
  take(fragment({kCertificate, 0, hello_, 0, 10}));  // another type
  take(fragment({kHello, 0, forged, 0, 50}));        // other bytes
  take(fragment({kHello, 0, hello_, 0, 50}));
  EXPECT_EQ(take(fragment({kHello, 0, hello_, 50, 50})), (std::vector<Given>{{kHello, 0, hello_}}));
  // Of two that are whole and early, the last one counts.
  take(whole(kVerify, 2, Bytes(70, 1)));
  take(whole(kVerify, 2, Bytes(70, 2)));
  EXPECT_EQ(take(whole(kCertificate, 1, certificate_)),
            (std::vector<Given>{{kCertificate, 1, certificate_}, {kVerify, 2, Bytes(70, 2)}}));
}

TEST_F(DtlsReassemblyTest, HoldsABoundedAmountAndStillTakesWholeMessages) {
  for (std::uint16_t i = 0; i < 1000; ++i) {
    take(fragment({kHello, static_cast<std::uint16_t>(i % 12), Bytes(8000 + i, 1), 0, 10}));
    take(fragment({kHello, 0, Bytes(200 + i, 1), 0, 10}));
  }
  EXPECT_EQ(take(whole(kHello, 0, hello_)), (std::vector<Given>{{kHello, 0, hello_}}));
}

TEST_F(DtlsReassemblyTest, ChangeCipherSpecAndLaterEpochsWaitForTheMessagesBeforeThem) {
  const auto size_of = [&](const Bytes& records) {
    Bytes out;
    reassembly_.take(records, out);
    return out.size();
  };
  const Bytes change = record(20, 0, {1});
  const Bytes sealed = record(22, 1, Bytes(40, 3));
  EXPECT_EQ(size_of(change) + size_of(sealed), 0U);
  size_of(whole(kHello, 0, hello_));
  EXPECT_EQ(size_of(change) + size_of(sealed), 0U);
  size_of(whole(kVerify, 1, certificate_));
  EXPECT_EQ(size_of(sealed), 0U);
  EXPECT_EQ(size_of(change), change.size());
  EXPECT_EQ(size_of(sealed), sealed.size());
}

TEST_F(DtlsReassemblyTest, AnotherClientHelloBeginsAnewUntilMoreHasCome) {
  take(whole(kHello, 0, hello_));
  take(whole(kHello, 0, certificate_));
  ASSERT_TRUE(reassembly_.begun_anew());
  Bytes out;
  reassembly_.restart(out);
  next_record_ = 0;
  EXPECT_EQ(messages_of(out, next_record_), (std::vector<Given>{{kHello, 0, certificate_}}));
  EXPECT_FALSE(reassembly_.begun_anew());
  take(whole(kCertificate, 1, certificate_));
  take(whole(kHello, 0, hello_));
  EXPECT_FALSE(reassembly_.begun_anew());
}

TEST_F(DtlsReassemblyTest, AnEmptyClientHelloDoesNotStandInForAnother) {
  take(whole(kHello, 0, hello_));
  Bytes datagram = whole(kHello, 0, certificate_);
  const Bytes empty = whole(kHello, 0, {});
  datagram.insert(datagram.end(), empty.begin(), empty.end());
  take(datagram);
  EXPECT_TRUE(reassembly_.begun_anew());
  take(empty);
  EXPECT_FALSE(reassembly_.begun_anew());
}

}  // namespace
}  // namespace sluice::control
