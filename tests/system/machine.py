# SPDX-License-Identifier: LGPL-2.1-or-later

"""The machine the tests run on, seen from outside: its two ways to run Cloche, and everything that a
sandbox consists of and must not leave behind."""

import contextlib
import dataclasses
import grp
import json
import os
import pathlib
import pwd
import re
import subprocess
import time
import typing

import client

BUSY_FACTOR = 5
CGROUPS = pathlib.Path("/sys/fs/cgroup")
SCOPE = re.compile(r"cloche-([0-9a-f]{32})\.scope$")
# Processes that exist for one sandbox or one connection only. The launcher and Podman's service
# may stay for the next one.
SHORT_LIVED = re.compile(r"^(conmon|crun|cloche-(conmon|handler|guest|holder))")
SANDBOX_MOUNT = re.compile(r"/overlay/[^/]+/merged|/overlay-containers/|/cloche(-launcher)?/[0-9a-f]{8}")


def user_ids(name):
    user = pwd.getpwnam(name)
    groups = os.getgrouplist(name, user.pw_gid)
    return user.pw_uid, [user.pw_gid] + [g for g in groups if g != user.pw_gid]


def cloche_gid():
    return grp.getgrnam("cloche").gr_gid


def run(argv, timeout=300, check=True, **options):
    ended = subprocess.run(argv, capture_output=True, timeout=timeout, check=False, **options)
    if check and ended.returncode != 0:
        raise AssertionError(f"{argv}: exit code {ended.returncode}\n{ended.stdout.decode()}\n"
                             f"{ended.stderr.decode()}")
    return ended


def wait_for(condition, timeout=10, what=None):
    """The first true value of condition(), asked again and again until the deadline."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not in {timeout} s: {what or condition}")
        time.sleep(0.05)


@dataclasses.dataclass(frozen=True)
class Process:
    pid: int
    name: str
    uid: int
    cgroup: str
    start: str  # tells a process from a later one with its pid

    def kill(self, number):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def is_alive(self):
        """A zombie is not."""
        return any((p.pid, p.start) == (self.pid, self.start) for p in processes())

    def command(self):
        with contextlib.suppress(OSError):
            return pathlib.Path(f"/proc/{self.pid}/cmdline").read_bytes().split(b"\0")
        return []


def processes():
    found = []
    for directory in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            stat = (directory / "stat").read_text(errors="replace")
            name, fields = stat[stat.index("(") + 1:stat.rindex(")")], stat.rsplit(")", 1)[1].split()
            if fields[0] in "ZX":
                continue
            cgroup = (directory / "cgroup").read_text().rsplit("::", 1)[1].strip()
            found.append(Process(int(directory.name), name, directory.stat().st_uid, cgroup,
                                 fields[19]))
    return found


@dataclasses.dataclass(frozen=True)
class Mode:
    """One way to run Cloche: in the system manager, or in the one of the user `agent`."""
    name: str

    # -- who and where

    @property
    def is_system(self):
        return self.name == "system"

    @property
    def owner(self):
        """The user the launcher and Podman run as."""
        return "root" if self.is_system else "agent"

    @property
    def owner_uid(self):
        return pwd.getpwnam(self.owner).pw_uid

    @property
    def runtime(self):
        return pathlib.Path("/run" if self.is_system else f"/run/user/{self.owner_uid}")

    @property
    def socket(self):
        return str(self.runtime / "cloche/cloche.sock")

    @property
    def unit_dropins(self):
        return self.runtime / "systemd" / ("system" if self.is_system else "user")

    @property
    def quadlets(self):
        """Where an administrator, or the user, puts Quadlet files."""
        return pathlib.Path("/etc/containers/systemd" if self.is_system else
                            "/home/agent/.config/containers/systemd")

    @property
    def storage(self):
        return pathlib.Path("/var/lib/containers/storage" if self.is_system else
                            "/home/agent/.local/share/containers/storage")

    @property
    def run_storage(self):
        return pathlib.Path("/run/containers/storage" if self.is_system else
                            f"/run/user/{self.owner_uid}/containers")

    @property
    def podman_tmp(self):
        return pathlib.Path("/run/libpod" if self.is_system else
                            f"/run/user/{self.owner_uid}/libpod/tmp")

    @property
    def cgroup(self):
        return "/" if self.is_system else f"/user.slice/user-{self.owner_uid}.slice/"

    # -- doing things

    def as_owner(self, *argv):
        if self.is_system:
            return list(argv)
        return as_user(self.owner, *argv)

    def systemctl(self, *arguments, **options):
        argv = ["systemctl"] if self.is_system else ["systemctl", "--user"]
        return run(self.as_owner(*argv, *arguments), **options)

    def show(self, unit, *properties):
        text = self.systemctl("show", "--property=" + ",".join(properties), unit).stdout.decode()
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def reload(self):
        self.systemctl("daemon-reload")

    def podman(self, *arguments, **options):
        return run(self.as_owner("podman", "--cgroup-manager=cgroupfs", "--events-backend=none",
                                 *arguments), cwd="/", **options)

    def connect(self, user="agent", timeout=10):
        uid, gids = user_ids(user)
        return client.Client(client.connect_as(uid, gids, self.socket, timeout))

    def connect_as_uid(self, uid):
        return client.Client(client.connect_as(uid, [cloche_gid()], self.socket))

    def cloche(self, *arguments, user="agent", environment=(), **options):
        """The command as this user runs it."""
        return run(self.cloche_argv(*arguments, user=user, environment=environment),
                   check=False, **options)

    def cloche_argv(self, *arguments, user="agent", environment=()):
        return as_user(user, *environment, "cloche", f"--{self.name}", *arguments)

    # -- what there is

    def scopes(self):
        """The cgroup of each sandbox, by its id."""
        found = {}
        top = CGROUPS / self.cgroup.lstrip("/")
        for directory, names, _ in os.walk(top):
            for name in names:
                match = SCOPE.search(name)
                if match and (self.is_system == ("/user.slice/" not in f"{directory}/")):
                    found[match[1]] = pathlib.Path(directory, name)
            names[:] = [n for n in names if not SCOPE.search(n)]
        return found

    def processes(self):
        if self.is_system:
            return [p for p in processes() if not p.cgroup.startswith("/user.slice")]
        return [p for p in processes() if p.cgroup.startswith(self.cgroup)]

    def descriptions(self):
        """What `systemctl list-units` shows of the sandboxes there are, by their ids."""
        listed = self.systemctl("list-units", "--plain", "--no-legend", "cloche-*.scope").stdout.decode()
        lines = [line.split(None, 4) for line in listed.splitlines()]
        return {line[0].removeprefix("cloche-").removesuffix(".scope"): line[4] for line in lines}

    def wait_for_warm(self, number, profile="python", user="agent"):
        """The sandboxes that wait for this user, when there are so many and no other is being made."""
        text = f"Cloche sandbox ({profile}) of uid {user_ids(user)[0]}, "

        def ready():
            found = [(sandbox, said) for sandbox, said in self.descriptions().items() if said.startswith(text)]
            return {sandbox for sandbox, _ in found} if len(found) == number and all(
                said == text + "warm" for _, said in found) else None
        return wait_for(ready, 120, f"{number} warm {profile}")

    def processes_of(self, sandbox):
        """Those inside a sandbox, its holder included."""
        return [p for p in self.processes() if f"/cloche-{sandbox}.scope" in p.cgroup]

    def state(self):
        """Everything of sandboxes and connections that exists at the moment, as sentences, so that
        two states can be subtracted. It costs no more than reading files."""
        state = {f"scope {path}" for path in self.scopes().values()}
        for p in self.processes():
            if SCOPE.search(p.cgroup.split("/libpod-")[0]) or SHORT_LIVED.match(p.name):
                state.add(f"process {p.pid} {p.name} of uid {p.uid} in {p.cgroup} since {p.start}")
        state |= {f"mount {m}" for m in self._mounts()}
        state |= {f"file {f}" for f in self._files()}
        return state

    def _mounts(self):
        namespaces = {}
        for p in self.processes() + [Process(1, "", 0, "/", "")]:
            with contextlib.suppress(OSError):
                namespaces.setdefault(os.readlink(f"/proc/{p.pid}/ns/mnt"), p)
        for p in namespaces.values():
            # A sandbox's own mounts end with its last process, which is looked for anyway.
            if "/libpod-" in p.cgroup:
                continue
            with contextlib.suppress(OSError):
                for line in pathlib.Path(f"/proc/{p.pid}/mountinfo").read_text().splitlines():
                    where = line.split()[4]
                    if SANDBOX_MOUNT.search(where) and self._is_ours(where):
                        yield where

    def _is_ours(self, path):
        mine = (str(self.storage), str(self.run_storage), str(self.runtime / "cloche"))
        return path.startswith(mine)

    def _files(self):
        """Per sandbox or container; what the programs keep for themselves is not listed."""
        launcher = self.runtime / "cloche-launcher"
        for directory in (launcher / "sandbox", self.storage / "overlay-containers",
                          self.storage / "overlay", self.storage / "overlay/l",
                          self.run_storage / "overlay-containers", self.podman_tmp / "exits",
                          self.podman_tmp / "persist"):
            with contextlib.suppress(OSError):
                for entry in os.scandir(directory):
                    if not entry.name.startswith(".") and not entry.name.endswith(
                            (".lock", ".json")):
                        yield entry.path
        # what a recording leaves, should it leave anything
        yield from map(str, launcher.glob("*/*.sock"))

    def containers(self):
        """The ids of all containers that Podman knows of."""
        return set(self.podman("ps", "--all", "--quiet", "--no-trunc", timeout=60).stdout.decode().split())

    def units(self):
        """Units of sandboxes and connections that the manager still has."""
        listed = self.systemctl("list-units", "--all", "--plain", "--no-legend", "cloche-*.scope",
                                "cloche@*.service").stdout.decode()
        return {line.split()[0] for line in listed.splitlines() if line.strip()}

    # -- the journal

    def journal(self, *matches):
        """The entries that match, oldest first; each is a dict."""
        ended = run(["journalctl", "--output=json", "--all", "--quiet", "--no-pager", *matches])
        return [json.loads(line) for line in ended.stdout.splitlines()]


def as_user(user, *argv):
    """The command as this user, with what a login gives."""
    ids = pwd.getpwnam(user)
    runtime = f"/run/user/{ids.pw_uid}"
    return ["runuser", "-u", user, "--", "env", "--ignore-environment",
            "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", f"HOME={ids.pw_dir}",
            f"USER={user}", f"XDG_RUNTIME_DIR={runtime}", "LANG=C.UTF-8",
            f"DBUS_SESSION_BUS_ADDRESS=unix:path={runtime}/bus", *argv]


class Moment(typing.NamedTuple):
    """Seconds since the machine started, and those of them in which the CPU had nothing to do."""

    wall: float
    idle: float

    @classmethod
    def now(cls):
        return cls(*map(float, pathlib.Path("/proc/uptime").read_text().split()))


class Watch:
    """What a test leaves behind: compared with how things were when the watch began."""

    def __init__(self, mode):
        self.mode = mode
        self.before = mode.state()
        self.containers_before = mode.containers()
        self.units_before = mode.units()

    def leftovers(self):
        return self.mode.state() - self.before

    def assert_clean_within(self, seconds=10):
        """The promise: ten seconds after an end, whatever it was, nothing is left."""
        self.assert_no_leftovers_within(seconds)
        # These ask programs and so are asked once, when there should be nothing any more.
        containers = self.mode.containers() - self.containers_before
        assert not containers, f"Podman still has {containers}"
        if left := self.mode.units() - self.units_before:
            said = self.mode.systemctl("status", "--no-pager", "--lines=0", *left, check=False).stdout.decode()
            wait_for(lambda: not self.mode.units() - self.units_before, seconds, f"gone:\n{said}")

    def assert_no_leftovers_within(self, seconds):
        """A machine that is several times slower than any real one may be busy with the removal all that
        time. So a second counts as one if the CPU had nothing to do in it, and for less the more it had,
        down to 1/BUSY_FACTOR: what is left for good, or waits for a time-out, is found as soon as ever."""
        left_seconds, then = seconds, Moment.now()
        while left := self.leftovers():
            if left_seconds <= 0:
                raise AssertionError(f"left in {self.mode.name} mode after {seconds} s:\n  " +
                                     "\n  ".join(sorted(left)))
            time.sleep(0.1)
            now = Moment.now()
            left_seconds -= max(now.idle - then.idle, (now.wall - then.wall) / BUSY_FACTOR)
            then = now


@contextlib.contextmanager
def quadlets(mode, **contents):
    """Files in an administrator's Quadlet directory, by profile name (or "NAME.d/FILE" for a drop-in
    of it) and known to the manager; gone afterwards."""
    made = []
    try:
        for name, text in contents.items():
            profile, _, dropin = name.partition(".d/")
            path = mode.quadlets / f"cloche-{profile}.container"
            if dropin:
                path = path.with_name(path.name + ".d") / dropin
            make_directory(mode, path.parent)
            path.write_text(text)
            made.append(path)
        mode.reload()
        yield [str(path) for path in made]
    finally:
        for path in made:
            path.unlink()
            with contextlib.suppress(OSError):
                path.parent.rmdir()
        mode.reload()


def make_directory(mode, path):
    for parent in [*reversed(path.parents), path]:
        if not parent.exists():
            parent.mkdir()
            os.chown(parent, mode.owner_uid, mode.owner_uid)


@contextlib.contextmanager
def unit_dropin(mode, unit, text):
    """A drop-in of one of our units, gone afterwards."""
    directory = mode.unit_dropins / f"{unit}.d"
    make_directory(mode, directory)
    file = directory / "50-test.conf"
    file.write_text(text)
    mode.reload()
    try:
        yield
    finally:
        file.unlink()
        directory.rmdir()
        mode.reload()


@contextlib.contextmanager
def leaves_nothing():
    """Both modes are as they were before, twenty seconds after what is done in it at the latest."""
    watches = [Watch(Mode(name)) for name in ("system", "user")]
    yield
    for watch in watches:
        watch.assert_clean_within(20)
