"""Runs sluice-gen with a plan and reads its output. docs/sluice-gen.md describes the generator."""

import contextlib
import json
import os
import select
import subprocess

from .processes import await_end, end, go_first, start


class GeneratorError(Exception):
    """sluice-gen failed, or its output cannot be used."""


class Player:
    """A sluice-gen that takes orders (`sluice-gen serve`)."""

    def __init__(self, process, log):
        self.process, self.log = process, log
        self._read = b""

    def answer(self, timeout_s):
        while b"\n" not in self._read:
            ready = select.select([self.process.stdout], [], [], timeout_s)[0]
            chunk = os.read(self.process.stdout.fileno(), 1 << 20) if ready else b""
            if not chunk:
                raise GeneratorError(f"sluice-gen {'ended' if ready else 'does not answer'}: {self._tail()}")
            self._read += chunk
        line, _, self._read = self._read.partition(b"\n")
        found = json.loads(line)
        if "error" in found:
            raise GeneratorError(f"sluice-gen: {found['error']}")
        return found

    def _tail(self):
        with open(self.log, errors="replace") as file:
            return file.read().strip()[-600:]

    def _order(self, order, timeout_s):
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.process.stdin.flush()
        return self.answer(timeout_s)

    def run(self, rate, seconds, **load):
        """`load`: forged, spoofed (docs/sluice-gen.md)."""
        return self._order({"run": {"rate": rate, "seconds": seconds, **load}}, seconds + 60)

    def run_frames(self, streams, packets, per_second, seconds):
        """A trial in which the first `streams` streams send frames of packets back to back."""
        order = {"streams": streams, "framePackets": packets, "framesPerSecond": per_second}
        return self._order({"run": {**order, "seconds": seconds}}, seconds + 60)

    def search(self, seconds, first, precision, loss, **load):
        """As Generator.search."""
        order = {"start": first, "seconds": seconds, "precision": precision, "loss": loss, **load}
        found = self._order({"search": order}, 60 * seconds + 120)
        if found["best"] is None:
            raise GeneratorError(f"the relay loses packets at every rate tried: {self._tail()}")
        return found

    def stop(self):
        """Between two orders."""
        self.process.stdin.close()
        await_end(self.process, 20)
        self.process.stdout.close()

    def kill(self):
        """In the middle of an order, which SIGTERM ends."""
        end(self.process, 5)
        self.process.stdin.close()
        self.process.stdout.close()


class Generator:
    def __init__(self, binary, link, cpu, namespace=None):
        """`link`: its arguments --ring NAME or --device DEV."""
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
        process = start(
            self._command(verb, plan, options),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        go_first(process)
        return process

    def finish(self, process, timeout_s):
        try:
            out, err = process.communicate(timeout=timeout_s)
        except BaseException as error:
            end(process, 10)
            if isinstance(error, subprocess.TimeoutExpired):
                raise GeneratorError(f"sluice-gen did not end within {timeout_s} s") from None
            raise
        await_end(process, 0)
        try:
            answer = json.loads(out)
        except ValueError:
            answer = None
        if answer is None or answer.get("best", answer) is None:
            raise GeneratorError(
                f"sluice-gen ended with {process.returncode}: {err.decode(errors='replace').strip()[-600:]}"
            )
        return answer

    @contextlib.contextmanager
    def serve(self, plan, log):
        """A Player that runs trials and searches, one after the other, until the end of the block."""
        with open(log, "wb") as errors:
            process = start(
                self._command("serve", plan, {}),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        go_first(process)
        player = Player(process, log)
        try:
            player.answer(60)  # the first line: the relay carries the plan
            yield player
        except BaseException:
            player.kill()
            raise
        player.stop()

    def run(self, plan, rate, seconds):
        """A trial with `rate` packets/s into the relay; 0: as many as the generator can send."""
        return self.finish(self.start("run", plan, rate=int(rate), seconds=seconds), seconds + 60)

    def search(self, plan, seconds, first, precision, loss):
        """{"best": trial, "latency": [trial with its share], "verifiedPackets", "verifyFailures"}."""
        process = self.start(
            "search", plan, seconds=seconds, start=int(first), precision=precision, loss=loss
        )
        return self.finish(process, 60 * seconds + 120)

    def alone(self, plan, seconds):
        """A trial without a relay."""
        return self.finish(self.start("alone", plan, seconds=seconds), seconds + 60)
