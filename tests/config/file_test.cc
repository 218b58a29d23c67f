// Files that are not configurations: missing, unreadable, huge, binary, malformed in many ways. The loader
// never crashes and always gives a reason.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>

#include "config/document.h"
#include "tests/config/support.h"

namespace sluice::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

/// A file that the destructor removes.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& content) {
    const int fd = mkstemp(path_.data());
    EXPECT_GE(fd, 0);
    close(fd);
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/sluice-config-test-XXXXXX";
};

std::vector<std::string> errors_of_file(const std::string& path) {
  std::vector<std::string> lines;
  for (const Problem& problem : problems_of(load_file(path, eight_cpus())))
    lines.push_back(to_string(problem));
  return lines;
}

std::string example() {
  std::ifstream file(std::string(SLUICE_SOURCE_DIR) + "/sluice.example.toml");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(File, IsLoadedAndNamedInProblems) {
  const TemporaryFile good(kLeast);
  EXPECT_TRUE(std::holds_alternative<Config>(load_file(good.path(), eight_cpus())));
  const TemporaryFile bad(kLeast + "mtu = 1\n");
  EXPECT_THAT(errors_of_file(bad.path()),
              ElementsAre(bad.path() + ":4:7: ports[0].mtu: found 1; allowed: 1280..1500"));
}

TEST(File, Missing) {
  EXPECT_THAT(
      errors_of_file("/nonexistent/sluice.toml"),
      ElementsAre("/nonexistent/sluice.toml: file: found an error (No such file or directory); allowed: a "
                  "readable TOML file, no FIFO, device or directory"));
  EXPECT_THAT(errors_of_file(""), ElementsAre(HasSubstr("No such file or directory")));
}

TEST(File, WithoutReadPermission) {
  const TemporaryFile file(kLeast);
  ASSERT_EQ(chmod(file.path().c_str(), 0000), 0);
  const bool is_root = geteuid() == 0;  // root may read everything
  ASSERT_EQ(seteuid(is_root ? 65534 : geteuid()), 0);
  const auto errors = errors_of_file(file.path());
  ASSERT_EQ(seteuid(is_root ? 0 : geteuid()), 0);
  EXPECT_THAT(errors, ElementsAre(HasSubstr("found an error (Permission denied)")));
}

TEST(File, EmptyOrOnlyComments) {
  for (const std::string text : {"", "\n", "# nothing\n", "\xef\xbb\xbf", "   "})
    EXPECT_THAT(
        errors_in(text),
        ElementsAre(
            "f:1:1: ports: found nothing; allowed: at least one [[ports]] with device and addresses"));
}

TEST(File, OfAtMostOneMebibyte) {
  std::string text = kLeast + "#";
  text.resize(kMaxFileBytes, 'x');
  EXPECT_THAT(errors_in(text), IsEmpty());
  EXPECT_THAT(errors_of_file(TemporaryFile(text).path()), IsEmpty());
  text += 'x';
  EXPECT_THAT(errors_in(text), ElementsAre("f: file: found 1048577 bytes; allowed: at most 1048576 bytes"));
  EXPECT_THAT(errors_of_file(TemporaryFile(text).path()),
              ElementsAre(HasSubstr("file: found more than 1048576 bytes; allowed: at most 1048576 bytes")));
}

TEST(File, WhatIsNoRegularFileIsNamedAndNeverWaitedFor) {
  const std::string fifo = "/tmp/sluice-config-test-fifo-" + std::to_string(getpid());
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);  // without a writer: to open it would block
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  struct Case {
    std::string path;
    const char* found;
  };
  alarm(60);  // ends a test that waits
  for (const auto& [path, found] : std::vector<Case>{{fifo, "a FIFO"},
                                                     {"/dev/fd/" + std::to_string(ends[0]), "a FIFO"},
                                                     {"/dev/zero", "a device"},
                                                     {"/dev/null", "a device"},
                                                     {"/tmp", "a directory"}})
    EXPECT_THAT(errors_of_file(path),
                ElementsAre(path + ": file: found " + found +
                            "; allowed: a readable TOML file, no FIFO, device or directory"));
  alarm(0);
  close(ends[0]);
  close(ends[1]);
  std::filesystem::remove(fifo);
}

TEST(File, BinaryGarbage) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string text(random() % 512, '\0');
    for (char& c : text) c = static_cast<char>(random());
    EXPECT_THAT(errors_in(text), Not(IsEmpty()));
  }
  EXPECT_THAT(errors_in(std::string(1000, '\0')), ElementsAre(StartsWith("f:1:1: syntax: found ")));
  EXPECT_THAT(errors_in("\x7f"
                        "ELF\x02\x01\x01"),
              ElementsAre(StartsWith("f:1:1: syntax: found ")));
  EXPECT_THAT(errors_in(kLeast + "name = \"\xc3\x28\"\n"), ElementsAre(StartsWith("f:4:")));
}

TEST(File, CharactersOutsideAsciiWhereNoneMayBe) {
  // In place of blanks, keys and values, and behind the backslash that joins the lines of a string.
  for (const std::string character : {"é", "\u00a1", "\ufb46", "ﻼ", "ᚁ", "ⁿ", "語", "😀"}) {
    EXPECT_THAT(errors_in(kLeast + character + " = 1\n"), ElementsAre(StartsWith("f:4:1: syntax: found ")));
    EXPECT_THAT(errors_in(kLeast + "[" + character + "]\n"), SizeIs(1));
    EXPECT_THAT(errors_in(kLeast + "mtu " + character + "= 1500\n"), SizeIs(1));
    EXPECT_THAT(errors_in(kLeast + "mtu = " + character + "\n"), SizeIs(1));
    EXPECT_THAT(errors_in(kLeast + "mtu = 1500 " + character + "\n"), SizeIs(1));
    EXPECT_THAT(
        errors_in(kLeast + "[log]\nfile = \"\"\"\\\n  " + character + "\"\"\"\n# " + character + "\n"),
        IsEmpty());
  }
}

TEST(File, NestingDoesNotOverflowTheStack) {
  const auto repeated = [](const std::string& piece, std::size_t bytes) {
    std::string text;
    while (text.size() + piece.size() < bytes) text += piece;
    return text;
  };
  const std::size_t most = kMaxFileBytes - 100;
  EXPECT_THAT(errors_in("a" + repeated(".a", most) + " = 1\n"),
              ElementsAre(HasSubstr("f: syntax: found 5242")));
  EXPECT_THAT(errors_in("[a" + repeated(".a", most) + "]\n"),
              ElementsAre(HasSubstr("dots outside comment lines")));
  EXPECT_THAT(errors_in("a = " + repeated("[", most) + "\n"), SizeIs(1));
  EXPECT_THAT(errors_in("a = " + repeated("{a=", most) + "\n"), SizeIs(1));
  EXPECT_THAT(errors_in(repeated("[[a.a]]\n", most)), ElementsAre(HasSubstr("dots outside comment lines")));
  // The deepest nesting that the reader passes to the parser. The problem names only the outermost key.
  EXPECT_THAT(errors_in(kLeast + "[a" + repeated(".a", 8180) + "]\n"),
              ElementsAre(StartsWith("f:4:2: a: found an unknown table")));
  // Dots in comments do not count as nesting.
  EXPECT_THAT(errors_in(kLeast + repeated("  # . . . . . . . . . . . .\n", 100000)), IsEmpty());
}

TEST(File, ATreeIsCutOffBelowItsDepth) {
  const auto read = read_toml("a.b.c.d.e.f.g.h.i = 1\n", "f");
  const Node* node = std::get_if<Node>(&read);
  int depth = 0;
  while (node != nullptr && !node->members.empty()) {
    node = &node->members[0].value;
    ++depth;
  }
  EXPECT_EQ(depth, kMaxDepth);
}

TEST(File, ManyUnknownKeysAreAllTold) {
  std::string text = kLeast;
  for (int i = 0; i < 20000; ++i) text += "key_" + std::to_string(i) + " = 1\n";
  EXPECT_THAT(errors_in(text), SizeIs(20000));
}

TEST(File, EachPrefixOfTheExampleIsHandled) {
  const std::string text = example();
  ASSERT_THAT(errors_in(text), IsEmpty());
  for (std::size_t length = 0; length < text.size(); length += 7) errors_in(text.substr(0, length));
  SUCCEED();
}

TEST(File, MutationsOfTheExampleAreLoadedOrExplained) {
  // Without comments, so that most mutations change something.
  std::string clean;
  std::istringstream lines(example());
  for (std::string line; std::getline(lines, line);)
    if (!line.empty() && line[0] != '#') clean += line + "\n";
  ASSERT_THAT(errors_in(clean), IsEmpty());

  static constexpr std::string_view kPieces[] = {"[",  "]", "[[", "]]", "{",  "}",   "=",   "\"",    "'",
                                                 ".",  ",", "#",  "-",  "\n", "\\u", "0x",  "1e999", "inf",
                                                 "::", "/", "é",  "\0", "\r", "9",   "true"};
  std::mt19937 random(2);
  int loaded_ones = 0;
  int rejected_ones = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = clean;
    for (unsigned count = 1 + random() % 4; count > 0; --count) {
      const std::size_t at = random() % text.size();
      switch (random() % 5) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, 1 + random() % 8);
          break;
        case 2:
          text.insert(at, kPieces[random() % std::size(kPieces)]);
          break;
        case 3:
          text.insert(at, text.substr(random() % text.size(), random() % 40));
          break;
        default:
          text[at] = static_cast<char>('0' + random() % 10);
          break;
      }
    }
    const Loaded result = load_text(text, "f", eight_cpus());
    ++(std::holds_alternative<Config>(result) ? loaded_ones : rejected_ones);
    if (std::holds_alternative<Config>(result)) continue;
    ASSERT_THAT(problems_of(result), Not(IsEmpty())) << text;
    const auto line_count = static_cast<std::uint32_t>(std::ranges::count(text, '\n') + 1);
    Position last;
    for (const Problem& problem : problems_of(result)) {
      const Position at{problem.line, problem.column};
      ASSERT_GE(at.line, 1U) << to_string(problem);
      ASSERT_GE(at.column, 1U) << to_string(problem);
      ASSERT_LE(at.line, line_count + 1) << to_string(problem);
      ASSERT_LE(last, at) << to_string(problem);
      ASSERT_EQ(to_string(problem).find('\n'), std::string::npos) << to_string(problem);
      ASSERT_FALSE(problem.key.empty() || problem.found.empty() || problem.allowed.empty())
          << to_string(problem);
      last = at;
    }
  }
  EXPECT_GT(loaded_ones, 200);
  EXPECT_GT(rejected_ones, 200);
}

}  // namespace
}  // namespace sluice::config
