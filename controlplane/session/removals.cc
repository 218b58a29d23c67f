#include "controlplane/session/removals.h"

#include <utility>

namespace sluice::control {

void Removals::begin(Session& session, std::string_view reason) {
  if (session.removing) return;
  session.removing = true;
  session.reason = reason;
  goodbyes_.push_back({session.id, ""});
}

template <typename Act>
bool Removals::work(Job& job, std::size_t& budget, Act act) {
  Session* session = context_.registry.find_session(job.session);
  if (session == nullptr || !session->removing) return true;
  for (auto at = session->endpoints.upper_bound(job.last); at != session->endpoints.end(); ++at) {
    if (budget == 0) return false;
    --budget;
    job.last = at->first;
    act(*at->second, session->reason);
  }
  return true;
}

void Removals::step() {
  // No faster than the workers take the commands: answers to checks wait in the same queues.
  for (const auto& records : context_.workers)
    if (records->commands.pending() > kEndpointsPerStep) return;
  endpoints_.step();
  std::size_t budget = kEndpointsPerStep;
  while (!goodbyes_.empty() && budget != 0) {
    Job& job = goodbyes_.front();
    if (!work(job, budget, [this](Endpoint& endpoint, std::string_view reason) {
          endpoints_.say_goodbye(endpoint, reason);
        }))
      return;
    ends_.push_back({std::move(job.session), ""});
    goodbyes_.pop_front();
  }
  while (!ends_.empty() && goodbyes_.empty() && budget != 0) {
    Job& job = ends_.front();
    if (!work(job, budget,
              [this](Endpoint& endpoint, std::string_view reason) { endpoints_.remove(endpoint, reason); }))
      return;
    if (Session* session = context_.registry.find_session(job.session)) endpoints_.finish(*session);
    ends_.pop_front();
    if (budget != 0) --budget;  // an empty session costs something too
  }
}

}  // namespace sluice::control
