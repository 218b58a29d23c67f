#include "controlplane/session/outgoing_ssrcs.h"

#include <algorithm>

namespace sluice::control {
namespace {

// No route begins past this index, since it would soon reach the last one, 2^48 (RFC 3711 9.2). The 2^32
// indices that are left last for an hour at a million packets per second.
constexpr std::uint64_t kLastFirstIndex = (std::uint64_t{1} << 48) - (std::uint64_t{1} << 32);

// The first sequence number is below 2^15. So a receiver that misses the first packets still guesses the
// roll-over counter right (RFC 3711 3.3.1).
constexpr std::uint32_t kFirstIndexMask = 0x7fff;

// The same sequence number with a roll-over counter of zero. 0 would mean that nothing was sent.
std::uint64_t without_rollover(std::uint64_t index) {
  return index == 0 ? 0 : std::max<std::uint64_t>(index & 0xffff, 1);
}

}  // namespace

std::optional<OutgoingSsrcs::Lease> OutgoingSsrcs::lease(std::uint32_t ssrc, const Random& random,
                                                         Refusal& refusal,
                                                         std::optional<std::uint64_t> first) {
  const auto found = entries_.find(ssrc);
  if (ssrc == local_ssrc_ || (found != entries_.end() && found->second.live)) {
    refusal = Refusal::kTaken;
    return std::nullopt;
  }
  if (first && *first > kLastFirstIndex) {
    refusal = Refusal::kExhausted;
    return std::nullopt;
  }
  if (found != entries_.end()) {
    if (first && *first < found->second.next_index) {
      refusal = Refusal::kSpent;
      return std::nullopt;
    }
    if (first) found->second.next_index = *first;
    refusal = Refusal::kExhausted;
    return resume(ssrc, found->second);
  }
  if (!make_space()) {
    refusal = Refusal::kFull;
    return std::nullopt;
  }
  if (!first) return begin(ssrc, random);
  // Also when this lease sends nothing, the indices below are spent.
  Entry& entry = entries_[ssrc];
  entry.live = true;
  entry.next_index = *first;
  return Lease{ssrc, *first, false, key_};
}

std::optional<OutgoingSsrcs::Lease> OutgoingSsrcs::lease_any(const Random& random) {
  if (!make_space()) {
    for (const std::uint32_t ssrc : resting_) {
      if (auto resumed = resume(ssrc, entries_.at(ssrc))) return resumed;
    }
    return std::nullopt;
  }
  std::uint32_t ssrc = random();
  while (ssrc == 0 || ssrc == local_ssrc_ || entries_.contains(ssrc)) ssrc = random();
  return begin(ssrc, random);
}

void OutgoingSsrcs::end(const Lease& lease, std::uint64_t next_index) {
  const auto found = entries_.find(lease.ssrc);
  if (found == entries_.end() || !found->second.live) return;
  Entry& entry = found->second;
  if (next_index <= lease.first_index && entry.next_index == 0) {
    entries_.erase(found);  // nothing was ever sent with it
    return;
  }
  next_index = std::max(next_index, lease.first_index);
  if (lease.key != key_) next_index = without_rollover(next_index);
  entry.next_index = std::max(entry.next_index, next_index);
  entry.live = false;
  entry.rest = resting_.insert(resting_.end(), lease.ssrc);
}

void OutgoingSsrcs::restart() {
  ++key_;
  for (auto& [ssrc, entry] : entries_) entry.next_index = entry.live ? 0 : without_rollover(entry.next_index);
}

OutgoingSsrcs::Lease OutgoingSsrcs::renew(const Lease& lease) {
  return {lease.ssrc, 0, lease.is_new, key_};
}

std::optional<OutgoingSsrcs::Lease> OutgoingSsrcs::resume(std::uint32_t ssrc, Entry& entry) {
  if (entry.next_index > kLastFirstIndex) return std::nullopt;
  resting_.erase(entry.rest);
  entry.live = true;
  return Lease{ssrc, entry.next_index, false, key_};
}

OutgoingSsrcs::Lease OutgoingSsrcs::begin(std::uint32_t ssrc, const Random& random) {
  Entry& entry = entries_[ssrc];
  entry.live = true;
  return Lease{ssrc, random() & kFirstIndexMask, true, key_};
}

bool OutgoingSsrcs::make_space() {
  if (entries_.size() < capacity_) return true;
  if (encrypted_ || resting_.empty()) return false;
  entries_.erase(resting_.front());
  resting_.pop_front();
  return true;
}

}  // namespace sluice::control
