#include "dataplane/state/past_streams.h"

#include <cassert>
#include <utility>

namespace sluice::dataplane {

PastStreams::PastStreams(std::size_t capacity, std::size_t endpoints)
    : records_(capacity), lists_(endpoints), by_stream_(capacity) {
  assert(capacity != 0);
}

const StreamPast* PastStreams::find(const SsrcKey& stream) const {
  const std::uint32_t index = by_stream_.find(stream);
  return index == kNoSlot ? nullptr : &records_[index].past;
}

StreamPast* PastStreams::find(const SsrcKey& stream) {
  return const_cast<StreamPast*>(std::as_const(*this).find(stream));
}

void PastStreams::remember(const SsrcKey& stream, const StreamPast& past) {
  assert(find(stream) == nullptr);
  List& list = lists_[stream.endpoint];
  if (list.count == kPerEndpoint) remove(list.oldest - 1);
  const std::uint32_t index = next_;
  next_ = index + 1 == records_.size() ? 0 : index + 1;
  if (records_[index].in_use) remove(index);
  records_[index] = {stream, past, 0, list.newest, true};
  if (list.newest != 0) records_[list.newest - 1].newer = index + 1;
  list.newest = index + 1;
  if (list.oldest == 0) list.oldest = index + 1;
  ++list.count;
  [[maybe_unused]] const bool inserted = by_stream_.insert(stream, index);
  assert(inserted);  // the table holds as many streams as there are records
}

void PastStreams::erase(const SsrcKey& stream) {
  const std::uint32_t index = by_stream_.find(stream);
  if (index != kNoSlot) remove(index);
}

void PastStreams::forget_endpoint(std::uint32_t endpoint) {
  while (lists_[endpoint].newest != 0) remove(lists_[endpoint].newest - 1);
}

void PastStreams::remove(std::uint32_t index) {
  Record& record = records_[index];
  assert(record.in_use);
  List& list = lists_[record.stream.endpoint];
  (record.newer != 0 ? records_[record.newer - 1].older : list.newest) = record.older;
  (record.older != 0 ? records_[record.older - 1].newer : list.oldest) = record.newer;
  --list.count;
  by_stream_.erase(record.stream);
  record.in_use = false;
}

}  // namespace sluice::dataplane
