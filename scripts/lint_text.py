"""The rules of scripts/lint that need only the text of files, and no tool: functions from text to findings.

docs/style.md gives the reasons. tests/lint/lint_test.py makes each fault and expects its finding.
"""

import ast
import os
import re
from collections import Counter
from typing import NamedTuple

MAX_COLUMNS = 110
MAX_LINES = 500  # of a source file
MAX_TEST_LINES = 700  # of a test file: tables of cases are long
MAX_FUNCTION_LINES = 70
UNBREAKABLE = 60  # a word with this many characters (a URL, a test vector) excuses a long line

# These files quote the words that they forbid.
WORDS_ALLOWED_IN = {"docs/style.md", "scripts/lint_text.py", "tests/lint/lint_test.py"}
# Files about the past, and files that are not ours.
HISTORY = {"CHANGELOG.md", "LICENSE"}

# A name is split into its words: punt_desk, PuntDesk and kDeskFull all contain "desk".
START = r"(?:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))"
END = r"(?:(?![A-Za-z])|(?<=[a-z])(?=[A-Z]))"


def _word(pattern):
    return re.compile(f"{START}(?i:{pattern}){END}")


BANNED = [
    (_word(r"whence|whither|hither|thither|whereupon|whosoever"), 'say "from where", "to where" or "then"'),
    (_word(r"whoever"), "name the part that does it"),
    (_word(r"nobodys?"), 'name the part: "no caller", "no worker"'),
    (
        re.compile(
            r"\b(?:com(?:e|es|ing)|came|go(?:es|ing)?|went|br(?:ing|ings|ought)|s(?:end|ends|ent))[ _]home\b",
            re.I,
        ),
        'say "returns to the worker that owns it"',
    ),
    (_word(r"houses?"), 'say "code base", "layout" or "process"'),
    (_word(r"doors?"), 'say "interface" or "adapter"'),
    (_word(r"desks?"), "name the job: dispatch, transport, address"),
    (_word(r"books"), 'say "records" or "state"'),
    (
        re.compile(
            r"\b(?:no|enough|find|finds|make|makes|made|leave|leaves|more|has|have|had|is) room\b"
            r"(?! of| with)|\broom (?:for|to|left)\b|\broom\(\)|\w*(?:Tail|Head)Room\b|\w+_room\(\)"
        ),
        '"room" means a conference; say "space" or "capacity"',
    ),
]

CONTRACT = re.compile(
    r"(?:^|[.;:] )\s*(False|True|Null|None|Returns|Return) (when|if|where|unless|whether|the|what|how|a|an)\b"
)
VOID_FUNCTION = re.compile(r"^\s*(?:virtual |static |inline |constexpr )*void [A-Za-z_]\w*\(")
PATH_IN_TEXT = re.compile(
    r"(?<![\w./~-])((?:config|crypto|dataplane|controlplane|tests|bench|scripts|docs|demo)/[\w./-]*[\w/])(?![\w*{<$-])"
)
PLACEHOLDER = re.compile(r"NAME|TARGET|FILE|DIR|PART")  # tests/fuzz/fuzz_NAME.cc
MARKDOWN_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


class Finding(NamedTuple):
    line: int
    rule: str
    message: str


def kind_of(path, text):
    """The kind of a file: c++, python, shell, markdown or other."""
    extension = os.path.splitext(path)[1]
    known = {".h": "c++", ".cc": "c++", ".py": "python", ".sh": "shell", ".bash": "shell", ".md": "markdown"}
    if extension in known:
        return known[extension]
    first = text.split("\n", 1)[0]
    if first.startswith("#!"):
        return "python" if "python" in first else "shell" if "sh" in first else "other"
    return "other"


def layout(path, text):
    """Line length, tabs, trailing spaces, the end of the file. Rows of a table between "clang-format off" and
    "on" may be longer."""
    wide = False
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() in ("// clang-format off", "// clang-format on"):
            wide = line.endswith("off")
        if len(line) > MAX_COLUMNS and not wide and max(map(len, line.split()), default=0) < UNBREAKABLE:
            yield Finding(number, "columns", f"{len(line)} columns, at most {MAX_COLUMNS}")
        if "\t" in line:
            yield Finding(number, "tab", "a tab; indent with spaces")
        if line.endswith((" ", "\r")):
            yield Finding(number, "trailing", "white space at the end of the line")
    if text and not text.endswith("\n"):
        yield Finding(text.count("\n") + 1, "trailing", "no newline at the end of the file")
    elif text.endswith("\n\n"):
        yield Finding(text.count("\n"), "trailing", "an empty line at the end of the file")


def words(path, text):
    """Words that docs/style.md bans, in comments, texts and names."""
    if path in WORDS_ALLOWED_IN or path in HISTORY:
        return
    for number, line in enumerate(text.split("\n"), 1):
        for pattern, advice in BANNED:
            match = pattern.search(line)
            if match:
                yield Finding(number, "words", f'"{match.group().strip()}": {advice}')


def _with_comment(lines, index):
    """The line at the index with the comment above it, as one line."""
    first = index
    while first > 0 and lines[first - 1].lstrip().startswith("//"):
        first -= 1
    return " ".join(line.lstrip(" /") for line in lines[first : index + 1])


def contracts(path, text):
    """A void function whose comment says that it returns a value."""
    if kind_of(path, text) != "c++":
        return
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if not VOID_FUNCTION.match(line):
            continue
        match = CONTRACT.search(_with_comment(lines, number))
        if match:
            phrase = f"{match.group(1)} {match.group(2)}"
            yield Finding(number + 1, "contract", f'a void function whose comment says "{phrase} ..."')


def _cpp_functions(lines):
    """(line, number of lines) of functions that begin in the first column, in clang-format's layout."""
    for end, line in enumerate(lines):
        if line != "}":
            continue
        begin = end - 1
        while begin > 0 and (
            not lines[begin] or lines[begin][0] in " }#/" or lines[begin].startswith("template")
        ):
            begin -= 1
        yield begin + 1, end - begin


def _python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.end_lineno - node.lineno


def sizes(path, text):
    """Files and functions that are too long."""
    kind = kind_of(path, text)
    if kind not in ("c++", "python", "shell"):
        return
    lines = text.split("\n")
    limit = MAX_TEST_LINES if path.startswith("tests/") else MAX_LINES
    if len(lines) - 1 > limit:
        yield Finding(1, "size", f"{len(lines) - 1} lines, at most {limit}")
    functions = []
    if kind == "c++":
        functions = _cpp_functions(lines)
    elif kind == "python":
        try:
            functions = list(_python_functions(text))
        except SyntaxError as error:
            yield Finding(error.lineno or 1, "syntax", str(error.msg))
    for number, length in functions:
        if length > MAX_FUNCTION_LINES:
            yield Finding(number, "size", f"a function of {length} lines, at most {MAX_FUNCTION_LINES}")


def _anchor(heading):
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def links(path, text, texts):
    """Links of Markdown to files that do not exist. texts: path -> text of all files."""
    if kind_of(path, text) != "markdown":
        return
    for number, line in enumerate(text.split("\n"), 1):
        for target in MARKDOWN_LINK.findall(line):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            to = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
            if to not in texts and not any(known.startswith(to + "/") for known in texts):
                yield Finding(number, "link", f"{target}: there is no {to}")
            elif anchor and anchor not in map(_anchor, re.findall(r"^#+ (.*)$", texts.get(to, ""), re.M)):
                yield Finding(number, "link", f"{target}: {to} has no such heading")


def paths(path, text, texts):
    """Files and folders that a document, a comment or a script names but that do not exist."""
    if path in HISTORY or path in WORDS_ALLOWED_IN or "/corpus/" in path:
        return
    for number, line in enumerate(text.split("\n"), 1):
        for name in PATH_IN_TEXT.findall(line):
            clean = name.rstrip("/.")
            if "..." in name or PLACEHOLDER.search(name) or clean in texts:
                continue
            if any(known.startswith(clean + "/") for known in texts):
                continue
            # The name of a module has no file extension.
            if any(
                known.startswith(clean + end)
                for end in (".h", ".cc", ".py")
                for known in (clean + end,)
                if known in texts
            ):
                continue
            if name.endswith("/") or os.path.splitext(clean)[1] in (
                ".h",
                ".cc",
                ".py",
                ".md",
                ".toml",
                ".sh",
                ".build",
            ):
                yield Finding(number, "path", f"{name}: there is no such file or folder")


WORD = re.compile(r"[A-Za-z_]\w*")
DECLARED = re.compile(r"^(?:  )?(?:\[\[nodiscard\]\] )?\w[\w:<>,*& ]*[ *&]([a-z]\w*)\(")
DEFINED = re.compile(r"^[\w\[].*?(?:::|[ *&])~?([a-z]\w*)\(")


def unused(texts):
    """Functions that a header declares but that no program uses (uses in tests do not count): path ->
    findings."""
    used, declared = Counter(), {}
    for path, text in texts.items():
        if kind_of(path, text) != "c++" or path.startswith("tests/"):
            continue
        for number, line in enumerate(text.split("\n"), 1):
            code = line.split("//", 1)[0]
            used.update(WORD.findall(code))
            match = DECLARED.match(code) if path.endswith(".h") else None
            if match and not re.match(r"\s*(return|else|case|using|typedef|throw|new)\b", code):
                declared.setdefault(match.group(1), []).append((path, number))
                used[match.group(1)] -= 1
            elif path.endswith(".cc") and DEFINED.match(code) and not code.rstrip().endswith(";"):
                used[DEFINED.match(code).group(1)] -= 1
    found = {}
    for name, places in declared.items():
        if used[name] > 0:
            continue
        for path, number in places:
            if not re.search(r"\btests?\b", _with_comment(texts[path].split("\n"), number - 1)):
                message = f'{name}() is used by no program; drop it, or say "for tests" in its comment'
                found.setdefault(path, []).append(Finding(number, "unused", message))
    return found


def check(path, text, texts):
    """All findings of one file, in the order of its lines."""
    found = [*layout(path, text), *words(path, text), *contracts(path, text), *sizes(path, text)]
    found += [*links(path, text, texts), *paths(path, text, texts)]
    return sorted(found)
