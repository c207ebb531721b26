# SPDX-License-Identifier: LGPL-2.1-or-later

"""Plays everything around cloche-handler, so that the real program is tried without systemd and
Podman: the launcher with its binary messages (src/wire/launcher-message.h), a guest with its frames
(src/wire/guest-frame.h) that runs programs as plain processes, and journald's socket.

What a profile's name says is what its sandboxes do: python and shell behave, the others are listed
at PROFILES."""

import array
import base64
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

HELLO, PROFILES_ASK, OPEN, PLACE, END, CLOSE, WELCOME, PROFILE, DONE, OPENED, REFUSED, PLACED, ENDED, \
    CLOSED, DIED, RESUMED = range(1, 17)
REFUSALS = dict(connections=1, sandboxes=2, uid=3, unknown=4, profile=5, limit=6, image=7, podman=8,
                scope=9, guest=10, audit=11, internal=12)
DEATHS = dict(oom=1, lifetime=2, killed=3)
SETUP, START, GO, SIGNAL, RESIZE, READY, CHILD, EXITED = range(1, 9)
EXIT_EXITED, EXIT_SIGNALED, EXIT_FAILED = 1, 2, 3

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
DRIVERS = {"python": "python3\n/.cloche/drivers/driver.py"}
IMAGES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "images")


def text(s, size):
    data = s.encode()
    assert len(data) < size
    return data.ljust(size, b"\0")


def header(kind, serial):
    return struct.pack("=HHIQ", kind, 1, 0, serial)


def frame_header(kind, execution):
    return struct.pack("=HHI", kind, 1, execution)


def send_fds(sock, data, fds):
    sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])


def receive(sock, size=8192):
    """One datagram and its descriptors; (b"", []) at the end."""
    try:
        data, ancillary, _, _ = sock.recvmsg(size, socket.CMSG_SPACE(20 * 4),
                                             socket.MSG_CMSG_CLOEXEC)
    except OSError:
        return b"", []
    fds = array.array("i")
    for _, _, content in ancillary:
        fds.frombytes(content[:len(content) - len(content) % 4])
    return data, list(fds)


class PlayedGuest(threading.Thread):
    """One sandbox: the other end of its channel, and the program in it as a plain process."""

    def __init__(self, profile):
        super().__init__(daemon=True)
        self.channel, self.handlers_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.profile = profile
        self.programs = {}  # those that were started
        self.waiting = {}  # those that wait for GO
        self.killed = False
        self.dir = tempfile.mkdtemp(prefix="cloche-played-")

    def exited(self, kind, value, execution=1, fds=()):
        free = 100 if self.profile == "full" else MIB
        data = frame_header(EXITED, execution) + struct.pack("=IiQ", kind, value, free)
        with contextlib.suppress(OSError):
            send_fds(self.channel, data, fds) if fds else self.channel.send(data)

    def run(self):
        if self.profile == "gone":
            self.end()
        elif self.profile == "early":
            self.exited(EXIT_EXITED, 0)
        elif self.profile != "mute":
            self.say(frame_header(READY, 0))
            if self.profile == "twice":
                self.say(frame_header(READY, 0))
        while True:
            data, fds = receive(self.channel)
            if not data:
                break
            kind, _, execution = struct.unpack_from("=HHI", data)
            if kind == START and self.profile == "unable":
                self.exited(EXIT_FAILED, 11, execution)
            elif kind == START:
                self.waiting[execution] = (data, fds)
                fds = []
                if self.profile == "twins":
                    self.say(frame_header(CHILD, execution))
                if self.profile != "childless":
                    self.say(frame_header(CHILD, execution))
            elif kind == GO:
                data, fds = self.waiting.pop(execution)
                self.start_program(data, fds, execution)
            elif kind == SIGNAL and execution in self.programs:
                self.programs[execution].send_signal(struct.unpack_from("=I", data, 8)[0])
            for fd in fds:
                os.close(fd)
        self.kill()
        self.channel.close()

    def say(self, data):
        with contextlib.suppress(OSError):
            self.channel.send(data)

    def end(self):
        with contextlib.suppress(OSError):
            self.channel.shutdown(socket.SHUT_RDWR)

    def place(self, execution, pid):
        assert pid == os.getpid()

    def start_program(self, data, fds, execution):
        n_argv, n_env, strings_size, code_size, has_code, has_cwd, _, _, _, name = \
            struct.unpack_from("=IIIIIIIHH32s", data, 8)
        with open(fds[0], "rb", closefd=False) as f:
            payload = f.read()
        assert len(payload) == strings_size + code_size
        words = payload[:strings_size].split(b"\0")[:-1]
        argv, env = words[:n_argv], words[n_argv:n_argv + n_env]
        assert len(words) == n_argv + n_env + has_cwd
        directory = words[-1] if has_cwd else self.dir
        if argv[0] == b"/.cloche/guest":
            argv[0] = RealGuest.program.encode()
        if has_code:
            path = os.path.join(self.dir, name.rstrip(b"\0").decode())
            with open(path, "wb") as f:
                f.write(payload[strings_size:])
            assert argv[-1] == f"/run/cloche/{execution}/{name.rstrip(bytes(1)).decode()}".encode()
            argv[-1] = path.encode()
        threading.Thread(target=self.misbehave, args=(execution,), daemon=True).start()
        if self.killed or self.profile in ("noise", "quits", "oomall", "killed", "lifetime", "other"):
            return
        environment = {b"PATH": b"/usr/bin:/bin"} | dict(e.split(b"=", 1) for e in env)
        try:
            self.programs[execution] = subprocess.Popen(
                argv, env=environment, cwd=directory, stdin=fds[1], stdout=fds[2], stderr=fds[3],
                start_new_session=True)
        except OSError as e:
            with contextlib.suppress(OSError):
                os.write(fds[3], f"cloche: cannot run '{argv[0].decode()}'\n".encode())
            self.exited(EXIT_EXITED, 127 if isinstance(e, FileNotFoundError) else 126)
            return
        threading.Thread(target=self.wait, args=(execution,), daemon=True).start()
        if self.killed:
            self.kill()

    def wait(self, execution):
        code = self.programs[execution].wait()
        if self.profile == "fds":
            with open("/dev/null") as null:
                self.exited(EXIT_EXITED, 0, execution, [null.fileno()] * 5)
            return
        self.exited(EXIT_SIGNALED if code < 0 else EXIT_EXITED, abs(code), execution)
        if self.profile == "after":
            self.exited(EXIT_EXITED, 0, execution)

    def misbehave(self, execution):
        if self.profile == "noise":
            self.say(b"\xff" * 100)
        elif self.profile == "other":
            self.exited(EXIT_EXITED, 0, execution + 1)
        elif self.profile == "quits":
            self.end()

    def end_program(self, execution):
        """What the kernel does to the cgroup of one execution."""
        if execution in self.programs:
            with contextlib.suppress(OSError):
                os.killpg(self.programs[execution].pid, signal.SIGKILL)
        elif execution in self.waiting:
            for fd in self.waiting.pop(execution)[1]:
                os.close(fd)
            self.exited(EXIT_SIGNALED, 9, execution)

    def kill(self):
        """What the kernel does to a sandbox."""
        self.killed = True
        self.end()
        for program in self.programs.values():
            with contextlib.suppress(OSError):
                os.killpg(program.pid, signal.SIGKILL)
        for _, fds in self.waiting.values():
            for fd in fds:
                os.close(fd)
        self.waiting = {}
        shutil.rmtree(self.dir, ignore_errors=True)


# The world of a real guest: what a container has, made of this machine's own /usr.
ROOT_SCRIPT = """
set -e
R="$1"; mount -t tmpfs none "$R"; cd "$R"
mkdir usr proc dev tmp work run .cloche; chmod 1777 tmp work
for l in bin sbin lib lib64; do if [ -e "/usr/$l" ]; then ln -s "usr/$l" "$l"; fi; done
touch .cloche/guest .cloche/channel; mkdir .cloche/drivers
mount --bind "$4/python" .cloche/drivers
mount --rbind /usr usr; mount --rbind /dev dev; mount -t proc proc proc
mount --bind "$2" .cloche/guest; mount --bind "$3" .cloche/channel
mount -t tmpfs -o size=1m,mode=1777 none work
exec env -i PATH=/usr/bin:/bin /usr/sbin/chroot "$R" /.cloche/guest
"""


class RealGuest:
    """One sandbox with the real cloche-guest as PID 1 of a pid namespace. Needs root."""

    program = None

    def __init__(self, profile):
        self.profile = profile
        self.placed = {}
        self.dir = tempfile.mkdtemp(prefix="cloche-played-")
        path = os.path.join(self.dir, "channel")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(path)
        listener.listen(1)
        listener.settimeout(10)
        os.mkdir(os.path.join(self.dir, "root"))
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--ipc", "--fork", "--kill-child", "sh", "-c",
             ROOT_SCRIPT, "sh", os.path.join(self.dir, "root"), self.program, path, IMAGES])
        self.handlers_end, _ = listener.accept()
        listener.close()
        program = os.memfd_create("filter")
        os.write(program, struct.pack("=HBBI", 6, 0, 0, 0x7fff0000))  # allow all
        os.lseek(program, 0, os.SEEK_SET)
        send_fds(self.handlers_end, frame_header(SETUP, 0) + struct.pack("=II", 1000, 1000), [program])
        os.close(program)

    def start(self):
        pass

    def end_program(self, execution):
        """Cgroups may be missing here; a session is what comes near."""
        for pid in self.placed.get(execution, []):
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)

    def place(self, execution, pid):
        for pids in self.placed.values():
            if pid in pids:
                pids.remove(pid)
        self.placed.setdefault(execution, []).append(pid)

    def kill(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


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
                  text("main" if interpreter else "", 32) + bytes(6) +
                  struct.pack("=7Q", *limits), [guest.handlers_end.fileno()])
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
