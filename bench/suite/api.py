"""Sends many requests over the daemon's Unix socket, and reads answers at the same time (docs/api.md, On the
wire). The time is that of socket and daemon alone: requests are made before, and answers are parsed after.
"""

import json
import select
import socket
import time


class Refused(Exception):
    """A request that had to succeed was refused."""


def encode(requests):
    return b"".join(
        json.dumps(
            {"jsonrpc": "2.0", "id": number, "method": method, "params": params}, separators=(",", ":")
        ).encode()
        + b"\n"
        for number, (method, params) in enumerate(requests)
    )


def exchange(path, data, answers, timeout_s=120.0):
    """Sends `data` and returns (seconds, the lines of the answers). TimeoutError when some are missing."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.connect(path)
        link.setblocking(False)
        view, received, lines = memoryview(data), [], 0
        began = time.monotonic()
        while lines < answers:
            if time.monotonic() - began > timeout_s:
                raise TimeoutError(f"{path}: {lines} of {answers} answers within {timeout_s:.0f} s")
            readable, writable, _ = select.select([link], [link] if view else [], [], 1.0)
            if writable:
                view = view[link.send(view[: 1 << 16]) :]
            if readable:
                chunk = link.recv(1 << 20)
                if not chunk:
                    raise ConnectionError(f"{path}: the daemon hung up after {lines} answers")
                received.append(chunk)
                lines += chunk.count(b"\n")
        return time.monotonic() - began, b"".join(received).splitlines()


def call_all(path, requests, timeout_s=120.0):
    """Returns the results, in order, and the seconds that the exchange took. Raises Refused when a request
    was refused."""
    if not requests:
        return [], 0.0
    seconds, lines = exchange(path, encode(requests), len(requests), timeout_s)
    results = []
    for (method, params), line in zip(requests, lines):
        answer = json.loads(line)
        if "error" in answer:
            raise Refused(f"{method} {params.get('id', '')}: {json.dumps(answer['error'])[:400]}")
        results.append(answer["result"])
    return results, seconds
