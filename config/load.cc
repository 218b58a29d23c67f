#include "config/load.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "config/check.h"
#include "config/document.h"
#include "config/edit_distance.h"
#include "config/findings.h"
#include "config/regular_file.h"
#include "config/settings.h"

namespace sluice::config {

namespace {

/// The setting that `name` in `table` probably stands for; empty if none is similar. In other tables only an
/// exact match counts, since there are too many settings to guess the table and the name.
std::string probable_setting(std::string_view table, std::string_view name) {
  std::string guess;
  NearestName nearest(name);
  for (const Setting& setting : settings())
    if (setting.table == table && nearest.offer(setting.name)) guess = setting.name;
  if (!guess.empty()) return guess;
  for (const Setting& setting : settings())
    if (setting.name == name) return std::string(setting.table) + "." + std::string(setting.name);
  return "";
}

std::string probable_table(std::string_view name) {
  std::string guess;
  NearestName nearest(name);
  for (const Table& table : tables())
    if (nearest.offer(table.name)) guess = heading(table);
  return guess.empty() ? probable_setting("", name) : guess;
}

std::string unknown(std::string_view what, const std::string& guess) {
  return "an unknown " + std::string(what) + (guess.empty() ? "" : " (did you mean " + guess + "?)");
}

/// Reads the document by the list of settings.
class Reader {
 public:
  Reader(Config& config, Findings& findings) : config_(config), findings_(findings) {}

  void read_root(const Node& root) {
    for (const Member& member : root.members) read_member(member);
    if (root.find("ports") == nullptr)
      findings_.add({1, 1}, "ports", "nothing", "at least one [[ports]] with device and addresses");
  }

 private:
  void read_member(const Member& member) {
    const auto table = std::ranges::find(tables(), std::string_view(member.key), &Table::name);
    if (table == tables().end()) {
      std::string all;
      for (const Table& known : tables()) all += (all.empty() ? "" : ", ") + heading(known);
      const bool is_table =
          member.value.kind == Node::Kind::kTable || member.value.kind == Node::Kind::kArray;
      findings_.add(member.key_position, key_text(member.key),
                    unknown(is_table ? "table" : "key", probable_table(member.key)), "the tables " + all);
    } else if (table->is_array) {
      read_ports(member, *table);
    } else if (member.value.kind != Node::Kind::kTable) {
      findings_.add(member.value.position, member.key, describe(member.value), "a table, " + heading(*table));
    } else {
      read_table(member.value, *table, member.key, 0);
    }
  }

  void read_ports(const Member& member, const Table& table) {
    const Node& ports = member.value;
    findings_.place(member.key, member.key_position);
    if (ports.kind != Node::Kind::kArray) {
      findings_.add(ports.position, member.key, describe(ports), "an array of tables, " + heading(table));
      return;
    }
    const auto count = static_cast<std::int64_t>(ports.items.size());
    if (count < kPortCountRange.min || count > kPortCountRange.max) {
      findings_.add(ports.position, member.key, describe(ports), range_text(kPortCountRange) + " ports");
      if (count > kPortCountRange.max) return;
    }
    config_.ports.resize(ports.items.size());
    for (std::size_t i = 0; i < ports.items.size(); ++i) {
      const std::string path = member.key + "[" + std::to_string(i) + "]";
      config_.ports[i].name = "port" + std::to_string(i);
      if (ports.items[i].kind == Node::Kind::kTable)
        read_table(ports.items[i], table, path, i);
      else
        reject_port(ports.items[i], table, path, i);
    }
  }

  // No setting of this port was read, so no rule may use one.
  void reject_port(const Node& node, const Table& table, const std::string& path, std::size_t port) {
    findings_.add(node.position, path, describe(node), "a table, " + heading(table));
    for (const Setting& setting : settings())
      if (setting.table == table.name) findings_.distrust(path_of(setting, port));
  }

  void read_table(const Node& node, const Table& table, const std::string& path, std::size_t port) {
    findings_.place(path, node.position);
    for (const Member& member : node.members) {
      const auto setting = std::ranges::find_if(
          settings(), [&](const Setting& s) { return s.table == table.name && s.name == member.key; });
      if (setting == settings().end())
        report_unknown(member, table, path);
      else
        read_setting(*setting, member.value, port);
    }
    for (const Setting& setting : settings()) {
      if (setting.table != table.name || !setting.required || node.find(setting.name) != nullptr) continue;
      findings_.add(node.position, path_of(setting, port), "nothing", setting.allowed);
    }
  }

  void report_unknown(const Member& member, const Table& table, const std::string& path) {
    std::string all;
    for (const Setting& setting : settings())
      if (setting.table == table.name) all += (all.empty() ? "" : ", ") + std::string(setting.name);
    findings_.add(member.key_position, path + "." + key_text(member.key),
                  unknown("key", probable_setting(table.name, member.key)), all);
  }

  void read_setting(const Setting& setting, const Node& node, std::size_t port) {
    const std::string path = path_of(setting, port);
    findings_.place(path, node.position);
    for (std::size_t i = 0; i < node.items.size() && i < kLongestPlacedList; ++i)
      findings_.place(path + "[" + std::to_string(i) + "]", node.items[i].position);
    Mismatches mismatches;
    setting.read(node, config_, port, mismatches);
    for (Mismatch& mismatch : mismatches)
      findings_.add(mismatch.at, path + mismatch.suffix, std::move(mismatch.found),
                    std::move(mismatch.allowed));
  }

  static constexpr std::size_t kLongestPlacedList = 64;  // more than any list may have

  Config& config_;
  Findings& findings_;
};

std::vector<Problem> whole_file(const std::string& path, std::string found, std::string allowed) {
  return {{path, 0, 0, "file", std::move(found), std::move(allowed)}};
}

Loaded unreadable(const std::string& path, std::string found) {
  return whole_file(path, std::move(found), "a readable TOML file, no FIFO, device or directory");
}

std::string too_large_allowed() {
  return "at most " + std::to_string(kMaxFileBytes) + " bytes";
}

}  // namespace

Loaded load_text(std::string_view text, std::string_view file_name, const Host& host) {
  if (text.size() > kMaxFileBytes)
    return whole_file(std::string(file_name), std::to_string(text.size()) + " bytes", too_large_allowed());
  std::variant<Node, Problem> document = read_toml(text, file_name);
  if (auto* problem = std::get_if<Problem>(&document)) return std::vector<Problem>{std::move(*problem)};

  Config config;
  Findings findings(file_name);
  Reader(config, findings).read_root(std::get<Node>(document));
  check(config, host, findings);
  std::vector<Problem> problems = findings.take_problems();
  if (!problems.empty()) return problems;
  return config;
}

Loaded load_file(const std::string& path, const Host& host) {
  std::string found;
  const int fd = open_regular_file(path, found);
  if (fd < 0) return unreadable(path, std::move(found));
  // Stops when the limit is exceeded: the file may grow while it is read.
  std::string text;
  std::array<char, 16384> piece;
  ssize_t got = 0;
  do {
    got = read(fd, piece.data(), piece.size());
    if (got > 0) text.append(piece.data(), static_cast<std::size_t>(got));
  } while ((got > 0 && text.size() <= kMaxFileBytes) || (got < 0 && errno == EINTR));
  const int error = errno;
  close(fd);
  if (got < 0) return unreadable(path, std::string("an error (") + std::strerror(error) + ")");
  if (text.size() > kMaxFileBytes)
    return whole_file(path, "more than " + std::to_string(kMaxFileBytes) + " bytes", too_large_allowed());
  return load_text(text, path, host);
}

}  // namespace sluice::config
