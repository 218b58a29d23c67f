#include "dataplane/worker/plane.h"

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "crypto/engine_factory.h"
#include "dataplane/state/steering.h"
#include "dataplane/state/worker_state.h"
#include "dataplane/worker/idle.h"
#include "dataplane/worker/worker.h"

namespace sluice::dataplane {
namespace {

constexpr unsigned kPoolCache = 512;
// Last in, first out: the buffer that came back last is probably still in a CPU cache. With first in, first
// out, the copies of a broadcast would go to buffers that have not been used for a whole pass through the
// pool. Lock-free: otherwise a thread that the kernel interrupts while it holds a lock would stop the worker.
constexpr const char* kPoolKind = "lf_stack";

int run_worker(void* worker) {
  static_cast<Worker*>(worker)->run();
  return 0;
}

}  // namespace

// The members are destroyed in reverse order: workers, then memory, ports, pools, and the EAL last. start()
// calls the steps in the order below. A step that fails returns false, with the reason in `error`.
struct DataPlane::State {
  [[nodiscard]] bool start_eal(const config::Config& config, std::string& error);
  [[nodiscard]] bool make_pools(const config::Memory& memory, std::string& error);
  [[nodiscard]] bool open_ports(const config::Config& config, std::string& error);
  [[nodiscard]] bool make_workers(const config::Config& config, crypto::EngineKind engine,
                                  ControlWaker& waker, std::string& error);
  [[nodiscard]] bool launch(std::string& error);

  struct PoolDeleter {
    void operator()(rte_mempool* pool) const { rte_mempool_free(pool); }
  };
  using Pool = std::unique_ptr<rte_mempool, PoolDeleter>;

  std::vector<rte_mempool*> bare_pools() const;
  std::vector<PortInfo> port_infos() const;

  std::unique_ptr<Eal> eal;
  std::vector<Pool> pools;  // per worker
  std::vector<std::unique_ptr<Port>> ports;
  std::unique_ptr<Steering> steering;
  std::vector<std::unique_ptr<WorkerMemory>> memories;
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::uint16_t> cores;  // per worker
  bool running = false;
};

bool DataPlane::State::start_eal(const config::Config& config, std::string& error) {
  cores = config.workers.cores;
  EalOptions options{config.memory, config.workers.control_core, config.workers.cores, {}};
  for (const config::Port& port : config.ports) options.devices.push_back(port.device);
  eal = Eal::start(options, error);
  return eal != nullptr;
}

bool DataPlane::State::make_pools(const config::Memory& memory, std::string& error) {
  for (std::size_t i = 0; i < cores.size(); ++i) {
    const std::string name = "sluice_packets_" + std::to_string(i);
    pools.emplace_back(rte_pktmbuf_pool_create_by_ops(
        name.c_str(), memory.mbufs_per_worker, kPoolCache, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
        static_cast<int>(rte_lcore_to_socket_id(Eal::worker_lcore(i))), kPoolKind));
    if (pools.back()) continue;
    error = "no space for " + std::to_string(memory.mbufs_per_worker) +
            " packet buffers ([memory] mbufs_per_worker) for worker " + std::to_string(i) + " in " +
            std::to_string(memory.size_mib) + " MiB ([memory] size_mib)";
    return false;
  }
  return true;
}

bool DataPlane::State::open_ports(const config::Config& config, std::string& error) {
  const bool rx_interrupts = config.workers.idle == config::Idle::kInterrupt;
  for (const config::Port& port : config.ports) {
    auto opened = Port::open(port, cores.size(), config.ice.shared_port, rx_interrupts, bare_pools(), error);
    if (!opened) return false;
    ports.push_back(std::move(opened));
  }
  return Idle::check(config.workers.idle, port_infos(), error);
}

bool DataPlane::State::make_workers(const config::Config& config, crypto::EngineKind engine,
                                    ControlWaker& waker, std::string& error) {
  const std::vector<PortInfo> infos = port_infos();
  const bool shares_queues = std::any_of(
      infos.begin(), infos.end(), [&](const PortInfo& info) { return info.transmit_queues < cores.size(); });
  steering = std::make_unique<Steering>(cores.size(), infos.size(), shares_queues);
  for (std::size_t i = 0; i < cores.size(); ++i) {
    auto srtp = crypto::make_engine(engine, error);
    if (!srtp) return false;
    memories.push_back(std::make_unique<WorkerMemory>(config.limits, waker));
    workers.push_back(std::make_unique<Worker>(
        std::make_unique<WorkerState>(i, config, *memories[i], *steering, std::move(srtp), infos,
                                      pools[i].get(), rte_get_tsc_hz(), rte_rdtsc()),
        config.workers));
  }
  return true;
}

bool DataPlane::State::launch(std::string& error) {
  running = true;
  for (std::size_t i = 0; i < workers.size(); ++i) {
    if (rte_eal_remote_launch(run_worker, workers[i].get(), Eal::worker_lcore(i)) == 0) continue;
    error = "worker " + std::to_string(i) + " did not start on core " + std::to_string(cores[i]);
    return false;
  }
  return true;
}

std::vector<rte_mempool*> DataPlane::State::bare_pools() const {
  std::vector<rte_mempool*> bare;
  for (const Pool& pool : pools) bare.push_back(pool.get());
  return bare;
}

std::vector<PortInfo> DataPlane::State::port_infos() const {
  std::vector<PortInfo> infos;
  for (const auto& port : ports) infos.push_back(port->info());
  return infos;
}

DataPlane::DataPlane(std::unique_ptr<State> state) : state_(std::move(state)) {}

std::unique_ptr<DataPlane> DataPlane::start(const config::Config& config, crypto::EngineKind engine,
                                            ControlWaker& waker, std::string& error) {
  auto state = std::make_unique<State>();
  if (!state->start_eal(config, error) || !state->make_pools(config.memory, error) ||
      !state->open_ports(config, error) || !state->make_workers(config, engine, waker, error))
    return nullptr;
  std::unique_ptr<DataPlane> plane(new DataPlane(std::move(state)));
  if (plane->state_->launch(error)) return plane;
  return nullptr;  // the destructor of `plane` stops the workers that did start
}

DataPlane::~DataPlane() {
  // A worker that has not stopped still uses all of this, so nothing is freed.
  if (!stop(std::chrono::seconds(5))) static_cast<void>(state_.release());
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

void DataPlane::steer(OwnAddress address, std::uint16_t udp_port, std::size_t worker) {
  state_->steering->set_owner(address, udp_port, static_cast<std::uint8_t>(worker));
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
  for (const auto& pool : state_->pools) total += rte_mempool_in_use_count(pool.get());
  return total;
}

std::uint64_t tsc_hz() {
  return rte_get_tsc_hz();
}
std::uint64_t tsc_now() {
  return rte_rdtsc();
}

}  // namespace sluice::dataplane
