"""Starts that fail with a clear error, and the options that run no daemon: --version, --self-test,
--check-config."""

import json
import mmap
import os
import re
import signal
import subprocess
import sys

from harness import ROOT, case, daemons, equal, eventually, main

ROOTLESS = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def _hold_free_huge_pages():
    """Maps every free huge page. They are free again when the mapping is closed."""
    with open("/proc/meminfo") as file:
        facts = dict(re.findall(r"^(\w+):\s+(\d+)", file.read(), re.MULTILINE))
    free, size = int(facts.get("HugePages_Free", 0)), int(facts.get("Hugepagesize", 2048)) * 1024
    if not free:
        return None
    held = mmap.mmap(-1, free * size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000)
    for at in range(0, free * size, size):
        held[at] = 1
    return held


@case
def version_names_what_it_is_linked_to(lab):
    code, output = lab.run("--version")
    equal(code, 0, output)
    for word in ("sluice", "DPDK", "OpenSSL", "libsrtp2", "ipsec"):
        assert word.lower() in output.lower(), f"no {word} in: {output}"
    assert re.search(r"avx|sse|vaes", output, re.IGNORECASE), f"no instruction set in: {output}"
    assert re.search(r"\bNSS\b|OpenSSL|mbedtls", output), f"libsrtp2's crypto library is missing: {output}"


@case
def self_test_passes(lab):
    code, output = lab.run("--self-test")
    equal(code, 0, output)
    for profile in (
        "AEAD_AES_128_GCM",
        "AEAD_AES_256_GCM",
        "AES_CM_128_HMAC_SHA1_80",
        "AES_CM_128_HMAC_SHA1_32",
    ):
        assert profile in output, f"{profile} is missing: {output}"


@case
def check_config_takes_the_projects_files(lab):
    for name in ("sluice.example.toml", "tests/demo/demo.toml"):
        code, output = lab.run("--check-config", os.path.join(ROOT, name))
        equal(code, 0, f"{name}: {output}")


@case
def all_errors_of_a_file_at_once(lab):
    path = os.path.join(lab.logs, "bad.toml")
    with open(path, "w") as file:
        file.write(
            '[[ports]]\ndevice = "net_tap0,iface=sluice0"\naddresses = ["198.18.0.1/16"]\n'
            "mtu = 9000\nspeed = 10\n"
            '[workers]\ncores = "one"\n[api]\nmode = "9999"\n[telemetry]\nx = 1\n'
        )
    for arguments in (("--check-config", path), ("--config", path)):
        code, output = lab.run(*arguments)
        equal(code, 2, f"exit code of {arguments[0]}: {output}")
        for line, key, found in (
            (4, "mtu", "9000"),
            (5, "speed", ""),
            (7, "cores", "one"),
            (9, "mode", "9999"),
            (10, "telemetry", ""),
        ):
            match = [text for text in output.splitlines() if re.search(rf"bad\.toml:{line}:\d+", text)]
            assert match and key in match[0] and found in match[0], f"line {line}, {key}: {output}"


@case
def broken_toml(lab):
    path = os.path.join(lab.logs, "broken.toml")
    for text in ("[[ports]\ndevice = 1\n", 'ports = "', "\x00\xff", "", "a = 1\na = 2\n"):
        with open(path, "w", encoding="latin-1") as file:
            file.write(text)
        code, output = lab.run("--config", path)
        equal(code, 2, f"exit code for {text!r}: {output}")
        assert "broken.toml" in output, f"{text!r}: {output}"
    code, output = lab.run("--config", os.path.join(lab.logs, "none.toml"))
    assert code == 2 and "none.toml" in output, f"missing file: {code} {output}"


@case
def not_root(lab):
    path = daemons.write_config(os.path.join("/tmp", f"sluice-not-root-{os.getpid()}.toml"), lab.config)
    try:
        os.chmod(path, 0o644)
        code, output = lab.run("--config", path, prefix=ROOTLESS)
    finally:
        os.unlink(path)
    assert code not in (0, 2) and code < 128, f"exit code {code}: {output}"
    assert re.search(r"root|privilege|permission|CAP_", output, re.IGNORECASE), output


@case
def huge_pages_required_and_none(lab):
    held = _hold_free_huge_pages()
    try:
        code, output = lab.run(config={"memory": {"huge_pages": "require"}})
    finally:
        if held:
            held.close()
    assert code not in (0, 2) and code < 128, f"exit code {code}: {output}"
    assert re.search(r"huge.?page", output, re.IGNORECASE), output


@case
def huge_pages_auto_falls_back(lab):
    held = _hold_free_huge_pages()
    try:
        lab.start({"memory": {"huge_pages": "auto"}}, "auto")
        equal(lab.stop(), 0, "exit code")
    finally:
        if held:
            held.close()
    with open(os.path.join(lab.logs, "auto.log")) as file:
        assert re.search(r"huge.?page", file.read(), re.IGNORECASE), "the fall-back is not said in the log"


@case
def huge_pages_never(lab):
    lab.start({"memory": {"huge_pages": "never"}}, "never")
    equal(lab.stop(), 0, "exit code")


@case
def socket_already_in_use(lab):
    lab.start(name="first")
    config = {"ports": [{**lab.config["ports"][0], "device": "net_tap1,iface=second0"}]}
    code, output = lab.run(config=config)
    assert code not in (0, 2) and code < 128, f"exit code {code}: {output}"
    assert lab.socket in output, f"the socket is not named: {output}"
    assert lab.rpc.call("version")["sluice"], "the first daemon still answers"
    equal(lab.stop(), 0, "exit code of the first")


@case
def stale_socket_is_taken_over(lab):
    lab.start(name="killed")
    lab.daemon.kill()
    assert os.path.exists(lab.socket), "a killed daemon leaves its socket"
    lab.start(name="next")
    mode = os.stat(lab.socket).st_mode & 0o777
    equal(oct(mode), oct(0o600), "mode of the socket")
    equal(lab.stop(), 0, "exit code")


@case
def both_engines_serve(lab):
    for engine in ("ipsec_mb", "libsrtp"):
        lab.start({"crypto": {"engine": engine}}, engine)
        version = lab.rpc.call("version")
        assert engine.replace("_", "") in json.dumps(version["engine"]).replace("_", "").replace(
            "-", ""
        ), version
        equal(len(version["profiles"]), 4, f"profiles on {engine}")
        code, out, err = lab.sluicectl("--json", "version")
        equal(code, 0, err)
        equal(json.loads(out)["engine"], version["engine"], "engine in sluicectl")
        equal(lab.stop(), 0, "exit code")


@case
def sighup_reads_the_configuration_again(lab):
    log = os.path.join(lab.logs, "reload.log")
    lab.start({"limits": {"sessions": 2}, "log": {"file": log, "level": "info"}}, "reload")
    path = os.path.join(lab.logs, "reload.toml")
    config = daemons.load_config(path)

    def rewrite(changes):
        daemons.write_config(path, daemons.merged(config, changes))
        seen = len(open(log).read()) if os.path.exists(log) else 0
        lab.daemon.process.send_signal(signal.SIGHUP)
        return eventually(
            lambda: next(
                (
                    text
                    for text in [open(log).read()[seen:] if os.path.exists(log) else ""]
                    if "reloaded" in text or "reload refused" in text
                ),
                None,
            ),
            5,
            "the log tells of the reload",
        )

    for name in ("a", "b"):
        lab.rpc.call("session.create", id=name)
    assert "error -32011" in lab.sluicectl("session", "create", "--id", "c")[2]
    told = rewrite({"limits": {"sessions": 3, "worker_load_percent": 77}, "workers": {"idle": "pause"}})
    assert "limits.sessions: 2 -> 3" in told and "limits.worker_load_percent: 85 -> 77" in told, told
    assert re.search(r'workers.idle needs a restart: it stays "yield", the file has "pause"', told), told
    lab.rpc.call("session.create", id="c")
    assert "error -32011" in lab.sluicectl("session", "create", "--id", "d")[2]
    # A configuration with errors changes nothing, and all errors are logged.
    told = rewrite({"limits": {"sessions": 0, "worker_load_percent": 101}})
    assert "reload refused" in told and "limits.sessions: found 0" in told and "found 101" in told, told
    assert "error -32011" in lab.sluicectl("session", "create", "--id", "d")[2]
    # After the log was renamed, a reload opens a new file; the level may change too.
    os.rename(log, log + ".1")
    told = rewrite({"limits": {"sessions": 4}, "log": {"level": "debug"}})
    assert os.path.exists(log), "the log file was not opened anew"
    lab.rpc.call("session.create", id="d")
    assert "request method=session.create" in open(log).read(), "log.level did not change"
    equal(lab.stop(), 0, "exit code")


@case
def device_that_does_not_exist(lab):
    config = {"ports": [{**lab.config["ports"][0], "device": "net_af_packet0,iface=nowhere0"}]}
    code, output = lab.run(config=config)
    assert code not in (0, 2) and code < 128, f"exit code {code}: {output}"
    assert "nowhere0" in output, output


@case
def nothing_left_behind(lab):
    assert not os.path.exists(lab.socket), "a socket was left behind"
    found = subprocess.run(["ip", "-n", lab.net.relay, "-o", "link"], capture_output=True, text=True).stdout
    assert "sluice0" not in found or "af_packet" in json.dumps(lab.config), f"a TAP was left behind: {found}"


if __name__ == "__main__":
    sys.exit(main(start=False))
