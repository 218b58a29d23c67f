#include "dataplane/plane.h"

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "crypto/engine_factory.h"
#include "dataplane/idle.h"
#include "dataplane/steering.h"
#include "dataplane/worker.h"
#include "dataplane/worker_state.h"

namespace sluice::dataplane {
namespace {

constexpr unsigned kPoolCache = 512;
// Last in, first out: the buffer that came back last is the one that a cache still holds. In turn, copies of
// a broadcast would be written into memory that nobody has touched for the whole pool's length. And
// lock-free: whoever is interrupted while he holds a lock would stop the worker.
constexpr const char* kPoolKind = "lf_stack";

struct PoolDeleter {
  void operator()(rte_mempool* pool) const { rte_mempool_free(pool); }
};
using Pool = std::unique_ptr<rte_mempool, PoolDeleter>;

int run_worker(void* worker) {
  static_cast<Worker*>(worker)->run();
  return 0;
}

}  // namespace

// Members are destroyed in reverse: workers, then memory, ports, pools, and the EAL last.
struct DataPlane::State {
  std::unique_ptr<Eal> eal;
  std::vector<Pool> pools;
  std::vector<std::unique_ptr<Port>> ports;
  std::unique_ptr<Steering> steering;
  std::vector<std::unique_ptr<WorkerMemory>> memories;
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::uint16_t> cores;
  bool running = false;
};

DataPlane::DataPlane(std::unique_ptr<State> state) : state_(std::move(state)) {}

std::unique_ptr<DataPlane> DataPlane::start(const config::Config& config, crypto::EngineKind engine,
                                            ControlWaker& waker, std::string& error) {
  auto state = std::make_unique<State>();
  EalOptions options{config.memory, config.workers.control_core, config.workers.cores, {}};
  for (const config::Port& port : config.ports) options.devices.push_back(port.device);
  state->eal = Eal::start(options, error);
  if (!state->eal) return nullptr;

  state->cores = config.workers.cores;
  const std::size_t workers = state->cores.size();
  std::vector<rte_mempool*> pools;
  for (std::size_t i = 0; i < workers; ++i) {
    const std::string name = "sluice_packets_" + std::to_string(i);
    state->pools.emplace_back(rte_pktmbuf_pool_create_by_ops(
        name.c_str(), config.memory.mbufs_per_worker, kPoolCache, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
        static_cast<int>(rte_lcore_to_socket_id(Eal::worker_lcore(i))), kPoolKind));
    if (!state->pools.back()) {
      error = "no room for " + std::to_string(config.memory.mbufs_per_worker) +
              " packet buffers ([memory] mbufs_per_worker) for worker " + std::to_string(i) + " in " +
              std::to_string(config.memory.size_mib) + " MiB ([memory] size_mib)";
      return nullptr;
    }
    pools.push_back(state->pools.back().get());
  }
  std::vector<PortInfo> infos;
  for (const config::Port& port : config.ports) {
    state->ports.push_back(Port::open(port, workers, config.ice.shared_port,
                                      config.workers.idle == config::Idle::kInterrupt, pools, error));
    if (!state->ports.back()) {
      state->ports.pop_back();
      return nullptr;
    }
    infos.push_back(state->ports.back()->info());
  }
  if (!Idle::check(config.workers.idle, infos, error)) return nullptr;
  const bool shares_queues = std::any_of(
      infos.begin(), infos.end(), [&](const PortInfo& info) { return info.transmit_queues < workers; });
  state->steering = std::make_unique<Steering>(workers, shares_queues);
  for (std::size_t i = 0; i < workers; ++i) {
    auto srtp = crypto::make_engine(engine, error);
    if (!srtp) return nullptr;
    state->steering->set_owner(static_cast<std::uint16_t>(config.ice.shared_port + i),
                               static_cast<std::uint8_t>(i));
    state->memories.push_back(std::make_unique<WorkerMemory>(config.limits, waker));
    state->workers.push_back(std::make_unique<Worker>(
        std::make_unique<WorkerState>(i, config, *state->memories[i], *state->steering, std::move(srtp),
                                      infos, pools[i], rte_get_tsc_hz(), rte_rdtsc()),
        config.workers));
  }
  state->running = true;
  for (std::size_t i = 0; i < workers; ++i) {
    const int code = rte_eal_remote_launch(run_worker, state->workers[i].get(), Eal::worker_lcore(i));
    if (code != 0) {
      error = "worker " + std::to_string(i) + " did not start on core " + std::to_string(state->cores[i]);
      DataPlane(std::move(state)).stop(std::chrono::seconds(1));
      return nullptr;
    }
  }
  return std::unique_ptr<DataPlane>(new DataPlane(std::move(state)));
}

DataPlane::~DataPlane() {
  if (state_) stop(std::chrono::seconds(5));
}

bool DataPlane::stop(std::chrono::milliseconds timeout) {
  if (!state_->running) return true;
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const auto pause = [] { std::this_thread::sleep_for(std::chrono::milliseconds(1)); };
  Command stop;
  stop.kind = CommandKind::kStop;
  for (auto& memory : state_->memories)
    while (!memory->commands.push(stop) && std::chrono::steady_clock::now() < deadline) pause();
  for (auto& memory : state_->memories) memory->bell.wake();
  bool stopped = true;
  for (std::size_t i = 0; i < state_->cores.size(); ++i) {
    const unsigned lcore = Eal::worker_lcore(i);
    while (rte_eal_get_lcore_state(lcore) == RUNNING && std::chrono::steady_clock::now() < deadline) pause();
    stopped = stopped && rte_eal_get_lcore_state(lcore) != RUNNING;
  }
  if (stopped) state_->running = false;
  return stopped;
}

std::size_t DataPlane::worker_count() const {
  return state_->workers.size();
}
WorkerMemory& DataPlane::memory(std::size_t worker) {
  return *state_->memories[worker];
}
const WorkerMemory& DataPlane::memory(std::size_t worker) const {
  return *state_->memories[worker];
}
std::uint16_t DataPlane::worker_core(std::size_t worker) const {
  return state_->cores[worker];
}
std::size_t DataPlane::port_count() const {
  return state_->ports.size();
}
const Port& DataPlane::port(std::size_t index) const {
  return *state_->ports[index];
}
const Eal& DataPlane::eal() const {
  return *state_->eal;
}

void DataPlane::steer(std::uint16_t udp_port, std::size_t worker) {
  state_->steering->set_owner(udp_port, static_cast<std::uint8_t>(worker));
}

rte_mbuf* DataPlane::make_frame(std::span<const std::uint8_t> bytes) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(state_->pools[0].get());
  if (mbuf == nullptr) return nullptr;
  char* data = bytes.size() <= UINT16_MAX ? rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(bytes.size()))
                                          : nullptr;
  if (data == nullptr) {
    rte_pktmbuf_free(mbuf);
    return nullptr;
  }
  std::memcpy(data, bytes.data(), bytes.size());
  return mbuf;
}

void DataPlane::free_frame(rte_mbuf* frame) {
  rte_pktmbuf_free(frame);
}

std::size_t DataPlane::frames_in_use() const {
  std::size_t total = 0;
  for (const Pool& pool : state_->pools) total += rte_mempool_in_use_count(pool.get());
  return total;
}

std::uint64_t tsc_hz() {
  return rte_get_tsc_hz();
}
std::uint64_t tsc_now() {
  return rte_rdtsc();
}

}  // namespace sluice::dataplane
