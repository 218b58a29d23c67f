// loan: what one worker lends another: a received packet that has routes there, a sender report, feedback to
// a publisher, a wish for a key frame. Loans go by a ring per pair of workers; each carries a packet buffer
// of the lender's, which the borrower only reads, and gives back by a ring of its own. See lend.h. A layout;
// no DPDK.
#pragma once

#include <cstdint>
#include <type_traits>

#include "dataplane/base/slot_ref.h"
#include "dataplane/wire/rtp.h"

struct rte_mbuf;

namespace sluice::dataplane {

enum class LoanKind : std::uint8_t {
  kPacket,        // home -> mirror: `data` is the decrypted RTP packet
  kSenderReport,  // home -> mirror: `data` is the sender info, `cname` what the publisher calls itself
  kFeedback,      // mirror -> home: `data` is a report block or feedback control information, see feedback.cc
  kKeyframe,      // mirror -> home: somebody was switched to this source
};

/// Which stream, among all that its worker ever had.
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
  rte_mbuf* mbuf = nullptr;  // the lender's
  const std::uint8_t* data = nullptr;
  const std::uint8_t* cname = nullptr;
  SlotRef source;         // the mirror source, or for kKeyframe its home
  StreamIdentity stream;  // at its home
  std::uint32_t ssrc = 0;
  std::uint64_t index = 0;       // kPacket
  std::uint64_t cycle_base = 0;  // StreamSlot::cycle_base
  RtpView rtp;                   // kPacket
};
static_assert(std::is_trivially_copyable_v<Loan>);

}  // namespace sluice::dataplane
