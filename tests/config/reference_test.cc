// The texts about settings agree with the list of settings: the example file, docs/configuration.md and
// --help-config.
#include <gmock/gmock.h>

#include <fstream>
#include <set>
#include <sstream>

#include "config/document.h"
#include "config/reload.h"
#include "config/settings.h"
#include "tests/config/support.h"

namespace sluice::config {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string content_of(const std::string& name) {
  std::ifstream file(std::string(SLUICE_SOURCE_DIR) + "/" + name);
  EXPECT_TRUE(file.good()) << name;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The text with each white space as one space, because pages and comments break lines at different places.
std::string squeezed(const std::string& text) {
  std::istringstream words(text);
  std::string all, word;
  while (words >> word) all += (all.empty() ? "" : " ") + word;
  return all;
}

/// The comments and settings of a TOML text as one line, without the comment signs.
std::string without_comment_signs(const std::string& text) {
  std::istringstream lines(text);
  std::string all, line;
  while (std::getline(lines, line)) all += (line.starts_with("# ") ? line.substr(2) : line) + "\n";
  return squeezed(all);
}

/// The section that docs/configuration.md must contain, word for word.
std::string documentation_of(const Table& table) {
  std::string text = "### `" + heading(table) + "`\n\n" + std::string(table.meaning) + "\n";
  for (const Setting& setting : settings()) {
    if (setting.table != table.name) continue;
    text += "\n- `" + std::string(setting.name) + "` (" + setting.type + ", " +
            std::string(to_string(setting.apply)) + "): " + std::string(setting.meaning) +
            ". Default: " + setting.default_text + ". Allowed: " + setting.allowed + ".";
  }
  return text;
}

TEST(Reference, DocumentationHasEachTableWordForWord) {
  const std::string page = squeezed(content_of("docs/configuration.md"));
  for (const Table& table : tables()) {
    const std::string wanted = documentation_of(table);
    EXPECT_NE(page.find(squeezed(wanted)), std::string::npos) << "docs/configuration.md should contain:\n"
                                                              << wanted;
  }
}

TEST(Reference, DocumentationShowsTablesThatLoad) {
  const std::string page = content_of("docs/configuration.md");
  const std::string open = "```toml\n";
  int examples = 0;
  for (std::size_t at = page.find(open); at != std::string::npos; at = page.find(open, at + 1)) {
    const std::size_t begin = at + open.size();
    const std::string text = page.substr(begin, page.find("```", begin) - begin);
    EXPECT_THAT(errors_in(text), IsEmpty()) << text;
    ++examples;
  }
  EXPECT_GE(examples, 3);
}

TEST(Reference, DocumentationShowsErrorsAsTheyAre) {
  const std::string page = content_of("docs/configuration.md");
  const std::string open = "```toml wrong\n";
  const std::size_t begin = page.find(open);
  ASSERT_NE(begin, std::string::npos);
  const std::size_t text_begin = begin + open.size();
  const std::string text = page.substr(text_begin, page.find("```", text_begin) - text_begin);
  std::string errors;
  for (const Problem& problem : problems_of(load_text(text, "sluice.toml", {{0, 1, 2, 3}, true})))
    errors += to_string(problem) + "\n";
  EXPECT_THAT(squeezed(page), HasSubstr(squeezed("```\n" + errors + "```\n")));
}

TEST(Reference, ExampleHoldsTheDefaults) {
  const Config example = config_of(content_of("sluice.example.toml"));
  ASSERT_EQ(example.ports.size(), 1U);
  Config defaults;
  defaults.ports.resize(1);
  defaults.ports[0].name = "port0";
  defaults.ports[0].device = example.ports[0].device;
  defaults.ports[0].addresses = example.ports[0].addresses;
  for (const Change& change : changes_between(defaults, example)) ADD_FAILURE() << to_string(change);
}

TEST(Reference, ExampleSetsEachKeyUnderItsMeaningDefaultAndLimit) {
  const std::string text = content_of("sluice.example.toml");
  for (const Table& table : tables()) {
    const std::size_t begin = text.find("\n" + heading(table) + "\n");
    ASSERT_NE(begin, std::string::npos) << table.name;
    const std::string section = text.substr(begin, text.find("\n[", begin + 2) - begin);
    for (const Setting& setting : settings()) {
      if (setting.table != table.name) continue;
      const std::string name(setting.name);
      // A key without a default is in the file as a comment.
      const bool set = section.find("\n" + name + " = ") != std::string::npos;
      const bool told = section.find("\n# " + name + " = ") != std::string::npos;
      EXPECT_TRUE(set || (told && setting.default_text == "none"))
          << "[" << table.name << "] has no key " << name;
      const std::string wanted = std::string(setting.meaning) + ". default: " + setting.default_text +
                                 "; allowed: " + setting.allowed + " " + name + " = ";
      EXPECT_THAT(without_comment_signs(section), HasSubstr(squeezed(wanted))) << "[" << table.name << "]";
    }
  }
}

TEST(Reference, HelpNamesEachKeyWithItsFacts) {
  const std::string help = describe_settings();
  for (const Table& table : tables())
    EXPECT_THAT(help, HasSubstr(heading(table) + "  " + std::string(table.meaning)));
  for (const Setting& setting : settings())
    EXPECT_THAT(help, HasSubstr("  " + std::string(setting.name) + "\n      " + std::string(setting.meaning) +
                                ".\n      " + setting.type + "; default: " + setting.default_text +
                                "; allowed: " + setting.allowed +
                                "; change: " + std::string(to_string(setting.apply)) + "\n"));
}

TEST(Reference, KeysAreUniqueAndOfAKnownTable) {
  std::set<std::string> paths;
  std::set<std::string_view> known;
  for (const Table& table : tables()) known.insert(table.name);
  for (const Setting& setting : settings()) {
    EXPECT_TRUE(paths.insert(path_of(setting, 0)).second) << path_of(setting, 0);
    EXPECT_TRUE(known.contains(setting.table)) << setting.table;
    EXPECT_FALSE(setting.meaning.empty() || setting.type.empty() || setting.allowed.empty() ||
                 setting.default_text.empty());
    EXPECT_EQ(setting.meaning.find_first_of("\n|"), std::string_view::npos) << setting.name;
  }
}

}  // namespace
}  // namespace sluice::config
