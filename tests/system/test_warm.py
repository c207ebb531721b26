# SPDX-License-Identifier: LGPL-2.1-or-later

"""Sandboxes that wait for their client: whole ones, used once, by one client, or by nobody."""

import contextlib
import signal
import time

import pytest

import machine

KEPT = 30   # seconds after their user's last connection: WARM_KEPT_USEC
WARM = "[Container]\nLabel=io.cloche.warm={marks}\nLabel=io.cloche.preload=pandas\n"
PROFILE = "[Container]\nImage=localhost/cloche-shell:latest\nPull=never\n" \
    "Label=io.cloche.language=shell\nLabel=io.cloche.interpreter=bash\n" \
    "Label=io.cloche.code-name=main.sh\n"


def client_uid():
    return machine.user_ids("agent")[0]


def wait_for_none(mode):
    machine.wait_for(lambda: not mode.scopes(), KEPT + 20, "no sandbox")


@contextlib.contextmanager
def connected(mode):
    """As a client that says something first: one that does not is let go."""
    with mode.connect() as client:
        client.call("server.info")
        yield client


@pytest.fixture(scope="module", params=["system", "user"])
def kept(request):
    """Two of python are kept ready. All tests have the same, for each leaves as many as it found."""
    mode = machine.Mode(request.param)
    watch = machine.Watch(mode)
    with machine.quadlets(mode, **{"python.d/60-warm.conf": WARM.format(marks="2:2")}):
        yield mode
    wait_for_none(mode)
    watch.assert_clean_within(20)


in_system_mode = pytest.mark.parametrize("kept", ["system"], indirect=True)


def test_a_run_takes_one_that_waits_and_another_is_made(kept):
    with connected(kept) as client:
        ready = kept.wait_for_warm(2)
        ended = client.run("python", code="import os, sys\n"
                                          "print('pandas' in sys.modules, 'CLOCHE_PRELOAD' in os.environ)")
        assert ended.good() == "True False\n"
        assert ended.result["sandbox"] in ready
        # the one that has waited for longer comes first
        second = client.run("python", code="print(1)")
        assert second.good() == "1\n" and second.result["sandbox"] in ready - {ended.result["sandbox"]}
        assert not kept.wait_for_warm(2) & ready
        # one that is used is shown as any other
        box = client.call("sandbox.open", {"profile": "python"})["sandbox"]
        machine.wait_for(lambda: kept.descriptions().get(box) ==
                         f"Cloche sandbox (python) of uid {client_uid()}", 10, "a new description")


@in_system_mode
def test_it_waits_in_the_slice_of_its_user(kept):
    with connected(kept):
        kept.wait_for_warm(2)
        for path in kept.scopes().values():
            assert path.parent.name == f"cloche-u{client_uid()}.slice"


@in_system_mode
def test_who_wants_other_limits_gets_one_that_was_not_ready(kept):
    with connected(kept) as client:
        ready = kept.wait_for_warm(2)
        for limits in ({"memory_bytes": 300 << 20}, {"tasks": 50}, {"cpu_percent": 50},
                       {"work_bytes": 1 << 20}):
            ended = client.run("python", code="print(2)", limits=limits)
            assert ended.good() == "2\n" and ended.result["sandbox"] not in ready
        # those that Cloche itself watches over do not matter
        ended = client.run("python", code="import time\nwhile True: time.sleep(1)",
                           timeout_ms=1000)
        assert ended.status == "timeout" and ended.result["sandbox"] in ready


@in_system_mode
def test_a_wish_for_an_environment_is_heard(kept):
    with connected(kept) as client:
        ready = kept.wait_for_warm(2)
        box = client.call("sandbox.open", {"profile": "python", "env": {"A": "b"}})["sandbox"]
        assert box in ready
        ended = client.execute(box, code="import os; print(os.environ['A'])").wait()
        assert ended.good() == "b\n"


LEAVE = """
import builtins, ctypes, os, pandas, pathlib, signal, socket, subprocess, sys, time
builtins.mark = sys.mark = pandas.mark = 1
os.environ["MARK"] = "1"
for directory in "/work", "/tmp", "/dev/shm", "/run/cloche", "/var/tmp", "/home":
    try:
        pathlib.Path(directory, "mark").write_text("1")
    except OSError:
        pass
listener = socket.socket(socket.AF_UNIX)
listener.bind("\\0mark")
listener.listen()
child = subprocess.Popen(["setsid", "sleep", "9971"])
while b"9971" not in pathlib.Path(f"/proc/{child.pid}/cmdline").read_bytes():
    time.sleep(0.01)  # it is through with exec, and its words are not there yet
os.umask(0o7)
ADD_KEY, SESSION, USER = 248, -3, -4
for ring in SESSION, USER:
    ctypes.CDLL(None).syscall(ADD_KEY, b"user", b"mark", b"1", 1, ring)
time.time = lambda: 0.0
sys.setrecursionlimit(999)
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
"""
LOOK = """
import builtins, ctypes, glob, os, pandas, signal, socket, sys, time
found = {m.__name__ for m in (builtins, sys, pandas) if hasattr(m, "mark")}
found |= {d for d in ("/work", "/tmp", "/dev/shm", "/run/cloche", "/var/tmp", "/home") if os.path.exists(f"{d}/mark")}
try:
    socket.socket(socket.AF_UNIX).connect("\\0mark")
    found.add("socket")
except OSError:
    pass
found |= {"process" for f in glob.glob("/proc/[0-9]*/cmdline") if b"9971" in open(f, "rb").read()}
REQUEST_KEY = 249
if ctypes.CDLL(None).syscall(REQUEST_KEY, b"user", b"mark", None, 0) >= 0:
    found.add("key")
for name, is_there in (("environment", "MARK" in os.environ), ("umask", os.umask(0o22) == 0o7),
                       ("clock", time.time() == 0), ("limit", sys.getrecursionlimit() == 999),
                       ("signal", signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN)):
    if is_there:
        found.add(name)
print(*sorted(found))
"""


@in_system_mode
def test_what_one_client_did_the_next_does_not_see(kept):
    with connected(kept) as client:
        ready = kept.wait_for_warm(2)
        ended = client.run("python", code=LEAVE + LOOK)
        # what can be left is found where it was left; keys cannot (the filter)
        assert set(ended.good().split()) >= {
            "builtins", "sys", "pandas", "/work", "/tmp", "/dev/shm", "socket", "process", "environment", "umask",
            "clock", "limit", "signal"}, ended
        other = client.run("python", code=LOOK)
        assert {ended.result["sandbox"], other.result["sandbox"]} == ready
        assert other.good() == "\n"
    # nor do two of them agree on what was drawn by lot before
    with connected(kept) as client:
        kept.wait_for_warm(2)
        draw = "import random, numpy; print(random.random(), numpy.random.random())"
        assert client.run("python", code=draw).good() != client.run("python", code=draw).good()


@in_system_mode
def test_a_profile_that_has_changed_is_what_one_gets(kept):
    with connected(kept) as client:
        ready = kept.wait_for_warm(2)
        with machine.quadlets(kept, **{"python.d/70-other.conf": "[Container]\nEnvironment=NEW=yes\n"}):
            ended = client.run("python", code="import os; print(os.environ['NEW'])")
            assert ended.good() == "yes\n" and ended.result["sandbox"] not in ready
            changed = kept.wait_for_warm(2)
            assert not changed & ready
        machine.wait_for(lambda: not changed & set(kept.scopes()), 60, "no sandbox of the changed profile")


@pytest.mark.parametrize("leaves", [("/exec-1", "/guest"), ("/exec-2", "/exec-2")],
                         ids=["driver-and-guest", "stand-ins"])
def test_one_that_has_died_is_not_handed_out(kept, leaves):
    with connected(kept) as client:
        ready = kept.wait_for_warm(2)
        victims = [process for sandbox, leaf in zip(ready, leaves)
                   for process in kept.processes_of(sandbox) if process.cgroup.endswith(leaf)]
        assert len(victims) >= len(ready)
        for process in victims:
            process.kill(signal.SIGKILL)
        machine.wait_for(lambda: not any(v.is_alive() for v in victims), 10, "all dead")
        ended = client.run("python", code="print(3)")
        assert ended.good() == "3\n" and ended.result["sandbox"] not in ready
        machine.wait_for(lambda: not ready & set(kept.scopes()), 60, "nothing left of the dead")


def test_who_comes_early_gets_the_one_that_is_being_made(kept):
    with connected(kept) as client:
        ready = kept.wait_for_warm(2)
        for _ in ready:
            assert client.run("python", code="print(1)").result["sandbox"] in ready
        making = machine.wait_for(lambda: {sandbox for sandbox, said in kept.descriptions().items()
                                           if said.endswith("ready")}, 60, "one that is being made")
        ended = client.run("python", code="print(7)")
        assert ended.good() == "7\n" and ended.result["sandbox"] in making
        assert not kept.wait_for_warm(2) & (ready | making)


@in_system_mode
def test_an_argv_is_a_plain_process_in_one_too(kept):
    with connected(kept) as client:
        ready = kept.wait_for_warm(2)
        ended = client.run("python", argv=["sh", "-c", "echo $PPID; exit 4"])
        assert (ended.exit_code, ended.result["sandbox"] in ready) == (4, True)


def test_a_launcher_that_dies_leaves_no_warm_one(kept):
    with connected(kept) as client:
        ready = kept.wait_for_warm(2)
        taken = client.call("sandbox.open", {"profile": "python"})["sandbox"]
        launcher = [p for p in kept.processes() if p.name == "cloche-launcher"]
        assert len(launcher) == 1
        launcher[0].kill(signal.SIGKILL)
        machine.wait_for(lambda: not (ready - {taken}) & set(kept.scopes()), 20, "the warm ones are gone")
        assert client.execute(taken, code="print(5)").wait().good() == "5\n"


def test_they_stay_for_the_next_connection_and_then_go(kept):
    with connected(kept):
        ready = kept.wait_for_warm(2)
    time.sleep(3)
    with connected(kept) as client:
        assert client.run("python", code="print(6)").result["sandbox"] in ready
    begun = time.monotonic()
    wait_for_none(kept)
    assert time.monotonic() - begun >= KEPT - 10
    machine.wait_for(lambda: not [p for p in kept.processes() if p.name.startswith("cloche-")], 60,
                     "no process of ours")


def test_marks_that_change_are_followed(system):
    def there():
        return {said for said in system.descriptions().values() if "(tide)" in said}
    with connected(system) as client:
        with machine.quadlets(system, tide=PROFILE):  # its user is connected already
            for marks in 1, 2:
                with machine.quadlets(system, **{"tide.d/60-warm.conf": f"[Container]\nLabel=io.cloche.warm={marks}\n"}):
                    system.wait_for_warm(marks, "tide")
            machine.wait_for(lambda: not there(), 20, "none without marks")
            assert client.run("tide", code="echo 7").good() == "7\n"
            with machine.quadlets(system, **{"tide.d/60-warm.conf": "[Container]\nLabel=io.cloche.warm=1\n"}):
                system.wait_for_warm(1, "tide")
                (system.quadlets / "cloche-tide.container").write_text("[Container]\n")
                system.reload()
                machine.wait_for(lambda: not there(), 20, "none of a profile that is gone")


def test_a_profile_that_is_new_when_its_user_has_just_come(system):
    for _ in range(3):
        system.systemctl("stop", "cloche-launcher.service")  # what it knows is gone
        with connected(system), \
                machine.quadlets(system, tide=PROFILE + "Label=io.cloche.warm=1\n"):
            system.wait_for_warm(1, "tide")


def test_marks_that_make_no_sense_are_told(system):
    for marks in "2:1", "x":
        with machine.quadlets(system, odd=PROFILE + f"Label=io.cloche.warm={marks}\n"), \
                system.connect() as client:
            profile = [p for p in client.call("profile.list")["profiles"] if p["name"] == "odd"]
            assert "io.cloche.warm" in profile[0]["problem"], (marks, profile)
