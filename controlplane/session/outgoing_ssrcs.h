// outgoing_ssrcs: every SSRC that was ever sent to one endpoint under its keys, and the next unused packet
// index of each. A nonce is made of key, SSRC and index. So a new route with a remembered SSRC continues
// after the last index, and no nonce repeats. Control thread only.
//
// At most `capacity` SSRCs are remembered. When the table is full and the endpoint is encrypted, lease_any()
// reuses the SSRC that has been without a route for longest, and lease() refuses an SSRC that is not in the
// table. Without encryption no nonce can repeat, so the table forgets the SSRC that has been without a route
// for longest.
//
// The endpoint may get another key while routes live: restart(). Nothing has been sent under it, so each SSRC
// starts again with a roll-over counter of zero, as its receiver does. The sequence numbers go on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>

namespace sluice::control {

class OutgoingSsrcs {
 public:
  using Random = std::function<std::uint32_t()>;

  /// An SSRC, and the first packet index that a route may send with it.
  struct Lease {
    std::uint32_t ssrc = 0;
    std::uint64_t first_index = 0;
    bool is_new = true;     // nothing was sent with it before, here or elsewhere
    std::uint32_t key = 0;  // number of the endpoint's key
  };
  enum class Refusal : std::uint8_t {
    kTaken,      // a route uses that SSRC, or it is the endpoint's own
    kFull,       // no capacity for an SSRC that is not remembered
    kExhausted,  // that SSRC has used up its indices (RFC 3711: 2^48 packets)
    kSpent,      // the wanted first index may have been sent already
  };

  OutgoingSsrcs(std::uint32_t local_ssrc, std::size_t capacity, bool encrypted)
      : local_ssrc_(local_ssrc), capacity_(capacity), encrypted_(encrypted) {}

  /// Leases the SSRC `ssrc` to a route. nullopt with the reason in `refusal`. `first`: the packet index that
  /// it begins with, because another node has sent the ones below.
  [[nodiscard]] std::optional<Lease> lease(std::uint32_t ssrc, const Random& random, Refusal& refusal,
                                           std::optional<std::uint64_t> first = std::nullopt);
  /// Leases any SSRC to a route. nullopt only when the table is full and each SSRC in it is in use or
  /// exhausted.
  [[nodiscard]] std::optional<Lease> lease_any(const Random& random);
  /// Ends a lease. REQUIRES: the worker has removed the route, and has sent nothing at or past `next_index`.
  void end(const Lease& lease, std::uint64_t next_index);

  /// The endpoint has another key from now on, under which nothing was sent yet. A lease from before ends
  /// with an index of the former key, unless it is renewed.
  void restart();
  /// The same lease under the present key, for a route whose worker restarts its numbers too. REQUIRES: the
  /// route is not being removed.
  [[nodiscard]] Lease renew(const Lease& lease);
  /// From now on what is sent is encrypted, or was so once.
  void set_encrypted() { encrypted_ = true; }

  /// For tests.
  std::size_t remembered() const { return entries_.size(); }

 private:
  struct Entry {
    std::uint64_t next_index = 0;
    bool live = false;
    std::list<std::uint32_t>::iterator rest;  // position in resting_ when not live
  };
  [[nodiscard]] std::optional<Lease> resume(std::uint32_t ssrc, Entry& entry);
  Lease begin(std::uint32_t ssrc, const Random& random);
  [[nodiscard]] bool make_space();

  std::uint32_t local_ssrc_;
  std::size_t capacity_;
  bool encrypted_;
  std::map<std::uint32_t, Entry> entries_;
  std::uint32_t key_ = 0;             // number of the endpoint's present key
  std::list<std::uint32_t> resting_;  // not live; the longest unused first
};

}  // namespace sluice::control
