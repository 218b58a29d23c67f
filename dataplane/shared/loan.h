// loan: what one worker lends to another: a received packet with routes on the borrower, a sender report,
// feedback to a publisher, or a request for a key frame. Each ordered pair of workers has a ring of loans. A
// loan carries a packet buffer of the lender. The borrower only reads the buffer, and gives it back by a
// second ring. stages/lend.h has the rules. Plain values without DPDK; workers only.
#pragma once

#include <cstdint>
#include <type_traits>

#include "dataplane/base/slot_ref.h"
#include "dataplane/wire/rtp.h"

struct rte_mbuf;

namespace sluice::dataplane {

enum class LoanKind : std::uint8_t {
  kPacket,        // home -> mirror: `data` is the decrypted RTP packet
  kSenderReport,  // home -> mirror: `data` is the sender info, `cname` the publisher's CNAME or empty
  kFeedback,      // mirror -> home: `data` is a report block or feedback control information, see feedback.cc
  kKeyframe,      // mirror -> home: a route on the mirror's worker needs a key frame of this source
};

/// Names one stream among all that its worker has ever had.
struct StreamIdentity {
  std::uint32_t slot = kNoSlot;
  std::uint32_t tenancy = 0;
  std::uint32_t epoch = 0;
  bool operator==(const StreamIdentity&) const = default;
};

struct Loan {
  LoanKind kind{};
  std::uint8_t feedback_type = 0;    // kFeedback: RTCP packet type
  std::uint8_t feedback_format = 0;  // kFeedback: FMT
  bool repeated = false;             // kFeedback: a FIR that its receiver had sent before
  std::uint16_t length = 0;          // of data
  std::uint16_t cname_length = 0;
  rte_mbuf* mbuf = nullptr;  // belongs to the lender
  const std::uint8_t* data = nullptr;
  const std::uint8_t* cname = nullptr;
  SlotRef source;         // the mirror; for kKeyframe the source that it stands for
  StreamIdentity stream;  // the stream at home
  std::uint32_t ssrc = 0;
  std::uint64_t index = 0;       // kPacket
  std::uint64_t cycle_base = 0;  // StreamSlot::cycle_base
  RtpView rtp;                   // kPacket
};
static_assert(std::is_trivially_copyable_v<Loan>);

}  // namespace sluice::dataplane
