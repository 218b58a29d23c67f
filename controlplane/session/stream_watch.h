// stream_watch: what flows in. Reads the workers' stream tables while they work, by the protocol of
// stream_slot.h, takes a sample of each stream a second for its bit rate, and has streams forgotten that
// stopped. Control thread only.
#pragma once

#include "controlplane/session/context.h"
#include "controlplane/session/table_scan.h"

namespace sluice::control {

class StreamWatch {
 public:
  explicit StreamWatch(Context& context) : context_(context), samples_(context.workers.size()) {}

  /// Returns when to come again.
  TimePoint tick(TimePoint now);

  /// Streams that have carried media; of one session or endpoint, or of all (nullptr).
  std::vector<StreamView> list(const Session* session, const Endpoint* endpoint) const;
  /// Streams of a worker, those among them that have only sent RTCP.
  std::size_t count(std::size_t worker) const;

 private:
  struct Sample {
    std::uint32_t tenancy = 0;    // of the stream that it is of
    std::uint32_t forgotten = 0;  // tenancy that the worker was asked to forget
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
