// stream_watch: the incoming streams. It reads the workers' stream tables while the workers write them, by
// the protocol of stream_slot.h. Once a second it samples each stream for its bit rate, and asks the worker
// to retire a stream that is silent for limits.stream_timeout_s. Control thread only.
#pragma once

#include "controlplane/session/context.h"
#include "controlplane/session/page.h"
#include "controlplane/session/result.h"
#include "controlplane/session/table_scan.h"

namespace sluice::control {

class StreamWatch {
 public:
  explicit StreamWatch(Context& context) : context_(context), samples_(context.workers.size()) {}

  /// Returns when to call it again.
  TimePoint tick(TimePoint now);

  /// The most stream slots, and sources of their endpoints, that one page looks at.
  static constexpr std::size_t kMostExamined = 32768;
  /// One page of the streams that have carried media: of one session or endpoint, or of all (nullptr). The
  /// list is sorted by worker and slot, and a stream keeps its slot. A cursor is the first slot that the next
  /// page looks at.
  [[nodiscard]] Result<Page<StreamView>> list(const StreamList& request, const Session* session,
                                              const Endpoint* endpoint) const;

 private:
  struct Sample {
    std::uint32_t tenancy = 0;    // of the sampled stream
    std::uint32_t forgotten = 0;  // tenancy of the last kStreamIdle sent; 0 = none
    std::uint64_t bytes = 0;
    TimePoint at{};
    double bitrate = 0;
  };
  void look(std::size_t worker, std::size_t slot, TimePoint now);

  Context& context_;
  std::vector<std::vector<Sample>> samples_;  // by worker and slot
  TableScan walk_;
};

}  // namespace sluice::control
