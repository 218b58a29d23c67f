// neighbor_table: the MACs of next hops, and when to ask for them again (RFC 826 with RFC 1122 2.3.2.1; the
// main parts of RFC 4861 7.3). Thread: control. Time is passed in; a callback sends the questions.
//
// Invariants: an entry takes a MAC only from an answer while a question is open. While the known station
// still answers when it is asked directly, no other station can replace it. There are at most `capacity`
// entries. The cost of a call does not grow with the number of entries beyond a search in a tree, and tick()
// sends at most kNeighborStepsPerTick questions of those that may wait.
//
// A station that claims the address of another one (gratuitous ARP, an unsolicited advertisement) makes the
// table check the known one: it asks it directly, twice within 2 x kNeighborCheck, and then all stations. The
// known one may give its address up a moment after the claim, so one that still answers is checked once more.
// So a fail-over is followed within a second, and a forged claim costs a few questions.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "config/ip_address.h"
#include "controlplane/protocol/neighbor/neighbor_state.h"
#include "dataplane/wire/frame.h"

namespace sluice::control {

inline constexpr std::size_t kNeighborCapacity = 65536;
inline constexpr std::chrono::milliseconds kNeighborRetry{1000};  // between two questions
inline constexpr int kNeighborQuestions = 3;                      // broadcast or multicast, before giving up
inline constexpr int kNeighborPolls = 2;                          // to the known station, before asking all
// Between two polls after a claim, and between the first two questions about a station.
inline constexpr std::chrono::milliseconds kNeighborCheck{200};
inline constexpr std::chrono::milliseconds kNeighborCheckPause{400};  // between the starts of two checks
inline constexpr std::chrono::milliseconds kNeighborNegative{5000};   // after giving up, before asking again
inline constexpr std::chrono::milliseconds kNeighborNegativeMax{60000};  // it doubles with each failure
inline constexpr std::chrono::milliseconds kNeighborReachable{30000};  // after an answer, before asking again
inline constexpr std::chrono::milliseconds kGatewayReachable{5000};    // the same for a pinned entry
inline constexpr std::chrono::milliseconds kNeighborUnused{60000};     // after the release, still known
inline constexpr std::size_t kNeighborStepsPerTick = 64;
inline constexpr std::chrono::milliseconds kNeighborTickPause{10};  // between ticks while steps wait

class NeighborTable {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Key {
    std::uint16_t port = 0;
    config::IpAddress ip;
    auto operator<=>(const Key&) const = default;
  };
  struct Callbacks {
    /// Sends a question for `key`: to all stations, or only to `known`. It must not call the table.
    std::function<void(const Key& key, const std::optional<dataplane::MacAddress>& known)> ask;
    /// `key` has a MAC now, or another MAC than before. It may call look_up() and release().
    std::function<void(const Key& key, const dataplane::MacAddress& mac)> resolved;
    /// No station answers for `key`. Called once until one answers again. It may call look_up().
    std::function<void(const Key& key)> lost;
  };
  struct View {
    Key key;
    NeighborState state{};
    bool pinned = false;
    std::optional<dataplane::MacAddress> mac;
    std::optional<std::chrono::milliseconds> age;  // since the last answer
  };

  explicit NeighborTable(Callbacks callbacks, std::size_t capacity = kNeighborCapacity);

  /// The MAC; nullopt when it is not known. Starts to ask for an unknown MAC, unless that is under way or has
  /// failed lately. From then on the table keeps the entry up to date until release(), or for ever when
  /// `pinned`. A full table removes the entry that was released first; when none was, it counts a refusal and
  /// does not ask.
  std::optional<dataplane::MacAddress> look_up(const Key& key, bool pinned, TimePoint now);
  /// No caller needs `key` now. The entry stays for kNeighborUnused, or as long as it is pinned.
  void release(const Key& key, TimePoint now);
  /// The MAC, if it is known. Changes nothing.
  std::optional<dataplane::MacAddress> find(const Key& key) const;

  /// Takes an answer to a question. False when no question is open, or it was asked of another station; then
  /// nothing changes.
  [[nodiscard]] bool answer(const Key& key, const dataplane::MacAddress& mac, TimePoint now);

  /// A station says, without a question, that `key` is at `mac`. The table does not believe it: see above.
  void claim(const Key& key, const dataplane::MacAddress& mac, TimePoint now);

  /// Asks again for `key`, which may have changed while the link was down. Does nothing without an entry.
  void recheck(const Key& key, TimePoint now);

  /// Sends due questions, gives up and forgets. Returns when to call it again, at most a second ahead. Also
  /// call it after other calls: they may make questions due earlier.
  TimePoint tick(TimePoint now);

  std::size_t size() const { return entries_.size(); }
  std::uint64_t refused() const { return refused_; }
  /// At most `most` entries behind `after` (nullopt: from the first), by port and address.
  std::vector<View> list(const std::optional<Key>& after, std::size_t most, TimePoint now) const;

 private:
  using State = NeighborState;
  struct Entry {
    State state = State::kAsking;
    bool pinned = false;
    bool is_lost = false;
    int asked = 0;
    int checks_left = 0;  // after a claim
    int failures = 0;
    std::optional<dataplane::MacAddress> mac;  // kept while all stations are asked after the polls
    TimePoint due;                             // time of the next step in this state
    TimePoint asked_at, checked_at;
    std::optional<TimePoint> answered_at;
    std::optional<std::list<const Key*>::iterator> unused;  // in unused_, once released
  };
  using Entries = std::map<Key, Entry>;
  // By time. The keys lie in entries_.
  using Timers = std::set<std::pair<TimePoint, const Key*>>;

  Timers& timers_of(const Entry& entry) { return is_urgent(entry) ? urgent_ : patient_; }
  static bool is_urgent(const Entry& entry);
  void step(Entries::iterator at, State state, TimePoint due);
  void ask(Entries::iterator at, State state, TimePoint now);
  void ask_all(Entries::iterator at, TimePoint now);
  void check(Entries::iterator at, TimePoint now);
  void advance(Entries::iterator at, TimePoint now);
  void give_up(Entries::iterator at, TimePoint now);
  void erase(Entries::iterator at);
  std::size_t run(Timers& timers, std::size_t most, TimePoint now);

  Callbacks callbacks_;
  std::size_t capacity_;
  std::uint64_t refused_ = 0;
  Entries entries_;
  Timers urgent_;                 // checks, and everything of pinned entries
  Timers patient_;                // the rest, which tick() spreads over time
  std::list<const Key*> unused_;  // the first was released first
};

}  // namespace sluice::control
