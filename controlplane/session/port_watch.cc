#include "controlplane/session/port_watch.h"

#include "controlplane/base/log.h"

namespace sluice::control {

TimePoint PortWatch::tick(TimePoint now) {
  if (now < next_) return next_;
  next_ = now + kPeriod;
  // A port that is down at the start is told as well.
  if (up_.empty()) up_.assign(context_.plane.port_count(), true);
  for (std::size_t i = 0; i < up_.size(); ++i) {
    const bool is_up = context_.plane.link_is_up(i);
    if (is_up == up_[i]) continue;
    up_[i] = is_up;
    const std::string& name = context_.plane.port(i).name;
    if (is_up)
      log::info("link is up port={}", log::value(name));
    else
      log::warning("link is down port={}", log::value(name));
    context_.emit(i, PortLink{is_up});
    if (is_up) remotes_.on_link_up(i, now);
  }
  return next_;
}

}  // namespace sluice::control
