"""sluice-gen: runs it with a plan and reads what it says. The generator's own page is docs/benchmarking.md."""

import json
import os
import signal
import subprocess


class GeneratorError(Exception):
    """sluice-gen failed, or what it said cannot be used."""


class Generator:
    def __init__(self, binary, link, cpu, namespace=None):
        """`link`: its --ring NAME or --device DEV, as arguments."""
        self.binary, self.link, self.cpu, self.namespace = binary, link, cpu, namespace

    def _command(self, verb, plan, options):
        command = [self.binary, verb, "--core", str(self.cpu), "--plan", plan, "--json"]
        if verb != "alone":
            command += self.link
        for name, value in options.items():
            flag = "--" + name.replace("_", "-")
            command += [flag] if value is True else [flag, str(value)]
        if self.namespace:
            command = ["ip", "netns", "exec", self.namespace, *command]
        return command

    def start(self, verb, plan, **options):
        return subprocess.Popen(
            self._command(verb, plan, options),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def finish(self, process, timeout_s):
        try:
            out, err = process.communicate(timeout=timeout_s)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(10)
            if isinstance(error, subprocess.TimeoutExpired):
                raise GeneratorError(f"sluice-gen did not end within {timeout_s} s") from None
            raise
        try:
            answer = json.loads(out)
        except ValueError:
            answer = None
        if answer is None or answer.get("best", answer) is None:
            raise GeneratorError(
                f"sluice-gen ended with {process.returncode}: {err.decode(errors='replace').strip()[-600:]}"
            )
        return answer

    def run(self, plan, rate, seconds):
        """A trial at `rate` packets/s in; 0: as many as it can."""
        return self.finish(self.start("run", plan, rate=int(rate), seconds=seconds), seconds + 60)

    def search(self, plan, seconds, start, precision, loss):
        """{"best": trial, "latency": [trial with its share], "verifiedPackets", "verifyFailures"}."""
        process = self.start("search", plan, seconds=seconds, start=int(start), precision=precision, loss=loss)
        return self.finish(process, 60 * seconds + 120)

    def alone(self, plan, seconds):
        """A trial with nobody at the other end."""
        return self.finish(self.start("alone", plan, seconds=seconds), seconds + 60)
