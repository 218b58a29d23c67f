// context: see the header. Control thread only.
#include "controlplane/context.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <tuple>

#include "controlplane/refusals.h"

namespace sluice::control {

WorkerBooks::WorkerBooks(MediaPlane& plane, std::size_t worker)
    : index(worker),
      memory(plane.memory(worker)),
      commands(plane, worker),
      endpoint_slots(memory.endpoints.size()),
      source_slots(memory.sources.size()),
      route_slots(memory.routes.size()) {}

Endpoint* WorkerBooks::endpoint(dataplane::SlotRef ref) const {
  return endpoint_slots.holds(ref) ? endpoints[ref.slot] : nullptr;
}

Source* WorkerBooks::source(dataplane::SlotRef ref) const {
  return source_slots.holds(ref) ? sources[ref.slot].get() : nullptr;
}

Route* WorkerBooks::route(dataplane::SlotRef ref) const {
  return route_slots.holds(ref) ? routes[ref.slot] : nullptr;
}

Context::Context(Sessions::Options given, MediaPlane& media, std::unique_ptr<crypto::SrtpEngine> srtp)
    : options(std::move(given)),
      plane(media),
      engine(std::move(srtp)),
      udp_ports(options.config, media),
      load(media) {
  for (std::size_t i = 0; i < plane.worker_count(); ++i)
    workers.push_back(std::make_unique<WorkerBooks>(plane, i));
}

std::uint32_t Context::random32() {
  std::array<std::uint8_t, 4> bytes{};
  options.random(bytes);
  return dataplane::load_be32(bytes.data());
}

std::string Context::make_id(std::string_view prefix) {
  // 80 random bits: a made-up id never meets another, so nobody needs to look.
  static constexpr std::string_view kDigits = "abcdefghijklmnopqrstuvwxyz234567";
  std::array<std::uint8_t, 16> bytes{};
  options.random(bytes);
  std::string id(prefix);
  for (const std::uint8_t byte : bytes) id.push_back(kDigits[byte & 31]);
  return id;
}

void Context::emit(std::string_view type, const Session& session, std::string fields) {
  if (options.on_event) options.on_event({std::string(type), session.id, {}, {}, std::move(fields)});
}

void Context::emit(std::string_view type, const Endpoint& endpoint, std::string fields) {
  if (options.on_event)
    options.on_event({std::string(type), endpoint.session->id, endpoint.id, {}, std::move(fields)});
}

void Context::emit(std::string_view type, const Route& route, std::string fields) {
  if (options.on_event)
    options.on_event({std::string(type), route.session->id, {}, route.request.id, std::move(fields)});
}

Session* Context::find_session(const std::string& id) const {
  const auto found = sessions.find(id);
  return found == sessions.end() ? nullptr : found->second.get();
}

Endpoint* Context::find_endpoint(const Session& session, const std::string& id) const {
  const auto found = session.endpoints.find(id);
  return found == session.endpoints.end() ? nullptr : found->second.get();
}

Route* Context::find_route(const Session& session, const std::string& id) const {
  const auto found = session.routes.find(id);
  return found == session.routes.end() ? nullptr : found->second.get();
}

bool Context::inject_udp(const Endpoint& endpoint, const dataplane::LinkEnd& local,
                         const dataplane::LinkEnd& remote, std::span<const std::uint8_t> payload) {
  const dataplane::PortInfo& info = port(endpoint);
  const dataplane::HeaderTemplate header =
      dataplane::make_header_template(local, remote, info.vlan, endpoint.request.dscp);
  if (header.length - header.l3_offset + payload.size() > info.mtu) {
    ++totals.datagrams_too_long;
    return false;
  }
  frame_.resize(header.length + payload.size());
  std::memcpy(frame_.data() + header.length, payload.data(), payload.size());
  dataplane::write_headers(header, frame_.data(), static_cast<std::uint16_t>(payload.size()));
  return books(endpoint).commands.inject(info.id, frame_);
}

void Context::complete(std::vector<Done>& done) {
  for (Done& callback : done)
    if (callback) completions.push_back([call = std::move(callback)] { call(std::nullopt); });
  done.clear();
}

void Context::run_completions() {
  // A callback may ask for more, and that may complete at once.
  while (!completions.empty()) {
    std::vector<std::function<void()>> ready;
    ready.swap(completions);
    for (const auto& call : ready) call();
  }
}

std::tuple<int, std::size_t, std::size_t> Context::load_rank(const WorkerBooks& books) const {
  return {static_cast<int>(load.expected_load(books.index) * 20), books.endpoint_slots.used(),
          books.sessions};
}

WorkerBooks& Context::least_loaded() {
  return **std::min_element(workers.begin(), workers.end(),
                            [this](const auto& a, const auto& b) { return load_rank(*a) < load_rank(*b); });
}

std::optional<RequestError> Context::check_load(const WorkerBooks& home) const {
  const std::uint8_t allowed = options.config.limits.worker_load_percent;
  const double found = load.expected_load(home.index);
  if (allowed == 100 || found <= load_limit()) return std::nullopt;
  return refuse_load(allowed, static_cast<unsigned>(std::min(100.0, std::ceil(found * 100))), home.index);
}

std::optional<std::size_t> Context::find_block(Session& session) {
  const auto has_slot = [](const WorkerBooks& books) {
    return books.endpoint_slots.used() < books.endpoint_slots.capacity();
  };
  const std::size_t most = workers.size() == 1 ? SIZE_MAX : options.config.limits.session_block;
  for (std::size_t i = 0; i < session.blocks.size(); ++i)
    if (session.blocks[i].endpoints < most && has_slot(*workers[session.blocks[i].worker])) return i;
  // A room that fills in a moment grows faster than loads are measured: its blocks are spread evenly over the
  // workers that may take more, and only then laid where there is least.
  const auto rank = [&](const WorkerBooks& books) {
    const auto blocks =
        std::count_if(session.blocks.begin(), session.blocks.end(),
                      [&](const Session::Block& block) { return block.worker == books.index; });
    return std::tuple(!has_slot(books), load.expected_load(books.index) > load_limit(), blocks,
                      load_rank(books));
  };
  const WorkerBooks& worker = **std::min_element(
      workers.begin(), workers.end(), [&](const auto& a, const auto& b) { return rank(*a) < rank(*b); });
  if (!has_slot(worker)) return std::nullopt;
  session.blocks.push_back({worker.index, 0});
  return session.blocks.size() - 1;
}

void Context::mark_empty(Session& session) {
  mark_occupied(session);
  session.empty_since = now();
  session.empty_entry = empty_sessions.insert(empty_sessions.end(), &session);
}

void Context::mark_occupied(Session& session) {
  if (!session.empty_entry) return;
  empty_sessions.erase(*session.empty_entry);
  session.empty_entry.reset();
}

}  // namespace sluice::control
