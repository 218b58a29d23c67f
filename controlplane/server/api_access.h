// api_access: which users of this host may use the API, besides root and the daemon's own user: those of
// [api] users, and the members of [api] groups. The kernel tells who a peer is and which groups it is in
// (SO_PEERCRED, SO_PEERGROUPS), so nothing that a peer sends counts. Control thread.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "config/config.h"

namespace sluice::control {

class ApiAccess {
 public:
  /// Root and the daemon's own user only.
  ApiAccess() = default;
  /// Looks the names up. nullopt with the reason in `error` when one of them does not exist.
  [[nodiscard]] static std::optional<ApiAccess> resolve(const config::Api& api, std::string& error);

  /// nullopt when the peer of the connected socket may use the API; else what was found: "user id 7".
  [[nodiscard]] std::optional<std::string> refuse(int fd) const;
  /// Who may, in words.
  [[nodiscard]] std::string allowed() const;
  /// The group that the socket's file gets, so that its members can open it.
  [[nodiscard]] std::optional<gid_t> file_group() const;

 private:
  std::vector<uid_t> users_;
  std::vector<gid_t> groups_;
};

}  // namespace sluice::control
