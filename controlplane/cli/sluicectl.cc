// sluicectl: the API's requests as sub-commands, made from the definitions in api.h. It prints tables for
// people, or JSON for programs (--json). Exit codes: 0 done, 1 the daemon refused, 2 no connection to the
// daemon, 64 usage.

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "config/edit_distance.h"
#include "controlplane/api/api.h"
#include "controlplane/cli/cli_client.h"
#include "controlplane/cli/cli_options.h"
#include "controlplane/cli/cli_pages.h"
#include "controlplane/cli/cli_render.h"
#include "controlplane/cli/cli_table.h"

namespace {

using namespace sluice::control;

constexpr int kExitOk = 0;
constexpr int kExitRefused = 1;
constexpr int kExitNoDaemon = 2;
constexpr int kExitUsage = 64;

constexpr std::chrono::milliseconds kReconnectInterval{500};

struct Settings {
  std::string socket = "/run/sluice/sluice.sock";
  bool json = false;
  double watch_s = 0;
};

/// A sub-command and the values of its options.
struct Command {
  struct Given {
    cli::Leaf leaf;
    CLI::Option* option = nullptr;
    std::vector<std::string> values;  // of a list option
    std::string value;                // of any other option
    bool flag = false;
  };
  const Method* method = nullptr;
  CLI::App* app = nullptr;
  std::list<Given> given;  // CLI11 keeps pointers to the elements
};

int fail(int code, std::string_view message) {
  fmt::print(stderr, "sluicectl: {}\n", cli::printable_lines(message));
  return code;
}

void show(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

/// The parent of a sub-command: those of one object, such as "session", share a parent.
CLI::App* parent_of(CLI::App& root, const std::vector<std::string>& words,
                    std::map<std::string, CLI::App*>& parents) {
  if (words.size() == 1) return &root;
  auto*& parent = parents[words[0]];
  if (parent == nullptr) {
    parent = root.add_subcommand(words[0], fmt::format("{} commands", words[0]));
    parent->require_subcommand(1);
  }
  return parent;
}

void add_options(Command& command) {
  for (auto& leaf : cli::leaves_of(*command.method)) {
    auto& given = command.given.emplace_back();
    given.leaf = std::move(leaf);
    const auto& name = given.leaf.option;
    if (given.leaf.is_flag()) {
      given.option = command.app->add_flag(fmt::format("{0},!--no-{1}", name, name.substr(2)), given.flag,
                                           given.leaf.help());
      continue;
    }
    const std::string names = given.leaf.is_positional ? fmt::format("{},{}", name.substr(2), name) : name;
    if (given.leaf.param.list) {
      given.option = command.app->add_option(names, given.values, given.leaf.help());
      given.option->expected(1, -1)->allow_extra_args(false);
      if (given.leaf.param.type != "object" || given.leaf.is_mapping()) given.option->delimiter(',');
    } else {
      given.option = command.app->add_option(names, given.value, given.leaf.help());
    }
    given.option->type_name(given.leaf.param.type == "integer" ? "N" : "TEXT");
    if (given.leaf.param.required && given.leaf.path.size() == 1 && given.leaf.param.only_for.empty())
      given.option->required();
  }
}

std::list<Command> make_commands(CLI::App& root) {
  std::list<Command> commands;
  std::map<std::string, CLI::App*> parents;
  for (const auto& method : methods()) {
    const auto words = cli::words_of(method);
    auto& command = commands.emplace_back();
    command.method = &method;
    command.app = parent_of(root, words, parents)->add_subcommand(words.back(), std::string(method.summary));
    command.app->footer(fmt::format("Example: sluicectl {}", method.example));
    add_options(command);
    const auto alias = cli::alias_of(method);
    if (alias.empty()) continue;
    auto& same = commands.emplace_back();
    same.method = &method;
    same.app = root.add_subcommand(alias, fmt::format("same as {} list", words[0]));
    same.app->footer(fmt::format("Example: sluicectl {}", alias));
    add_options(same);
  }
  return commands;
}

int report_error(const Settings& settings, std::string_view method, const OrderedJson& error) {
  if (settings.json) show(cli::render_json(OrderedJson{{"error", error}, {"method", method}}));
  const int code = error.contains("code") && error["code"].is_number_integer() ? error["code"].get<int>() : 0;
  const std::string message =
      error.contains("message") && error["message"].is_string() ? error["message"].get<std::string>() : "?";
  return fail(kExitRefused, fmt::format("{}: {} (error {})", method, cli::printable(message), code));
}

/// Follows events until the user ends it. When the daemon ends first, the exit code says so.
int follow_events(const Settings& settings, cli::Client& client) {
  std::string error;
  while (const auto notification = client.next_notification(error)) {
    if (!notification->contains("params")) continue;
    const auto& params = (*notification)["params"];
    show(settings.json ? cli::render_json(params) : cli::render_event(params));
  }
  return fail(kExitNoDaemon, fmt::format("events end here: {}", error));
}

/// What is asked of the daemon.
struct Query {
  std::string method;
  OrderedJson params;
  bool follows_pages = false;  // until `limit` objects, or until the end
  std::optional<std::size_t> limit;
};

/// Connects again once the daemon is back. It says what it waits for.
std::unique_ptr<cli::Client> wait_for_daemon(const Settings& settings, std::string_view method,
                                             const std::string& why) {
  (void)fail(kExitNoDaemon, fmt::format("{}: {}; waiting for the daemon", method, why));
  for (;;) {
    std::this_thread::sleep_for(kReconnectInterval);
    auto client = std::make_unique<cli::Client>();
    std::string ignored;
    if (client->open(settings.socket, ignored)) return client;
  }
}

int carry_out(const Settings& settings, const Query& query) {
  using Clock = std::chrono::steady_clock;
  const std::string& method = query.method;
  std::string error;
  auto client = std::make_unique<cli::Client>();
  if (!client->open(settings.socket, error)) return fail(kExitNoDaemon, error);
  for (;;) {
    const auto began = Clock::now();
    const auto answer = query.follows_pages
                            ? cli::call_list(*client, method, query.params, query.limit, error)
                            : client->call(method, query.params, error);
    if (!answer && settings.watch_s > 0) {
      client = wait_for_daemon(settings, method, error);
      continue;
    }
    if (!answer) return fail(kExitNoDaemon, fmt::format("{}: {}", method, error));
    if (answer->contains("error")) return report_error(settings, method, (*answer)["error"]);
    if (method == "event.subscribe") return follow_events(settings, *client);
    const auto& result = (*answer)["result"];
    const std::string text = settings.json ? cli::render_json(result) : cli::render_result(method, result);
    const bool is_screen = settings.watch_s > 0 && !settings.json && isatty(STDOUT_FILENO) == 1;
    show((is_screen ? "\x1b[H\x1b[2J" : "") + text);
    if (settings.watch_s <= 0) return kExitOk;
    if (!is_screen && !settings.json) show("\n");
    // A long list is asked for half of the time at most.
    std::this_thread::sleep_for(std::max<std::chrono::duration<double>>(
        Clock::now() - began, std::chrono::duration<double>(settings.watch_s)));
  }
}

/// The values of an option as strings. "-" for a key stands for the next line of standard input. nullopt with
/// the reason in `error`.
std::optional<std::vector<std::string>> values_of(const Command::Given& given, std::string& error) {
  if (given.leaf.param.list) return given.values;
  if (given.leaf.is_flag()) return std::vector<std::string>{given.flag ? "true" : "false"};
  if (!given.leaf.is_key() || given.value != "-") return std::vector<std::string>{given.value};
  std::string line;
  if (!std::getline(std::cin, line)) {
    error = fmt::format("{}: found the end of standard input; allowed: a line with the key for each -",
                        given.leaf.option);
    return std::nullopt;
  }
  if (line.ends_with('\r')) line.pop_back();
  return std::vector<std::string>{line};
}

/// Takes the limit out of the parameters of a list: here it is that of all pages together. A list that is
/// watched is one page unless the user says otherwise. False when the limit is no number of objects.
bool take_limit(const Settings& settings, OrderedJson& params, std::optional<std::size_t>& limit) {
  if (params.contains("limit")) {
    if (params["limit"].get<std::int64_t>() < 1) return false;
    limit = params["limit"].get<std::size_t>();
    params.erase("limit");
  } else if (settings.watch_s > 0 && !params.contains("count")) {
    limit = kDefaultPageLimit;
  }
  return true;
}

/// Sends a sub-command's request. Its parameters are checked here first, with the definitions that the daemon
/// uses.
int run_command(const Settings& settings, const Command& command) {
  OrderedJson params = OrderedJson::object();
  std::string error;
  for (const auto& given : command.given) {
    if (given.option->count() == 0) continue;
    const auto values = values_of(given, error);
    if (!values || !cli::put(params, given.leaf, *values, error)) return fail(kExitUsage, error);
  }
  Query query{.method = std::string(command.method->name), .params = {}, .limit = {}};
  query.follows_pages = cli::is_paged(query.method);
  if (query.follows_pages && !take_limit(settings, params, query.limit))
    return fail(kExitUsage, "--limit: found a number below 1; allowed: 1 and more");
  const auto decoded = decode_request(query.method, Json::parse(to_line(params)));
  if (const auto* refusal = std::get_if<ApiError>(&decoded)) return fail(kExitUsage, refusal->message);
  query.params = encode_params(std::get<Request>(decoded));
  return carry_out(settings, query);
}

/// `call METHOD [JSON]`: sends the params as given; only the daemon checks them. "-" reads standard input.
int run_call(const Settings& settings, const std::string& method, std::string text) {
  if (text == "-") text.assign(std::istreambuf_iterator<char>(std::cin), {});
  if (text.empty()) text = "{}";
  const OrderedJson params = OrderedJson::parse(text, nullptr, /*allow_exceptions=*/false);
  if (params.is_discarded())
    return fail(kExitUsage, "JSON: found something else; allowed: the params as JSON");
  return carry_out(settings, {.method = method, .params = params, .limit = {}});
}

/// The root and the sub-commands that were found on the command line, outermost first.
std::vector<const CLI::App*> parsed_apps(const CLI::App& root) {
  std::vector<const CLI::App*> apps{&root};
  while (!apps.back()->get_subcommands().empty()) apps.push_back(apps.back()->get_subcommands().front());
  return apps;
}

std::vector<std::string> names_of_options(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* option : app.get_options())
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

std::vector<std::string> names_of_commands(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  return names;
}

/// What to say about the first word that no command and no option has taken. Empty when there is none, or
/// when it is one value too many.
std::string unknown_word(const CLI::App& root, const std::vector<std::string>& words) {
  const auto left = root.remaining(/*recurse=*/true);
  const auto is_left = [&](const auto& word) {
    return std::find(left.begin(), left.end(), word) != left.end();
  };
  const auto found = std::find_if(words.begin(), words.end(), is_left);
  if (found == words.end()) return "";
  const std::string word = found->substr(0, found->find('='));
  const bool is_option = word.starts_with('-');
  const auto apps = parsed_apps(root);
  std::string guess;
  sluice::config::NearestName nearest(word);
  for (const auto* app : apps)
    for (const auto& name : is_option ? names_of_options(*app) : names_of_commands(*app))
      if (nearest.offer(name)) guess = name;
  const auto commands = names_of_commands(*apps.back());
  if (guess.empty() && !is_option && commands.empty()) return "";
  std::string path;
  for (std::size_t i = 1; i < apps.size(); ++i) path += apps[i]->get_name() + " ";
  return fmt::format("unknown {} {}{}", is_option ? "option" : "command", found_text(word),
                     !guess.empty() ? fmt::format(" (did you mean {}?)", guess)
                     : is_option    ? fmt::format("; allowed are those of: sluicectl {}--help", path)
                                    : fmt::format("; allowed: {}", fmt::join(commands, ", ")));
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app("sluicectl: asks a running sluiced, and tells it what to do", "sluicectl");
  app.fallthrough();
  app.require_subcommand(1);
  app.add_option("--socket", settings.socket, "the daemon's socket")
      ->envname("SLUICE_SOCKET")
      ->capture_default_str()
      ->type_name("PATH");
  app.set_version_flag("--version", "sluicectl " SLUICE_VERSION, "print the version of sluicectl, and end");
  app.add_flag("--json", settings.json, "print results as JSON, one object a line");
  app.add_option("--watch", settings.watch_s, "ask again every so many seconds")
      ->check(CLI::Range(0.1, 3600.0))
      ->type_name("SECONDS");
  app.footer(
      "Exit codes: 0 done, 1 the daemon refused, 2 no daemon to talk to, 64 usage.\n"
      "Example: sluicectl stream list --watch 1");
  auto commands = make_commands(app);

  std::string method, params;
  auto* call = app.add_subcommand("call", "send any request as it is");
  call->add_option("METHOD", method, "as in docs/api.md")->required();
  call->add_option("JSON", params, "its params; - reads them from standard input, out of sight of ps");
  call->footer("Example: sluicectl call session.create '{\"id\":\"call-1\"}'");
  auto* completion = app.add_subcommand("completion", "print the completion script of a shell");
  std::string shell = "bash";
  completion->add_option("SHELL", shell)->check(CLI::IsMember({"bash"}))->capture_default_str();
  completion->footer("Example: sluicectl completion bash > /etc/bash_completion.d/sluicectl");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool is_request = error.get_exit_code() == 0;  // --help or --version
    const auto unknown = is_request ? "" : unknown_word(app, {argv + 1, argv + argc});
    if (!unknown.empty()) return fail(kExitUsage, unknown);
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  signal(SIGPIPE, SIG_DFL);
  if (completion->parsed()) return show(cli::bash_completion()), kExitOk;
  if (call->parsed()) return run_call(settings, method, params);
  for (const auto& command : commands)
    if (command.app->parsed()) return run_command(settings, command);
  return fail(kExitUsage, "no command");
}
