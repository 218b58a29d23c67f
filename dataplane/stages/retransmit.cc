#include "dataplane/stages/retransmit.h"

#include <algorithm>
#include <bit>
#include <cassert>

#include "crypto/srtp/packet_index.h"
#include "dataplane/base/prefetch.h"
#include "dataplane/stages/fanout.h"
#include "dataplane/stages/forward.h"
#include "dataplane/stages/numbering.h"
#include "dataplane/stages/protect.h"
#include "dataplane/stages/transmit.h"

namespace sluice::dataplane {
namespace {

constexpr std::size_t kEntry = 4;  // bytes: PID and BLP
constexpr unsigned kNumbersPerEntry = 17;

// The key in the table of requests: for a packet of a route, or a packet of the publisher of a stream.
std::uint64_t key_of(std::uint32_t slot, std::uint64_t index, bool publisher) {
  return mix64(mix64(index) ^ (std::uint64_t{slot} << 1 | (publisher ? 1 : 0)));
}

// Adds to the route's credit what the route has sent for the first time.
void earn(RouteSlot& route) {
  const std::uint64_t first_time = route.packets.read() - route.retransmitted.read();
  route.retransmit_credit = static_cast<std::uint32_t>(
      std::min(Retransmit::kCreditMax, route.retransmit_credit + (first_time - route.retransmit_earned)));
  route.retransmit_earned = first_time;
}

// Writes NACK entries. The numbers of one entry, in ascending order, make one entry again, or two where the
// route's numbers have a hole among them (numbering.h).
class NackWriter {
 public:
  explicit NackWriter(std::span<std::uint8_t> room) : room_(room) {}
  std::size_t length() const { return length_; }

  void add(std::uint16_t sequence) {
    if (length_ != 0) {
      std::uint8_t* last = room_.data() + length_ - kEntry;
      const auto distance = static_cast<std::uint16_t>(sequence - load_be16(last));
      if (distance == 0) return;
      if (distance < kNumbersPerEntry)
        return store_be16(last + 2, static_cast<std::uint16_t>(load_be16(last + 2) | 1u << (distance - 1)));
    }
    assert(length_ + kEntry <= room_.size());
    store_be16(room_.data() + length_, sequence);
    store_be16(room_.data() + length_ + 2, 0);
    length_ += kEntry;
  }

 private:
  std::span<std::uint8_t> room_;
  std::size_t length_ = 0;
};

// Calls `look_at` with the first `most` numbers of the entries. Returns how many numbers there are.
std::size_t for_each_lost(std::span<const std::uint8_t> entries, std::size_t most, auto look_at) {
  std::size_t seen = 0;
  for (; entries.size() >= kEntry; entries = entries.subspan(kEntry)) {
    const std::uint16_t first = load_be16(entries.data());
    const std::uint32_t lost = std::uint32_t{load_be16(entries.data() + 2)} << 1 | 1;
    std::size_t at = seen;
    for (std::uint32_t rest = lost; rest != 0 && at < most; rest &= rest - 1, ++at)
      look_at(static_cast<std::uint16_t>(first + std::countr_zero(rest)));
    seen += static_cast<std::size_t>(std::popcount(lost));
  }
  return seen;
}

std::uint64_t ticks_per_number(const WorkerState& state) {
  return state.tsc_hz / Retransmit::kReceiverPerSecond;
}

// How many numbers the receiver may ask for now. Each costs it some time: it has used up its share until
// EndpointSlot::nacks_paid_tsc.
std::size_t numbers_left(const WorkerState& state, const EndpointSlot& receiver) {
  if (receiver.nacks_paid_tsc <= state.now) return Retransmit::kReceiverBurst;
  const std::uint64_t used = (receiver.nacks_paid_tsc - state.now) / ticks_per_number(state);
  return Retransmit::kReceiverBurst - std::min<std::size_t>(Retransmit::kReceiverBurst, used);
}

void take_numbers(const WorkerState& state, EndpointSlot& receiver, std::size_t count) {
  receiver.nacks_paid_tsc = std::max(receiver.nacks_paid_tsc, state.now) + count * ticks_per_number(state);
}

}  // namespace

void Retransmit::start() {
  looked_at_ = wanted_count_ = 0;
}

bool Retransmit::asked_lately(const WorkerState& state, std::uint64_t key, std::uint64_t within_ms) const {
  const Asked& asked = asked_[key % kAskedSize];
  return asked.key == key && state.is_within(asked.tsc, within_ms);
}

void Retransmit::remember(const WorkerState& state, std::uint64_t key) {
  asked_[key % kAskedSize] = {key, state.now};
}

// Whether the publisher is to be asked for a packet that never came here. All receivers miss a packet that
// was lost on its way here, and all ask for it. The publisher is asked once.
bool Retransmit::is_asked_now(const WorkerState& state, std::uint32_t stream, std::uint64_t index) {
  const std::uint64_t key = key_of(stream, index, true);
  if (asked_lately(state, key, kAskAgainAfterMs)) return false;
  remember(state, key);
  return true;
}

Retransmit::Verdict Retransmit::answer_one(WorkerState& state, std::uint32_t route_slot,
                                           std::uint64_t outgoing, std::uint64_t index) {
  RouteSlot& route = state.memory.routes[route_slot];
  WorkerCounters& counters = state.counters();
  const std::uint64_t key = key_of(route_slot, outgoing, false);
  if (asked_lately(state, key, kAgainAfterMs)) {
    counters.retransmit_suppressed.add();
    return Verdict::kAnswered;
  }
  // The publisher is asked only for a packet that never came here: any other would be dropped as a replay.
  if (state.memory.streams[route.stream].rtp_window.check(index) == crypto::ReplayVerdict::kFresh) {
    counters.retransmit_misses.add();
    return is_asked_now(state, route.stream, index) ? Verdict::kAskPublisher : Verdict::kAnswered;
  }
  if (!route.retransmit) {
    counters.retransmit_misses.add();
    return Verdict::kLostForGood;
  }
  const CachedKey cached{route.stream, route.stream_tenancy, index};
  const CacheLine* place = state.cache.locate(cached);
  if (place == nullptr) {
    counters.retransmit_misses.add();
    return Verdict::kLostForGood;
  }
  if (route.retransmit_credit == 0 || wanted_count_ == wanted_.size()) {
    counters.retransmit_suppressed.add();
    return Verdict::kAnswered;
  }
  remember(state, key);
  --route.retransmit_credit;
  prefetch(place);
  wanted_[wanted_count_++] = {place, cached, outgoing, route_slot};
  return Verdict::kAnswered;
}

std::size_t Retransmit::merge(WorkerState& state, std::uint32_t stream_slot,
                              std::span<const std::uint8_t> entries, std::span<std::uint8_t> ask) {
  const StreamSlot& stream = state.memory.streams[stream_slot];
  NackWriter missing(ask);
  const std::size_t share = kLookedAt - looked_at_;
  const std::size_t seen = for_each_lost(entries, share, [&](std::uint16_t sequence) {
    const std::uint64_t index = crypto::estimate_packet_index(stream.highest_index.read(), sequence);
    // It may have come since the other worker asked.
    if (stream.rtp_window.check(index) == crypto::ReplayVerdict::kFresh &&
        is_asked_now(state, stream_slot, index))
      missing.add(sequence);
  });
  looked_at_ += std::min(seen, share);
  return missing.length();
}

NackAnswer Retransmit::answer(WorkerState& state, std::uint32_t route_slot,
                              std::span<const std::uint8_t> entries, std::span<std::uint8_t> ask) {
  RouteSlot& route = state.memory.routes[route_slot];
  EndpointSlot& receiver = state.endpoint(route.endpoint.slot);
  earn(route);
  if (route.retransmit) keep_packets_for(state, route_slot);
  NackAnswer answer;
  NackWriter missing(ask);
  const std::size_t share = std::min(kLookedAt - looked_at_, numbers_left(state, receiver));
  const std::size_t seen = for_each_lost(entries, share, [&](std::uint16_t sequence) {
    const std::uint64_t outgoing = crypto::estimate_packet_index(route.highest_index.read(), sequence);
    const auto index = incoming_index(route, outgoing);
    // Without an index it belongs to an earlier source, or was never sent.
    if (!index) return state.counters().retransmit_misses.add();
    const Verdict verdict = answer_one(state, route_slot, outgoing, *index);
    if (verdict == Verdict::kAskPublisher) missing.add(static_cast<std::uint16_t>(*index));
    if (verdict == Verdict::kLostForGood) answer.lost_for_good = true;
  });
  looked_at_ += std::min(seen, share);
  take_numbers(state, receiver, std::min(seen, share));
  if (seen > share) state.counters().retransmit_suppressed.add(seen - share);
  answer.ask_length = missing.length();
  return answer;
}

void Retransmit::send(WorkerState& state) {
  if (wanted_count_ == 0) return;
  batch_.clear();
  for (const Wanted& wanted : std::span(wanted_).first(wanted_count_)) {
    const auto bytes = state.cache.open(wanted.place, wanted.key);
    if (bytes.empty()) {
      state.counters().retransmit_misses.add();
      continue;
    }
    prefetch(bytes.data() + kCacheLine, bytes.size() / kCacheLine);  // the payload, for the cipher
    state.counters().retransmitted.add();
    if (const auto reason = make_copy_again(state, bytes, wanted.route, wanted.outgoing, batch_))
      state.counters().drop(*reason);
  }
  wanted_count_ = 0;
  protect(state, batch_);
  transmit(state, batch_);
}

}  // namespace sluice::dataplane
