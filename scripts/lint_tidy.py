"""clang-tidy for scripts/lint: adapts GCC's compile commands for clang, and keeps the findings by content.

A file is examined again when it, one of our headers that it includes, its flags, .clang-tidy or the version
of clang-tidy has changed. A run over an unchanged tree takes a second.
"""

import hashlib
import json
import os
import re
import shlex
import subprocess
import threading

# The folders of the programs. They are examined first, before tests and benchmarks.
PROGRAMS = ("config/", "crypto/", "dataplane/", "controlplane/")
TIMEOUT_S = 600

# The options of a GCC command line that clang needs. Others (warnings, optimisation, LTO) are for GCC only.
KEPT = ("-I", "-D", "-U", "-std=", "-m", "-pthread", "-fno-exceptions", "-fno-rtti", "-fshort-enums")
KEPT_WITH_NEXT = ("-isystem", "-iquote", "-include", "-I", "-D", "-U", "-idirafter")
FOLDERS = ("-isystem", "-iquote", "-idirafter", "-I")
# clang 14 does not know every feature that GCC's built-in accepts. Its result has no effect on the findings.
ADDED = ["-D__builtin_cpu_supports(x)=(sizeof(x) > 1)", "-Wno-everything"]

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)
MESSAGE = re.compile(r"^(/[^:]+):(\d+):(\d+): (?:warning|error|fatal error): (.*?) \[([^\]]+)\]$")


class TidyError(Exception):
    """clang-tidy cannot run. The text says what to do."""


def flags_for_clang(arguments, directory):
    """The flags of a GCC command that decide the meaning of the source. Folders become absolute, so
    clang-tidy sees headers by absolute names. It selects the headers to report by these names."""
    kept, index = [], 1
    while index < len(arguments):
        word = arguments[index]
        if word in KEPT_WITH_NEXT:
            index += 1
            value = arguments[index]
            kept += [word, os.path.normpath(os.path.join(directory, value)) if word in FOLDERS else value]
        elif word.startswith("-I"):
            kept.append("-I" + os.path.normpath(os.path.join(directory, word[2:])))
        elif word.startswith("-isystem"):
            kept.append("-isystem" + os.path.normpath(os.path.join(directory, word[len("-isystem") :])))
        elif word.startswith(KEPT):
            kept.append(word)
        index += 1
    return kept + ADDED


def commands_of(build, root):
    """Path from the root -> compile command for clang, from Meson's DIR/compile_commands.json."""
    path = os.path.join(build, "compile_commands.json")
    try:
        with open(path, encoding="utf-8") as file:
            entries = json.load(file)
    except OSError as error:
        raise TidyError(f"{error.strerror}: {path} (configure first: scripts/build, or give --build DIR)")
    commands = {}
    for entry in entries:
        source = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
        name = os.path.relpath(source, root)
        if name.startswith("..") or not name.endswith(".cc"):
            continue
        arguments = entry.get("arguments") or shlex.split(entry["command"])
        # When several targets compile a file, it is examined once.
        commands.setdefault(
            name,
            {
                "directory": entry["directory"],
                "file": source,
                "arguments": ["clang++", *flags_for_clang(arguments, entry["directory"]), "-c", source],
            },
        )
    return commands


class Tidy:
    """Runs clang-tidy on files of the tree and keeps the findings in FOLDER."""

    def __init__(self, root, build, program="clang-tidy"):
        self._root, self._program = root, program
        self._commands = commands_of(build, root)
        self._folder = os.path.join(build, "lint")
        os.makedirs(self._folder, exist_ok=True)
        database = json.dumps(list(self._commands.values()), indent=1)
        with open(os.path.join(self._folder, "compile_commands.json"), "w", encoding="utf-8") as file:
            file.write(database)
        version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        with open(os.path.join(root, ".clang-tidy"), encoding="utf-8") as file:
            self._basis = version + file.read()
        self._texts, self._lock = {}, threading.Lock()

    def files(self, with_tests):
        """The sources that are compiled, without tests and benchmarks unless `with_tests`."""
        return [name for name in self._commands if with_tests or name.startswith(PROGRAMS)]

    def known(self, name):
        return name in self._commands

    def _read(self, name):
        """The text of one of our files and the headers that it names. Without a file, the text is empty."""
        with self._lock:
            if name not in self._texts:
                try:
                    with open(os.path.join(self._root, name), "rb") as file:
                        text = file.read()
                except OSError:
                    text = b""
                here = os.path.dirname(name)
                named = INCLUDE.findall(text.decode("utf-8", "replace"))
                self._texts[name] = text, [*named, *(os.path.join(here, one) for one in named)]
            return self._texts[name]

    def _key(self, name):
        """A digest of everything that decides the findings."""
        digest, seen, waiting = hashlib.sha256(self._basis.encode()), set(), [name]
        digest.update(json.dumps(self._commands[name]["arguments"]).encode())
        while waiting:
            one = waiting.pop()
            if one not in seen:
                seen.add(one)
                text, named = self._read(one)
                digest.update(one.encode() + b"\0" + text)
                waiting += named
        return digest.hexdigest()

    def check(self, name):
        """[(path from the root, line, check, message)] of a file and of the headers that it includes."""
        memory = os.path.join(self._folder, name.replace("/", "+") + ".json")
        key = self._key(name)
        try:
            with open(memory, encoding="utf-8") as file:
                remembered = json.load(file)
            if remembered["key"] == key:
                return [tuple(one) for one in remembered["findings"]]
        except (OSError, ValueError, KeyError):
            pass
        findings = self._run(name)
        with open(memory, "w", encoding="utf-8") as file:
            json.dump({"key": key, "findings": findings}, file)
        return findings

    def _run(self, name):
        command = [
            self._program,
            "-p",
            self._folder,
            "--quiet",
            f"--header-filter=^{re.escape(self._root)}/",
            os.path.join(self._root, name),
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise TidyError(f"{name}: clang-tidy did not end within {TIMEOUT_S} s")
        findings = []
        for line in done.stdout.splitlines():
            match = MESSAGE.match(line)
            if match:
                path = os.path.relpath(os.path.normpath(match.group(1)), self._root)
                check = match.group(5).replace(",-warnings-as-errors", "")
                finding = (path, int(match.group(2)), check, match.group(4))
                if finding not in findings:
                    findings.append(finding)
        if done.returncode != 0 and not findings:
            tail = (done.stderr or done.stdout).strip().splitlines()[-3:]
            raise TidyError(f"{name}: clang-tidy ended with {done.returncode}: {' | '.join(tail)}")
        return findings
