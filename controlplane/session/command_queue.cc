#include "controlplane/session/command_queue.h"

#include <cassert>
namespace sluice::control {

CommandQueue::CommandQueue(MediaPlane& plane, std::size_t worker)
    : plane_(plane), memory_(plane.memory(worker)) {}

CommandQueue::~CommandQueue() {
  for (const dataplane::Command& command : waiting_)
    if (command.mbuf != nullptr) plane_.free_frame(command.mbuf);
}

void CommandQueue::send(const dataplane::Command& command) {
  assert(command.kind != dataplane::CommandKind::kInject);
  push(command);
}

bool CommandQueue::inject(std::uint16_t port_id, std::span<const std::uint8_t> frame) {
  rte_mbuf* mbuf = waiting_.size() < kInjectBacklog ? plane_.make_frame(frame) : nullptr;
  if (mbuf == nullptr) {
    ++frames_dropped_;
    return false;
  }
  dataplane::Command command;
  command.kind = dataplane::CommandKind::kInject;
  command.port_id = port_id;
  command.mbuf = mbuf;
  push(command);
  return true;
}

bool CommandQueue::flush() {
  if (waiting_.empty()) return true;
  while (!waiting_.empty() && memory_.commands.push(waiting_.front())) waiting_.pop_front();
  memory_.bell.wake();
  return waiting_.empty();
}

void CommandQueue::push(const dataplane::Command& command) {
  // The worker relies on the order: no command may overtake one that waits.
  if (flush() && memory_.commands.push(command)) return memory_.bell.wake();
  waiting_.push_back(command);
  ++deferred_;
}

}  // namespace sluice::control
