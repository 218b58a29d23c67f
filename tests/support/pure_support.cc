#include "tests/support/pure_support.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "crypto/engine_factory.h"

namespace sluice::dataplane::test {

std::uint64_t test_seed() {
  static const std::uint64_t seed = [] {
    const char* given = std::getenv("SLUICE_TEST_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  }();
  return seed;
}

std::uint64_t pick(Random& random, std::uint64_t low, std::uint64_t high) {
  return low + random() % (high - low + 1);
}

Bytes random_bytes(Random& random, std::size_t size) {
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

GuardedRoom::GuardedRoom() {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* memory = mmap(nullptr, kSize + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  base_ = static_cast<std::uint8_t*>(memory);
  if (mprotect(base_ + kSize, page, PROT_NONE) != 0) throw std::runtime_error("no guard page");
}

GuardedRoom::~GuardedRoom() {
  munmap(base_, kSize + static_cast<std::size_t>(sysconf(_SC_PAGESIZE)));
}

std::span<std::uint8_t> GuardedRoom::hold(std::span<const std::uint8_t> bytes) {
  if (bytes.size() > kSize) throw std::length_error("larger than the guarded room");
  std::uint8_t* start = base_ + kSize - bytes.size();
  std::copy(bytes.begin(), bytes.end(), start);
  return {start, bytes.size()};
}

std::uint16_t reference_checksum(std::span<const std::uint8_t> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    sum += static_cast<std::uint32_t>(bytes[i]) << 8;
    if (i + 1 < bytes.size()) sum += bytes[i + 1];
    if (sum > 0xffff) sum -= 0xffff;
  }
  return static_cast<std::uint16_t>(~sum);
}

namespace {

void put16(Bytes& to, std::uint16_t value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8));
  to.push_back(static_cast<std::uint8_t>(value));
}

void put(Bytes& to, std::span<const std::uint8_t> bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

Bytes transport(const FrameSpec& spec) {
  if (spec.protocol != 17) return spec.payload;
  const auto length = static_cast<std::uint16_t>(8 + spec.payload.size());
  Bytes udp;
  put16(udp, spec.source_port);
  put16(udp, spec.destination_port);
  put16(udp, length);
  put16(udp, 0);
  put(udp, spec.payload);
  if (!spec.udp_checksum) return udp;
  Bytes pseudo;
  put(pseudo, spec.source.view());
  put(pseudo, spec.destination.view());
  put16(pseudo, 0);
  put16(pseudo, 17);
  put16(pseudo, 0);
  put16(pseudo, length);
  put(pseudo, udp);
  std::uint16_t checksum = reference_checksum(pseudo);
  if (checksum == 0) checksum = 0xffff;
  udp[6] = static_cast<std::uint8_t>(checksum >> 8);
  udp[7] = static_cast<std::uint8_t>(checksum);
  return udp;
}

Bytes ipv4(const FrameSpec& spec) {
  const Bytes inner = transport(spec);
  const std::size_t header = 20 + spec.options.size();
  Bytes ip;
  ip.push_back(static_cast<std::uint8_t>(0x40 | header / 4));
  ip.push_back(static_cast<std::uint8_t>(spec.dscp << 2));
  put16(ip, static_cast<std::uint16_t>(header + inner.size()));
  put16(ip, 0);
  put16(ip, spec.fragment);
  ip.push_back(64);
  ip.push_back(spec.protocol);
  put16(ip, 0);
  put(ip, spec.source.view());
  put(ip, spec.destination.view());
  put(ip, spec.options);
  const std::uint16_t checksum = reference_checksum(ip);
  ip[10] = static_cast<std::uint8_t>(checksum >> 8);
  ip[11] = static_cast<std::uint8_t>(checksum);
  put(ip, inner);
  return ip;
}

Bytes ipv6(const FrameSpec& spec) {
  Bytes inner;
  for (std::size_t i = 0; i < spec.extension_headers.size(); ++i) {
    const auto& [type, body] = spec.extension_headers[i];
    inner.push_back(i + 1 < spec.extension_headers.size() ? spec.extension_headers[i + 1].first
                                                          : spec.protocol);
    inner.push_back(static_cast<std::uint8_t>((body.size() + 2) / 8 - 1));
    put(inner, body);
  }
  put(inner, transport(spec));
  Bytes ip;
  put16(ip, static_cast<std::uint16_t>(0x6000 | spec.dscp << 6));
  put16(ip, 0);
  put16(ip, static_cast<std::uint16_t>(inner.size()));
  ip.push_back(spec.extension_headers.empty() ? spec.protocol : spec.extension_headers[0].first);
  ip.push_back(64);
  put(ip, spec.source.view());
  put(ip, spec.destination.view());
  put(ip, inner);
  return ip;
}

}  // namespace

FrameSpec v6_spec() {
  FrameSpec spec;
  spec.v6 = true;
  spec.source = *config::IpAddress::parse("2001:db8::1:2");
  spec.destination = *config::IpAddress::parse("2001:db8::1");
  return spec;
}

Bytes build_frame(const FrameSpec& spec) {
  Bytes frame;
  put(frame, spec.to);
  put(frame, spec.from);
  if (spec.vlan) {
    put16(frame, 0x8100);
    put16(frame, *spec.vlan);
  }
  put16(frame, spec.v6 ? 0x86dd : 0x0800);
  put(frame, spec.v6 ? ipv6(spec) : ipv4(spec));
  put(frame, spec.trailer);
  return frame;
}

void fix_ipv4_checksum(Bytes& frame, std::size_t l3_offset) {
  const std::size_t header = static_cast<std::size_t>(frame[l3_offset] & 0x0f) * 4;
  frame[l3_offset + 10] = frame[l3_offset + 11] = 0;
  const std::uint16_t checksum = reference_checksum(std::span(frame).subspan(l3_offset, header));
  frame[l3_offset + 10] = static_cast<std::uint8_t>(checksum >> 8);
  frame[l3_offset + 11] = static_cast<std::uint8_t>(checksum);
}

config::Limits small_capacity() {
  config::Limits limits;
  limits.endpoints_per_worker = 64;
  limits.routes_per_worker = 256;
  limits.streams_per_worker = 128;
  return limits;
}

std::unique_ptr<crypto::SrtpEngine> any_engine() {
  std::string error;
  auto engine = crypto::make_engine(crypto::EngineKind::kIpsecMb, error);
  if (!engine) engine = crypto::make_engine(crypto::EngineKind::kLibsrtp, error);
  if (!engine) throw std::runtime_error(error);
  return engine;
}

namespace {

config::Config with_limits(const config::Limits& limits) {
  config::Config config;
  config.limits = limits;
  return config;
}

PortInfo nowhere() {
  PortInfo info;
  info.id = 3;
  info.name = "nowhere";
  info.mac = {2, 0, 0, 0, 0, 1};
  info.queues = 0;  // so that a turn of the loop calls no driver
  info.transmit_queues = 1;
  info.checks_udp_checksum = true;
  info.addresses = {*config::IpPrefix::parse("198.18.0.1/15"), *config::IpPrefix::parse("2001:db8::1/32")};
  return info;
}

}  // namespace

BareWorker::BareWorker(const config::Limits& limits)
    : config(with_limits(limits)),
      memory(limits, waker),
      state(std::make_unique<WorkerState>(0, config, memory, steering, any_engine(), std::vector{nowhere()},
                                          nullptr, 1'000'000'000, 0)) {}

std::vector<Note> BareWorker::notes() {
  std::vector<Note> all;
  for (Note note; memory.notes.pop(note);) all.push_back(note);
  return all;
}

// Does not touch the fields that the worker owns, as in the control thread: the install command sets them.
EndpointSlot& fill_endpoint(WorkerMemory& memory, SlotRef ref, std::uint16_t port) {
  EndpointSlot& slot = memory.endpoints[ref.slot];
  slot.generation = ref.generation;
  slot.kind = EndpointKind::kRtp;
  slot.latch = LatchPolicy::kFixed;
  slot.encrypted = false;
  slot.rtcp_mux = false;
  slot.shared_port = false;
  slot.mid_extension_id = slot.rid_extension_id = slot.repaired_rid_extension_id = 0;
  slot.port_id = 3;
  slot.max_streams = 16;
  slot.max_frame = 1514;
  slot.local_ssrc = 0x10ca1000 + ref.slot;
  slot.local = {{2, 0, 0, 0, 0, 1}, {config::IpAddress::v4(198, 18, 0, 1), port}};
  slot.rtcp_port = static_cast<std::uint16_t>(port + 1);
  slot.rtp = HeaderTemplate{};
  slot.rtcp = HeaderTemplate{};
  return slot;
}

SourceSlot& fill_source(WorkerMemory& memory, SlotRef ref, SlotRef endpoint) {
  SourceSlot& slot = memory.sources[ref.slot];
  slot.generation = ref.generation;
  slot.endpoint = endpoint;
  slot.match = SourceMatch::kAny;
  slot.payload_type_count = 0;
  slot.mid_length = slot.rid_length = 0;
  slot.ssrc = 0;
  slot.clock_rate = 90000;
  return slot;
}

RouteSlot& fill_route(WorkerMemory& memory, SlotRef ref, SlotRef endpoint, SlotRef source,
                      std::uint32_t ssrc) {
  RouteSlot& slot = memory.routes[ref.slot];
  slot.generation = ref.generation;
  slot.endpoint = endpoint;
  slot.ssrc = ssrc;
  slot.clock_rate = 90000;
  slot.keyframe_on_switch = false;
  slot.retransmit = ref.slot % 2 == 0;
  slot.map_extensions = false;
  slot.payload_type_count = 0;
  slot.first_index = 1000;
  slot.source = source.slot;
  return slot;
}

Command make_command(CommandKind kind, SlotRef ref) {
  Command command;
  command.kind = kind;
  command.ref = ref;
  return command;
}

std::vector<std::uint32_t> routes_of(const WorkerState& state, const SourceSlot& source) {
  std::vector<std::uint32_t> routes;
  std::size_t chunks = 0;
  for (std::uint32_t at = source.first_chunk; at != kNoSlot; at = state.chunks[at].next) {
    if (at >= state.chunk_high_water || ++chunks > state.chunks.size()) {
      ADD_FAILURE() << "the chunks of a source lead out of the pool or in a circle";
      return routes;
    }
    const FanoutChunk& chunk = state.chunks[at];
    EXPECT_GT(chunk.count, 0u);
    EXPECT_LE(chunk.count, FanoutChunk::kRoutes);
    EXPECT_TRUE(at == source.first_chunk || chunk.count == FanoutChunk::kRoutes)
        << "only the first chunk may be partly filled";
    routes.insert(routes.end(), chunk.routes.begin(), chunk.routes.begin() + chunk.count);
  }
  EXPECT_EQ(routes.size(), source.route_count);
  const auto keep = std::count_if(routes.begin(), routes.end(),
                                  [&](std::uint32_t route) { return state.memory.routes[route].keeps; });
  EXPECT_EQ(keep, source.keep_count);
  return routes;
}

}  // namespace sluice::dataplane::test
