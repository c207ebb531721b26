# SPDX-License-Identifier: LGPL-2.1-or-later

"""A driver, as the service runs it: see cloche-driver(7). Each piece of code gets a directory with its
file, and in fd/ links to streams that this process holds."""

import json
import os
import pathlib
import select
import signal
import subprocess
import tempfile
import threading
import time

IMAGES = pathlib.Path(__file__).resolve().parents[2] / "images"


class Reader(threading.Thread):
    """Reads a stream to its end."""

    def __init__(self, fd):
        super().__init__(daemon=True)
        self.fd = fd
        self.data = bytearray()
        self.start()

    def run(self):
        with os.fdopen(self.fd, "rb", buffering=0) as stream:
            while chunk := stream.read(1 << 16):
                self.data += chunk


class Ended:
    """What came of a piece of code."""

    def __init__(self, done, results, stdout, stderr):
        self.done = done
        self.results = results
        self.stdout = stdout.decode()
        self.stderr = stderr.decode()
        self.exit_code = done and done["exit_code"]
        self.error = done and done.get("error")

    @property
    def text(self):
        return [result["text/plain"] for result in self.results]

    def __repr__(self):
        return f"{self.done} {self.results} stdout={self.stdout!r} stderr={self.stderr!r}"


class Piece:
    """A piece of code under way."""

    def __init__(self, driver, number, theirs, streams):
        self.driver = driver
        self.number = number
        self.theirs = theirs
        self.stdin, self.out, self.err = streams

    def interrupt(self):
        self.driver.process.send_signal(signal.SIGINT)
        return self

    def wait_output(self, part, timeout=20):
        deadline = time.monotonic() + timeout
        while part not in self.out.data:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{part} is not in {bytes(self.out.data)}")
            time.sleep(0.005)
        return self

    def wait(self, timeout=20):
        """Everything up to `done`, or to the driver's end: then done is None."""
        results = []
        while True:
            message = self.driver.receive(timeout)
            if message is None or message.get("done") == self.number:
                break
            assert message["result"] == self.number, message
            results.append(message["data"])
        for fd in [*self.theirs, *([] if self.stdin is None else [self.stdin])]:
            os.close(fd)
        for reader in (self.out, self.err):
            reader.join(timeout)
            assert not reader.is_alive(), "the driver still holds a stream"
        return Ended(message, results, self.out.data, self.err.data)


class Driver:
    def __init__(self, *command, cwd):
        self.directory = tempfile.TemporaryDirectory()
        self.number = 0
        self.bytes_in = b""
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, cwd=cwd)
        message = self.receive()
        if message != {"ready": True}:
            self.process.kill()
            raise AssertionError((message, self.process.communicate()[1]))

    def receive(self, timeout=20):
        """The next message, or None at the driver's end."""
        fd = self.process.stdout.fileno()
        while b"\n" not in self.bytes_in:
            if not select.select([fd], [], [], timeout)[0]:
                raise TimeoutError(f"no answer in {timeout} s")
            data = os.read(fd, 1 << 16)
            if not data:
                return None
            self.bytes_in += data
        line, self.bytes_in = self.bytes_in.split(b"\n", 1)
        assert len(line) < 1 << 20
        return json.loads(line)

    def start(self, code, stdin=b"", name="main", **more):
        """stdin: what the code reads, and then its end; None leaves it open."""
        self.number += 1
        directory = pathlib.Path(self.directory.name, str(self.number))
        (directory / "fd").mkdir(parents=True)
        (directory / name).write_text(code)
        pipes = [os.pipe() for _ in range(3)]
        if stdin is not None:
            os.write(pipes[0][1], stdin)
            os.close(pipes[0][1])
        theirs = [pipes[0][0], pipes[1][1], pipes[2][1]]
        for fd, their_fd in enumerate(theirs):
            (directory / "fd" / str(fd)).symlink_to(f"/proc/{os.getpid()}/fd/{their_fd}")
        line = {"run": self.number, "path": str(directory / name), **more}
        self.process.stdin.write(json.dumps(line).encode() + b"\n")
        self.process.stdin.flush()
        return Piece(self, self.number, theirs, (pipes[0][1] if stdin is None else None,
                                                 Reader(pipes[1][0]), Reader(pipes[2][0])))

    def run(self, code, timeout=20, **more):
        return self.start(code, **more).wait(timeout)

    def close(self):
        self.process.stdin.close()
        code = self.process.wait(20)
        self.process.stdout.close()
        self.process.stderr.close()
        self.directory.cleanup()
        return code
