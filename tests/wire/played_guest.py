# SPDX-License-Identifier: LGPL-2.1-or-later

"""The guests that a played launcher has: one that is played, speaks the frames of
src/wire/guest-frame.h, runs programs as plain processes and misbehaves as its profile says; and the
real one in a world made for it."""

import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading

from datagram import receive, send_fds

SETUP, START, GO, CODE, SIGNAL, RESIZE, READY, CHILD, WRITTEN, EXITED = range(1, 11)
EXIT_EXITED, EXIT_SIGNALED, EXIT_FAILED = 1, 2, 3

IMAGES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "images")


def frame_header(kind, execution):
    return struct.pack("=HHI", kind, 1, execution)


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
        free = 100 if self.profile == "full" else 1 << 20
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
        n_argv, n_env, strings_size, code_size, code, has_cwd, _, _, _, name = \
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
        if code:
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
        waiting, self.waiting = self.waiting, {}  # at once: launcher and guest may both be here
        for _, fds in waiting.values():
            for fd in fds:
                os.close(fd)
        shutil.rmtree(self.dir, ignore_errors=True)


# The world of a real guest: what a container has, made of this machine's own /usr.
ROOT_SCRIPT = """
set -e
R="$1"; mount -t tmpfs none "$R"; cd "$R"
mkdir usr proc dev tmp work run .cloche; chmod 1777 tmp work
for l in bin sbin lib lib64; do if [ -e "/usr/$l" ]; then ln -s "usr/$l" "$l"; fi; done
touch .cloche/guest .cloche/channel; mkdir .cloche/drivers
mount --bind "$4" .cloche/drivers
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
