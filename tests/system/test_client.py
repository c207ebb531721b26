# SPDX-License-Identifier: LGPL-2.1-or-later

"""Files, terminals and named sandboxes as ordinary users have them on the command line, and the
clients in examples/."""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import pty
import select
import shlex
import signal
import struct
import subprocess
import termios
import time

import pytest

import machine

EXAMPLES = pathlib.Path("/usr/share/doc/cloche/examples")
NODE = "/opt/clients/bin/node"  # of the lab's disk with clients of MCP
PLOT = """
import pandas as pd, matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
pd.read_csv("data.csv").plot(x="a", y="b")
plt.savefig("chart.png")
"""


@pytest.fixture
def mode(user):
    """The command is the same program in both modes, and so is the service: test_run.py."""
    return user


@pytest.fixture
def home(tmp_path):
    """A directory that the user agent owns, and where the command runs."""
    for parent in tmp_path.parents[:2]:  # pytest's own, which it makes for root alone
        os.chmod(parent, 0o755)
    path = tmp_path / "home"
    path.mkdir()
    uid, gids = machine.user_ids("agent")
    os.chown(path, uid, gids[0])
    return path


def cloche(mode, home, *arguments, code=0, timeout=120, **options):
    options.setdefault("stdin", subprocess.DEVNULL)
    ended = mode.cloche(*arguments, cwd=home, timeout=timeout, **options)
    assert ended.returncode == code, ended
    return ended


def large_file(path, size):
    """Bytes that do not repeat; returns their hash."""
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        for _ in range(size >> 20):
            piece = os.urandom(1 << 20)
            digest.update(piece)
            file.write(piece)
    os.chmod(path, 0o644)
    return digest.hexdigest()


def digest_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# -- run with files


def test_a_picture_of_data_is_left_where_we_are(mode, home, watch):
    (home / "data.csv").write_text("a,b\n1,2\n2,5\n3,1\n")
    ended = cloche(mode, home, "run", "--put", "data.csv", "--get", "*.png", "-c", PLOT)
    assert ended.stderr == b""
    assert sorted(p.name for p in home.iterdir()) == ["chart.png", "data.csv"]
    assert (home / "chart.png").read_bytes().startswith(b"\x89PNG\r\n")
    assert (home / "chart.png").owner() == "agent"
    watch.assert_clean_within(10)


def test_files_of_a_command_have_any_size(mode, home, watch):
    digest = large_file(home / "in", 48 << 20)
    cloche(mode, home, "run", "--put", "in:sub/in", "--get", "sub/out*", "--", "sh", "-c",
           "sha256sum sub/in | cut -d' ' -f1 > sub/out.sum; mv sub/in sub/out", timeout=300)
    assert (home / "out.sum").read_text().strip() == digest == digest_of(home / "out")
    watch.assert_clean_within(10)


def test_code_with_a_large_file_runs_too(mode, home):
    digest = large_file(home / "in", 2 << 20)
    ended = cloche(mode, home, "run", "--put", "in", "--get", "out", "-c",
                   "import hashlib\nopen('out', 'w').write("
                   "hashlib.sha256(open('in', 'rb').read()).hexdigest())")
    assert ended.stderr == b""
    assert (home / "out").read_text() == digest


def test_what_does_not_fit_leaves_nothing_running(mode, home, watch):
    large_file(home / "in", 8 << 20)
    ended = cloche(mode, home, "run", "--work-size", "4M", "--put", "in", "--", "true", code=125)
    assert b"no_space" in ended.stderr
    watch.assert_clean_within(10)


def test_names_of_a_sandbox_write_nowhere_else(mode, home):
    (home / "target").write_text("mine")
    os.symlink("target", home / "link")
    ended = cloche(mode, home, "run", "--get", "d/*", "--", "sh", "-c",
                   "mkdir d; cd d; echo x > link; echo y > \"$(printf 'a\\033[2Jb')\"; "
                   "ln -s /etc/passwd stolen", code=125)
    assert (home / "target").read_text() == "mine"
    assert b"symbolic link" in ended.stderr and b"\x1b" not in ended.stderr
    assert not (home / "stolen").exists()
    assert (home / "a\x1b[2Jb").read_text() == "y\n"


# -- a terminal


class Terminal:
    """A command at a terminal of its own."""

    def __init__(self, argv, cwd, rows=30, columns=100):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execvp(argv[0], argv)
        self.resize(rows, columns)
        self.shown = b""

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys):
        os.write(self.fd, keys)

    def see(self, part, timeout=60):
        """Reads until this is shown; what was shown before is forgotten."""
        deadline = time.monotonic() + timeout
        while part not in self.shown:
            left = deadline - time.monotonic()
            assert left > 0 and select.select([self.fd], [], [], left)[0], (part, self.shown)
            try:
                self.shown += os.read(self.fd, 4096)
            except OSError:
                assert part in self.shown, (part, self.shown)
        self.shown = self.shown.split(part, 1)[1]

    def wait(self, timeout=30):
        deadline = time.monotonic() + timeout
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = None
                return os.waitstatus_to_exitcode(status)
            assert time.monotonic() < deadline, self.shown
            if select.select([self.fd], [], [], 0.1)[0]:
                with contextlib.suppress(OSError):
                    self.shown += os.read(self.fd, 4096)

    def close(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


@pytest.fixture
def shell(mode, home):
    """Begins a `cloche shell` and waits for its prompt."""
    with contextlib.ExitStack() as stack:
        def begin(*arguments):
            terminal = Terminal(mode.cloche_argv("shell", *arguments,
                                                 environment=["TERM=xterm-256color"]), home)
            stack.callback(terminal.close)
            terminal.see(b"$ ")
            return terminal
        yield begin


def wait_for_program(word):
    machine.wait_for(lambda: any(word in p.command() for p in machine.processes()), 20, word)


def test_a_shell_is_as_one_of_podmans(shell, watch):
    t = shell()
    t.type(b"tty; stty size; echo TERM=$TERM; id -un\r")
    for part in (b"/dev/pts/", b"30 100", b"TERM=xterm-256color", b"code"):
        t.see(part)
    t.type(b"sleep 9971\r")
    wait_for_program(b"9971")
    t.type(b"\x03")  # ^C ends the sleep and not the shell
    t.see(b"$ ")
    t.type(b"echo code $?\r")
    t.see(b"code 130")
    t.type(b"sleep 9972\r")
    wait_for_program(b"9972")
    t.type(b"\x1a")  # ^Z
    t.see(b"Stopped")
    t.type(b"kill %1; fg; printf '\\033[31mred\\033[0m\\n'\r")
    t.see(b"\x1b[31mred\x1b[0m")
    t.resize(50, 132)
    t.type(b"stty size\r")
    t.see(b"50 132")
    t.type(b"exit 7\r")
    assert t.wait() == 7
    watch.assert_clean_within(10)


def test_the_end_of_input_ends_a_shell(shell, watch):
    t = shell()
    t.type(b"\x04")
    assert t.wait() == 0
    watch.assert_clean_within(10)


def test_a_terminal_that_is_closed_takes_the_sandbox_along(shell, watch):
    t = shell()
    t.type(b"(trap '' HUP; setsid sleep 9973) &\r")
    t.see(b"$ ")
    t.close()
    t.pid, t.fd = None, os.open("/dev/null", os.O_RDONLY)
    watch.assert_clean_within(15)


def test_a_shell_outlives_the_timeout_of_a_program(mode, home):
    """It ends with its sandbox, whose lifetime is longer."""
    with machine.quadlets(mode, **{"shell.d/50-short.conf":
                                   "[Container]\nLabel=io.cloche.timeout-sec=3\n"}):
        ended = cloche(mode, home, "shell", stdin=None, input=b"sleep 5; echo alive; exit 9\n",
                       code=9)
    assert ended.stdout == b"alive\n"


def test_a_script_goes_through_a_shell(mode, home):
    ended = cloche(mode, home, "shell", stdin=None, input=b"x=5\necho $((x + 1))\nexit 3\n",
                   code=3)
    assert ended.stdout == b"6\n"


def test_a_run_can_have_a_terminal(mode, home):
    argv = mode.cloche_argv("run", "-t", "--", "sh", "-c", "tty; stty size; exit 4")
    t = Terminal(argv, home, 12, 34)
    try:
        t.see(b"/dev/pts/")
        t.see(b"12 34")
        assert t.wait() == 4
    finally:
        t.close()


def tmux(*arguments, check=True):
    return machine.run(machine.as_user("agent", "tmux", "-L", "cloche-test", *arguments),
                       check=check).stdout.decode()


def screen_shows(text, timeout=60):
    machine.wait_for(lambda: text in tmux("capture-pane", "-p"), timeout,
                     f"{text!r} on the screen: {tmux('capture-pane', '-p')}")


@pytest.mark.parametrize("editor", ["vi", "nano"])
def test_a_full_screen_editor_edits_a_file(mode, home, watch, editor):
    # tmux runs as agent already
    argv = mode.cloche_argv("shell", environment=["TERM=screen"])
    command = shlex.join(argv[argv.index("--") + 1:])
    tmux("-f", "/dev/null", "new-session", "-d", "-x", "90", "-y", "28", command + "; sleep 600")
    try:
        screen_shows("$")
        tmux("send-keys", f"{editor} note.txt", "Enter")
        if editor == "vi":
            screen_shows("note.txt")
            tmux("send-keys", "i", "first line", "Enter", "second line", "Escape")
            tmux("send-keys", ":1,1s/first/FIRST/", "Enter")
            screen_shows("FIRST line")
            tmux("send-keys", ":wq", "Enter")
        else:
            screen_shows("nano")
            tmux("send-keys", "FIRST line", "Enter", "second line")
            screen_shows("second line")
            tmux("resize-window", "-x", "70", "-y", "20")  # drawn anew
            screen_shows("FIRST line")
            tmux("send-keys", "C-o", "Enter")
            screen_shows("Wrote 2 lines")
            tmux("send-keys", "C-x")
        time.sleep(0.5)
        tmux("send-keys", "clear; tr a-z A-Z < note.txt | tr '\\n' +; echo", "Enter")
        screen_shows("FIRST LINE+SECOND LINE")
        tmux("send-keys", "exit", "Enter")
        watch.assert_clean_within(15)
    finally:
        tmux("kill-server", check=False)


# -- named sandboxes


def share(mode, home, name, *arguments):
    process = subprocess.Popen(mode.cloche_argv("shell", "--name", name, *arguments), cwd=home,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdin.write(b"echo up\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"up\n"
    return process


def test_256_mib_go_in_and_out_with_little_memory(system, home):
    """In one mode: it is the same bytes through the same programs in the other, and takes long."""
    watch = machine.Watch(system)
    digest = large_file(home / "in", 256 << 20)
    with machine.quadlets(system, wide=wide_profile()):
        process = share(system, home, "wide", "-p", "wide")
        try:
            cloche(system, home, "cp", "in", "wide:in", timeout=600)
            process.stdin.write(b"sha256sum in | cut -d' ' -f1\n")
            process.stdin.flush()
            assert process.stdout.readline().decode().strip() == digest
            cloche(system, home, "cp", "wide:in", "out", timeout=600)
            assert digest_of(home / "out") == digest
            for name, bound in (("cloche", 32 << 20), ("cloche-handler", 48 << 20)):
                for p in machine.processes():
                    if p.name == name:
                        assert peak_of(p.pid) < bound, name
        finally:
            process.communicate(b"exit\n", timeout=60)
    watch.assert_clean_within(15)


def wide_profile():
    """The profile shell with room for the file."""
    source = pathlib.Path("/usr/share/containers/systemd/cloche-shell.container").read_text()
    return source.replace("nodev,size=256m", "nodev,size=300m")


def peak_of(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    return 0


def test_a_copy_does_not_disturb_who_works_there(mode, home, watch):
    large_file(home / "in", 64 << 20)
    process = share(mode, home, "busy")
    try:
        copy = subprocess.Popen(mode.cloche_argv("cp", "in", "busy:in"), cwd=home)
        slowest = 0
        while copy.poll() is None:
            begin = time.monotonic()
            process.stdin.write(b"echo tick\n")
            process.stdin.flush()
            assert process.stdout.readline() == b"tick\n"
            slowest = max(slowest, time.monotonic() - begin)
        assert copy.returncode == 0
        assert slowest < 15
    finally:
        process.communicate(b"exit\n", timeout=60)
    watch.assert_clean_within(10)


def test_a_cancelled_copy_leaves_the_old_file(mode, home):
    large_file(home / "in", 128 << 20)
    process = share(mode, home, "old")
    try:
        (home / "small").write_text("old\n")
        cloche(mode, home, "cp", "small", "old:f")
        copy = subprocess.Popen(mode.cloche_argv("cp", "in", "old:f"), cwd=home)
        time.sleep(0.5)
        for p in machine.processes():
            if p.name == "cloche" and b"cp" in p.command():
                p.kill(signal.SIGINT)
        assert copy.wait(30) == 130
        process.stdin.write(b"cat f; ls -A\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"old\n"
        assert process.stdout.readline() == b"f\n"
    finally:
        process.communicate(b"exit\n", timeout=60)


def test_a_sandbox_by_name_is_nobody_elses(mode, home):
    process = share(mode, home, "mine")
    try:
        ended = mode.cloche("cp", "mine:/etc/hostname", "/tmp/x", user="agent2")
        assert ended.returncode == 125
        assert b"there is no sandbox mine" in ended.stderr
    finally:
        process.communicate(b"exit\n", timeout=60)
    ended = cloche(mode, home, "cp", "mine:f", "f", code=125)
    assert b"there is no sandbox mine" in ended.stderr


# -- the clients in examples/


@pytest.mark.parametrize("name", ["client.py", "client.mjs"])
def test_an_example_does_what_it_says(mode, watch, name):
    source = EXAMPLES / name
    assert len(source.read_text().splitlines()) <= 60
    program = [NODE] if name.endswith(".mjs") else ["python3"]
    ended = machine.run(machine.as_user("agent", *program, str(source), mode.socket))
    assert ended.stdout.decode().splitlines() == [
        "total 6", "exited 0 state kept", "out.txt 2 bytes: 6"]
    watch.assert_clean_within(10)
