#include "controlplane/session/stream_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>

#include "controlplane/session/rules.h"
#include "crypto/srtp/packet_index.h"

namespace sluice::control {
namespace {

/// The shared fields of one stream at one moment.
struct StreamRead {
  std::uint32_t tenancy = 0;
  dataplane::SlotRef endpoint;
  std::uint32_t ssrc = 0;
  std::uint8_t payload_type = 0;
  bool ended = false;
  bool dormant = false;
  std::uint64_t packets = 0, bytes = 0, base_index = 0, highest_index = 0, jitter = 0, clock_rate = 0;
  std::uint64_t nacks = 0, plis = 0, firs = 0, last_packet_tsc = 0;
};

std::optional<StreamRead> read_stream(const dataplane::StreamSlot& slot) {
  StreamRead read;
  read.tenancy = slot.tenancy.load(std::memory_order_acquire);
  if (read.tenancy % 2 == 0) return std::nullopt;
  read.endpoint.slot = slot.endpoint.load(std::memory_order_relaxed);
  read.endpoint.generation = slot.endpoint_generation.load(std::memory_order_relaxed);
  read.ssrc = slot.ssrc.load(std::memory_order_relaxed);
  read.payload_type = slot.payload_type.load(std::memory_order_relaxed);
  read.ended = slot.ended.load(std::memory_order_relaxed);
  read.dormant = slot.dormant.load(std::memory_order_relaxed);
  read.packets = slot.packets.read();
  read.bytes = slot.bytes.read();
  read.base_index = slot.base_index.read();
  read.highest_index = slot.highest_index.read();
  read.jitter = slot.jitter.read();
  read.clock_rate = slot.clock_rate.read();
  read.nacks = slot.nacks.read();
  read.plis = slot.plis.read();
  read.firs = slot.firs.read();
  read.last_packet_tsc = slot.last_packet_tsc.read();
  // Keeps the loads above before the second load of `tenancy`. ThreadSanitizer does not know fences; since
  // every field is atomic, it reports no race without this one.
#ifndef __SANITIZE_THREAD__
  std::atomic_thread_fence(std::memory_order_acquire);
#endif
  if (slot.tenancy.load(std::memory_order_acquire) != read.tenancy) return std::nullopt;
  return read;
}

bool selects(const SourceKey& key, const StreamRead& stream) {
  if (key.ssrc) return *key.ssrc == stream.ssrc;
  if (!key.payload_types.empty())
    return std::binary_search(key.payload_types.begin(), key.payload_types.end(), stream.payload_type);
  // Only the worker knows which stream has which names. The shared clock rate is that of a source that the
  // stream feeds, so compare that.
  if (!key.mid.empty() || !key.rid.empty()) return stream.clock_rate == key.clock_rate;
  return true;
}

std::uint32_t routes_of(const Endpoint& endpoint, const StreamRead& stream) {
  std::size_t routes = 0;
  // A home source counts each mirror as one route. The routes of the mirror replace that one.
  for (const Source* source : endpoint.sources)
    if (selects(source->key, stream)) routes += source->routes - (source->home == nullptr ? 0 : 1);
  return static_cast<std::uint32_t>(routes);
}

/// The first slot that a page looks at.
struct StreamPlace {
  std::size_t worker = 0;
  std::size_t slot = 0;
};

/// nullopt when the text is not a cursor of this list.
std::optional<StreamPlace> stream_place(std::string_view cursor) {
  StreamPlace place;
  if (cursor.empty()) return place;
  const char* const end = cursor.data() + cursor.size();
  const auto worker = std::from_chars(cursor.data(), end, place.worker);
  if (worker.ec != std::errc() || worker.ptr == end || *worker.ptr != '/') return std::nullopt;
  const auto slot = std::from_chars(worker.ptr + 1, end, place.slot);
  if (slot.ec != std::errc() || slot.ptr != end) return std::nullopt;
  return place;
}

std::uint64_t milliseconds_since(std::uint64_t tsc, std::uint64_t now, std::uint64_t hz) {
  return now > tsc ? (now - tsc) / std::max<std::uint64_t>(hz / 1000, 1) : 0;
}

/// Without the bit rate.
StreamView view_of(const Endpoint& endpoint, const StreamRead& stream, const MediaPlane& plane) {
  StreamView view;
  view.session = endpoint.session->id;
  view.endpoint = endpoint.id;
  view.ssrc = stream.ssrc;
  view.payload_type = stream.payload_type;
  view.sequence = static_cast<std::uint16_t>(stream.highest_index);
  if (endpoint.kind != dataplane::EndpointKind::kRtp)
    view.rollover_counter = crypto::roll_over_counter(stream.highest_index);
  view.packet_count = stream.packets;
  view.byte_count = stream.bytes;
  if (stream.packets != 0)
    view.packets_lost =
        static_cast<std::int64_t>(stream.highest_index - stream.base_index + 1 - stream.packets);
  if (stream.clock_rate != 0)
    view.jitter_s = static_cast<double>(stream.jitter) / 16 / static_cast<double>(stream.clock_rate);
  view.nack_count = stream.nacks;
  view.pli_count = stream.plis;
  view.fir_count = stream.firs;
  view.ended = stream.ended;
  view.routes = routes_of(endpoint, stream);
  view.last_packet_ms = milliseconds_since(stream.last_packet_tsc, plane.tsc_now(), plane.tsc_hz());
  return view;
}

}  // namespace

TimePoint StreamWatch::tick(TimePoint now) {
  return walk_.turn(
      now, context_.workers.size(),
      [&](std::size_t worker) {
        const std::size_t high_water =
            context_.workers[worker]->memory.stream_high_water.load(std::memory_order_acquire);
        if (samples_[worker].size() < high_water) samples_[worker].resize(high_water);
        return high_water;
      },
      [&](std::size_t worker, std::size_t slot) {
        look(worker, slot, now);
        return std::size_t{1};
      });
}

void StreamWatch::look(std::size_t worker, std::size_t slot, TimePoint now) {
  WorkerRecords& records = *context_.workers[worker];
  Sample& sample = samples_[worker][slot];
  const auto stream = read_stream(records.memory.streams[slot]);
  if (!stream || !stream->endpoint.valid()) return;  // the stream of a mirror ends with its routes
  if (sample.tenancy != stream->tenancy) {
    sample = {stream->tenancy, sample.forgotten, stream->bytes, now, 0};
  } else if (now > sample.at) {
    const double seconds = std::chrono::duration<double>(now - sample.at).count();
    const std::uint64_t bytes = stream->bytes - std::min(sample.bytes, stream->bytes);
    sample.bitrate = static_cast<double>(bytes) * 8 / seconds;
    sample.bytes = stream->bytes;
    sample.at = now;
  }
  const std::uint64_t silent_ms =
      milliseconds_since(stream->last_packet_tsc, context_.plane.tsc_now(), context_.plane.tsc_hz());
  const std::uint64_t timeout_ms = std::uint64_t{context_.options.config.limits.stream_timeout_s} * 1000;
  if (silent_ms < timeout_ms) {
    sample.forgotten = 0;  // 0 is no tenancy: when the stream is silent again, send kStreamIdle again
    return;
  }
  if (sample.forgotten == stream->tenancy) return;
  sample.forgotten = stream->tenancy;
  dataplane::Command forget;
  forget.kind = dataplane::CommandKind::kStreamIdle;
  forget.ref = {static_cast<std::uint32_t>(slot), stream->tenancy};
  records.commands.send(forget);
}

Result<Page<StreamView>> StreamWatch::list(const StreamList& request, const Session* session,
                                           const Endpoint* endpoint) const {
  const auto begin = stream_place(request.page.cursor);
  if (!begin || begin->worker >= context_.workers.size()) return refuse_cursor(request.page.cursor);
  PageFill<StreamView> fill(request.page, kMostExamined);
  for (StreamPlace place = *begin; place.worker < context_.workers.size(); place = {place.worker + 1, 0}) {
    const WorkerRecords& records = *context_.workers[place.worker];
    if (session != nullptr && !session->uses(records.index)) continue;
    const std::size_t high_water = records.memory.stream_high_water.load(std::memory_order_acquire);
    for (; place.slot < high_water; ++place.slot) {
      if (fill.is_full()) return fill.end(fmt::format("{}/{}", place.worker, place.slot));
      const auto stream = read_stream(records.memory.streams[place.slot]);
      const Endpoint* of = stream && !stream->dormant ? records.endpoint(stream->endpoint) : nullptr;
      const bool matches = of != nullptr && (session == nullptr || of->session == session) &&
                           (endpoint == nullptr || of == endpoint) &&
                           (!request.ssrc || stream->ssrc == *request.ssrc);
      if (!fill.takes(matches)) continue;
      fill.spend(of->sources.size());  // routes_of() looks at each
      StreamView view = view_of(*of, *stream, context_.plane);
      const auto& samples = samples_[place.worker];
      if (place.slot < samples.size() && samples[place.slot].tenancy == stream->tenancy)
        view.bitrate = samples[place.slot].bitrate;
      fill.add(std::move(view));
    }
  }
  return fill.end("");
}

}  // namespace sluice::control
