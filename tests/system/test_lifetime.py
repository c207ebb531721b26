# SPDX-License-Identifier: LGPL-2.1-or-later

"""Whatever dies, and whenever: after ten seconds there is no scope, no container, no mount, no
process and no file left of what it carried, and another client's run beside it ended well.

pytest --rounds N lets each victim die N times in each mode (the default keeps the whole suite within
minutes), --seed makes the random moments of an earlier run happen again. Both are also taken from
CLOCHE_ROUNDS and CLOCHE_SEED."""

import fcntl
import json
import os
import pathlib
import random
import signal
import subprocess
import time

import pytest

import machine
from client import Closed, RpcError

LATEST = 2.5  # seconds after the request: from "no scope yet" to "runs and floods"

# Ignores every signal it can, double-forks, leaves its session, and floods both streams.
NASTY = r"""
trap '' TERM INT HUP QUIT USR1 USR2 PIPE
(setsid bash -c 'trap "" TERM INT HUP; (setsid bash -c "trap \"\" TERM HUP; sleep 9991" &); sleep 9992' &)
(while :; do :; done) &
setsid sleep 9993 & disown
while :; do echo "flood of lines, and more of it"; echo "and errors" >&2; done
"""

CALM = "echo up; read line; echo $line"


def pytest_generate_tests(metafunc):
    if "number" in metafunc.fixturenames:
        metafunc.parametrize("number", range(metafunc.config.getoption("--rounds")))


@pytest.fixture
def bystander(mode):
    one = Bystander(mode)
    yield one
    one.client.close()


class Bystander:
    """Another client's run, begun before and ended after."""

    def __init__(self, mode):
        # In user mode there is only one user, and this is another connection of his.
        self.client = mode.connect("agent2" if mode.is_system else "agent")
        self.running = self.client.start("shell", code=CALM, stdin_open=True)
        self.running.wait_output(b"up\n")

    def ends_well(self):
        self.running.write(b"and well\n", eof=True)
        ended = self.running.wait(30)
        self.client.close()  # what is left behind is looked for next
        assert ended.good() == "up\nand well\n"


def start_victim(mode):
    """`cloche run` with the worst program there is; what it prints is thrown away."""
    return subprocess.Popen(
        mode.cloche_argv("run", "--profile", "shell", "--no-stdin", "-c", NASTY),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)


def new_processes(mode, before, *names):
    known = {(p.pid, p.start) for p in before}
    return [p for p in mode.processes() if p.name.startswith(names) and
            (p.pid, p.start) not in known]


def find(mode, what, before):
    """The process to kill, or None while there is none."""
    if what == "client":
        # runuser's child: the command itself
        found = [p for p in machine.processes() if p.name == "cloche" and
                 b"--no-stdin" in p.command()]
    elif what == "handler":
        found = new_processes(mode, before, "cloche-handler")
    elif what == "conmon":
        found = new_processes(mode, before, "conmon")
    elif what == "launcher":
        found = [p for p in mode.processes() if p.name == "cloche-launcher"]
    elif what == "podman":
        pid = int(mode.show("cloche-podman.service", "MainPID").get("MainPID", 0))
        found = [p for p in mode.processes() if p.pid == pid]
    else:  # inside the victim's scope
        names = ("cloche-holder",) if what == "holder" else ("guest", "cloche-guest")
        found = [p for p in new_processes(mode, before, *names) if ".scope" in p.cgroup]
    return found[0] if found else None


@pytest.mark.parametrize("what", ["client", "handler", "launcher", "podman", "conmon", "guest",
                                  "holder"])
def test_nothing_is_left_and_nobody_else_is_hurt(mode, watch, bystander, what, number, seed):
    rng = random.Random(f"{seed} {mode.name} {what} {number}")
    beside = machine.Watch(mode)
    before, known = mode.processes(), containers_of_runtime(mode)
    victim = start_victim(mode)
    try:
        # The moment is random on purpose; where there is nothing to kill yet, it comes as soon as
        # there is.
        time.sleep(rng.uniform(0, LATEST))
        target = machine.wait_for(lambda: find(mode, what, before), 15,
                                  f"a {what} to kill")
        target.kill(signal.SIGKILL)
        if what in ("launcher", "podman"):
            # Its death alone ends nothing; then the client leaves.
            machine.wait_for(lambda: not target.is_alive(), 5, f"the {what} dead")
            time.sleep(rng.uniform(0, 0.5))
            victim.terminate() if rng.random() < 0.5 else victim.kill()
        else:
            assert_victim_is_told(victim, what)
    finally:
        end(victim)
    beside.assert_clean_within(10)
    assert containers_of_runtime(mode) <= known
    bystander.ends_well()
    watch.assert_clean_within(10)


def containers_of_runtime(mode):
    """The directories in which crun keeps what it knows of a container."""
    return {d for d in (mode.runtime / "crun").glob("[0-9a-f]*") if len(d.name) == 64}


def take_fifo_away(mode, before):
    """From now on `crun start` waits for a reader that will never come, as it does when the
    container's first process is killed just before; returns the container's id."""
    deadline = time.monotonic() + 15
    while not (found := [d / "exec.fifo" for d in containers_of_runtime(mode) - before
                         if (d / "exec.fifo").exists()]):
        assert time.monotonic() < deadline, "no container that is not started"
        time.sleep(0.001)  # it is there for some tens of milliseconds only
    fifo = found[0]
    fifo.unlink()
    os.mkfifo(fifo, 0o600)
    os.chown(fifo, mode.owner_uid, -1)
    return fifo.parent.name


def hang_a_start(mode, before, known):
    """A run whose start waits for ever. The runtime may be faster than we are, so that it may take
    more than one."""
    for _ in range(10):
        victim = start_victim(mode)
        try:
            container = take_fifo_away(mode, known).encode()
            machine.wait_for(lambda: [p for p in new_processes(mode, before, "crun")
                                      if p.command()[-3:] == [b"start", container, b""]],
                             3, "a start that waits")
            return victim
        except (AssertionError, FileNotFoundError):
            end(victim)
            machine.wait_for(lambda: containers_of_runtime(mode) <= known, 15, "it is gone")
    raise AssertionError("no start could be held")


def kill_container(mode, before):
    """And its monitor goes too, so that nothing but the start that waits tells of it."""
    for process in new_processes(mode, before, ""):
        if ".scope/libpod-" in process.cgroup:
            process.kill(signal.SIGKILL)
    machine.wait_for(lambda: not new_processes(mode, before, "conmon"), 10, "no monitor")


@pytest.mark.parametrize("what", [None, "podman", "launcher", "conmon", "container, launcher"])
def test_a_start_that_would_never_end_is_ended_and_holds_nobody_up(mode, watch, bystander, what):
    """It waits under a lock that every command of Podman takes."""
    beside = machine.Watch(mode)
    before, known = mode.processes(), containers_of_runtime(mode)
    victim = hang_a_start(mode, before, known)
    try:
        if what == "container, launcher":
            kill_container(mode, before)
        if what:
            find(mode, what.split()[-1], before).kill(signal.SIGKILL)
    finally:
        end(victim)
    beside.assert_clean_within(10)
    assert containers_of_runtime(mode) <= known
    bystander.ends_well()
    watch.assert_clean_within(10)


def record_layer(mode, layer):
    """As containers/storage records a volatile one, so that every Podman takes notice."""
    directory = mode.storage / "overlay-layers"
    records = directory / "volatile-layers.json"
    with open(directory / "layers.lock", "r+b") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        layers = json.loads(records.read_text()) + [{"id": layer, "created": "2026-01-01T00:00:00Z"}]
        records.write_text(json.dumps(layers))
        lock.write(os.urandom(64))


@pytest.mark.parametrize("recorded", [False, True])
def test_a_layer_that_a_killed_podman_left_half_made_is_removed(mode, watch, client, recorded):
    """As a kill in the middle of "create" leaves it: there, and in no record, or in one that no container
    refers to."""
    client.sh("true").good()
    overlay, layer = mode.storage / "overlay", "c3" * 32
    owner = (mode.owner_uid, -1)
    for path in (overlay / layer, overlay / layer / "diff"):
        path.mkdir()
        os.chown(path, *owner)
    link = overlay / "l" / ("C" * 26)
    link.symlink_to(f"../{layer}/diff")
    os.chown(link, *owner, follow_symlinks=False)
    if recorded:
        record_layer(mode, layer)
    client.close()
    with mode.connect() as running:
        running.start("shell", code="echo up; sleep 9987").wait_output(b"up")
        mode.systemctl("stop", "cloche-podman.service")
        assert (overlay / layer).exists()
    with mode.connect() as running:
        running.start("shell", code="echo up; sleep 9986").wait_output(b"up")
        find(mode, "podman", []).kill(signal.SIGKILL)
        machine.wait_for(lambda: not (overlay / layer).exists(), 30, "the layer gone")
    assert layer not in (mode.storage / "overlay-layers/volatile-layers.json").read_text()
    watch.assert_clean_within(10)


def test_a_podman_that_dies_takes_no_image_along(system):
    """As root it mounts all layers once more for a moment, inside the layer of the container that it
    makes. One that dies then leaves them there, below what is removed next."""
    overlay, half_made = system.storage / "overlay", "c3" * 32
    watch = machine.Watch(system)
    before = files_of_layers(overlay)
    with system.connect() as client:
        client.start("shell", code="echo up; sleep 9985").wait_output(b"up")
        (running,) = set(files_of_layers(overlay)) - set(before)
        for layer in (running, half_made):
            place = overlay / layer / "mapped" / "0"
            place.mkdir(parents=True, exist_ok=True)
            machine.run(["mount", "--bind", overlay, place])
        find(system, "podman", []).kill(signal.SIGKILL)
        machine.wait_for(lambda: not (overlay / half_made).exists(), 30, "the half-made layer gone")
    watch.assert_clean_within(10)
    assert files_of_layers(overlay) == before
    with system.connect() as client:
        client.sh("true").good()


def test_what_another_podman_left_mounted_is_unmounted_before_ours_begins(system):
    layer = system.storage / "overlay" / ("c3" * 32)
    place = layer / "mapped" / "0"
    place.mkdir(parents=True)
    try:
        machine.run(["mount", "--bind", system.storage / "overlay", place])
        system.systemctl("stop", "cloche-podman.service")
        with system.connect() as client:
            client.sh("true").good()
        assert str(place) not in pathlib.Path("/proc/self/mountinfo").read_text()
    finally:
        place.rmdir()  # which a mount would not let happen
        place.parent.rmdir()
        layer.rmdir()


def test_a_container_with_our_label_is_not_ours(mode):
    """As anybody has it who makes an image of a sandbox, and runs that."""
    try:
        container = mode.podman("run", "--detach", "--name=like-ours", f"--label=io.cloche.sandbox={'ab' * 16}",
                                "--network=none", "localhost/cloche-shell:latest", "sleep", "9984"
                                ).stdout.decode().strip()
        with mode.connect() as client:
            client.start("shell", code="echo up; sleep 9983").wait_output(b"up")
            find(mode, "launcher", []).kill(signal.SIGKILL)
            machine.wait_for(lambda: find(mode, "launcher", []), 20, "the next launcher")
            # which looks twice, the second time after some seconds
            for _ in range(5):
                client.sh("true").good()
                time.sleep(1)
        assert mode.podman("exec", "like-ours", "echo", "alive").stdout == b"alive\n"
        assert (mode.runtime / "crun" / container / "status").exists()
    finally:
        mode.podman("rm", "--force", "--time=0", "--ignore", "like-ours")


def files_of_layers(overlay):
    """What is at the top of each layer, and how much."""
    return {layer.name: sorted(os.listdir(layer / "diff")) for layer in overlay.iterdir()
            if len(layer.name) == 64 and (layer / "diff").is_dir()}


def assert_victim_is_told(victim, what):
    """A run that lost one of its pillars ends by itself, and with a reason; only the death of
    conmon, which holds nothing up, need not be noticed."""
    if what in ("client", "conmon", "holder"):
        end(victim)
        return
    _, errors = victim.communicate(timeout=20)
    assert victim.returncode == 125, (victim.returncode, errors)
    assert b"cloche: " in errors


def end(victim):
    """Kills runuser and the command below it."""
    if not victim.stderr.closed:
        try:
            os.killpg(victim.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        victim.communicate()


def test_a_client_that_closes_in_the_middle_of_many_runs_leaves_nothing(mode, watch):
    client = mode.connect()
    running = [client.start("shell", code=NASTY) for _ in range(4)]
    for r in running[:2]:
        r.wait_output(b"flood", 60)
    client.close()
    watch.assert_clean_within(10)


def test_many_that_end_at_once_are_gone_soon_and_hold_nobody_up(mode, watch):
    """Podman has locks: what comes to it all at once waits for them until it is too late."""
    since = time.time()
    with mode.connect() as other:
        other.call("server.info")
        with mode.connect() as client:
            calls = [client.send("sandbox.open", {"profile": "shell"}) for _ in range(16)]
            for call in calls:
                client.answer(call)
            monitors = [p.command() for p in mode.processes() if p.name == "conmon"]
            assert len(monitors) == 16
            # what they would start at the end would be sixteen more of those who want the locks
            assert not [words for words in monitors if b"--exit-command" in words]
        assert other.run(argv=["echo", "hi"]).good() == "hi\n"
    watch.assert_clean_within(20)
    told = mode.journal("_COMM=cloche-launcher", f"_UID={mode.owner_uid}", f"--since=@{since:.6f}", "--priority=warning")
    assert not told, [entry["MESSAGE"] for entry in told]


def test_a_client_that_leaves_before_the_answer_leaves_nothing(mode, watch):
    for _ in range(5):
        client = mode.connect()
        client.start("shell", code=NASTY)
        client.close()
    watch.assert_clean_within(10)


def test_stopping_the_scope_by_systemctl_ends_the_run(mode, watch, client):
    before = set(mode.scopes())
    running = client.start("shell", code="trap '' TERM; echo up; sleep 9990")
    running.wait_output(b"up")
    (sandbox,) = set(mode.scopes()) - before
    mode.systemctl("stop", f"cloche-{sandbox}.scope")
    ended = running.wait(15)
    assert ended.status == "sandbox_died"
    # It depends on who sees it first: the launcher the scope, or the handler the guest.
    assert ended.result["reason"] in ("killed", "guest_lost")
    client.close()
    watch.assert_clean_within(10)


def test_stopping_the_socket_ends_everything(mode, watch):
    client = mode.connect()
    client.start("shell", code="echo up; sleep 9989").wait_output(b"up")
    try:
        mode.systemctl("stop", "cloche.socket", "cloche@*.service")
        with pytest.raises(Closed):
            while True:
                client.take(20)
        client.close()
        watch.assert_clean_within(10)
    finally:
        mode.systemctl("start", "cloche.socket")
    with mode.connect() as again:
        assert again.sh("echo again").good() == "again\n"
    watch.assert_clean_within(10)


def test_a_run_survives_the_launcher_and_its_limits_still_hold(mode, watch, client):
    """A new launcher adopts what is leased: the run goes on, and ends at its time."""
    before = set(mode.scopes())
    calm = client.start("shell", code=CALM, stdin_open=True).wait_output(b"up")
    timed = client.start("shell", code="echo up; sleep 9988", timeout_ms=8_000)
    timed.wait_output(b"up")
    assert len(set(mode.scopes()) - before) == 2
    target = find(mode, "launcher", [])
    target.kill(signal.SIGKILL)
    machine.wait_for(lambda: (p := find(mode, "launcher", [])) and p.pid != target.pid, 10,
                     "a new launcher")
    assert client.sh("echo new").good() == "new\n"
    calm.write(b"still here\n", eof=True)
    ended = calm.wait()
    assert ended.good() == "up\nstill here\n"
    assert ended.usage["memory_peak_bytes"] > 0
    assert timed.wait(20).status == "timeout"
    client.close()
    watch.assert_clean_within(10)


def test_when_nobody_is_connected_no_process_of_ours_runs(system, user):
    for mode in (system, user):
        with mode.connect() as client:
            client.sh("true").good()

    def ours():
        return [p for mode in (system, user) for p in mode.processes()
                if p.name.startswith(("cloche-", "conmon")) or "cloche-podman" in p.cgroup]
    # The launcher stays for half a minute after its last connection, Podman's service too.
    machine.wait_for(lambda: not ours(), 75, "no process of ours")
    for mode in (system, user):
        with mode.connect() as client:
            assert client.sh("echo back").good() == "back\n"


def test_a_request_that_is_refused_leaves_nothing(watch, client):
    with pytest.raises(RpcError):
        client.run("nosuch", code="1")
    with pytest.raises(RpcError):
        client.sh("true", limits={"tasks": 1 << 20})
    client.close()
    watch.assert_clean_within(10)
