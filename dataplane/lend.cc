#include "dataplane/lend.h"

#include <rte_mbuf.h>

#include <bit>
#include <cstring>

#include "dataplane/feedback.h"
#include "dataplane/forward.h"
#include "dataplane/protect.h"
#include "dataplane/streams.h"
#include "dataplane/transmit.h"

namespace sluice::dataplane {
namespace {

// Pushes one loan. On success the buffer has a reference more.
bool lend(WorkerState& state, std::size_t borrower, const Loan& loan) {
  state.counters().lends.add();
  if (state.lending.out[borrower] == Steering::kLoans ||
      !state.steering.loans(state.index, borrower).push(loan)) {
    state.counters().drop(DropReason::kLendRingFull);
    return false;
  }
  ++state.lending.out[borrower];
  state.counters().lent.add();
  return true;
}

StreamIdentity identity_of(const WorkerState& state, std::uint32_t slot) {
  const StreamSlot& stream = state.memory.streams[slot];
  return {slot, stream.tenancy.load(std::memory_order_relaxed), stream.epoch};
}

// `loan` to all the mirrors of what the stream feeds.
void lend_to_mirrors(WorkerState& state, std::uint32_t stream_slot, Loan loan) {
  const StreamSlot& stream = state.memory.streams[stream_slot];
  for (std::uint8_t i = 0; i < stream.source_count; ++i) {
    const std::uint32_t slot = stream.sources[i];
    const SourceSlot& source = state.memory.sources[slot];
    if (source.stream != stream_slot) continue;
    for (std::uint32_t left = source.lent_to; left != 0; left &= left - 1) {
      const auto borrower = static_cast<std::size_t>(std::countr_zero(left));
      loan.source = state.lending.mirrors[slot * state.steering.workers() + borrower];
      // Before the push: from then on the other may give it back.
      rte_mbuf_refcnt_update(loan.mbuf, 1);
      if (!lend(state, borrower, loan)) rte_mbuf_refcnt_update(loan.mbuf, -1);
    }
  }
}

}  // namespace

void lend_packet(WorkerState& state, const MediaPacket& packet) {
  Loan loan;
  loan.kind = LoanKind::kPacket;
  loan.mbuf = packet.mbuf;
  loan.data = packet.data;
  loan.length = packet.length;
  loan.stream = identity_of(state, packet.stream);
  loan.ssrc = packet.rtp.ssrc;
  loan.index = packet.index;
  loan.cycle_base = state.memory.streams[packet.stream].cycle_base;
  loan.rtp = packet.rtp;
  lend_to_mirrors(state, packet.stream, loan);
}

void lend_report(WorkerState& state, rte_mbuf* mbuf, std::uint32_t stream,
                 std::span<const std::uint8_t> sender_info, std::span<const std::uint8_t> cname) {
  if (!state.lending.enabled) return;
  Loan loan;
  loan.kind = LoanKind::kSenderReport;
  loan.mbuf = mbuf;
  loan.data = sender_info.data();
  loan.length = static_cast<std::uint16_t>(sender_info.size());
  loan.cname = cname.data();
  loan.cname_length = static_cast<std::uint16_t>(cname.size());
  loan.stream = identity_of(state, stream);
  lend_to_mirrors(state, stream, loan);
}

namespace {

// A loan in a buffer made for it, which is nobody else's.
void lend_message(WorkerState& state, std::size_t borrower, Loan& loan, std::span<const std::uint8_t> bytes) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(state.pool);
  if (mbuf == nullptr) {
    state.counters().lends.add();
    return state.counters().drop(DropReason::kNoBuffer);
  }
  auto* data = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  std::copy(bytes.begin(), bytes.end(), data);
  loan.mbuf = mbuf;
  loan.data = data;
  loan.length = static_cast<std::uint16_t>(bytes.size());
  if (!lend(state, borrower, loan)) rte_pktmbuf_free(mbuf);
}

}  // namespace

void send_home(WorkerState& state, std::uint32_t mirror_stream, Loan loan,
               std::span<const std::uint8_t> bytes) {
  const StreamSlot& stream = state.memory.streams[mirror_stream];
  const SourceSlot& source = state.memory.sources[stream.sources[0]];
  loan.kind = LoanKind::kFeedback;
  loan.stream = stream.home;
  lend_message(state, source.home_worker, loan, bytes);
}

void ask_home_for_keyframe(WorkerState& state, std::uint32_t mirror_source) {
  const SourceSlot& source = state.memory.sources[mirror_source];
  Loan loan;
  loan.kind = LoanKind::kKeyframe;
  loan.source = source.home;
  lend_message(state, source.home_worker, loan, {});
}

void lend_source(WorkerState& state, std::uint32_t source, std::uint8_t worker, SlotRef mirror) {
  state.lending.mirrors[source * state.steering.workers() + worker] = mirror;
  SourceSlot& slot = state.memory.sources[source];
  slot.lent_to |= 1u << worker;
  if (slot.stream != kNoSlot) refresh_direct_route(state, slot.stream);
}

void unlend_source(WorkerState& state, std::uint32_t source, std::uint8_t worker) {
  SourceSlot& slot = state.memory.sources[source];
  slot.lent_to &= ~(1u << worker);
  if (slot.stream != kNoSlot) refresh_direct_route(state, slot.stream);
}

namespace {

// The mirror stream that a loan is for, brought up to date; kNoSlot when the mirror has gone.
std::uint32_t mirror_of(WorkerState& state, std::size_t lender, const Loan& loan) {
  if (loan.source.slot >= state.memory.sources.size()) return kNoSlot;
  const SourceSlot& source = state.memory.sources[loan.source.slot];
  if (!source.installed || source.generation != loan.source.generation || !is_mirror(source) ||
      source.home_worker != lender)
    return kNoSlot;
  return source.stream;
}

void follow(StreamSlot& stream, const Loan& loan) {
  if (stream.home == loan.stream) return;
  stream.home = loan.stream;
  stream.rtp_window.reset();
  stream.ssrc.store(loan.ssrc, std::memory_order_relaxed);
  stream.cycle_base = loan.cycle_base;
  // Odd it stays: in use.
  stream.tenancy.store(stream.tenancy.load(std::memory_order_relaxed) + 2, std::memory_order_relaxed);
}

// Whether the loan is of another stream than the one that feeds its mirror.
bool begins_another(WorkerState& state, std::size_t lender, const Loan& loan) {
  if (loan.kind != LoanKind::kPacket) return false;
  const std::uint32_t slot = mirror_of(state, lender, loan);
  return slot != kNoSlot && state.memory.streams[slot].home != loan.stream;
}

// True when the loan is a packet to be forwarded; all else is dealt with here.
bool take(WorkerState& state, std::size_t lender, const Loan& loan, Protect& protect, MediaPacket& packet) {
  if (loan.kind == LoanKind::kFeedback || loan.kind == LoanKind::kKeyframe) {
    state.counters().consumed.add();
    if (loan.kind == LoanKind::kFeedback)
      feedback_from_mirror(state, loan, protect);
    else
      keyframe_for_mirror(state, loan.source, protect);
    return false;
  }
  const std::uint32_t slot = mirror_of(state, lender, loan);
  if (slot == kNoSlot) {
    state.counters().drop(DropReason::kNoRoute);
    return false;
  }
  StreamSlot& stream = state.memory.streams[slot];
  if (loan.kind == LoanKind::kSenderReport) {
    state.counters().consumed.add();
    // One of a stream that has not fed the mirror yet says nothing that could be translated.
    if (stream.home == loan.stream)
      forward_sender_report(state, slot, {loan.data, loan.length}, {loan.cname, loan.cname_length}, protect);
    return false;
  }
  follow(stream, loan);
  // Nothing comes twice, home sees to that; but what never came can be asked for again.
  if (stream.rtp_window.check(loan.index) == crypto::ReplayVerdict::kFresh)
    stream.rtp_window.commit(loan.index);
  packet = MediaPacket{};
  packet.mbuf = loan.mbuf;
  packet.data = const_cast<std::uint8_t*>(loan.data);  // Forward writes into no borrowed packet
  packet.endpoint = kNoSlot;
  packet.stream = slot;
  packet.index = loan.index;
  packet.length = loan.length;
  packet.rtp = loan.rtp;
  return true;
}

std::size_t collect(WorkerState& state) {
  std::size_t total = 0;
  for (std::size_t borrower = 0; borrower < state.steering.workers(); ++borrower) {
    if (state.lending.out[borrower] == 0) continue;
    auto& ring = state.steering.returns(borrower, state.index);
    std::array<rte_mbuf*, kBatch> home;
    unsigned count = 0;
    while (count < home.size() && ring.pop(home[count])) ++count;
    if (count == 0) continue;
    rte_pktmbuf_free_bulk(home.data(), count);
    state.lending.out[borrower] -= count;
    state.counters().returned.add(count);
    total += count;
  }
  return total;
}

}  // namespace

std::size_t Borrow::borrow_from(WorkerState& state, std::size_t lender, Forward& forward, Protect& protect,
                                OutgoingBatch& out) {
  auto& ring = state.steering.loans(lender, state.index);
  std::size_t loans = 0;
  std::size_t packets = 0;
  Loan loan;
  const auto send = [&] {
    forward.start(state, std::span(packets_).first(packets), true);
    while (forward.next(state, out)) {
      protect.rtp(state, out);
      transmit(state, out);
    }
    packets = 0;
  };
  while (loans < kBatch && ring.pop(loan)) {
    buffers_[loans++] = loan.mbuf;
    // What came from the stream before goes out under its tenancy.
    if (packets != 0 && begins_another(state, lender, loan)) send();
    if (take(state, lender, loan, protect, packets_[packets])) ++packets;
  }
  if (loans == 0) return 0;
  state.counters().borrowed.add(loans);
  if (packets != 0) send();
  for (std::size_t i = 0; i < loans; ++i) state.steering.returns(state.index, lender).push(buffers_[i]);
  return loans;
}

std::size_t Borrow::run(WorkerState& state, Forward& forward, Protect& protect, OutgoingBatch& out) {
  std::size_t count = collect(state);
  for (std::size_t lender = 0; lender < state.steering.workers(); ++lender)
    if (lender != state.index) count += borrow_from(state, lender, forward, protect, out);
  return count;
}

bool has_loans(WorkerState& state) {
  for (std::size_t other = 0; other < state.steering.workers(); ++other)
    if (state.lending.out[other] != 0 ||
        (other != state.index && state.steering.loans(other, state.index).size() != 0))
      return true;
  return false;
}

}  // namespace sluice::dataplane
