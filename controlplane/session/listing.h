// listing: the pages of the lists of sessions, endpoints, routes, UDP ports and neighbours. Each list is
// sorted by session and id, and a cursor is the place of the last object that was looked at: "call-1/alice".
// So objects that come and go between two pages move no other object out of them. Neighbours are sorted by
// port and address. stream_watch has the list of streams. Control thread only.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "controlplane/session/context.h"
#include "controlplane/session/page.h"
#include "controlplane/session/remote_addresses.h"
#include "controlplane/session/result.h"

namespace sluice::control {

class Listing {
 public:
  /// The most objects that one page looks at. An object costs a few cache misses.
  static constexpr std::size_t kMostExamined = 4096;

  Listing(Context& context, const RemoteAddresses& remotes) : context_(context), remotes_(remotes) {}

  [[nodiscard]] Result<Page<SessionView>> sessions(const SessionList& request) const;
  [[nodiscard]] Result<Page<EndpointView>> endpoints(const EndpointList& request) const;
  [[nodiscard]] Result<Page<RouteView>> routes(const RouteList& request) const;
  [[nodiscard]] Result<Page<UdpPortView>> udp_ports(const PortList& request) const;
  [[nodiscard]] Result<Page<NeighborView>> neighbors(const NeighborList& request) const;

 private:
  template <typename Object>
  using Objects = std::map<std::string, std::unique_ptr<Object>> Session::*;

  /// One page of the objects of session `session_id`, or of all sessions when it is empty.
  /// `look(object, fill)` looks at one object.
  template <typename View, typename Object, typename Look>
  Result<Page<View>> walk(const PageRequest& request, const std::string& session_id, Objects<Object> objects,
                          Look look) const;

  Context& context_;
  const RemoteAddresses& remotes_;
};

}  // namespace sluice::control
