# SPDX-License-Identifier: LGPL-2.1-or-later

"""The service's end of a connection, played: what the tests of the command share. The first argument
of each test program is the path of `cloche`."""

import base64
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

# A program that is started in the background ignores these, and so would what it starts.
for number in signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM:
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)

# Seconds that a process may take for what it does at once: a busy machine with sanitizers is slow.
PATIENCE = 120

CLOCHE = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else "cloche"
USAGE = {"wall_usec": 2_000_000, "cpu_user_usec": 1, "cpu_system_usec": 1,
         "memory_peak_bytes": 64 << 20, "tasks_peak": 1, "io_read_bytes": 0, "io_write_bytes": 0,
         "stdout_bytes": 3 << 20, "stderr_bytes": 1 << 20}


def result(status="exited", **more):
    if status == "exited":
        more.setdefault("exit_code", 0)
    return {"sandbox": "a" * 32, "profile": "python", "image": "sha256:0", "status": status,
            "limits_hit": [], "usage": USAGE} | more


class Peer:
    """The service's end of one connection."""

    def __init__(self, connection):
        self.socket = connection
        self.file = connection.makefile("rb")

    def receive(self):
        line = self.file.readline()
        return json.loads(line) if line else None

    def expect(self, method):
        message = self.receive()
        assert message and message["method"] == method, f"expected {method}, got {message}"
        return message

    def send(self, message):
        self.send_raw(json.dumps({"jsonrpc": "2.0"} | message).encode() + b"\n")

    def send_raw(self, data):
        self.socket.sendall(data)

    def answer(self, request, value):
        self.send({"id": request["id"], "result": value})

    def refuse(self, request, message, **data):
        self.send({"id": request and request["id"],
                   "error": {"code": -32000, "message": message, "data": data}})

    def output(self, data, stream="stdout", run_id=1):
        self.send({"method": "output", "params": {
            "id": run_id, "stream": stream, "base64": base64.b64encode(data).decode()}})

    def read_stdin(self):
        """Answers every exec.stdin and returns all of the input."""
        data = b""
        while True:
            request = self.expect("exec.stdin")
            assert request["params"]["id"] == 1
            data += base64.b64decode(request["params"].get("base64", ""), validate=True)
            self.answer(request, {})
            if request["params"].get("eof"):
                return data


def plain_run(peer, *, status="exited", **more):
    request = peer.expect("run")
    peer.answer(request, result(status, **more))


class Sandbox:
    """A service with one sandbox that has files and no programs: answers what it is asked, on one
    connection, until that ends. What is to happen at an execution is `on_exec(peer, request)`; by
    default it exits with 0."""

    ID = "b" * 32
    PIECE = 100_000  # bytes in one notification of a file
    PAGE = 3         # entries in one answer of file.list

    def __init__(self, files=None, on_exec=None):
        self.files = dict(files or {})
        self.modes = {}
        self.on_exec = on_exec or (lambda peer, request: peer.answer(request, result()))
        self.seen = []       # methods, in order
        self.open_puts = {}  # id: [request, bytes]
        self.problems = {}   # path: reason, for file.put and file.get
        self.mtime = 5

    def __call__(self, peer):
        try:
            while request := peer.receive():
                self.handle(peer, request)
        except (BrokenPipeError, ConnectionResetError, json.JSONDecodeError):
            pass  # the other end may go away in the middle of anything

    def handle(self, peer, request):
        self.seen.append(request["method"])
        if "sandbox" in request["params"] or request["method"].startswith("file."):
            assert request["params"]["sandbox"] == self.ID
        handler = getattr(self, "on_" + request["method"].replace(".", "_"))
        handler(peer, request, request["params"])

    def on_sandbox_open(self, peer, request, params):
        self.opened = params
        peer.answer(request, {"sandbox": self.ID, "profile": params["profile"],
                              "image": "sha256:0", "language": "python",
                              "limits": {"lifetime_ms": 1_800_000}})

    def on_sandbox_exec(self, peer, request, params):
        self.executed = params
        self.on_exec(peer, request)

    def on_sandbox_close(self, peer, request, params):
        peer.answer(request, {"sandbox": self.ID, "usage": USAGE})

    def on_exec_cancel(self, peer, request, params):
        self.open_puts.pop(params["id"], None)
        peer.answer(request, {})

    def on_exec_stdin(self, peer, request, params):
        put = self.open_puts.get(params["id"])
        if not put:
            peer.answer(request, {})
            return
        put[1] += base64.b64decode(params["base64"], validate=True)
        peer.answer(request, {})
        if params.get("eof"):
            self.keep(peer, put[0], self.open_puts.pop(params["id"])[1])

    def keep(self, peer, request, data):
        path = request["params"]["path"]
        self.files[path] = bytes(data)
        self.modes[path] = request["params"].get("mode")
        peer.answer(request, {"path": path, "size": len(data)})

    def refuses(self, peer, request, params):
        reason = self.problems.get(params["path"])
        if reason:
            peer.refuse(request, reason.replace("_", " "), reason=reason)
        return bool(reason)

    def on_file_put(self, peer, request, params):
        if self.refuses(peer, request, params):
            return
        data = bytearray(base64.b64decode(params["base64"], validate=True))
        if params.get("more"):
            self.open_puts[request["id"]] = [request, data]
        else:
            self.keep(peer, request, data)

    def on_file_get(self, peer, request, params):
        if self.refuses(peer, request, params):
            return
        data = self.files.get(params["path"])
        if data is None:
            peer.refuse(request, "no such file", reason="file_not_found")
            return
        begin = params.get("offset", 0)
        part = data[begin:begin + params.get("length", len(data))]
        answer = {"path": params["path"], "size": len(data), "mode": "0640", "mtime": self.mtime,
                  "offset": begin, "length": len(part), "eof": begin + len(part) == len(data)}
        if params.get("stream"):
            for i in range(0, len(part), self.PIECE):
                peer.output(part[i:i + self.PIECE], "file", request["id"])
        else:
            part = part[:512 << 10]
            answer["base64"] = base64.b64encode(part).decode()
        peer.answer(request, answer)

    def on_file_list(self, peer, request, params):
        if self.refuses(peer, request, params):
            return
        path = params.get("path", ".")
        if path in self.files:
            peer.refuse(request, "not a directory", reason="not_a_directory")
            return
        prefix = "" if path == "." else path.rstrip("/") + "/"
        names = {}
        for name in self.files:
            if name.startswith(prefix):
                rest = name[len(prefix):]
                parts = rest.split("/")
                for i in range(1, len(parts) if params.get("recursive") else min(len(parts), 2)):
                    names["/".join(parts[:i])] = "directory"
                if params.get("recursive") or "/" not in rest:
                    names[rest] = "file"
        if not names and prefix:
            peer.refuse(request, "no such file", reason="file_not_found")
            return
        left = [n for n in sorted(names) if n > params.get("after", "")]
        peer.answer(request, {"path": path, "truncated": len(left) > self.PAGE, "entries": [
            {"name": n, "type": names[n], "size": 1, "mtime": 5,
             "mode": "0750" if names[n] == "directory" else "0644"} for n in left[:self.PAGE]]})

    def on_file_remove(self, peer, request, params):
        del self.files[params["path"]]
        peer.answer(request, {"path": params["path"]})


class TestCase(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.path = os.path.join(self.directory, "cloche.sock")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.addCleanup(self.listener.close)
        self.failures = []

    def serve(self, play):
        """Plays one connection on a thread; what goes wrong there fails the test."""
        def thread():
            try:
                connection, _ = self.listener.accept()
                with connection:
                    connection.settimeout(PATIENCE)
                    play(Peer(connection))
            except BaseException as e:  # pylint: disable=broad-except
                self.failures.append(e)

        t = threading.Thread(target=thread, daemon=True)  # one that waits on must not keep the failure back
        t.start()
        self.addCleanup(self.finish, t)

    def finish(self, thread):
        thread.join(20)
        self.assertFalse(thread.is_alive(), "the played service still waits for something")
        if self.failures:
            raise self.failures[0]

    def environment(self, **more):
        return {"PATH": os.environ["PATH"], "CLOCHE_SOCKET": self.path, "LC_ALL": "C.UTF-8",
                **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}, **more}

    def cloche(self, *arguments, stdin=subprocess.DEVNULL, env=None, **options):
        if "input" in options:
            stdin = None
        return subprocess.run([CLOCHE, *arguments], stdin=stdin, capture_output=True,
                              env=self.environment(**(env or {})), timeout=PATIENCE, check=False,
                              **options)

    def start(self, *arguments, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE} | options
        env = options.pop("env", {})
        process = subprocess.Popen([CLOCHE, *arguments], env=self.environment(**env), **options)
        self.addCleanup(self.reap, process)
        return process

    @staticmethod
    def reap(process):
        process.kill()
        process.communicate()

    def run_request(self, *arguments, **options):
        """The parameters of the run request that these arguments make."""
        seen = {}

        def play(peer):
            request = peer.expect("run")
            seen.update(request["params"])
            peer.answer(request, result())

        self.serve(play)
        ended = self.cloche("run", *arguments, **options)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        return seen

    def write(self, name, data, mode=0o644):
        """A file in this test's directory; its path."""
        path = os.path.join(self.directory, name)
        with open(path, "wb") as file:
            file.write(data)
        os.chmod(path, mode)
        return path

    def read(self, name):
        with open(os.path.join(self.directory, name), "rb") as file:
            return file.read()


def main():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    unittest.main(module="__main__", verbosity=2)
