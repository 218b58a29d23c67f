// settings: the one list of all settings, each with its type, default, range, meaning, and whether it may
// change while sluiced runs. The loader reads by it, reload compares by it, and `sluiced --help-config`
// prints it. A test holds docs/configuration.md and sluice.example.toml to it. A new setting is a new member
// in config.h and a new row in settings.cc. Immutable, any thread.
//
// The file calls the name of a setting a key, as TOML does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "config/config.h"
#include "config/document.h"
#include "config/forms.h"

namespace sluice::config {

enum class Apply : std::uint8_t {
  kRestart,  // read once, at start
  kLive,     // a reload applies it
};

/// "live" or "restart".
std::string_view to_string(Apply apply);

struct Setting {
  std::string_view table;  // "ports"
  std::string_view name;   // "mtu"
  std::string type;        // "integer"
  std::string default_text;
  std::string allowed;  // "1280..1500"
  Apply apply = Apply::kRestart;
  bool required = false;
  std::string_view meaning;  // one line

  // `port` is an index in Config::ports. Only the settings of [[ports]] use it.
  // REQUIRES: port < config.ports.size() for those.
  std::function<void(const Node&, Config&, std::size_t port, Mismatches&)> read;
  std::function<std::string(const Config&, std::size_t port)> print;
  std::function<void(const Config& from, Config& to, std::size_t port)> copy;
};

struct Table {
  std::string_view name;
  bool is_array;  // [[name]]: the file may have it more than once
  std::string_view meaning;
};

/// In the order of config.h.
std::span<const Table> tables();
std::span<const Setting> settings();

/// "[media]"; "[[ports]]".
std::string heading(const Table& table);

/// "media.port_min"; "ports[2].mtu" for a setting of [[ports]].
std::string path_of(const Setting& setting, std::size_t port);

/// The reference text of `sluiced --help-config`.
std::string describe_settings();

}  // namespace sluice::config
