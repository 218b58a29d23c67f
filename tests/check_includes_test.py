"""scripts/check_includes finds what it is there for: upward includes and circles planted in a small tree."""

import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PLANTED = "config"  # the folder that planted files go to
SCRIPT = os.path.join(ROOT, "scripts", "check_includes")

CLEAN = {
    "config/config.h": [],
    "crypto/srtp/srtp_engine.h": [],
    "dataplane/base/slot_ref.h": [],
    "dataplane/wire/frame.h": ["config/config.h", "dataplane/base/slot_ref.h"],
    "dataplane/wire/frame.cc": ["dataplane/wire/frame.h"],
    "dataplane/stages/forward.h": ["dataplane/wire/frame.h", "crypto/srtp/srtp_engine.h"],
    "dataplane/stages/lend.h": ["dataplane/stages/forward.h"],
    "dataplane/worker/plane.h": ["dataplane/stages/lend.h"],
    "controlplane/session/media_plane.cc": ["dataplane/worker/plane.h"],
    "controlplane/session/model.h": [],
    "controlplane/session/sessions.h": ["controlplane/session/model.h"],
    "controlplane/api/api.h": ["controlplane/session/model.h"],
    "controlplane/server/api_server.h": ["controlplane/api/api.h", "controlplane/session/sessions.h"],
}


class CheckIncludes(unittest.TestCase):
    def check(self, changes):
        """Runs the check on the clean tree with `changes`; (exit code, output)."""
        with tempfile.TemporaryDirectory() as root:
            for path, includes in {**CLEAN, **changes}.items():
                file = os.path.join(root, path)
                os.makedirs(os.path.dirname(file), exist_ok=True)
                with open(file, "w") as out:
                    out.write("#pragma once\n" if path.endswith(".h") else "")
                    out.writelines(
                        f"#include {name}\n" if name.startswith("<") else f'#include "{name}"\n'
                        for name in includes
                    )
            done = subprocess.run(
                [sys.executable, SCRIPT, "--no-compile", "--root", root], capture_output=True, text=True
            )
            return done.returncode, done.stdout + done.stderr

    def refused(self, changes, *words):
        code, output = self.check(changes)
        self.assertEqual(code, 1, output)
        self.assertNotIn(" 0 failed", output)
        for word in words:
            self.assertIn(word, output)

    def test_a_clean_tree_passes(self):
        code, output = self.check({})
        self.assertEqual(code, 0, output)
        self.assertIn(" passed, 0 failed", output)

    def test_an_upward_include_between_parts(self):
        self.refused(
            {"dataplane/wire/frame.cc": ["controlplane/session/model.h"]},
            "dataplane/wire/frame.cc:1: includes controlplane/session/model.h",
            "may include only config, dataplane/base, dataplane/wire",
        )

    def test_an_upward_include_inside_a_part(self):
        self.refused(
            {"dataplane/wire/frame.cc": ["dataplane/wire/frame.h", "dataplane/worker/plane.h"]},
            "dataplane/wire/frame.cc:2: includes dataplane/worker/plane.h",
        )

    def test_a_circle_inside_a_folder(self):
        self.refused(
            {"dataplane/stages/forward.cc": ["dataplane/stages/forward.h", "dataplane/stages/lend.h"]},
            "in a circle: dataplane/stages/forward, dataplane/stages/lend",
        )

    def test_a_circle_of_three(self):
        self.refused(
            {
                f"{PLANTED}/a.h": [f"{PLANTED}/b.h"],
                f"{PLANTED}/b.h": [f"{PLANTED}/c.h"],
                f"{PLANTED}/c.cc": [f"{PLANTED}/a.h"],
                f"{PLANTED}/c.h": [],
            },
            "in a circle: config/a, config/b, config/c",
        )

    def test_front_ends_know_nothing_of_each_other_nor_of_the_daemon(self):
        self.refused(
            {"controlplane/api/api.cc": ["controlplane/server/api_server.h"]},
            "controlplane/api/api.cc:1: includes controlplane/server/api_server.h",
        )

    def test_the_api_sees_only_the_objects_of_the_session(self):
        self.refused(
            {"controlplane/api/api.cc": ["controlplane/session/sessions.h"]}, "may include only errors"
        )

    def test_only_the_adapter_sees_the_worker(self):
        self.refused(
            {"controlplane/session/sessions.cc": ["dataplane/worker/plane.h"]},
            "controlplane/session/sessions.cc:1: includes dataplane/worker/plane.h",
        )

    def test_a_library_that_a_folder_does_not_know(self):
        changes = {"crypto/srtp/srtp_engine.cc": ["<rte_mbuf.h>"]}
        self.refused(changes, "a library that crypto/srtp/ does not know")

    def test_a_folder_that_the_table_does_not_know(self):
        self.refused({f"{PLANTED}/odds/ends.h": []}, f"{PLANTED}/odds/ is not in the table")

    def test_a_relative_include(self):
        self.refused({"config/load.cc": ["problem.h"]}, "ours are included from the root")

    def test_a_header_without_pragma_once(self):
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, "config"))
            with open(os.path.join(root, "config", "a.h"), "w") as file:
                file.write("\n")
            done = subprocess.run(
                [sys.executable, SCRIPT, "--no-compile", "--root", root], capture_output=True, text=True
            )
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"{PLANTED}/a.h: no #pragma once", done.stdout)

    def test_our_own_tree_has_no_upward_include_and_no_circle(self):
        done = subprocess.run([sys.executable, SCRIPT, "--no-compile"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    unittest.main()
