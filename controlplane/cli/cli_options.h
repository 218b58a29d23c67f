// cli_options: turns the parameters of a method into command-line options, and options into parameters.
// Members of nested objects become options of their own ("ice.ufrag" is --ice-ufrag). A list is an option
// that is repeated, or values separated by commas. Transport addresses are written as ADDRESS:PORT. Pure
// functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/api/api.h"

namespace sluice::control::cli {

struct Leaf {
  std::vector<std::string> path;  // names in the params: {"ice", "ufrag"}
  Param param;
  std::string option;          // "--ice-ufrag"
  bool is_positional = false;  // may be given without the option's name

  bool is_flag() const { return param.type == "boolean"; }
  /// Whether it is a media key, which other users must not see in the list of processes.
  bool is_key() const { return param.name == "receiveKey" || param.name == "sendKey"; }
  /// Whether it is a {from, to} mapping, which is written "111:96".
  bool is_mapping() const;
  std::string help() const;
};

/// The options of a method, in the order of its definition, which is the order of positional arguments.
std::vector<Leaf> leaves_of(const Method& method);

/// The words of the method's sub-command: {"session", "create"}, {"events"}.
std::vector<std::string> words_of(const Method& method);

/// A short name of the sub-command: "workers" for `worker list`; empty where there is none. The completion
/// leaves it out, since it would offer each object twice.
std::string alias_of(const Method& method);

/// Puts the values of one option into `params`. False with the reason in `error`.
bool put(OrderedJson& params, const Leaf& leaf, const std::vector<std::string>& values, std::string& error);

/// A bash script that completes sluicectl's command lines.
std::string bash_completion();

}  // namespace sluice::control::cli
