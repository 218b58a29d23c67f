// config: any text as a configuration file. The result is a configuration, which loads as the same again from
// a file with the printed value of each key. Or it is a list of problems in the order of the file: each is
// one printable line and names a place that the file has.
#include <string>

#include "config/load.h"
#include "config/reload.h"
#include "config/settings.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace sluice;
using namespace sluice::config;

const Host kHost{.cpus = {0, 1, 2, 3, 4, 5, 6, 7}, .has_ipv6 = true};

// The table as TOML, without the keys that have no value.
std::string table_text(const Config& config, const Table& table, std::size_t port) {
  std::string text =
      (table.is_array ? "[[" : "[") + std::string(table.name) + (table.is_array ? "]]\n" : "]\n");
  for (const Setting& key : settings()) {
    if (key.table != table.name) continue;
    const std::string value = key.print(config, port);
    if (value != "none") text += std::string(key.name) + " = " + value + "\n";
  }
  return text;
}

std::string file_of(const Config& config) {
  std::string text;
  for (const Table& table : tables())
    for (std::size_t i = 0; i < (table.is_array ? config.ports.size() : 1); ++i)
      text += table_text(config, table, i);
  return text;
}

void check_config(const Config& config) {
  FUZZ_CHECK(!config.ports.empty() && !config.workers.cores.empty());
  const Loaded again = load_text(file_of(config), "again.toml", kHost);
  FUZZ_CHECK(std::holds_alternative<Config>(again));
  FUZZ_CHECK(changes_between(config, std::get<Config>(again)).empty());
  const Loaded plain =
      load_text("ports = [{device = \"net_tap0\", addresses = [\"192.0.2.1/24\"]}]", "", kHost);
  const Config& running = std::get<Config>(plain);
  // A reload applies the settings that may change live, and no others.
  const Config reloaded = with_live_changes(running, config);
  for (const Change& change : changes_between(running, reloaded)) FUZZ_CHECK(change.apply == Apply::kLive);
  for (const Change& change : changes_between(reloaded, config)) {
    FUZZ_CHECK(change.apply == Apply::kRestart);
    FUZZ_CHECK(fuzz::is_printable_line(to_string(change)));
  }
}

void check_problems(const std::vector<Problem>& problems, std::string_view text) {
  FUZZ_CHECK(!problems.empty());
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  for (std::size_t i = 0; i < problems.size(); ++i) {
    const Problem& problem = problems[i];
    FUZZ_CHECK(fuzz::is_printable_line(to_string(problem)));
    FUZZ_CHECK(!problem.found.empty() && !problem.allowed.empty() && !problem.key.empty());
    FUZZ_CHECK(problem.line <= lines && problem.column <= text.size() + 1);
    FUZZ_CHECK(i == 0 || std::pair(problems[i - 1].line, problems[i - 1].column) <=
                             std::pair(problem.line, problem.column));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::as_text({data, size});
  const Loaded loaded = load_text(text, "fuzz.toml", kHost);
  if (const auto* config = std::get_if<Config>(&loaded))
    check_config(*config);
  else
    check_problems(std::get<std::vector<Problem>>(loaded), text);
  return 0;
}
