# SPDX-License-Identifier: LGPL-2.1-or-later

"""Plays everything around cloche-handler, so that the real program is tried without systemd and
Podman: the launcher with its binary messages (src/wire/launcher-message.h), which gives it the guests
of played_guest.py, and journald's socket.

What a profile's name says is what its sandboxes do: python and shell behave, the others are listed
at PROFILES."""

import base64
import contextlib
import fcntl
import json
import os
import signal
import socket
import struct
import threading
import time

from datagram import receive, send_fds
from played_guest import PlayedGuest, RealGuest

HELLO, PROFILES_ASK, OPEN, PLACE, END, CLOSE, WELCOME, PROFILE, DONE, OPENED, REFUSED, PLACED, ENDED, \
    CLOSED, DIED, RESUMED = range(1, 17)
REFUSALS = dict(connections=1, sandboxes=2, uid=3, unknown=4, profile=5, limit=6, image=7, podman=8,
                scope=9, guest=10, audit=11, internal=12)
DEATHS = dict(oom=1, lifetime=2, killed=3)

# for a look from close up: HANDLER_WRAPPER="valgrind -q --error-exitcode=99" ./test_runs.py …
WRAPPER = os.environ.get("HANDLER_WRAPPER", "").split()

UNSET = 2**64 - 1
MIB = 1 << 20
CONNECTION = "c0" * 16
DIGEST = "sha256:" + "d1" * 32
LIMITS = [512 * MIB, 128, 100, 256 * MIB, 300_000_000, 3600_000_000, 64 * MIB]
USAGE = [1000, 500, 7 * MIB, 3, 4096, 8192, 0, 0]  # the last two: oom_kills, forks_failed

# name: interpreter (or None) and what is special about it
PROFILES = {
    "python": (["/usr/bin/python3"], None),
    "shell": (["/bin/sh"], None),
    "bare": (None, None),
    "mute": (["/bin/sh"], "guest never says READY"),
    "gone": (["/bin/sh"], "guest closes its channel before READY"),
    "early": (["/bin/sh"], "guest says EXITED before READY"),
    "twice": (["/bin/sh"], "guest says READY twice"),
    "other": (["/bin/sh"], "guest says EXITED for an id that it was not given"),
    "noise": (["/bin/sh"], "guest sends bytes that are no frame once it was started"),
    "fds": (["/bin/sh"], "guest attaches descriptors to EXITED"),
    "after": (["/bin/sh"], "guest says EXITED twice"),
    "quits": (["/bin/sh"], "guest ends once it was started"),
    "unable": (["/bin/sh"], "guest cannot fork"),
    "full": (["/bin/sh"], "no byte is left on /work"),
    "oom": (["/bin/sh"], "a process was killed at the memory limit"),
    "oomall": (["/bin/sh"], "the whole sandbox dies of memory once it was started"),
    "forks": (["/bin/sh"], "a fork was refused"),
    "twins": (["/bin/sh"], "guest says CHILD twice"),
    "childless": (["/bin/sh"], "guest never says CHILD"),
    "homeless": (["/bin/sh"], "no program of it can be given a cgroup"),
    "killed": (["/bin/sh"], "an administrator ends the sandbox once it was started"),
    "lifetime": (["/bin/sh"], "the scope's RuntimeMaxUSec ends it"),
}

# the programs that keep an interpreter's state, of those that have one; for a RealGuest
DRIVERS = {"python": "python3\n/.cloche/drivers/python/driver.py"}


def text(s, size):
    data = s.encode()
    assert len(data) < size
    return data.ljust(size, b"\0")


def header(kind, serial):
    return struct.pack("=HHIQ", kind, 1, 0, serial)


class PlayedLauncher(threading.Thread):
    """The launcher's end of one handler's connection. Options change what it does:
    refuse=NAME refuses HELLO; silent=True never answers HELLO; audit=True says that audit is
    required; lose_opens=N forgets the first N OPENs, as one that dies would."""

    def __init__(self, sock, guest=PlayedGuest, **options):
        super().__init__(daemon=True)
        self.sock = sock
        self.guest = guest
        self.options = options
        self.sandboxes = {}
        self.received = []
        self.closed = []
        self.ended = []
        self.lost = 0
        self.uid = None
        self.hold_places = False
        self.held = []

    def send(self, kind, serial, body=b"", fds=()):
        data = header(kind, serial) + body
        with contextlib.suppress(OSError):
            send_fds(self.sock, data, fds) if fds else self.sock.send(data)

    def refuse(self, serial, name, detail):
        self.send(REFUSED, serial, struct.pack("=I", REFUSALS[name]) + text(detail, 512) + bytes(4))

    def run(self):
        while True:
            data, fds = receive(self.sock)
            if not data:
                break
            kind, _, _, serial = struct.unpack_from("=HHIQ", data)
            self.received.append(kind)
            if kind == HELLO:
                self.hello(serial, fds)
            elif kind == PROFILES_ASK:
                self.list_profiles(serial)
            elif kind == OPEN:
                self.open(serial, data)
            elif kind == PLACE:
                self.place(serial, data[16:48].decode(), *struct.unpack_from("=Ii", data, 56))
            elif kind == END:
                self.end(serial, data[16:48].decode(), *struct.unpack_from("=II", data, 56))
            elif kind == CLOSE:
                self.close(serial, data[16:48].decode())
            for fd in fds:
                os.close(fd)
        for guest in self.sandboxes.values():
            guest.kill()
        self.sock.close()

    def hello(self, serial, fds):
        with socket.socket(fileno=os.dup(fds[0])) as client:
            credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        _, self.uid, _ = struct.unpack("=iII", credentials)
        if self.options.get("silent"):
            return
        if "refuse" in self.options:
            self.refuse(serial, self.options["refuse"], "told why")
            return
        self.send(WELCOME, 0, text(CONNECTION, 33) + bytes(3) +
                  struct.pack("=III", self.uid, 1, bool(self.options.get("audit"))))

    def list_profiles(self, serial):
        for name in sorted(PROFILES):
            problem = "its image is missing" if name == "bare" else ""
            # the description is cut in the middle of a character, as a long one would be
            self.send(PROFILE, serial,
                      text(name, 65) + text("sh", 32) + "Ein Prüf".encode()[:7].ljust(128, b"\0") +
                      text("localhost/" + name, 256) + text("" if problem else DIGEST, 72) +
                      text(problem, 512) + bytes(7) + struct.pack("=7Q", *LIMITS))
        self.send(DONE, serial)

    def open(self, serial, data):
        name = data[16:81].split(b"\0")[0].decode()
        wanted = struct.unpack_from("=7Q", data, 88)
        if self.lost < self.options.get("lose_opens", 0):
            self.lost += 1
            return
        if name.startswith("refused-"):
            self.refuse(serial, name.removeprefix("refused-"), f"detail of {name}")
            return
        if name not in PROFILES:
            self.refuse(serial, "unknown", f"there is no profile {name}")
            return
        if any(w != UNSET and w > l for w, l in zip(wanted, LIMITS)):
            self.refuse(serial, "limit", "a limit is above the profile's")
            return
        self.opened(serial, name, [l if w == UNSET else w for w, l in zip(wanted, LIMITS)])

    def opened(self, serial, name, limits):
        sandbox = os.urandom(16).hex()
        self.sandboxes[sandbox] = guest = self.guest(name)
        interpreter = PROFILES[name][0]
        self.send(OPENED, serial,
                  text(sandbox, 33) + text(name, 65) + text(DIGEST, 72) +
                  text("\n".join(interpreter or []), 256) +
                  text(DRIVERS.get(name, "") if self.guest is RealGuest else "", 256) +
                  text("main" if interpreter else "", 32) + bytes(2) +
                  struct.pack("=I2i7Q", 0, 0, 0, *limits), [guest.handlers_end.fileno()])
        guest.handlers_end.close()
        guest.start()
        if name in ("oomall", "killed", "lifetime"):
            threading.Timer(0.3, self.die, (sandbox, name.removesuffix("all"))).start()

    def place(self, serial, sandbox, execution, pid):
        guest = self.sandboxes.get(sandbox)
        if not guest or guest.profile == "homeless":
            self.refuse(serial, "internal", "there is no such process in this sandbox")
            return
        guest.place(execution, pid)
        if self.hold_places:
            self.held.append(serial)
        else:
            self.send(PLACED, serial)

    def release_places(self):
        """Answers what it was asked since hold_places was set."""
        self.hold_places, held, self.held = False, self.held, []
        for serial in held:
            self.send(PLACED, serial)

    def end(self, serial, sandbox, execution, kill):
        guest = self.sandboxes.get(sandbox)
        self.ended.append((execution, kill))
        if guest and kill:
            guest.end_program(execution)
        self.send(ENDED, serial, struct.pack("=II", bool(guest), 0) +
                  (self.usage(guest) if guest else bytes(64)))

    def usage(self, guest):
        usage = list(USAGE)
        usage[6] = guest.profile.startswith("oom")
        usage[7] = guest.profile == "forks"
        return struct.pack("=8Q", *usage)

    def die(self, sandbox, death):
        guest = self.sandboxes.pop(sandbox, None)
        if not guest:
            return
        self.send(DIED, 0, text(sandbox, 33) + bytes(7) + struct.pack("=II", 1, DEATHS[death]) +
                  self.usage(guest))
        guest.kill()

    def close(self, serial, sandbox):
        guest = self.sandboxes.pop(sandbox, None)
        self.closed.append((sandbox, bool(guest)))
        if self.options.get("lose_closes"):
            self.options["lose_closes"] -= 1
            if guest:
                self.sandboxes[sandbox] = guest
            return
        if guest:
            guest.kill()
        self.send(CLOSED, serial, text(sandbox, 33) + bytes(7) + struct.pack("=II", bool(guest), 0) +
                  (self.usage(guest) if guest else bytes(64)))

    def resume(self):
        """A new launcher takes over."""
        self.send(RESUMED, 0)

    def vanish(self):
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)


def parse_record(data):
    """journald's native format: NAME=value, or NAME, a length and bytes."""
    fields = {}
    while data:
        line, _, rest = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if equals:
            data = rest
        else:
            size, = struct.unpack_from("<Q", rest)
            value, data = rest[8:8 + size], rest[8 + size + 1:]
        fields[name.decode()] = value.decode(errors="replace")
    return fields


class PlayedJournal(threading.Thread):
    """journald's socket: a datagram for each entry, or a memfd when it is too long for one."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket, self.writers_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.records = []
        self.start()

    def run(self):
        while True:
            data, fds = receive(self.socket, 1 << 20)
            if not data and not fds:
                return
            for fd in fds:
                with open(fd, "rb") as f:
                    f.seek(0)
                    data += f.read()
            self.records.append(parse_record(data))

    def close(self):
        if self.is_alive():
            self.socket.shutdown(socket.SHUT_RDWR)
            self.join()
            self.socket.close()


def spawn(program, fds):
    """Starts a program with these descriptors as 3, 4, …, as systemd does."""
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100) for fd in fds]
    actions = [(os.POSIX_SPAWN_DUP2, fd, 3 + i) for i, fd in enumerate(high)]
    pid = os.posix_spawnp(program[0], program, dict(os.environ), file_actions=actions, setsigmask=[])
    for fd in high:
        os.close(fd)
    return pid


class Handler:
    """A real cloche-handler with a played world around it, and the client's end of its socket."""

    def __init__(self, program, launcher=True, journal=True, guest=PlayedGuest, client=None,
                 **options):
        self.client = None
        if not client:
            self.client, client = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            self.client.settimeout(20)
        self.launcher = self.journal = None
        passed = [client]
        if launcher:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self.launcher = PlayedLauncher(ours, guest, **options)
            passed.append(theirs)
        if journal:
            self.journal = PlayedJournal()
            passed.append(self.journal.writers_end)
        fds = [s.fileno() for s in passed]
        self.pid = spawn([*WRAPPER, program], fds)
        for s in passed:
            s.close()
        if self.launcher:
            self.launcher.start()
        self.status = None
        self.buffer = b""
        self.output = {}

    # -- the client's side

    def send(self, message):
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.client.sendall(data + b"\n")

    def call(self, method, params=None, id=1):
        message = {"jsonrpc": "2.0", "id": id, "method": method}
        self.send(message if params is None else message | {"params": params})

    def receive(self):
        """The next message, None at the end."""
        while b"\n" not in self.buffer:
            data = self.client.recv(1 << 20)
            if not data:
                return None
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def answer(self):
        """The next message that is not output; output is kept in self.output by id and stream."""
        while True:
            message = self.receive()
            if not message or message.get("method") != "output":
                return message
            p = message["params"]
            data = p["text"].encode() if "text" in p else base64.b64decode(p["base64"])
            key = (p["id"], p["stream"])
            self.output[key] = self.output.get(key, b"") + data

    def run(self, id=1, **params):
        self.call("run", params, id)
        return self.answer()

    def is_at_end(self):
        try:
            return self.answer() is None
        except ConnectionResetError:
            return True

    # -- the process

    def wait(self, timeout=10):
        """Its exit status; asserts that it ends in time."""
        if self.status is None:
            end = time.monotonic() + timeout
            while True:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    break
                assert time.monotonic() < end, "the handler does not end"
                time.sleep(0.01)
            self.status = os.waitstatus_to_exitcode(status)
        return self.status

    def memory(self, name="VmHWM"):
        with open(f"/proc/{self.pid}/status") as f:
            for line in f:
                if line.startswith(name):
                    return int(line.split()[1]) * 1024
        return 0

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def records(self):
        """What was written to the journal since the last time, as dictionaries."""
        time.sleep(0.05)
        found, self.journal.records = self.journal.records, []
        return found

    def close(self):
        if self.client:
            self.client.close()
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.wait()
        if self.launcher:
            self.launcher.vanish()
            self.launcher.join(5)
        if self.journal:
            self.journal.close()


class Service:
    """What cloche.socket is: each connection to path gets a handler of its own."""

    def __init__(self, program, path):
        self.program = program
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(path)
        self.listener.listen(64)
        self.handlers = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.handlers.append(Handler(self.program, client=client))

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for handler in self.handlers:
            handler.close()
