# SPDX-License-Identifier: LGPL-2.1-or-later

"""The protocol as a test needs it: one connection, any number of requests under way on it, and
everything that arrives kept until somebody asks for it. No threads: whoever waits, reads."""

import base64
import collections
import json
import os
import select
import socket
import time

LINE_SIZE_MAX = 1 << 20


class Closed(Exception):
    """The service ended the connection."""


class RpcError(Exception):
    def __init__(self, error):
        data = error.get("data") or {}
        super().__init__(f"{error['message']} {data}")
        self.code = error["code"]
        self.message = error["message"]
        self.reason = data.get("reason")
        self.field = data.get("field")
        self.detail = data.get("detail", "")
        self.data = data


def connect_as(uid, gids, path, timeout=60):
    """A connected socket whose peer credentials are those of a process of this uid and these
    groups: a child connects and hands the socket over."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups(gids)
            os.setgid(gids[0])
            os.setuid(uid)
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(timeout)
            connection.connect(path)
            socket.send_fds(theirs, [b"+"], [connection.fileno()])
        except OSError as error:
            theirs.send(b"-%d" % (error.errno or 0))
        finally:
            os._exit(0)
    with ours, theirs:
        theirs.close()
        said, fds, _, _ = socket.recv_fds(ours, 32, 1)
        os.waitpid(pid, 0)
    if not fds:
        number = int(said[1:] or b"0")
        raise OSError(number, os.strerror(number), path)
    return socket.socket(fileno=fds[0])


class Client:
    def __init__(self, connection):
        self.socket = connection
        self.socket.setblocking(False)
        self.last_id = 0
        self.bytes_in = bytearray()
        self.answers = {}
        self.output = collections.defaultdict(
            lambda: collections.defaultdict(bytearray))
        self.at_end = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def end_input(self):
        self.socket.shutdown(socket.SHUT_WR)

    # -- bytes and lines

    def send_raw(self, data, timeout=300):
        """Sends all of it, and takes what comes meanwhile."""
        deadline = time.monotonic() + timeout
        view = memoryview(data)
        while view:
            readable, writable, _ = select.select([self.socket], [self.socket], [],
                                                  max(0, deadline - time.monotonic()))
            if not readable and not writable:
                raise TimeoutError("the service takes no bytes")
            if readable and not self.at_end:
                self._read()
            if writable:
                try:
                    view = view[self.socket.send(view[:1 << 16]):]
                except BlockingIOError:
                    pass
                except (BrokenPipeError, ConnectionResetError) as error:
                    raise Closed from error

    def _read(self):
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        self.at_end = not data
        self.bytes_in += data

    def receive(self, timeout=120):
        """The next message."""
        message = self.receive_any(timeout)
        assert message["jsonrpc"] == "2.0"
        return message

    def receive_any(self, timeout=120):
        """The next line, whatever JSON it is."""
        deadline = time.monotonic() + timeout
        while True:
            line, newline, rest = self.bytes_in.partition(b"\n")
            if newline:
                assert len(line) <= LINE_SIZE_MAX
                self.bytes_in = rest
                return json.loads(line)
            if self.at_end:
                assert not self.bytes_in, "the connection ended inside a line"
                raise Closed
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                raise TimeoutError(f"no message in {timeout} s")
            self._read()

    def take(self, timeout=120):
        """Receives one message and puts it where it belongs."""
        message = self.receive(timeout)
        if message.get("method") == "output":
            params = message["params"]
            assert ("text" in params) != ("base64" in params)
            data = (params["text"].encode() if "text" in params else
                    base64.b64decode(params["base64"], validate=True))
            self.output[params["id"]][params["stream"]] += data
        elif "method" not in message:
            assert message["id"] not in self.answers, "two answers to one request"
            self.answers[message["id"]] = message
        return message

    def wait_closed(self, timeout=120):
        """Takes everything up to the end of the connection. Returns the messages."""
        deadline = time.monotonic() + timeout
        messages = []
        while True:
            try:
                messages.append(self.take(deadline - time.monotonic()))
            except Closed:
                return messages

    # -- requests

    def send(self, method, params=None, request_id=None):
        if request_id is None:
            self.last_id += 1
            request_id = self.last_id
        message = {"jsonrpc": "2.0", "id": request_id, "method": method}
        if params is not None:
            message["params"] = params
        self.send_raw(json.dumps(message).encode() + b"\n")
        return request_id

    def answer(self, request_id, timeout=300):
        deadline = time.monotonic() + timeout
        while request_id not in self.answers:
            self.take(deadline - time.monotonic())
        message = self.answers.pop(request_id)
        if "error" in message:
            raise RpcError(message["error"])
        return message["result"]

    def call(self, method, params=None, timeout=300):
        return self.answer(self.send(method, params or {}), timeout)

    def start(self, profile="shell", **params):
        return Running(self, self.send("run", {"profile": profile, **params}))

    def run(self, profile="shell", timeout=300, **params):
        return self.start(profile, **params).wait(timeout)

    def execute(self, sandbox, **params):
        """Starts it in a sandbox that is open."""
        return Running(self, self.send("sandbox.exec", {"sandbox": sandbox, **params}))

    def sh(self, script, timeout=300, **params):
        return self.run("shell", timeout, code=script, **params)

    def python(self, code, timeout=300, **params):
        return self.run("python", timeout, code=code, **params)


class Running:
    """A run under way."""

    def __init__(self, client, request_id):
        self.client = client
        self.id = request_id
        self.stdin_ids = collections.deque()

    @property
    def stdout(self):
        return bytes(self.client.output[self.id]["stdout"])

    @property
    def stderr(self):
        return bytes(self.client.output[self.id]["stderr"])

    def wait(self, timeout=300):
        return Ended(self.client.answer(self.id, timeout), self.stdout, self.stderr)

    def wait_output(self, part, timeout=120):
        deadline = time.monotonic() + timeout
        while part not in self.stdout:
            if self.id in self.client.answers:
                raise AssertionError(f"it ended: {self.client.answers[self.id]} {self.stderr!r}")
            self.client.take(deadline - time.monotonic())
        return self

    def cancel(self):
        return self.client.call("exec.cancel", {"id": self.id})

    def write(self, data, eof=False):
        """Sends input in pieces, at most two of them unanswered."""
        pieces = [data[i:i + (1 << 18)] for i in range(0, len(data), 1 << 18)] or [b""]
        for i, piece in enumerate(pieces):
            # The end comes with the last piece: after it the program may be gone already.
            self._piece({"base64": base64.b64encode(piece).decode(),
                         "eof": eof and i + 1 == len(pieces)})
        while self.stdin_ids:
            self.client.answer(self.stdin_ids.popleft())
        return self

    def _piece(self, params):
        if len(self.stdin_ids) >= 2:
            self.client.answer(self.stdin_ids.popleft())
        self.stdin_ids.append(self.client.send("exec.stdin", {"id": self.id, **params}))


class Ended:
    """What came of a run."""

    def __init__(self, result, stdout, stderr):
        self.result = result
        self.stdout = stdout
        self.stderr = stderr
        self.status = result["status"]
        self.exit_code = result.get("exit_code")
        self.sandbox = result["sandbox"]
        self.usage = result["usage"]
        self.limits_hit = result["limits_hit"]

    def __repr__(self):
        return f"{self.result} stdout={self.stdout[-2000:]!r} stderr={self.stderr[-2000:]!r}"

    def good(self):
        """Asserts a plain exit with 0; returns what it printed."""
        assert (self.status, self.exit_code) == ("exited", 0), self
        return self.stdout.decode()
