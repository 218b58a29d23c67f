#include "dataplane/stages/lend.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <bit>
#include <cassert>

#include "dataplane/stages/streams.h"

namespace sluice::dataplane {
namespace {

// Pushes one loan. False when the ring is full or too many loans are out; this is counted as a drop.
// REQUIRES: the caller has taken a reference to the buffer for the loan. On failure it still has the
// reference.
bool push_loan(WorkerState& state, std::size_t borrower, const Loan& loan) {
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

// Whether a source that the stream feeds has a mirror.
bool is_lent(const WorkerState& state, const StreamSlot& stream) {
  for (std::uint8_t i = 0; i < stream.source_count; ++i)
    if ((stream.fed >> i & 1) != 0 && state.memory.sources[stream.sources[i]].lent_to != 0) return true;
  return false;
}

// Lends to all mirrors of the stream's sources that `fed` has a bit for (StreamSlot::fed).
void lend_to_mirrors(WorkerState& state, std::uint32_t stream_slot, std::uint8_t fed, Loan loan) {
  const StreamSlot& stream = state.memory.streams[stream_slot];
  for (std::uint8_t i = 0; i < stream.source_count; ++i) {
    if ((fed >> i & 1) == 0) continue;
    const std::uint32_t slot = stream.sources[i];
    const SourceSlot& source = state.memory.sources[slot];
    for (std::uint32_t left = source.lent_to; left != 0; left &= left - 1) {
      const auto borrower = static_cast<std::size_t>(std::countr_zero(left));
      loan.source = state.lending.mirrors[slot * state.steering.workers() + borrower];
      // Before the push, since the borrower may give the buffer back at once.
      rte_mbuf_refcnt_update(loan.mbuf, 1);
      if (!push_loan(state, borrower, loan)) rte_mbuf_refcnt_update(loan.mbuf, -1);
    }
  }
}

// Lends `bytes` in a new buffer, which only the borrower reads.
void lend_message(WorkerState& state, std::size_t borrower, Loan loan, std::span<const std::uint8_t> bytes) {
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
  if (!push_loan(state, borrower, loan)) rte_pktmbuf_free(mbuf);
}

}  // namespace

void lend_packet(WorkerState& state, const MediaPacket& packet) {
  Loan loan;
  loan.kind = LoanKind::kPacket;
  loan.mbuf = packet.mbuf;
  loan.data = packet.data;
  loan.length = packet.length;
  loan.stream = identity_of(state, packet.stream);
  loan.stream.epoch = packet.epoch;
  loan.ssrc = packet.rtp.ssrc;
  loan.index = packet.index;
  loan.cycle_base = state.memory.streams[packet.stream].cycle_base;
  loan.rtp = packet.rtp;
  lend_to_mirrors(state, packet.stream, packet.fed, loan);
}

void lend_report(WorkerState& state, std::uint32_t stream_slot, std::span<const std::uint8_t> sender_info,
                 std::span<const std::uint8_t> cname) {
  const StreamSlot& stream = state.memory.streams[stream_slot];
  if (!state.lending.enabled || !is_lent(state, stream)) return;
  rte_mbuf* mbuf = rte_pktmbuf_alloc(state.pool);
  if (mbuf == nullptr) {
    state.counters().lends.add();
    return state.counters().drop(DropReason::kNoBuffer);
  }
  auto* data = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  std::copy(cname.begin(), cname.end(), std::copy(sender_info.begin(), sender_info.end(), data));
  Loan loan;
  loan.kind = LoanKind::kSenderReport;
  loan.mbuf = mbuf;
  loan.data = data;
  loan.length = static_cast<std::uint16_t>(sender_info.size());
  loan.cname = data + sender_info.size();
  loan.cname_length = static_cast<std::uint16_t>(cname.size());
  loan.stream = identity_of(state, stream_slot);
  lend_to_mirrors(state, stream_slot, stream.fed, loan);
  rte_pktmbuf_free(mbuf);  // the loans have references of their own
}

void lend_feedback(WorkerState& state, std::uint32_t mirror_stream, Loan loan,
                   std::span<const std::uint8_t> bytes) {
  const StreamSlot& stream = state.memory.streams[mirror_stream];
  assert(is_mirror(stream));
  const SourceSlot& source = state.memory.sources[stream.sources[0]];
  loan.kind = LoanKind::kFeedback;
  loan.stream = stream.home;
  lend_message(state, source.home_worker, loan, bytes);
}

void lend_keyframe_request(WorkerState& state, std::uint32_t mirror_source) {
  const SourceSlot& source = state.memory.sources[mirror_source];
  assert(is_mirror(source));
  Loan loan;
  loan.kind = LoanKind::kKeyframe;
  loan.source = source.home;
  lend_message(state, source.home_worker, loan, {});
}

void lend_source(WorkerState& state, std::uint32_t source, std::uint8_t worker, SlotRef mirror) {
  assert(worker < state.steering.workers() && worker != state.index);
  state.lending.mirrors[source * state.steering.workers() + worker] = mirror;
  SourceSlot& slot = state.memory.sources[source];
  slot.lent_to |= 1u << worker;
  if (slot.stream != kNoSlot) refresh_direct_route(state, slot.stream);
}

void unlend_source(WorkerState& state, std::uint32_t source, std::uint8_t worker) {
  assert(worker < state.steering.workers() && worker != state.index);
  SourceSlot& slot = state.memory.sources[source];
  slot.lent_to &= ~(1u << worker);
  if (slot.stream != kNoSlot) refresh_direct_route(state, slot.stream);
}

std::size_t collect_returned(WorkerState& state) {
  std::size_t total = 0;
  for (std::size_t borrower = 0; borrower < state.steering.workers(); ++borrower) {
    if (state.lending.out[borrower] == 0) continue;
    auto& ring = state.steering.returns(borrower, state.index);
    std::array<rte_mbuf*, kBatch> buffers;
    unsigned count = 0;
    while (count < buffers.size() && ring.pop(buffers[count])) ++count;
    if (count == 0) continue;
    rte_pktmbuf_free_bulk(buffers.data(), count);
    state.lending.out[borrower] -= count;
    state.counters().returned.add(count);
    total += count;
  }
  return total;
}

void return_buffers(WorkerState& state, std::size_t lender, std::span<rte_mbuf* const> buffers) {
  auto& ring = state.steering.returns(state.index, lender);
  for (rte_mbuf* buffer : buffers) {
    [[maybe_unused]] const bool taken = ring.push(buffer);
    assert(taken);  // the ring has space for all loans that may be out
  }
}

bool has_loans(WorkerState& state) {
  for (std::size_t other = 0; other < state.steering.workers(); ++other)
    if (state.lending.out[other] != 0 ||
        (other != state.index && state.steering.loans(other, state.index).size() != 0))
      return true;
  return false;
}

}  // namespace sluice::dataplane
