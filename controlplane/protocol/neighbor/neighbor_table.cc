#include "controlplane/protocol/neighbor/neighbor_table.h"

#include <algorithm>
#include <utility>

namespace sluice::control {

using dataplane::MacAddress;

NeighborTable::NeighborTable(Callbacks callbacks, std::size_t capacity)
    : callbacks_(std::move(callbacks)), capacity_(capacity) {}

bool NeighborTable::is_urgent(const Entry& entry) {
  return entry.pinned || entry.checks_left > 0 || entry.state == State::kChecking ||
         (entry.state == State::kAsking && entry.mac);
}

// Erases from both timers, since the members that timers_of() looks at may have changed before the call.
void NeighborTable::step(Entries::iterator at, State state, TimePoint due) {
  Entry& entry = at->second;
  urgent_.erase({entry.due, &at->first});
  patient_.erase({entry.due, &at->first});
  entry.state = state;
  entry.due = due;
  timers_of(entry).emplace(due, &at->first);
}

std::optional<MacAddress> NeighborTable::look_up(const Key& key, bool pinned, TimePoint now) {
  auto found = entries_.find(key);
  if (found == entries_.end()) {
    if (entries_.size() >= capacity_) {
      if (unused_.empty()) {
        ++refused_;
        return std::nullopt;
      }
      erase(entries_.find(*unused_.front()));
    }
    found = entries_.emplace(key, Entry{}).first;
    found->second.pinned = pinned;
    ask_all(found, now);
    return std::nullopt;
  }
  Entry& entry = found->second;
  if (entry.unused) unused_.erase(*std::exchange(entry.unused, std::nullopt));
  if (pinned && !entry.pinned) {
    entry.pinned = true;
    step(found, entry.state, entry.due);
  }
  if (entry.state == State::kFailed && now >= entry.due) ask_all(found, now);
  return entry.mac;
}

void NeighborTable::release(const Key& key, TimePoint now) {
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.pinned || found->second.unused) return;
  found->second.unused = unused_.insert(unused_.end(), &found->first);
  // An entry that is asked for is released when that has ended.
  if (found->second.state == State::kReachable)
    step(found, State::kReachable, std::min(found->second.due, now + kNeighborUnused));
}

std::optional<MacAddress> NeighborTable::find(const Key& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? std::nullopt : found->second.mac;
}

bool NeighborTable::answer(const Key& key, const MacAddress& mac, TimePoint now) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return false;
  Entry& entry = found->second;
  const bool asked_directly = entry.state == State::kPolling || entry.state == State::kChecking;
  if (entry.state != State::kAsking && !(asked_directly && entry.mac == mac)) return false;
  const bool news = entry.mac != mac;
  if (news) entry.checks_left = 0;
  entry.mac = mac;
  entry.asked = entry.failures = 0;
  entry.is_lost = false;
  entry.answered_at = now;
  const TimePoint refresh = now + (entry.pinned ? kGatewayReachable : kNeighborReachable);
  step(found, State::kReachable,
       entry.checks_left > 0 ? std::max(now, entry.checked_at + kNeighborCheckPause) : refresh);
  if (news) callbacks_.resolved(Key(key), MacAddress(mac));
  return true;
}

void NeighborTable::claim(const Key& key, const MacAddress& mac, TimePoint now) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  switch (entry.state) {
    case State::kAsking:
    case State::kFailed:
      // The station is up now. An earlier question may have been too early for it.
      if (now - entry.asked_at >= kNeighborCheck) ask_all(found, now);
      return;
    case State::kChecking:
      if (entry.mac != mac) entry.checks_left = 1;
      return;
    case State::kReachable:
    case State::kPolling:
      if (entry.mac == mac) return;
      entry.checks_left = 2;
      const TimePoint earliest = entry.checked_at + kNeighborCheckPause;
      if (now >= earliest) return check(found, now);
      return step(found, entry.state, std::min(entry.due, earliest));
  }
}

void NeighborTable::recheck(const Key& key, TimePoint now) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  if (found->second.mac)
    check(found, now);
  else
    ask_all(found, now);
}

void NeighborTable::ask(Entries::iterator at, State state, TimePoint now) {
  Entry& entry = at->second;
  ++entry.asked;
  entry.asked_at = now;
  const bool directly = state != State::kAsking;
  // Media waits for the first answer, and a single question may get lost.
  const bool is_first = entry.asked == 1 && !entry.answered_at && entry.failures == 0;
  const bool quickly = state == State::kChecking || (directly && entry.pinned) || is_first;
  step(at, state, now + (quickly ? kNeighborCheck : kNeighborRetry));
  callbacks_.ask(at->first, directly ? entry.mac : std::nullopt);
}

void NeighborTable::ask_all(Entries::iterator at, TimePoint now) {
  at->second.asked = at->second.checks_left = 0;
  ask(at, State::kAsking, now);
}

void NeighborTable::check(Entries::iterator at, TimePoint now) {
  Entry& entry = at->second;
  entry.checks_left = std::max(0, entry.checks_left - 1);
  entry.asked = 0;
  entry.checked_at = now;
  ask(at, State::kChecking, now);
}

void NeighborTable::advance(Entries::iterator at, TimePoint now) {
  Entry& entry = at->second;
  const bool settled = entry.state == State::kReachable || entry.state == State::kFailed;
  if (settled && entry.unused && entry.checks_left == 0) return erase(at);
  switch (entry.state) {
    case State::kReachable:
      return entry.checks_left > 0 ? check(at, now) : ask(at, State::kPolling, now);
    case State::kPolling:
      if (entry.checks_left > 0) return check(at, now);
      [[fallthrough]];
    case State::kChecking:
      return entry.asked < kNeighborPolls ? ask(at, entry.state, now) : ask_all(at, now);
    case State::kAsking:
      return entry.asked < kNeighborQuestions ? ask(at, State::kAsking, now) : give_up(at, now);
    case State::kFailed:
      return ask_all(at, now);
  }
}

void NeighborTable::give_up(Entries::iterator at, TimePoint now) {
  Entry& entry = at->second;
  entry.mac.reset();
  entry.asked = 0;
  const auto pause = std::min(kNeighborNegative * (1 << std::min(entry.failures, 5)), kNeighborNegativeMax);
  ++entry.failures;
  step(at, State::kFailed, now + (entry.pinned ? kNeighborRetry : pause));
  if (!std::exchange(entry.is_lost, true)) callbacks_.lost(Key(at->first));
}

void NeighborTable::erase(Entries::iterator at) {
  Entry& entry = at->second;
  urgent_.erase({entry.due, &at->first});
  patient_.erase({entry.due, &at->first});
  if (entry.unused) unused_.erase(*entry.unused);
  entries_.erase(at);
}

std::size_t NeighborTable::run(Timers& timers, std::size_t most, TimePoint now) {
  std::size_t steps = 0;
  for (; steps < most && !timers.empty() && timers.begin()->first <= now; ++steps)
    advance(entries_.find(*timers.begin()->second), now);
  return steps;
}

NeighborTable::TimePoint NeighborTable::tick(TimePoint now) {
  run(urgent_, kNeighborStepsPerTick * 4, now);
  run(patient_, kNeighborStepsPerTick, now);
  TimePoint next = now + std::chrono::seconds(1);
  for (const Timers* timers : {&urgent_, &patient_})
    if (!timers->empty()) next = std::min(next, timers->begin()->first);
  return std::max(next, now + kNeighborTickPause);
}

std::vector<NeighborTable::View> NeighborTable::list(const std::optional<Key>& after, std::size_t most,
                                                     TimePoint now) const {
  std::vector<View> views;
  for (auto at = after ? entries_.upper_bound(*after) : entries_.begin();
       at != entries_.end() && views.size() < most; ++at) {
    const Entry& entry = at->second;
    View& view = views.emplace_back(View{at->first, entry.state, entry.pinned, entry.mac, std::nullopt});
    if (entry.answered_at)
      view.age = std::chrono::duration_cast<std::chrono::milliseconds>(now - *entry.answered_at);
  }
  return views;
}

}  // namespace sluice::control
