// neighbor_table: the MACs of next hops, and when to ask for them again (RFC 826 with RFC 1122 2.3.2.1; the
// main parts of RFC 4861 7.3). Thread: control. Time is passed in; a callback sends the questions.
//
// Invariants: an entry takes a MAC only from an answer while a question is open. While the known station
// still answers when it is asked directly, no other station can replace it. There are at most `capacity`
// entries.
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
inline constexpr int kNeighborQuestions = 3;                      // broadcast or multicast, before giving up
inline constexpr int kNeighborPolls = 2;                          // to the known station, before asking all
inline constexpr std::chrono::milliseconds kNeighborNegative{5000};    // after giving up, before asking again
inline constexpr std::chrono::milliseconds kNeighborReachable{30000};  // after an answer, before asking again
inline constexpr std::chrono::milliseconds kNeighborWanted{
    600000};  // after the last look-up, kept up to date

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
    /// `key` has a MAC now, or another MAC than before. It may call look_up().
    std::function<void(const Key& key, const dataplane::MacAddress& mac)> resolved;
  };

  explicit NeighborTable(Callbacks callbacks, std::size_t capacity = kNeighborCapacity);

  /// The MAC; nullopt when it is not known. Starts to ask for an unknown MAC, unless that is under way or has
  /// failed within kNeighborNegative. From then on the table keeps the entry up to date (asks again when it
  /// is old or has failed) for kNeighborWanted, or for ever when `pinned`. A full table removes an entry: a
  /// failed one first, else the one that was looked up longest ago; pinned ones last.
  std::optional<dataplane::MacAddress> look_up(const Key& key, bool pinned, TimePoint now);

  /// Takes an answer to a question. False when no question is open, or it was asked of another station; then
  /// nothing changes.
  [[nodiscard]] bool answer(const Key& key, const dataplane::MacAddress& mac, TimePoint now);

  /// A station says, without a question, that `key` is at `mac`. The table does not believe it. When it knows
  /// another MAC, it asks the station with that MAC, at most once per kNeighborRetry.
  void claim(const Key& key, const dataplane::MacAddress& mac, TimePoint now);

  /// Sends due questions, gives up and forgets. Returns when to call it again, at most a second ahead.
  TimePoint tick(TimePoint now);

  std::size_t size() const { return entries_.size(); }

 private:
  enum class State : std::uint8_t { kAsking, kReachable, kPolling, kFailed };
  struct Entry {
    State state = State::kAsking;
    bool pinned = false;
    int asked = 0;
    std::optional<dataplane::MacAddress> mac;  // kept while all stations are asked after the polls
    TimePoint due;                             // time of the next step in this state
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
