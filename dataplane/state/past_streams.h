// past_streams: what a worker knows of SRTP streams that it has no slot for. Some had to make space for newer
// ones: enough is kept to tell old packets from new ones when the SSRC comes back (RFC 3711 3.3.1 and 3.3.2).
// Others began elsewhere, and signalling says where they stand. Worker only; only the constructor allocates.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/base/flat_table.h"
#include "dataplane/base/slot_array.h"
#include "dataplane/state/ssrc_key.h"

namespace sluice::dataplane {

/// All indices up to the highest ones are spent, except those of an expected stream.
struct StreamPast {
  std::uint64_t rtp_highest = 0;
  std::uint32_t rtcp_highest = 0;
  bool has_rtp = false;  // RTP came, so that rtp_highest counts
  bool has_rtcp = false;
  // RTP has not come yet, and rtp_highest is where signalling says that it stands: lower ones are not spent.
  bool is_expected = false;
  std::uint16_t refusals = 0;  // packets of the expected stream that were refused (stages/unprotect.cc)
};

class PastStreams {
 public:
  /// Records of one endpoint at most; its oldest one goes first.
  static constexpr std::uint32_t kPerEndpoint = 256;

  /// `capacity`: records of all endpoints; when it is reached, the oldest record goes. REQUIRES: capacity !=
  /// 0.
  PastStreams(std::size_t capacity, std::size_t endpoints);

  /// nullptr when nothing is remembered of that stream.
  const StreamPast* find(const SsrcKey& stream) const;
  StreamPast* find(const SsrcKey& stream);
  /// REQUIRES: nothing is remembered of it yet.
  void remember(const SsrcKey& stream, const StreamPast& past);
  void erase(const SsrcKey& stream);
  /// The endpoint's keys have ended, and with them all that could be replayed.
  void forget_endpoint(std::uint32_t endpoint);
  std::size_t size() const { return by_stream_.size(); }

 private:
  // Links are indices plus one; 0 = none.
  struct Record {
    SsrcKey stream;
    StreamPast past;
    std::uint32_t newer, older;  // of the same endpoint
    bool in_use;
  };
  struct List {
    std::uint32_t newest, oldest, count;
  };
  void remove(std::uint32_t index);

  SlotArray<Record> records_;  // a ring in the order of their age
  SlotArray<List> lists_;      // per endpoint
  FlatTable<SsrcKey> by_stream_;
  std::uint32_t next_ = 0;  // where the next record goes: the oldest one is there
};

}  // namespace sluice::dataplane
