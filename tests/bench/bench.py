#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What Cloche costs beside what does the same without it, on the machine where this runs.

Each row is the same work done two ways, in turns, so that a machine that becomes slower becomes it for
both. Shown are medians with the fastest and the slowest, their ratio, and the bar: the highest ratio
that is good enough. Nothing fails here: a time says something only beside another one.

`podman run` has the flags of the profile itself, as Podman's own generator makes them from its Quadlet
file, so both make the same sandbox. Runs as root, in system mode."""

import argparse
import base64
import contextlib
import json
import os
import pathlib
import platform
import shlex
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "system"))

import machine  # pylint: disable=wrong-import-position

MIB = 1 << 20
PIECE = 256 * 1024  # bytes of a file in one message
HELLO = "print('hello')"
GROUPBY = ("import pandas as pd\n"
           "t = pd.DataFrame({'k': [i % 7 for i in range(10_000)], 'v': range(10_000)})\n"
           "print(t.groupby('k').v.sum().sum())")
WARM = "[Container]\nLabel=io.cloche.warm={marks}\n"
BWRAP = ["bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib",
         "--symlink", "usr/lib64", "/lib64", "--symlink", "usr/bin", "/bin", "--proc", "/proc", "--dev", "/dev",
         "--tmpfs", "/tmp"]
# Where Podman keeps what it knows of each container, in a directory named by its id.
STORE = pathlib.Path("/var/lib/containers/storage/overlay-containers")
# The processes of each sandbox beside the code's, by their names.
ONE_MORE = ("cloche-holder", "guest", "conmon")
# What describes a service and not a container, in the command that the generator makes.
SERVICE_FLAGS = ("--name", "--replace", "--rm", "--cgroups", "-d", "--sdnotify", "--cidfile")


def now():
    return time.monotonic()


def timed(work, *arguments):
    begun = now()
    work(*arguments)
    return now() - begun


class Podman:
    """`podman run` as the profile would have it."""

    def __init__(self, mode, profile):
        unit = pathlib.Path(f"/run/systemd/generator/cloche-{profile}.service").read_text()
        line = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
        words = shlex.split(line.removeprefix("ExecStart="))
        assert words[1] == "run", words
        self.flags, self.image = [], words[-1]
        words = iter(words[2:-1])
        for word in words:
            if not word.startswith(SERVICE_FLAGS):
                self.flags.append(word)
            elif word == "--name":
                next(words)
        show = mode.systemctl("show", f"cloche-{profile}.service",
                              "--property=MemoryMax,TasksMax").stdout.decode()
        limits = dict(line.split("=", 1) for line in show.split())
        self.flags += [f"--memory={limits['MemoryMax']}b", f"--pids-limit={limits['TasksMax']}", "--cpus=1"]

    def command(self, *argv, flags=()):
        return ["podman", "run", "--rm", *self.flags, *flags, self.image, *argv]

    def run(self, *argv, **options):
        return machine.run(self.command(*argv), cwd="/", **options)


class Row:
    """One row of the table: seconds, of which less is better, and what is compared of them."""

    def __init__(self, name, bar, ours, other, of=statistics.median):
        self.name, self.bar, self.ours, self.other, self.of = name, bar, ours, other, of

    @property
    def ratio(self):
        return self.of(self.ours) / self.of(self.other)

    def text(self):
        return (f"{self.name:<52} {spread(self.ours, self.of):>26} {spread(self.other, self.of):>26} "
                f"{self.ratio:>8.4f} {self.bar:>8.4f}  {'holds' if self.ratio <= self.bar else 'MISSED'}")

    def data(self):
        return {"row": self.name, "ours_seconds": self.ours, "other_seconds": self.other,
                "ratio": self.ratio, "bar": self.bar, "holds": self.ratio <= self.bar}


def spread(times, of=statistics.median):
    return f"{of(times) * 1e3:.1f} ({min(times) * 1e3:.1f}–{max(times) * 1e3:.1f})"


def p99(times):
    """What all but one in a hundred stay below."""
    return sorted(times)[-1 - len(times) // 100]


class Bench:
    def __init__(self, repeats):
        self.mode = machine.Mode("system")
        self.repeats = repeats
        self.rows, self.memory = [], []

    # -- rows

    def row(self, name, bar, ours, other, repeats=None):
        """ours and other return seconds; they take turns, while nothing goes on in the background, which is
        nobody's time here."""
        print(f"▸ {name}", file=sys.stderr, flush=True)
        row = Row(name, bar, [], [])
        for i in range(repeats or self.repeats):
            turns = [(row.ours, ours), (row.other, other)]
            for times, work in turns if i % 2 else reversed(turns):
                self.idle()
                times.append(work())
        self.add(row)

    def add(self, row):
        self.rows.append(row)
        print(row.text(), flush=True)

    # -- warm sandboxes

    @contextlib.contextmanager
    def marks(self, **profiles):
        """Profiles kept ready up to this mark, and a connection."""
        extra = {"python": "Label=io.cloche.preload=pandas\n"}
        with machine.quadlets(self.mode, **{
                f"{name}.d/50-bench.conf": WARM.format(marks=mark) + extra.get(name, "")
                for name, mark in profiles.items()}), self.mode.connect() as client:
            for name in profiles:  # a launcher that knew the profile before reads it again for a run
                client.run(name, argv=["true"]).good()
            yield client
        machine.wait_for(lambda: not self.mode.scopes(), 400, "no sandbox left")

    def idle(self):
        """Nobody works but us: what was begun in the background has come to its end."""
        def busy():
            before = machine.Moment.now()
            time.sleep(0.5)
            after = machine.Moment.now()
            return after.idle - before.idle < 0.4
        machine.wait_for(lambda: not busy(), 120, "an idle machine")

    def ready(self, profile, number):
        self.mode.wait_for_warm(number, profile)
        self.idle()

    def warm_run(self, client, profile, number, whole=True, **params):
        """Seconds to the first byte, or the whole result, of a run that has a warm sandbox."""
        self.ready(profile, number)
        begun = now()
        running = client.start(profile, **params)
        while not client.output[running.id]:
            client.take(60)
        first = now() - begun
        running.wait().good()
        return now() - begun if whole else first

    # -- what is measured

    def starts(self):
        python, node = Podman(self.mode, "python"), Podman(self.mode, "node")
        hello = lambda: timed(python.run, "python3", "-c", HELLO)  # noqa: E731
        with self.marks(python="0") as client:
            self.row("python hello, cold / podman run", 0.5,
                     lambda: timed(lambda: client.python(HELLO).good()), hello)
        with self.marks(python="2:2") as client:
            self.row("python hello, warm, first byte / podman run", 1 / 200,
                     lambda: self.warm_run(client, "python", 2, False, code=HELLO), hello)
            self.row("python hello, warm, whole result / podman run", 1 / 100,
                     lambda: self.warm_run(client, "python", 2, code=HELLO), hello)
            self.row("pandas groupby, warm / podman run", 1 / 100,
                     lambda: self.warm_run(client, "python", 2, code=GROUPBY),
                     lambda: timed(python.run, "python3", "-c", GROUPBY))
            def command():
                self.ready("python", 2)
                return timed(self.mode.cloche, "run", "-c", HELLO)
            self.row("cloche run -c, warm / podman run", 1 / 4, command, hello)
            self.row("python hello, warm / systemd-run --pipe", 1.0,
                     lambda: self.warm_run(client, "python", 2, code=HELLO),
                     lambda: timed(machine.run, ["systemd-run", "--pipe", "--quiet", "python3", "-c", HELLO]))
            self.row("python hello, warm / bwrap", 1.0,
                     lambda: self.warm_run(client, "python", 2, code=HELLO),
                     lambda: timed(machine.run, [*BWRAP, "python3", "-c", HELLO]))
        with self.marks(node="2:2") as client:
            self.row("node hello, warm / podman run", 1 / 100,
                     lambda: self.warm_run(client, "node", 2, code="console.log('hello')"),
                     lambda: timed(node.run, "node", "-e", "console.log('hello')"))

    def live(self):
        python = Podman(self.mode, "python")
        with self.marks(python="0") as client:
            box = client.call("sandbox.open", {"profile": "python"})["sandbox"]
            client.execute(box, code=HELLO).wait().good()
            name = machine.run(python.command("sleep", "3600", flags=["--detach"])).stdout.decode().strip()
            second = lambda: timed(lambda: client.execute(box, code=HELLO).wait().good())  # noqa: E731
            self.row("next execution in a live sandbox / podman run", 1 / 250, second,
                     lambda: timed(python.run, "python3", "-c", HELLO))
            self.row("next execution in a live sandbox / podman exec", 1 / 100, second,
                     lambda: timed(machine.run, ["podman", "exec", name, "python3", "-c", HELLO]))
            machine.run(["podman", "rm", "-f", "-t0", name])

    def many(self, number):
        for profile, argv, bar in (("shell", ["bash", "-c", "echo hello"], 0.5),
                                   ("python", ["python3", "-c", HELLO], 0.8)):
            podman, code = Podman(self.mode, profile), {"shell": "echo hello", "python": HELLO}[profile]
            with self.marks(**{profile: "2:2"}) as client:
                def burst():
                    self.ready(profile, 2)
                    return timed(lambda: [client.run(profile, code=code).good() for _ in range(number)])
                self.row(f"{number} runs one after another, {profile} / {number} podman run", bar, burst,
                         lambda: timed(lambda: [podman.run(*argv) for _ in range(number)]), 1)

    def crowd(self, clients, runs):
        podman = Podman(self.mode, "shell")
        with self.marks(shell="2:2"), contextlib.ExitStack() as stack:
            connections = []
            for _ in range(clients):
                connections.append(stack.enter_context(self.mode.connect()))
                connections[-1].call("server.info")  # who says nothing is let go
            def ours():
                begun = now()
                for _ in range(runs):
                    for running in [c.start("shell", code="echo hello") for c in connections]:
                        assert running.wait().good() == "hello\n"
                return now() - begun
            self.row(f"{clients} clients, {runs} runs each, shell / podman run, 2 at a time", 0.6,
                     ours, lambda: timed(pairs, podman, clients * runs), 1)

    def fair(self, runs):
        """A user's runs, one after another: alone, and beside another's who always has sixteen under way."""
        with self.marks(shell="0") as client, self.mode.connect("agent2") as other:
            def measure():
                return [timed(lambda: other.run("shell", code="echo hello").good()) for _ in range(runs)]
            self.idle()
            alone, is_over = measure(), threading.Event()
            def burst():
                while not is_over.is_set():
                    for running in [client.start("shell", code="echo hello") for _ in range(16)]:
                        running.wait()
            thread = threading.Thread(target=burst, daemon=True)
            thread.start()
            beside = measure()
            is_over.set()
            thread.join()
            self.add(Row(f"p99 of {runs} runs beside another user's burst / alone", 2.0, beside, alone, p99))

    def streams(self, size):
        podman = Podman(self.mode, "shell")
        with self.marks(shell="0") as client:
            box = client.call("sandbox.open", {"profile": "shell"})["sandbox"]
            script = ["head", "-c", str(size), "/dev/zero"]
            name = machine.run(podman.command("sleep", "3600", flags=["--detach"])).stdout.decode().strip()
            self.row(f"stdout of {size // MIB} MiB / podman exec | cat", 1.0,
                     lambda: timed(lambda: client.execute(box, argv=script).wait()),
                     lambda: timed(machine.run, ["sh", "-c", shlex.join(["podman", "exec", name, *script]) +
                                                 " | cat >/dev/null"]), 3)
            file = pathlib.Path("/tmp/bench-file")
            file.write_bytes(os.urandom(size))
            self.row(f"file.put of {size // MIB} MiB / podman cp", 1.0,
                     lambda: self.put(client, box, file.read_bytes()),
                     lambda: timed(machine.run, ["podman", "cp", str(file), f"{name}:/work/file"]), 3)
            self.row(f"file.get of {size // MIB} MiB / podman cp", 1.0,
                     lambda: timed(client.call, "file.get", {"sandbox": box, "path": "file", "stream": True}),
                     lambda: timed(machine.run, ["podman", "cp", f"{name}:/work/file", str(file)]), 3)
            machine.run(["podman", "rm", "-f", "-t0", name])
            file.unlink()

    def put(self, client, box, data):
        """Seconds for a file to go in by file.put."""
        begun = now()
        put = client.send("file.put", {"sandbox": box, "path": "file", "text": "", "more": True})
        pieces = []  # two of them are on their way, so that nobody waits for the other
        for at in range(0, len(data), PIECE):
            if len(pieces) == 2:
                client.answer(pieces.pop(0))
            pieces.append(client.send("exec.stdin", {
                "id": put, "eof": at + PIECE >= len(data),
                "base64": base64.b64encode(data[at:at + PIECE]).decode()}))
        for request in (*pieces, put):
            client.answer(request)
        return now() - begun

    def ends(self):
        podman = Podman(self.mode, "shell")
        def hang_up(gone):
            with self.mode.connect() as client:
                client.call("server.info")
                box = client.call("sandbox.open", {"profile": "shell"})["sandbox"]
                client.send("sandbox.exec", {"sandbox": box, "argv": ["sleep", "999"]})
                path = self.mode.scopes()[box]
                container, = (found.name.removeprefix("libpod-") for found in path.glob("libpod-*"))
                assert (STORE / container).exists()
                self.idle()
                begun = now()
            while not gone(container, path):
                time.sleep(0.0005)
            return now() - begun
        def remove():
            name = machine.run(podman.command("sleep", "999", flags=["--detach"])).stdout.decode().strip()
            self.idle()
            return timed(machine.run, ["podman", "rm", "-f", "-t0", name])
        def is_empty(_, path):
            try:
                return "populated 0" in (path / "cgroup.events").read_text()
            except OSError:
                return True
        def is_forgotten(container, _):
            return not (STORE / container).exists()
        with self.marks(shell="0"):
            self.row("hang-up → no process / podman rm -f -t0", 0.05, lambda: hang_up(is_empty), remove)
            self.row("hang-up → no container / podman rm -f -t0", 0.4, lambda: hang_up(is_forgotten), remove)

    def growth(self):
        with self.marks(shell="2:2") as client, contextlib.ExitStack() as stack:
            times, opened = {}, 0
            for live in (1, 10, 100):
                while opened < live:
                    if opened % 10 == 0:  # a connection may have no more than a few
                        holder = stack.enter_context(self.mode.connect())
                    holder.call("sandbox.open", {"profile": "shell"})
                    opened += 1
                times[live] = [self.warm_run(client, "shell", 2, code="echo hello")
                               for _ in range(self.repeats)]
            for live in (10, 100):
                self.add(Row(f"warm run beside {live} live sandboxes / beside one", 1.3, times[live], times[1]))

    def measure_memory(self):
        with self.marks(python="1:1"):
            self.ready("python", 1)
            scope, = self.mode.scopes().values()
            self.memory.append(("a warm python with pandas, its cgroup",
                                f"{int((scope / 'memory.current').read_text()) / MIB:.1f} MiB"))
            beside = 0
            for process in self.mode.processes():
                if process.name in ("cloche-handler", "cloche-launcher", *ONE_MORE):
                    text = pathlib.Path(f"/proc/{process.pid}/smaps_rollup").read_text()
                    kib = {words[0]: int(words[1]) for words in map(str.split, text.splitlines()[1:])}
                    self.memory.append((f"RSS, PSS of {process.name}",
                                        f"{kib['Rss:'] / 1024:.1f}, {kib['Pss:'] / 1024:.1f} MiB"))
                    beside += kib["Pss:"] if process.name in ONE_MORE else 0
            self.memory.append(("a warm sandbox beyond its interpreter, PSS", f"{beside / 1024:.1f} MiB"))

    def report(self, json_file):
        print(f"\n{platform.release()} {platform.machine()}, {os.cpu_count()} CPU; "
              f"medians in ms (fastest–slowest)\n")
        print(f"{'':<52} {'ours':>26} {'other':>26} {'ratio':>8} {'bar':>8}")
        for row in self.rows:
            print(row.text())
        print()
        for name, value in self.memory:
            print(f"{name:<52} {value:>26}")
        if json_file:
            pathlib.Path(json_file).write_text(json.dumps(
                {"rows": [row.data() for row in self.rows], "values": dict(self.memory)}))


def pairs(podman, number):
    """number of `podman run`, two at a time."""
    for _ in range(0, number, 2):
        two = [subprocess.Popen(podman.command("bash", "-c", "echo hello"), stdout=subprocess.DEVNULL, cwd="/")
               for _ in range(2)]
        for one in two:
            assert one.wait() == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="write all times there as well")
    parser.add_argument("--quick", action="store_true", help="a third of the repeats")
    parser.add_argument("only", nargs="*", help="starts, live, many, crowd, fair, streams, ends, memory, growth")
    options = parser.parse_args()
    bench = Bench(3 if options.quick else 9)
    parts = {
        "starts": bench.starts,
        "live": bench.live,
        "ends": bench.ends,
        "streams": lambda: bench.streams(64 * MIB),
        "many": lambda: bench.many(10 if options.quick else 100),
        "crowd": lambda: bench.crowd(20, 2 if options.quick else 10),
        "fair": lambda: bench.fair(20 if options.quick else 100),
        "memory": bench.measure_memory,
        "growth": bench.growth,  # last: Podman is busy for minutes with what it leaves to remove
    }
    for name, part in parts.items():
        if not options.only or name in options.only:
            part()
    bench.report(options.json)


if __name__ == "__main__":
    main()
