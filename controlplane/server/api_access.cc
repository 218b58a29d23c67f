#include "controlplane/server/api_access.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <string_view>

namespace sluice::control {
namespace {

constexpr std::size_t kMaxNameBuffer = 1u << 20;

/// nullopt when the text is no number, or none that the kernel gives.
std::optional<std::uint32_t> numeric_id(std::string_view text) {
  std::uint32_t id = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (code != std::errc() || end != text.data() + text.size() || id == UINT32_MAX) return std::nullopt;
  return id;
}

/// Calls `look_up(buffer)` with a larger buffer until the entry fits: getpwnam_r, getgrnam_r.
template <typename LookUp>
bool with_buffer(LookUp look_up) {
  std::vector<char> buffer(1024);
  int code = 0;
  while ((code = look_up(buffer)) == ERANGE && buffer.size() < kMaxNameBuffer)
    buffer.resize(buffer.size() * 4);
  return code == 0;
}

std::optional<std::uint32_t> user_id(const std::string& name) {
  if (const auto id = numeric_id(name)) return id;
  passwd entry{};
  passwd* found = nullptr;
  const bool is_done = with_buffer([&](std::vector<char>& buffer) {
    return getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  });
  return is_done && found != nullptr ? std::optional(found->pw_uid) : std::nullopt;
}

std::optional<std::uint32_t> group_id(const std::string& name) {
  if (const auto id = numeric_id(name)) return id;
  group entry{};
  group* found = nullptr;
  const bool is_done = with_buffer([&](std::vector<char>& buffer) {
    return getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  });
  return is_done && found != nullptr ? std::optional(found->gr_gid) : std::nullopt;
}

/// False with the reason in `error` when a name is unknown.
bool resolve_all(const std::vector<std::string>& names, std::string_view setting, std::string_view kind,
                 std::optional<std::uint32_t> (*look_up)(const std::string&), std::vector<std::uint32_t>& ids,
                 std::string& error) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto id = look_up(names[i]);
    if (!id) {
      error = fmt::format(
          "api.{}[{}]: found \"{}\", which is no {} of this host; allowed: the name or the "
          "numeric id of a {}",
          setting, i, names[i], kind, kind);
      return false;
    }
    ids.push_back(*id);
  }
  return true;
}

/// The groups of the peer besides its own; none where the kernel does not tell.
std::vector<gid_t> peer_groups(int fd) {
  std::vector<gid_t> groups(64);
  for (;;) {
    auto length = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length) == 0) {
      groups.resize(length / sizeof(gid_t));
      return groups;
    }
    if (errno != ERANGE || length / sizeof(gid_t) <= groups.size()) return {};
    groups.resize(length / sizeof(gid_t));
  }
}

bool contains(const std::vector<std::uint32_t>& ids, std::uint32_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

std::optional<ApiAccess> ApiAccess::resolve(const config::Api& api, std::string& error) {
  ApiAccess access;
  if (!resolve_all(api.users, "users", "user", user_id, access.users_, error)) return std::nullopt;
  if (!resolve_all(api.groups, "groups", "group", group_id, access.groups_, error)) return std::nullopt;
  return access;
}

std::optional<std::string> ApiAccess::refuse(int fd) const {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return "a peer without credentials";
  if (peer.uid == 0 || peer.uid == geteuid() || contains(users_, peer.uid) || contains(groups_, peer.gid))
    return std::nullopt;
  if (!groups_.empty())
    for (const gid_t group : peer_groups(fd))
      if (contains(groups_, group)) return std::nullopt;
  return fmt::format("user id {}", peer.uid);
}

std::string ApiAccess::allowed() const {
  std::vector<uid_t> users{0};
  if (geteuid() != 0) users.push_back(geteuid());
  users.insert(users.end(), users_.begin(), users_.end());
  std::string text = fmt::format("user id{} {}", users.size() == 1 ? "" : "s", fmt::join(users, ", "));
  if (!groups_.empty())
    text += fmt::format("; group id{} {}", groups_.size() == 1 ? "" : "s", fmt::join(groups_, ", "));
  return text;
}

std::optional<gid_t> ApiAccess::file_group() const {
  return groups_.empty() ? std::nullopt : std::optional(groups_.front());
}

}  // namespace sluice::control
