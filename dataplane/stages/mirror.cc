#include "dataplane/stages/mirror.h"

#include <cassert>

#include "dataplane/stages/feedback.h"
#include "dataplane/stages/forward.h"
#include "dataplane/stages/keyframes.h"
#include "dataplane/stages/lend.h"
#include "dataplane/stages/protect.h"
#include "dataplane/stages/retransmit.h"
#include "dataplane/stages/sender_reports.h"
#include "dataplane/stages/transmit.h"

namespace sluice::dataplane {
namespace {

// The stream of the mirror that a loan is for. kNoSlot when the mirror was removed.
std::uint32_t mirror_of(WorkerState& state, std::size_t lender, const Loan& loan) {
  if (loan.source.slot >= state.memory.sources.size()) return kNoSlot;
  const SourceSlot& source = state.memory.sources[loan.source.slot];
  if (!source.installed || source.generation != loan.source.generation || !is_mirror(source) ||
      source.home_worker != lender)
    return kNoSlot;
  return source.stream;
}

// Makes the mirror's stream stand for the stream of the loan.
void follow(WorkerState& state, StreamSlot& stream, const Loan& loan) {
  if (stream.home == loan.stream) return;
  const bool is_change = stream.home.slot != kNoSlot && stream.home.slot != loan.stream.slot;
  if (is_change && state.memory.sources[loan.source.slot].keyframe_count != 0)
    lend_keyframe_request(state, loan.source.slot);
  stream.home = loan.stream;
  stream.rtp_window.reset();
  stream.sender_reports = {};
  stream.ssrc.store(loan.ssrc, std::memory_order_relaxed);
  stream.cycle_base = loan.cycle_base;
  // By two, so that it stays odd: in use.
  stream.tenancy.store(stream.tenancy.load(std::memory_order_relaxed) + 2, std::memory_order_relaxed);
}

// Whether the loan is a packet of another stream than the one that its mirror stands for now.
bool begins_another(WorkerState& state, std::size_t lender, const Loan& loan) {
  if (loan.kind != LoanKind::kPacket) return false;
  const std::uint32_t slot = mirror_of(state, lender, loan);
  return slot != kNoSlot && state.memory.streams[slot].home != loan.stream;
}

// True when the loan is a packet to forward, which is then in `packet`. Other loans are handled here.
bool take(WorkerState& state, std::size_t lender, const Loan& loan, MediaPacket& packet,
          Retransmit& retransmit) {
  if (loan.kind == LoanKind::kFeedback || loan.kind == LoanKind::kKeyframe) {
    state.counters().consumed.add();
    if (loan.kind == LoanKind::kFeedback)
      feedback_from_mirror(state, loan, retransmit);
    else
      keyframe_for_mirror(state, loan.source);
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
    // Before the first packet of a stream, its sender reports cannot be translated.
    if (stream.home == loan.stream)
      take_sender_report(state, slot, {loan.data, loan.length}, {loan.cname, loan.cname_length});
    return false;
  }
  follow(state, stream, loan);
  // The home worker lends no packet twice. The window here tells retransmit which packets never came.
  if (stream.rtp_window.check(loan.index) == crypto::ReplayVerdict::kFresh)
    stream.rtp_window.commit(loan.index);
  packet = MediaPacket{};
  packet.mbuf = loan.mbuf;
  packet.data = const_cast<std::uint8_t*>(loan.data);  // Forward does not write to borrowed packets
  packet.endpoint = kNoSlot;
  packet.stream = slot;
  packet.index = loan.index;
  packet.fed = stream.fed;
  packet.epoch = stream.epoch;
  packet.length = loan.length;
  packet.rtp = loan.rtp;
  return true;
}

}  // namespace

void Borrow::forward_packets(WorkerState& state, std::size_t count, Forward& forward, OutgoingBatch& out) {
  forward.start(state, std::span(packets_).first(count), true);
  while (forward.next(state, out)) {
    protect(state, out);
    transmit(state, out);
  }
}

std::size_t Borrow::borrow_from(WorkerState& state, std::size_t lender, Forward& forward, OutgoingBatch& out,
                                Retransmit& retransmit) {
  auto& ring = state.steering.loans(lender, state.index);
  std::size_t loans = 0;
  std::size_t packets = 0;
  Loan loan;
  while (loans < kBatch && ring.pop(loan)) {
    buffers_[loans++] = loan.mbuf;
    // The packets of the stream before must leave under its tenancy, so forward them first.
    if (packets != 0 && begins_another(state, lender, loan)) {
      forward_packets(state, packets, forward, out);
      packets = 0;
    }
    if (take(state, lender, loan, packets_[packets], retransmit)) ++packets;
  }
  if (loans == 0) return 0;
  state.counters().borrowed.add(loans);
  if (packets != 0) forward_packets(state, packets, forward, out);
  return_buffers(state, lender, std::span(buffers_).first(loans));
  return loans;
}

std::size_t Borrow::run(WorkerState& state, Forward& forward, OutgoingBatch& out, Retransmit& retransmit) {
  assert(state.lending.enabled);
  retransmit.start();
  std::size_t count = collect_returned(state);
  for (std::size_t lender = 0; lender < state.steering.workers(); ++lender)
    if (lender != state.index) count += borrow_from(state, lender, forward, out, retransmit);
  return count;
}

}  // namespace sluice::dataplane
