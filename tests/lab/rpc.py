"""JSON-RPC 2.0 over the daemon's Unix socket, one request per line, with deadlines."""

import json
import socket
import threading
import time


class RpcError(Exception):
    """The daemon refused a request: code, message and data of its error."""

    def __init__(self, method, error):
        self.method, self.code = method, error.get("code")
        self.message, self.data = error.get("message"), error.get("data")
        super().__init__(
            f"{method}: {self.message} ({self.code}) {json.dumps(self.data) if self.data else ''}".rstrip()
        )


class Rpc:
    def __init__(self, path, timeout_s=10.0):
        self.path, self.timeout_s = path, timeout_s
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        self._socket.connect(path)
        self._pending = b""
        self._id = 0
        self._lock = threading.Lock()  # one request at a time; threads may share a client
        self.events = []  # notifications that came before an answer

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send_raw(self, data):
        self._socket.sendall(data)

    def receive_line(self, timeout_s=None):
        """One line as parsed JSON. TimeoutError at the deadline, ConnectionError when the daemon has closed
        the connection."""
        deadline = time.monotonic() + (self.timeout_s if timeout_s is None else timeout_s)
        while b"\n" not in self._pending:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no answer from {self.path} in time")
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(65536)
            except socket.timeout:
                raise TimeoutError(f"no answer from {self.path} in time") from None
            if not data:
                raise ConnectionError(f"{self.path}: the daemon closed the connection")
            self._pending += data
        line, self._pending = self._pending.split(b"\n", 1)
        return json.loads(line)

    def call(self, method, timeout_s=None, **params):
        with self._lock:
            return self._call(method, timeout_s, params)

    def list(self, method, **params):
        """All objects of a list request, page by page."""
        member = method.split(".")[0] + "s"
        objects = []
        while True:
            page = self.call(method, **params)
            objects += page[member]
            if "nextCursor" not in page:
                return objects
            params["cursor"] = page["nextCursor"]

    def _call(self, method, timeout_s, params):
        self._id += 1
        request = {"jsonrpc": "2.0", "id": self._id, "method": method, "params": params}
        self._socket.settimeout(self.timeout_s)
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except BrokenPipeError:
            pass  # the daemon has closed the connection; its last line has the reason
        while True:
            answer = self.receive_line(timeout_s)
            if answer.get("method") == "event":
                self.events.append(answer["params"])
                continue
            if (
                answer.get("id") is None and "error" in answer
            ):  # the error is about the connection, or about a line without a readable id
                raise RpcError(method, answer["error"])
            if answer.get("id") != self._id:
                raise LookupError(
                    f"{method}: answer to id {answer.get('id')} instead of {self._id}: {answer}"
                )
            if "error" in answer:
                raise RpcError(method, answer["error"])
            return answer["result"]

    def wait_event(self, type, timeout_s=10.0, **fields):
        """Removes and returns the first event of that type with those fields; waits when none has come yet.
        Needs event.subscribe."""
        deadline = time.monotonic() + timeout_s
        while True:
            for event in self.events:
                if event.get("type") == type and all(
                    event.get(key) == value for key, value in fields.items()
                ):
                    self.events.remove(event)
                    return event
            left = deadline - time.monotonic()
            if left <= 0:
                seen = [(event.get("type"), event.get("endpoint")) for event in self.events]
                raise TimeoutError(f"no event {type} {fields} within {timeout_s} s; seen: {seen}")
            answer = self.receive_line(left)
            if answer.get("method") == "event":
                self.events.append(answer["params"])
