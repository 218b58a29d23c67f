// cli_options: how the parameters of a method become command-line options and back: nested objects are
// flattened ("ice.ufrag" is --ice-ufrag), lists are repeated or separated by commas, transport addresses are
// written as people write them. Pure functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/api/api.h"

namespace sluice::control::cli {

struct Leaf {
  std::vector<std::string> path;  // of names in the params: {"ice", "ufrag"}
  Param param;
  std::string option;          // "--ice-ufrag"
  bool is_positional = false;  // may also stand without its option's name

  bool is_flag() const { return param.type == "boolean"; }
  /// {from, to} mappings are written "111:96".
  bool is_mapping() const;
  std::string help() const;
};

/// In the order of the definitions, which is that of positional arguments.
std::vector<Leaf> leaves_of(const Method& method);

/// The words of its sub-command: {"session", "create"}, {"events"}.
std::vector<std::string> words_of(const Method& method);

/// A short form of the same: "workers" for `worker list`; empty where there is none. Not completed, or every
/// object would be two.
std::string alias_of(const Method& method);

/// Puts what was given for one option into `params`. False with the reason in `error`.
bool put(OrderedJson& params, const Leaf& leaf, const std::vector<std::string>& values, std::string& error);

/// The script that completes sluicectl's command lines in bash.
std::string bash_completion();

}  // namespace sluice::control::cli
