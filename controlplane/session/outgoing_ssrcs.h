// outgoing_ssrcs: every SSRC that was ever sent to one endpoint under its keys, and from which packet index
// each may go on. A nonce is made of key, SSRC and index; so a route that comes back with an SSRC continues
// after the last index, and no nonce repeats. Control thread only.
//
// Bounded: at most `capacity` SSRCs are remembered. Past that a route that leaves the SSRC to us takes over
// the remembered SSRC that has rested longest, and a route that names a fresh one is refused. Where nothing
// is encrypted no nonce can repeat, and the longest rested is forgotten instead.
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

  struct Lease {
    std::uint32_t ssrc = 0;
    std::uint64_t first_index = 0;
  };
  enum class Refusal : std::uint8_t {
    kTaken,      // a live route uses that SSRC, or it is the endpoint's own
    kFull,       // no space to remember a fresh SSRC
    kExhausted,  // that SSRC has used up its indices (RFC 3711: 2^48 packets)
  };

  OutgoingSsrcs(std::uint32_t local_ssrc, std::size_t capacity, bool encrypted)
      : local_ssrc_(local_ssrc), capacity_(capacity), encrypted_(encrypted) {}

  /// A given SSRC.
  [[nodiscard]] std::optional<Lease> lease(std::uint32_t ssrc, const Random& random, Refusal& refusal);
  /// Any SSRC. nullopt only when all that are remembered are live or exhausted and no more fit.
  [[nodiscard]] std::optional<Lease> lease_any(const Random& random);
  /// The route is gone from its worker, which sent nothing at or past `next_index`.
  void end(const Lease& lease, std::uint64_t next_index);

  /// For tests.
  std::size_t remembered() const { return entries_.size(); }

 private:
  struct Entry {
    std::uint64_t next_index = 0;
    bool live = false;
    std::list<std::uint32_t>::iterator rest;  // in resting_ when not live
  };
  [[nodiscard]] std::optional<Lease> resume(std::uint32_t ssrc, Entry& entry);
  Lease begin(std::uint32_t ssrc, const Random& random);
  [[nodiscard]] bool make_space();

  std::uint32_t local_ssrc_;
  std::size_t capacity_;
  bool encrypted_;
  std::map<std::uint32_t, Entry> entries_;
  std::list<std::uint32_t> resting_;  // longest first
};

}  // namespace sluice::control
