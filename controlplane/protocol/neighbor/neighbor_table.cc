#include "controlplane/protocol/neighbor/neighbor_table.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace sluice::control {

using dataplane::MacAddress;

NeighborTable::NeighborTable(Callbacks callbacks, std::size_t capacity)
    : callbacks_(std::move(callbacks)), capacity_(capacity) {}

std::optional<MacAddress> NeighborTable::look_up(const Key& key, bool pinned, TimePoint now) {
  auto found = entries_.find(key);
  if (found == entries_.end()) {
    if (entries_.size() >= capacity_) make_space();
    found = entries_.emplace(key, Entry{}).first;
    ask(key, found->second, State::kAsking, now);
  }
  Entry& entry = found->second;
  entry.looked_up = now;
  entry.pinned = entry.pinned || pinned;
  if (entry.state == State::kFailed && now >= entry.due) {
    entry.asked = 0;
    ask(key, entry, State::kAsking, now);
  }
  return entry.mac;
}

bool NeighborTable::answer(const Key& key, const MacAddress& mac, TimePoint now) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return false;
  Entry& entry = found->second;
  const bool asking = entry.state == State::kAsking;
  const bool polled = entry.state == State::kPolling && entry.mac == mac;
  if (!asking && !polled) return false;
  const bool news = entry.mac != mac;
  entry.mac = mac;
  entry.state = State::kReachable;
  entry.asked = 0;
  entry.due = now + kNeighborReachable;
  if (news) callbacks_.resolved(Key(key), MacAddress(mac));
  return true;
}

void NeighborTable::claim(const Key& key, const MacAddress& mac, TimePoint now) {
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.state != State::kReachable || found->second.mac == mac) return;
  // The known station has answered within the last kNeighborRetry, so do not ask it again.
  if (found->second.due > now + kNeighborReachable - kNeighborRetry) return;
  ask(key, found->second, State::kPolling, now);
}

void NeighborTable::ask(const Key& key, Entry& entry, State state, TimePoint now) {
  entry.state = state;
  ++entry.asked;
  entry.due = now + kNeighborRetry;
  callbacks_.ask(key, state == State::kPolling ? entry.mac : std::nullopt);
}

void NeighborTable::advance(const Key& key, Entry& entry, TimePoint now) {
  switch (entry.state) {
    case State::kReachable:
      return ask(key, entry, State::kPolling, now);
    case State::kPolling:
      if (entry.asked < kNeighborPolls) return ask(key, entry, State::kPolling, now);
      entry.asked = 0;
      return ask(key, entry, State::kAsking, now);
    case State::kAsking:
      if (entry.asked < kNeighborQuestions) return ask(key, entry, State::kAsking, now);
      entry.mac.reset();
      entry.asked = 0;
      entry.state = State::kFailed;
      entry.due = now + kNeighborNegative;
      return;
    case State::kFailed:
      return ask(key, entry, State::kAsking, now);
  }
}

NeighborTable::TimePoint NeighborTable::tick(TimePoint now) {
  TimePoint next = now + std::chrono::seconds(1);
  for (auto it = entries_.begin(); it != entries_.end();) {
    Entry& entry = it->second;
    const bool settled = entry.state == State::kReachable || entry.state == State::kFailed;
    if (settled && !entry.pinned && now >= entry.due && now - entry.looked_up >= kNeighborWanted) {
      it = entries_.erase(it);
      continue;
    }
    if (now >= entry.due) advance(it->first, entry, now);
    next = std::min(next, entry.due);
    ++it;
  }
  return next;
}

void NeighborTable::make_space() {
  const auto worth = [](const auto& item) {
    const Entry& entry = item.second;
    return std::tuple(entry.pinned, entry.state != State::kFailed, entry.looked_up);
  };
  const auto victim = std::min_element(entries_.begin(), entries_.end(),
                                       [&](const auto& a, const auto& b) { return worth(a) < worth(b); });
  if (victim != entries_.end()) entries_.erase(victim);
}

}  // namespace sluice::control
