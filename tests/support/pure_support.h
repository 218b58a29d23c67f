// pure_support: helpers for tests that need neither EAL nor NIC: a seeded random source, bytes that end at an
// inaccessible page, frames written field by field from the RFCs, and a worker's state without a real port.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "dataplane/state/worker_state.h"

namespace sluice::dataplane::test {

using Bytes = std::vector<std::uint8_t>;
using Random = std::mt19937_64;

/// SLUICE_TEST_SEED, or a new one for each run of the program. SEED_TRACE prints it when the test fails.
std::uint64_t test_seed();
#define SEED_TRACE() \
  SCOPED_TRACE("repeat with SLUICE_TEST_SEED=" + std::to_string(::sluice::dataplane::test::test_seed()))

/// Uniform in [low, high].
std::uint64_t pick(Random& random, std::uint64_t low, std::uint64_t high);
Bytes random_bytes(Random& random, std::size_t size);

/// Memory whose last byte lies right before an inaccessible page: code that reads or writes past the end
/// gets SIGSEGV.
class GuardedRoom {
 public:
  static constexpr std::size_t kSize = std::size_t{1} << 17;
  GuardedRoom();
  ~GuardedRoom();
  GuardedRoom(const GuardedRoom&) = delete;
  GuardedRoom& operator=(const GuardedRoom&) = delete;

  /// Copies `bytes` to the end of the memory. Overwrites the earlier copy.
  std::span<std::uint8_t> hold(std::span<const std::uint8_t> bytes);

 private:
  std::uint8_t* base_;
};

/// The checksum of RFC 1071, in its simplest form: 16-bit words, each carry added at once.
std::uint16_t reference_checksum(std::span<const std::uint8_t> bytes);

/// The fields of one Ethernet frame. UDP unless `protocol` says otherwise.
struct FrameSpec {
  MacAddress to{2, 0, 0, 0, 0, 1};
  MacAddress from{2, 0, 0, 0, 0, 2};
  std::optional<std::uint16_t> vlan;
  bool v6 = false;
  config::IpAddress source = config::IpAddress::v4(198, 18, 1, 2);
  config::IpAddress destination = config::IpAddress::v4(198, 18, 0, 1);
  std::uint8_t dscp = 0;
  std::uint16_t fragment = 0x4000;                                // IPv4: flags and offset
  Bytes options;                                                  // IPv4, whole words
  std::vector<std::pair<std::uint8_t, Bytes>> extension_headers;  // IPv6: type, bytes 2.. (length 8n - 2)
  std::uint8_t protocol = 17;
  std::uint16_t source_port = 5004;
  std::uint16_t destination_port = 20000;
  bool udp_checksum = true;
  Bytes payload;
  Bytes trailer;  // Ethernet padding behind the IP packet
};
FrameSpec v6_spec();
Bytes build_frame(const FrameSpec& spec);

/// Writes the right IPv4 header checksum into an untagged frame.
void fix_ipv4_checksum(Bytes& frame, std::size_t l3_offset = 14);

config::Limits small_capacity();

/// An engine that runs on this machine: that of a BareWorker, or the control thread's beside it.
std::unique_ptr<crypto::SrtpEngine> any_engine();

/// A worker's state with a real engine, one port without a device, and no packet pool: all works that
/// allocates no packet. It is large: allocate it on the heap.
struct BareWorker {
  explicit BareWorker(const config::Limits& limits = small_capacity());

  config::Config config;
  ControlWaker waker;
  WorkerMemory memory;
  Steering steering{1, 1};
  std::unique_ptr<WorkerState> state;

  std::vector<Note> notes();
  std::uint64_t stale() const { return memory.counters.stale_commands.read(); }
};

/// Each writes the fields of a slot that the control thread writes before it sends the install command.
EndpointSlot& fill_endpoint(WorkerMemory& memory, SlotRef ref, std::uint16_t port);
SourceSlot& fill_source(WorkerMemory& memory, SlotRef ref, SlotRef endpoint);
RouteSlot& fill_route(WorkerMemory& memory, SlotRef ref, SlotRef endpoint, SlotRef source,
                      std::uint32_t ssrc);
Command make_command(CommandKind kind, SlotRef ref);

/// The routes of a source, in any order. Checks the invariants of its route chunks first.
std::vector<std::uint32_t> routes_of(const WorkerState& state, const SourceSlot& source);

}  // namespace sluice::dataplane::test
