#include "controlplane/cli/cli_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

namespace sluice::control::cli {
namespace {

std::string kebab(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') {
      text += '-';
      text += static_cast<char>(c - 'A' + 'a');
    } else {
      text += c;
    }
  }
  return text;
}

bool is_identity(std::string_view name) {
  return name == "session" || name == "id" || name == "endpoint";
}

bool has_members(const Param& param, std::initializer_list<std::string_view> names) {
  return std::equal(param.members.begin(), param.members.end(), names.begin(), names.end(),
                    [](const Param& member, std::string_view name) { return member.name == name; });
}

/// A transport address is written ADDRESS:PORT, or ADDRESS:PORT/RTCPPORT.
bool is_transport(const Param& param) {
  return has_members(param, {"address", "rtpPort", "rtcpPort"});
}

void flatten(const std::vector<Param>& params, const std::vector<std::string>& prefix,
             std::string_view only_for, std::vector<Leaf>& leaves) {
  for (const auto& param : params) {
    auto path = prefix;
    path.push_back(param.name);
    const std::string_view condition = param.only_for.empty() ? only_for : std::string_view(param.only_for);
    if (param.type == "object" && !param.list && !is_transport(param)) {
      flatten(param.members, path, condition, leaves);
      continue;
    }
    Leaf leaf{.path = path, .param = param, .option = "-"};
    leaf.param.only_for = std::string(condition);
    for (const auto& name : path)
      if (name != "endpoint" || path.size() == 1)
        leaf.option += "-" + kebab(name);  // "from.endpoint" is just --from
    leaves.push_back(std::move(leaf));
  }
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

bool convert(const Param& param, std::string_view text, OrderedJson& out, std::string& error);

/// Converts "198.18.0.2:4000" or "[2001:db8::1]:4000/4001". False with the reason in `error`.
bool convert_transport(const Param& param, std::string_view text, OrderedJson& out, std::string& error) {
  const auto slash = text.rfind('/');
  const auto host = text.substr(0, slash);
  const auto colon = host.rfind(':');
  std::string_view address = host.substr(0, colon);
  const bool is_bracketed = address.starts_with('[') && address.ends_with(']');
  if (is_bracketed) address = address.substr(1, address.size() - 2);
  if (colon == std::string_view::npos || (!is_bracketed && address.find(':') != std::string_view::npos)) {
    error = fmt::format(
        "found {}; allowed: ADDRESS:PORT[/RTCPPORT], as in 198.18.0.2:4000 or [2001:db8::1]:4000/4001",
        found_text(text));
    return false;
  }
  out = OrderedJson::object();
  return convert(param.members[0], address, out["address"], error) &&
         convert(param.members[1], host.substr(colon + 1), out["rtpPort"], error) &&
         (slash == std::string_view::npos ||
          convert(param.members[2], text.substr(slash + 1), out["rtcpPort"], error));
}

/// Converts "111:96" or "name=value,name=value". False with the reason in `error`.
bool convert_object(const Param& param, bool is_mapping, std::string_view text, OrderedJson& out,
                    std::string& error) {
  if (is_transport(param)) return convert_transport(param, text, out, error);
  out = OrderedJson::object();
  if (is_mapping) {
    const auto parts = split(text, ':');
    if (parts.size() != 2) {
      error = fmt::format("found {}; allowed: FROM:TO, as in 111:96", found_text(text));
      return false;
    }
    return convert(param.members[0], parts[0], out["from"], error) &&
           convert(param.members[1], parts[1], out["to"], error);
  }
  for (const auto part : split(text, ',')) {
    const auto equals = part.find('=');
    const auto name = part.substr(0, equals);
    const auto member = std::find_if(param.members.begin(), param.members.end(),
                                     [&](const Param& candidate) { return candidate.name == name; });
    if (equals == std::string_view::npos || member == param.members.end()) {
      std::vector<std::string> allowed;
      for (const auto& known : param.members) allowed.push_back(known.name + "=...");
      error = fmt::format("found {}; allowed: {}", found_text(part), fmt::join(allowed, ","));
      return false;
    }
    if (!convert(*member, part.substr(equals + 1), out[member->name], error)) return false;
  }
  return true;
}

bool convert(const Param& param, std::string_view text, OrderedJson& out, std::string& error) {
  if (param.type == "integer") {
    std::int64_t number = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (code != std::errc() || end != text.data() + text.size()) {
      error = fmt::format("found {}; allowed: {}", found_text(text), param.allowed);
      return false;
    }
    out = number;
  } else if (param.type == "boolean") {
    out = text == "true" || text == "1";
  } else {
    out = text;
  }
  return true;
}

}  // namespace

bool Leaf::is_mapping() const {
  return has_members(param, {"from", "to"});
}

std::string Leaf::help() const {
  std::string text = param.help;
  if (is_transport(param)) {
    text += " [ADDRESS:PORT or ADDRESS:PORT/RTCPPORT]";
  } else if (param.list && is_mapping()) {
    text += " [FROM:TO,...]";
  } else if (param.list && param.type == "object") {
    std::vector<std::string> members;
    for (const auto& member : param.members) members.push_back(member.name + "=...");
    text += fmt::format(" [{}; repeat for more]", fmt::join(members, ","));
  } else if (!param.allowed.empty() && !is_flag()) {
    text += fmt::format(" [{}{}]", param.allowed, param.list ? "; separated by commas" : "");
  }
  if (is_key()) text += " [- reads a line of standard input, out of sight of ps]";
  if (!param.only_for.empty()) text += fmt::format(" ({})", param.only_for);
  return text;
}

std::vector<Leaf> leaves_of(const Method& method) {
  std::vector<Leaf> leaves;
  flatten(method.params, {}, "", leaves);
  // Where nothing is required, as in `endpoint list call-1`, the ids need no option names either.
  const bool none_required =
      std::none_of(leaves.begin(), leaves.end(), [](const Leaf& leaf) { return leaf.param.required; });
  for (auto& leaf : leaves) {
    if (leaf.path.back() == "limit") {  // sluicectl reads as many pages as it takes
      leaf.param.help = "the most to show; default all, with --watch 100";
      leaf.param.allowed = "1..";
    }
    leaf.is_positional = leaf.path.size() == 1 && is_identity(leaf.path[0]) &&
                         (leaf.param.required || leaf.path[0] == "id" || none_required);
  }
  return leaves;
}

std::vector<std::string> words_of(const Method& method) {
  if (method.name == "event.subscribe") return {"events"};
  std::vector<std::string> words;
  for (const auto word : split(method.name, '.')) words.emplace_back(word);
  return words;
}

std::string alias_of(const Method& method) {
  const auto words = words_of(method);
  return words.back() == "list" ? words.front() + "s" : "";
}

bool put(OrderedJson& params, const Leaf& leaf, const std::vector<std::string>& values, std::string& error) {
  OrderedJson* place = &params;
  for (const auto& name : leaf.path) place = &(*place)[name];
  if (leaf.param.list) *place = OrderedJson::array();
  for (const auto& value : values) {
    OrderedJson item;
    std::string why;
    const bool is_object = leaf.param.type == "object";
    if (is_object ? !convert_object(leaf.param, leaf.is_mapping(), value, item, why)
                  : !convert(leaf.param, value, item, why)) {
      error = fmt::format("{}: {}", leaf.option, why);
      return false;
    }
    if (leaf.param.list)
      place->push_back(std::move(item));
    else
      *place = std::move(item);
  }
  return true;
}

std::string bash_completion() {
  std::map<std::string, std::vector<std::string>> verbs;  // by object
  std::string options, choices;
  std::vector<std::string> top{"call"};
  for (const auto& method : methods()) {
    const auto words = words_of(method);
    if (std::find(top.begin(), top.end(), words[0]) == top.end()) top.push_back(words[0]);
    if (words.size() > 1) verbs[words[0]].push_back(words[1]);
    std::vector<std::string> names;
    for (const auto& leaf : leaves_of(method)) {
      names.push_back(leaf.option);
      if (!leaf.is_flag() && !leaf.param.choices.empty())
        choices += fmt::format("    \"{} {}\") values=\"{}\" ;;\n", fmt::join(words, " "), leaf.option,
                               fmt::join(leaf.param.choices, " "));
    }
    options += fmt::format("    \"{}\") options=\"{}\" ;;\n", fmt::join(words, " "), fmt::join(names, " "));
  }
  std::string objects;
  for (const auto& [object, names] : verbs)
    objects += fmt::format("    {}) words=\"{}\" ;;\n", object, fmt::join(names, " "));
  std::vector<std::string> all;
  for (const auto& method : methods()) all.emplace_back(method.name);

  return fmt::format(R"(# bash completion for sluicectl, made by `sluicectl completion bash`. To use it:
#   source scripts/completion/sluicectl.bash

_sluicectl() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD - 1]}}"
  local words="" options="" values="" command="" object="" i
  local global="--socket --json --watch --version --help"
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "${{COMP_WORDS[i]}}" in
    --socket | --watch) ((i++)) ;;
    -*) ;;
    *)
      if [[ -z $object ]]; then
        object="${{COMP_WORDS[i]}}"
      elif [[ -z $command ]]; then
        command="${{COMP_WORDS[i]}}"
      fi
      ;;
    esac
  done
  case "$previous" in
  --socket) COMPREPLY=($(compgen -f -- "$current")); return ;;
  --watch) return ;;
  esac
  if [[ -z $object ]]; then
    COMPREPLY=($(compgen -W "{} $global" -- "$current"))
    return
  fi
  if [[ -z $command ]]; then
    case "$object" in
{}    call) words="{}" ;;
    esac
  fi
  case "$object${{command:+ $command}}" in
{}  esac
  case "$object${{command:+ $command}} $previous" in
{}  esac
  if [[ -n $values ]]; then
    COMPREPLY=($(compgen -W "$values" -- "$current"))
  else
    COMPREPLY=($(compgen -W "$words $options $global" -- "$current"))
  fi
}}
complete -F _sluicectl sluicectl
)",
                     fmt::join(top, " "), objects, fmt::join(all, " "), options, choices);
}

}  // namespace sluice::control::cli
