"""Counts the cases in a JUnit file of Meson. Prints `PASSED FAILED`, and the names of failed and skipped
cases on standard error. A file that is missing or empty is one failure.

    count_cases.py FILE
"""

import sys
import xml.etree.ElementTree as tree


def main():
    try:
        cases = list(tree.parse(sys.argv[1]).getroot().iter("testcase"))
    except (OSError, tree.ParseError) as error:
        print(f"FAILED {sys.argv[1]}: {error}", file=sys.stderr)
        cases = []
    failed = skipped = 0
    for case in cases:
        name = f"{case.get('classname', '')}.{case.get('name', '')}".lstrip(".")
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
            print(f"FAILED {name}", file=sys.stderr)
        elif case.find("skipped") is not None or case.get("result") in ("skipped", "suppressed"):
            skipped += 1
            print(f"skipped {name}", file=sys.stderr)
    print(len(cases) - failed - skipped, failed if cases else 1)


main()
