// path_mtus: the largest IP packet that passes to the peer of each endpoint (RFC 1191, RFC 8201). It is that
// of our port until a router says that a datagram of ours was too big. Then the worker sends no larger
// packets: it drops them as `too_big` and sends the rest. Control thread only.
//
// Routers send this message from anywhere, and any host can forge it. It counts when it quotes our address
// and UDP port and the address that we send to, of an endpoint that has sent something, and names an MTU
// below the present one, not below kLeastMtu4 or kLeastMtu6. So who guesses the ports can lower the MTU to
// the least one, for kLifetime. Audio still passes then. One endpoint takes at most one such message in
// kPause, and neighbors bounds those of all.
#pragma once

#include <chrono>
#include <compare>
#include <map>
#include <set>
#include <tuple>

#include "controlplane/protocol/neighbor/packet_too_big.h"
#include "controlplane/session/context.h"

namespace sluice::control {

class PathMtus {
 public:
  /// The path may have become wider. RFC 1191 6.3 and RFC 8201 5.3 recommend to see after ten minutes.
  static constexpr std::chrono::minutes kLifetime{10};
  static constexpr std::chrono::seconds kPause{1};

  explicit PathMtus(Context& context) : context_(context) {}

  /// The endpoint sends RTP to `remote`. The path to another address than before begins with the port's MTU.
  void follow(Endpoint& endpoint, const config::SocketAddress& remote);
  /// The endpoint sends nowhere now, or ends.
  void forget(Endpoint& endpoint);
  void on_too_big(const PacketTooBig& message, TimePoint now);
  /// Ends what has lived for kLifetime. Returns when to call it again, at most a second ahead.
  TimePoint tick(TimePoint now);

 private:
  struct Path {
    config::SocketAddress local;
    config::SocketAddress remote;
    auto operator<=>(const Path&) const = default;
  };
  struct Holder {
    std::size_t worker = 0;
    dataplane::SlotRef endpoint;
  };

  [[nodiscard]] Endpoint* find(const Path& path) const;
  void set(Endpoint& endpoint, std::uint16_t mtu, const config::SocketAddress& remote);
  void raise(Endpoint& endpoint);

  Context& context_;
  std::map<Path, Holder> paths_;
  // When the MTU of an endpoint is that of the port again: the time, its worker, slot and generation.
  std::set<std::tuple<TimePoint, std::size_t, std::uint32_t, std::uint32_t>> lowered_;
};

}  // namespace sluice::control
