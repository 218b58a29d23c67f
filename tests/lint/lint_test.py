"""The rules of scripts/lint: each planted fault is found, and what is right passes."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))

import lint_text  # noqa: E402
import lint_tidy  # noqa: E402


def found(path, text, others=None):
    """The rules that a file breaks, each with its line."""
    texts = {path: text, **(others or {})}
    return [(one.rule, one.line) for one in lint_text.check(path, text, texts)]


class Layout(unittest.TestCase):
    def test_a_long_line_is_found_and_a_long_word_excused(self):
        self.assertEqual(
            found("a.h", "int a;\n" + "// " + "word " * 22 + "\n"), [("columns", 2), ("trailing", 2)]
        )
        self.assertEqual(found("a.md", "see https://example.org/" + "x" * 100 + "\n"), [])
        self.assertEqual(found("a.cc", "x" * 50 + " " + "y" * 59 + "\n"), [])

    def test_a_table_without_format_may_be_wide(self):
        wide = "int a = 1;  //" + " word" * 25 + "\n"
        self.assertEqual(found("a.cc", "// clang-format off\n" + wide + "// clang-format on\n"), [])
        self.assertEqual(found("a.cc", "// clang-format off\n// clang-format on\n" + wide), [("columns", 3)])

    def test_columns_are_characters_not_bytes(self):
        self.assertEqual(found("a.md", "─" * 55 + " " + "─" * 54 + "\n"), [])

    def test_tabs_and_ends_of_lines_are_found(self):
        self.assertEqual(found("a.cc", "\tint a;\n"), [("tab", 1)])
        self.assertEqual(found("a.cc", "int a; \n"), [("trailing", 1)])
        self.assertEqual(found("a.cc", "int a;\r\n"), [("trailing", 1)])
        self.assertEqual(found("a.cc", "int a;"), [("trailing", 1)])
        self.assertEqual(found("a.cc", "int a;\n\n"), [("trailing", 2)])


class Words(unittest.TestCase):
    def test_banned_words_are_found_in_prose_and_in_names(self):
        for line in (
            "// Whence it came decides.",
            "// Whoever asks gets an answer.",
            "// Else nobody needs it.",
            "enum Owner { kOurs, kNobodys };",
            "// The loan comes home.",
            "void send_home();",
            "class PuntDesk;",
            "int webrtc_desk = 0;",
            "struct DataPlaneDoor;",
            "worker_books_.clear();",
            "// The house of the code.",
            "// There is no room for it.",
            "if (ring.room() == 0) return;",
            "constexpr int kTailRoom = 16;",
        ):
            self.assertEqual(found("a.cc", line + "\n"), [("words", 1)], line)

    def test_plain_words_pass(self):
        for line in (
            "// A room of 300 people; rooms of 6.",
            "// The outdoor desktop of a warehouse keeps bookkeeping and a notebook.",
            'room = lab.room("feedback")',
            "struct LendRoom;",
            "// At home: the worker that owns the endpoint.",
        ):
            self.assertEqual(found("a.cc", line + "\n"), [], line)

    def test_the_style_page_may_quote_them(self):
        self.assertEqual(found("docs/style.md", "whence\n"), [])


class Contracts(unittest.TestCase):
    def test_a_void_function_that_tells_what_it_returns_is_found(self):
        for comment in (
            "// False when one was sent.",
            "// Sends it. True if\n// it was.",
            "/// Returns the sum.",
        ):
            rules = found("a.h", f"{comment}\nvoid send_report(int a);\n")
            self.assertEqual([rule for rule, _ in rules], ["contract"], comment)

    def test_other_comments_and_functions_pass(self):
        self.assertEqual(found("a.h", "// False when one was sent.\nbool send_report(int a);\n"), [])
        self.assertEqual(found("a.h", "// Returns buffers to their pool.\nvoid give_back(int a);\n"), [])
        self.assertEqual(found("a.h", "// Returns the sum.\n\nvoid give_back(int a);\n"), [])


class Sizes(unittest.TestCase):
    def test_long_files_are_found(self):
        self.assertEqual(found("a.cc", "int a;\n" * 501), [("size", 1)])
        self.assertEqual(found("tests/a_test.cc", "int a;\n" * 501), [])
        self.assertEqual(found("tests/a_test.cc", "int a;\n" * 701), [("size", 1)])
        self.assertEqual(found("docs/a.md", "text\n" * 800), [])

    def test_long_functions_are_found(self):
        body = "  a();\n" * 71
        self.assertEqual(
            found("a.cc", "int b;\n\nvoid long_one(\n    int a) {\n" + body + "}\n"), [("size", 3)]
        )
        self.assertEqual(found("a.cc", "void short_one() {\n" + body[:350] + "}\n"), [])
        python = "def long_one():\n" + "    a()\n" * 71
        self.assertEqual(found("a.py", "b = 1\n\n\n" + python), [("size", 4)])
        self.assertEqual(found("run", "#!/usr/bin/python3\n" + python), [("size", 2)])

    def test_python_that_does_not_parse_is_found(self):
        self.assertEqual(found("a.py", "def (\n"), [("syntax", 1)])


class Names(unittest.TestCase):
    def test_links_that_lead_nowhere_are_found(self):
        others = {"docs/a.md": "# One heading: two\n", "config/config.h": ""}
        self.assertEqual(found("README.md", "[a](docs/b.md)\n", others), [("link", 1), ("path", 1)])
        self.assertEqual(found("README.md", "[a](docs/a.md#no-heading)\n", others), [("link", 1)])
        self.assertEqual(found("docs/b.md", "[a](a.md#one-heading-two), [b](../config)\n", others), [])
        self.assertEqual(found("docs/b.md", "[a](https://example.org/a)\n", others), [])

    def test_files_that_do_not_exist_are_found(self):
        others = {"dataplane/stages/lend.h": ""}
        self.assertEqual(found("a.md", "`dataplane/stages/forward.cc`\n", others), [("path", 1)])
        self.assertEqual(found("a.cc", "// See docs/nothing.md.\n", others), [("path", 1)])
        self.assertEqual(found("a.md", "`dataplane/stagse/`\n", others), [("path", 1)])
        self.assertEqual(
            found("a.md", "`dataplane/stages/lend`, dataplane/stages/ and tests/x\n", others), []
        )

    def test_functions_without_a_caller_are_found(self):
        texts = {
            "a.h": "int used(int a);\nint unused(int a);\n// For tests.\nint for_tests(int a);\n",
            "a.cc": "int used(int a) {\n  return a;\n}\nint unused(int a) {\n  return a;\n}\n",
            "b.cc": "int b() { return used(1); }\n",
            "tests/a_test.cc": "int c = unused(1);\n",
        }
        unused = lint_text.unused(texts)
        self.assertEqual([(path, one.line) for path, ones in unused.items() for one in ones], [("a.h", 2)])


class Tidy(unittest.TestCase):
    def test_only_flags_that_give_the_source_its_meaning_are_kept(self):
        command = (
            "g++ -I../include -isystem /usr/include/dpdk -DA=1 -std=c++20 -march=corei7 -include rte_config.h"
        )
        command += " -Wall -Werror -Wno-tsan -O2 -g -flto=auto -ffat-lto-objects -fira-algorithm=priority"
        command += " -MD -MQ a.o -MF a.o.d -o a.o -c ../a.cc"
        self.assertEqual(
            lint_tidy.flags_for_clang(command.split(), "/src/build"),
            "-I/src/include -isystem /usr/include/dpdk -DA=1 -std=c++20 -march=corei7".split()
            + ["-include", "rte_config.h"]
            + lint_tidy.ADDED,
        )

    @unittest.skipUnless(shutil.which("clang-tidy"), "clang-tidy is not installed")
    def test_a_planted_fault_is_found_remembered_and_found_mended(self):
        with tempfile.TemporaryDirectory() as root:
            build = os.path.join(root, "build")
            os.makedirs(os.path.join(root, "config"))
            os.makedirs(build)
            files = {
                ".clang-tidy": "Checks: '-*,bugprone-sizeof-expression'\n",
                "config/a.h": "inline int size(const char* text) { return sizeof(sizeof(text)); }\n",
                "config/a.cc": '#include "config/a.h"\nint b() { return size("b"); }\n',
            }
            entry = {
                "directory": build,
                "file": "../config/a.cc",
                "command": "g++ -I.. -flto=auto -c ../config/a.cc",
            }
            files["build/compile_commands.json"] = json.dumps([entry])
            for name, text in files.items():
                with open(os.path.join(root, name), "w", encoding="utf-8") as file:
                    file.write(text)
            for _ in range(2):  # the second answer is the remembered one
                findings = lint_tidy.Tidy(root, build).check("config/a.cc")
                self.assertEqual(
                    [one[:3] for one in findings], [("config/a.h", 1, "bugprone-sizeof-expression")]
                )
            with open(os.path.join(root, "config/a.h"), "w", encoding="utf-8") as file:
                file.write("inline int size(const char* text) { return text != nullptr; }\n")
            self.assertEqual(lint_tidy.Tidy(root, build).check("config/a.cc"), [])

    def test_a_build_that_is_not_configured_is_told(self):
        with self.assertRaisesRegex(lint_tidy.TidyError, "configure first"):
            lint_tidy.commands_of("/nonexistent", ROOT)


class Command(unittest.TestCase):
    """The program, in a repository of its own."""

    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.root = self._folder.name
        shutil.copytree(os.path.join(ROOT, "scripts"), os.path.join(self.root, "scripts"))
        for name in (".clang-format", ".clang-tidy", "pyproject.toml"):
            shutil.copy(os.path.join(ROOT, name), self.root)
        self.git("init", "-q")

    def git(self, *arguments):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        subprocess.run(["git", *arguments], cwd=self.root, check=True, env=environment)

    def write(self, name, text):
        with open(os.path.join(self.root, name), "w", encoding="utf-8") as file:
            file.write(text)

    def lint(self, *arguments):
        command = [os.path.join(self.root, "scripts", "lint"), *arguments]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        return done.returncode, done.stdout + done.stderr

    def test_staged_judges_the_index_and_not_the_work_tree(self):
        self.write("a.md", "whence\n")
        self.git("add", "a.md")
        self.write("a.md", "from where\n")
        code, said = self.lint("--staged", "--only", "text")
        self.assertEqual(code, 1, said)
        self.assertIn("FAILED a.md:1:", said)
        self.assertTrue(said.endswith("0 passed, 1 failed\n"), said)
        self.git("add", "a.md")
        code, said = self.lint("--staged", "--only", "text")
        self.assertEqual((code, said.splitlines()[-1]), (0, "1 passed, 0 failed"), said)

    def test_each_tool_finds_its_fault(self):
        faults = {
            "format": ("clang-format", "a.cc", "int  a;\n"),
            "python": ("pyflakes3", "a.py", "import os\n"),
            "python-format": ("black", "a.py", "a = 'b'\n"),
            "shell": ("shellcheck", "a.sh", "#!/bin/bash\necho $1\n"),
            "spelling": ("codespell", "a.md", "te" "h end\n"),
        }
        for check, (tool, name, text) in faults.items():
            if not shutil.which(tool):
                continue
            with self.subTest(check):
                self.write(name, text)
                code, said = self.lint("--only", check, os.path.join(self.root, name))
                self.assertEqual(code, 1, said)
                self.assertIn(f"FAILED {name}", said)

    def test_fix_mends_ends_of_lines(self):
        self.write("a.md", "text  \n\n\n")
        code, said = self.lint("--fix", "--only", "text", os.path.join(self.root, "a.md"))
        self.assertEqual(code, 0, said)
        with open(os.path.join(self.root, "a.md"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "text\n")

    def test_an_unknown_check_is_refused_with_what_is_allowed(self):
        code, said = self.lint("--only", "nothing")
        self.assertEqual(code, 2)
        self.assertIn("allowed: text, format", said)


if __name__ == "__main__":
    unittest.main()
