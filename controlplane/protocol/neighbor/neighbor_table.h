// neighbor_table: next hops and their MACs, and when to ask for them again (RFC 826 with RFC 1122 2.3.2.1;
// RFC 4861 7.3 in its essentials). Thread: control. Time is passed in; asking is the caller's, through a
// callback.
//
// Invariants: an entry takes a MAC only from an answer while it asks. While a station that is known still
// answers when asked directly, no other station's claim replaces it. At most `capacity` entries.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>

#include "config/ip_address.h"
#include "dataplane/wire/frame.h"

namespace sluice::control {

inline constexpr std::size_t kNeighborCapacity = 4096;
inline constexpr std::chrono::milliseconds kNeighborRetry{1000};  // between two questions
inline constexpr int kNeighborQuestions = 3;                      // to everybody, before giving up
inline constexpr int kNeighborPolls = 2;  // to the known station alone, before asking everybody
inline constexpr std::chrono::milliseconds kNeighborNegative{5000};    // after giving up, before asking again
inline constexpr std::chrono::milliseconds kNeighborReachable{30000};  // after an answer, before asking again
inline constexpr std::chrono::milliseconds kNeighborWanted{
    600000};  // after the last look-up, kept up by itself

class NeighborTable {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Key {
    std::uint16_t port = 0;
    config::IpAddress ip;
    auto operator<=>(const Key&) const = default;
  };
  struct Callbacks {
    /// Ask for `key`: everybody, or only the station `known`. Must not call back into the table.
    std::function<void(const Key& key, const std::optional<dataplane::MacAddress>& known)> ask;
    /// `key` has a MAC now, or another one than before. May look things up.
    std::function<void(const Key& key, const dataplane::MacAddress& mac)> resolved;
  };

  explicit NeighborTable(Callbacks callbacks, std::size_t capacity = kNeighborCapacity);

  /// The MAC when there is one. Otherwise starts asking, unless that goes on already or has failed within
  /// kNeighborNegative. The entry is then kept up (asked again when it ages or failed) for kNeighborWanted,
  /// for ever when `pinned`. A full table gives up the entry that failed or was looked up longest ago; pinned
  /// ones last.
  std::optional<dataplane::MacAddress> look_up(const Key& key, bool pinned, TimePoint now);

  /// An answer to a question. False, and nothing moves, when none was asked, or it was asked of another
  /// station.
  [[nodiscard]] bool answer(const Key& key, const dataplane::MacAddress& mac, TimePoint now);

  /// Somebody says unasked that `key` is at `mac`. When that is not what we know, the known station is asked;
  /// the claim itself is not believed. At most once per kNeighborRetry.
  void claim(const Key& key, const dataplane::MacAddress& mac, TimePoint now);

  /// Asks what is due, gives up, forgets. Returns when to call again, at most a second ahead.
  TimePoint tick(TimePoint now);

  std::size_t size() const { return entries_.size(); }

 private:
  enum class State : std::uint8_t { kAsking, kReachable, kPolling, kFailed };
  struct Entry {
    State state = State::kAsking;
    bool pinned = false;
    int asked = 0;
    std::optional<dataplane::MacAddress> mac;  // also while asking everybody after the polls went unanswered
    TimePoint due;                             // of what comes next in this state
    TimePoint looked_up;
  };

  void ask(const Key& key, Entry& entry, State state, TimePoint now);
  void advance(const Key& key, Entry& entry, TimePoint now);
  void make_space();

  Callbacks callbacks_;
  std::size_t capacity_;
  std::map<Key, Entry> entries_;
};

}  // namespace sluice::control
