#include "controlplane/daemon/shutdown.h"

#include "controlplane/base/log.h"
#include "controlplane/session/names.h"

namespace sluice::control {
namespace {

constexpr std::chrono::milliseconds kFlushPoll{5};
constexpr std::uint16_t kMaxNamed = 20;  // the most endpoints that the log names

}  // namespace

ShutdownSequence::ShutdownSequence(EventLoop& loop, Sessions& sessions, ApiServer& server, Limits limits)
    : loop_(loop),
      sessions_(sessions),
      server_(server),
      limits_(limits),
      limit_(loop.io()),
      flush_(loop.io()) {}

void ShutdownSequence::begin(std::string_view why) {
  const auto now = EventLoop::Clock::now();
  if (has_begun_) {
    if (now - began_ >= limits_.patience && !is_clean_) return give_up("told again");
    return log::warning(
        "already stopping why={}; peers are being told goodbye, at most {} s more", why,
        std::chrono::duration_cast<std::chrono::seconds>(began_ + limits_.whole - now).count());
  }
  has_begun_ = true;
  began_ = now;
  log::info("stopping why={} sessions={}", why, sessions_.session_count());
  limit_.expires_after(limits_.whole);
  limit_.async_wait([this](boost::system::error_code cancelled) {
    if (!cancelled && !is_clean_) give_up("time is up");
  });
  sessions_.shut_down([this] { on_sessions_gone(); });
}

void ShutdownSequence::on_sessions_gone() {
  is_clean_ = true;
  limit_.cancel();
  server_.drain();
  flush(EventLoop::Clock::now() + limits_.flush);
}

void ShutdownSequence::flush(EventLoop::Clock::time_point until) {
  if (server_.drained()) return loop_.stop();
  if (EventLoop::Clock::now() >= until) {
    log::warning("API connections that did not take their last answers connections={}",
                 server_.connections());
    return loop_.stop();
  }
  flush_.expires_after(kFlushPoll);
  flush_.async_wait([this, until](boost::system::error_code cancelled) {
    if (!cancelled) flush(until);
  });
}

void ShutdownSequence::give_up(std::string_view why) {
  log::error("not everything ended in order why={} sessions={} pending_commands={}", log::value(why),
             sessions_.session_count(), sessions_.totals().pending_commands);
  const auto left = sessions_.list_endpoints({.page = {.limit = kMaxNamed}});
  if (const auto* page = std::get_if<Page<EndpointView>>(&left)) {
    for (const auto& endpoint : page->views)
      log::error("did not end session={} endpoint={} state={} worker={}", endpoint.session, endpoint.id,
                 choice_name(endpoint.state), endpoint.worker);
    if (!page->next_cursor.empty()) log::error("and others");
  }
  loop_.stop();
}

}  // namespace sluice::control
