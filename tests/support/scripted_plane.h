// scripted_plane: a data plane for tests of the control plane, without DPDK's environment. WorkerMemory and
// rings are the real ones. The test plays the workers: it decides when they take commands, when they answer
// and what they have counted. Each worker checks that the control thread keeps the mailbox's contract (order,
// generations, ownership), and records every breach.
//
// A worker runs on the test's thread (turn()) or on its own thread (WorkerThread). It touches the same memory
// as a real worker, so ThreadSanitizer sees the same accesses.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "controlplane/session/media_plane.h"

namespace sluice::control::test {

/// Takes the place of an mbuf.
struct TestFrame {
  std::vector<std::uint8_t> bytes;
  std::uint16_t port_id = 0;
};

class ScriptedWorker {
 public:
  ScriptedWorker(dataplane::WorkerMemory& memory, std::atomic<std::int64_t>& frames)
      : memory_(memory), frames_(frames) {}
  ~ScriptedWorker();

  /// Takes up to `commands` commands and pushes as many answers as fit. Returns the number of commands taken.
  std::size_t turn(std::size_t commands = 1u << 20);
  /// From now on the worker keeps its acknowledgements until release_acks().
  void hold_acks() { holding_ = true; }
  void release_acks() { holding_ = false; }
  std::size_t held_acks() const { return answers_.size(); }

  void tell(const dataplane::Note& note) { answers_.push_back(note); }
  /// The address that the answer to each kUpdateEndpoint names from now on: where media came from.
  config::SocketAddress learned;
  /// Adds `packets` to the next_index that the worker reports when the route with that outgoing SSRC is
  /// removed.
  void advance_ssrc(std::uint32_t ssrc, std::uint64_t packets) { sent_[ssrc] += packets; }

  struct Remote {
    dataplane::SlotRef ref;
    dataplane::Component component;
    config::SocketAddress address;
    dataplane::MacAddress next_hop;
  };
  struct MaxFrame {
    dataplane::SlotRef ref;
    config::SocketAddress path;
    std::uint16_t bytes;
  };
  struct Bound {
    dataplane::SlotRef ref;
    dataplane::FiveTuple tuple;
    bool operator==(const Bound&) const = default;
  };

  std::vector<std::string> breaches;        // of the mailbox's contract
  std::vector<Remote> remotes;              // from every kSetRemote
  std::vector<Remote> next_hops;            // from every kSetNextHop
  std::vector<MaxFrame> max_frames;         // from every kSetMaxFrame
  std::vector<dataplane::SlotRef> stopped;  // from every kSetRemote without an address
  config::SocketAddress awaited;            // of the last kAwaitRemote
  std::vector<Bound> bound;                 // 5-tuples that are bound now
  std::vector<TestFrame> injected;
  struct Expected {
    std::uint32_t slot, ssrc;
    std::uint64_t index;
    bool operator==(const Expected&) const = default;
  };
  std::vector<Expected> expected;                    // from every kExpectStream
  std::vector<dataplane::SlotRef> keyed;             // from every kKeysReady
  std::vector<dataplane::EndpointTerms> terms;       // from every kUpdateEndpoint, without the keys
  std::vector<dataplane::SlotRef> forgotten;         // from every kStreamIdle
  std::vector<dataplane::CommandKind> order;         // every command, in order
  std::map<std::uint32_t, std::uint32_t> endpoints;  // installed: slot -> generation
  std::map<std::uint32_t, std::uint32_t> sources;
  std::map<std::uint32_t, dataplane::SlotRef> mirrors;                        // mirror slot -> home source
  std::map<std::pair<std::uint32_t, std::uint8_t>, dataplane::SlotRef> lent;  // slot, worker -> mirror
  std::map<std::uint32_t, std::uint32_t> routes;
  std::map<std::uint32_t, std::uint32_t> route_source;  // route slot -> source slot
  std::vector<std::uint64_t> first_indices;             // of every route installed
  std::uint64_t taken = 0;

 private:
  void carry_out(const dataplane::Command& command);
  void update_endpoint(const dataplane::Command& command);
  void bind_tuple(const dataplane::Command& command);
  void take_keys(dataplane::SlotRef ref);
  void install_source(const dataplane::Command& command);
  void remove_source(const dataplane::Command& command);
  void forget_stream(const dataplane::Command& command);
  void inject(const dataplane::Command& command);
  void install_endpoint(dataplane::SlotRef ref);
  void remove_endpoint(dataplane::SlotRef ref);
  void install_route(const dataplane::Command& command);
  void switch_route(const dataplane::Command& command);
  void remove_route(dataplane::SlotRef ref);
  void breach(std::string what) { breaches.push_back(std::move(what)); }
  void answer(dataplane::NoteKind kind, dataplane::SlotRef ref);

  /// An endpoint, and an outgoing SSRC of it.
  struct Outgoing {
    std::uint32_t slot, generation, ssrc;
    auto operator<=>(const Outgoing&) const = default;
  };
  static Outgoing outgoing_of(const dataplane::RouteSlot& route) {
    return {route.endpoint.slot, route.endpoint.generation, route.ssrc};
  }

  dataplane::WorkerMemory& memory_;
  std::atomic<std::int64_t>& frames_;
  // What is installed once more, so that no check walks the tables.
  std::set<Outgoing> outgoing_;                                 // of the routes
  std::multiset<std::uint32_t> fed_from_;                       // source slots of the routes
  std::set<std::pair<std::uint32_t, std::uint32_t>> feeds_of_;  // endpoint slot and source slot
  std::deque<dataplane::Note> answers_;
  std::map<std::uint32_t, std::uint64_t> sent_;  // by SSRC
  bool holding_ = false;
};

class ScriptedPlane final : public MediaPlane {
 public:
  ScriptedPlane(const config::Limits& limits, std::size_t workers, bool with_v6 = true);
  ~ScriptedPlane() override;

  std::size_t worker_count() const override { return memories_.size(); }
  dataplane::WorkerMemory& memory(std::size_t worker) override { return *memories_[worker]; }
  std::uint16_t worker_core(std::size_t worker) const override {
    return static_cast<std::uint16_t>(worker + 1);
  }
  const dataplane::WorkerCounters& counters(std::size_t worker) const override {
    return memories_[worker]->counters;
  }
  std::size_t port_count() const override { return ports.size(); }
  const dataplane::PortInfo& port(std::size_t index) const override { return ports[index]; }
  dataplane::PortStatistics port_statistics(std::size_t) const override { return {}; }
  bool link_is_up(std::size_t index) const override { return !down.contains(index); }
  bool uses_huge_pages() const override { return false; }
  std::optional<std::uint8_t> brings_to(std::size_t port, std::uint16_t udp_port) const override {
    if (!landing) return std::nullopt;
    return landing(port, udp_port);
  }
  void steer(dataplane::OwnAddress address, std::uint16_t udp_port, std::size_t worker) override {
    steered[{ports[dataplane::port_of(address)].addresses[address % dataplane::kAddressesPerPort].address,
             udp_port}] = worker;
  }
  rte_mbuf* make_frame(std::span<const std::uint8_t> bytes) override;
  void free_frame(rte_mbuf* frame) override;
  std::span<const std::uint8_t> punt_frame(const dataplane::Punt& punt) const override;
  void free_punt(const dataplane::Punt& punt) override { free_frame(punt.mbuf); }
  std::uint64_t tsc_hz() const override { return 1000000; }
  std::uint64_t tsc_now() const override { return tsc; }

  ScriptedWorker& worker(std::size_t index) { return *workers_[index]; }
  /// Pushes a punt as a worker would.
  bool punt(std::size_t worker, dataplane::PuntKind kind, std::span<const std::uint8_t> frame,
            dataplane::SlotRef endpoint = {});
  std::int64_t frames_alive() const { return frames_; }

  std::vector<dataplane::PortInfo> ports;
  std::map<config::SocketAddress, std::size_t> steered;
  /// The worker that the hardware brings a UDP port to. Set it before the sessions are made.
  std::function<std::optional<std::uint8_t>(std::size_t port, std::uint16_t udp_port)> landing;
  std::set<std::size_t> down;  // ports without a link
  std::uint64_t tsc = 1000000;
  bool frames_exhausted = false;

 private:
  std::atomic<std::int64_t> frames_{0};
  dataplane::ControlWaker waker_;
  std::vector<std::unique_ptr<dataplane::WorkerMemory>> memories_;
  std::vector<std::unique_ptr<ScriptedWorker>> workers_;
};

/// Plays one worker until it is destroyed.
class WorkerThread {
 public:
  explicit WorkerThread(ScriptedWorker& worker);
  ~WorkerThread();

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace sluice::control::test
