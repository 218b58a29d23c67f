#include "controlplane/session/removals.h"

#include <utility>

namespace sluice::control {

void Removals::begin(Session& session, std::string_view reason) {
  if (session.removing) return;
  session.removing = true;
  session.reason = reason;
  goodbyes_.push_back({session.id, ""});
}

void Removals::begin(Endpoint& endpoint, std::string_view reason) {
  if (!endpoints_.remove(endpoint, reason, at_once_)) detaching_.push_back({endpoint.worker, endpoint.ref});
}

void Removals::begin_all(std::string_view reason) {
  all_ = All{std::string(reason), ""};
}

template <typename Act>
bool Removals::work(Job& job, Budget& budget, Act act) {
  Session* session = context_.registry.find_session(job.session);
  if (session == nullptr || !session->removing) return true;
  for (auto at = session->endpoints.upper_bound(job.last); at != session->endpoints.end(); ++at) {
    if (budget.endpoints == 0) return false;
    --budget.endpoints;
    if (!act(*at->second, session->reason)) return false;
    job.last = at->first;
  }
  return true;
}

void Removals::step() {
  at_once_ = kRoutesPerStep;
  // No faster than the workers take the commands: answers to checks wait in the same queues.
  for (const auto& records : context_.workers)
    if (records->commands.pending() > kEndpointsPerStep) return;
  Budget budget;
  begin_sessions();
  say_goodbyes(budget);
  detach(budget);
  if (!all_ && goodbyes_.empty()) end_sessions(budget);
}

void Removals::begin_sessions() {
  if (!all_) return;
  const Registry::Sessions& sessions = context_.registry.sessions();
  std::size_t budget = kSessionsPerStep;
  for (auto at = sessions.upper_bound(all_->last); at != sessions.end(); ++at) {
    if (budget == 0) return;
    --budget;
    begin(*at->second, all_->reason);
    all_->last = at->first;
  }
  all_.reset();
}

void Removals::say_goodbyes(Budget& budget) {
  while (!goodbyes_.empty() && budget.endpoints != 0) {
    Job& job = goodbyes_.front();
    const bool is_done = work(job, budget, [this](Endpoint& endpoint, std::string_view reason) {
      endpoints_.say_goodbye(endpoint, reason);
      return true;
    });
    if (!is_done) return;
    ends_.push_back({std::move(job.session), ""});
    goodbyes_.pop_front();
    if (budget.endpoints != 0) --budget.endpoints;  // an empty session costs something too
  }
}

void Removals::detach(Budget& budget) {
  for (; !detaching_.empty() && budget.endpoints != 0; detaching_.pop_front()) {
    --budget.endpoints;
    const Detaching& next = detaching_.front();
    Endpoint* endpoint = context_.workers[next.worker]->endpoint(next.endpoint);
    if (endpoint != nullptr && !endpoints_.remove(*endpoint, endpoint->reason, budget.routes)) return;
  }
}

void Removals::end_sessions(Budget& budget) {
  while (!ends_.empty() && budget.endpoints != 0) {
    Job& job = ends_.front();
    const bool is_done = work(job, budget, [&](Endpoint& endpoint, std::string_view reason) {
      return endpoints_.remove(endpoint, reason, budget.routes);
    });
    if (!is_done) return;
    if (Session* session = context_.registry.find_session(job.session)) endpoints_.finish(*session);
    ends_.pop_front();
    if (budget.endpoints != 0) --budget.endpoints;  // an empty session costs something too
  }
}

}  // namespace sluice::control
