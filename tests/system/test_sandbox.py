# SPDX-License-Identifier: LGPL-2.1-or-later

"""Sandboxes that live: state, executions beside each other, files, and nothing left whenever their
client goes."""

import base64
import pathlib
import subprocess
import sys
import time

import pytest

import machine
from client import RpcError

WIRE = pathlib.Path(__file__).parent.parent / "wire"
MIB = 1 << 20


class Box:
    """An open sandbox."""

    def __init__(self, client, profile="shell", **params):
        self.client = client
        self.id = client.call("sandbox.open", {"profile": profile, **params})["sandbox"]

    def start(self, *argv, **params):
        if argv:
            params["argv"] = list(argv)
        return self.client.send("sandbox.exec", {"sandbox": self.id, "capture": True, **params})

    def do(self, *argv, **params):
        return self.client.answer(self.start(*argv, **params))

    def call(self, method, **params):
        return self.client.call(method, {"sandbox": self.id, **params})


@pytest.fixture
def box(client):
    return Box(client)


def processes(box):
    """What runs in the sandbox besides its guest and the one that looks."""
    listed = box.do("ps", "-eo", "args", "--no-headers")["stdout"].splitlines()
    return sorted(p for p in listed if not p.startswith(("ps ", "/.cloche/guest")))


def test_files_and_state_stay_between_executions(client):
    python = Box(client, "python")
    assert python.do(code="import os; x = 41; os.chdir('/tmp')")["state"] == "kept"
    assert python.do(code="print(x + 1, os.getcwd())")["stdout"] == "42 /tmp\n"
    shell = Box(client)
    shell.do(code="cd /tmp; y=5; f() { echo $y; }; exec 7>/work/seven")
    assert shell.do(code="f; pwd; echo on >&7; cat /work/seven")["stdout"] == "5\n/tmp\non\n"


def test_a_picture_of_matplotlib_is_shown(client):
    box = Box(client, "python")
    result = box.do(code="import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nplt.show()")
    picture, = result["results"]
    assert base64.b64decode(picture["image/png"]).startswith(b"\x89PNG\r\n")


@pytest.mark.parametrize("way", ["cancel", "timeout"])
def test_ending_one_execution_ends_all_that_it_started_and_nothing_else(box, way):
    box.do("sh", "-c", "sleep 600 & echo on")
    beside = box.start("sh", "-c", "sleep 601; echo never")
    # one leaves its session, one is an orphan, one leaves the line of its parents again and again
    code = ("setsid sleep 700 & (setsid sleep 701 &) ; "
            "sh -c 'trap \"\" TERM INT HUP; while :; do (sleep 702 &) ; sleep 0.2; done' & "
            "echo started > /work/started; sleep 703")
    params = {"timeout_ms": 8000} if way == "timeout" else {}
    id = box.start("sh", "-c", code, **params)
    machine.wait_for(lambda: "sleep 702" in processes(box), 10, "the processes of the execution")
    if way == "cancel":
        box.client.call("exec.cancel", {"id": id})
    ended = box.client.answer(id)
    assert ended["status"] == {"cancel": "cancelled", "timeout": "timeout"}[way]
    assert processes(box) == ["sh -c sleep 601; echo never", "sleep 600", "sleep 601"]
    box.client.call("exec.cancel", {"id": beside})
    assert box.client.answer(beside)["status"] == "cancelled"


def test_what_code_starts_is_its_own_and_the_interpreter_lives(client):
    box = Box(client, "python")
    box.do(code="import subprocess as s; a = s.Popen(['sleep', '600'])")
    id = box.start(code="b = s.Popen(['setsid', 'sleep', '601'])\nwhile True: pass")
    machine.wait_for(lambda: "sleep 601" in processes(box), 10, "what the code starts")
    client.call("exec.cancel", {"id": id})
    ended = client.answer(id)
    assert (ended["status"], ended["state"]) == ("cancelled", "kept")
    left = processes(box)
    assert "sleep 600" in left and "sleep 601" not in left
    assert box.do(code="print(a.poll())")["stdout"] == "None\n"


def test_an_interrupted_shell_stops_at_once_and_keeps_its_state(box):
    box.do(code="x=7")
    id = box.start(code="g() { while :; do sleep 0.1; done; }; g; touch /work/never")
    time.sleep(0.5)
    box.client.call("exec.cancel", {"id": id})
    ended = box.client.answer(id)
    assert (ended["status"], ended["state"]) == ("cancelled", "kept")
    assert box.do(code="echo $x; ls /work")["stdout"] == "7\n"


def test_memory_is_billed_to_the_execution_that_used_it(box):
    small = box.do("sh", "-c", "echo x")
    large = box.do("sh", "-c", "head -c 50M /dev/zero | tail -c 50M | wc -c")
    again = box.do("sh", "-c", "echo x")
    assert large["usage"]["memory_peak_bytes"] > 40 * MIB
    for usage in small["usage"], again["usage"]:
        assert usage["memory_peak_bytes"] < 10 * MIB and usage["tasks_peak"] <= 3


def test_an_execution_out_of_memory_is_named_and_the_sandbox_lives(client):
    box = Box(client, "python", limits={"memory_bytes": 96 * MIB})
    ended = box.do("python3", "-c", "x = b'x' * (300 << 20)")
    assert (ended["status"], ended["limits_hit"]) == ("oom", ["memory"])
    assert box.do("echo", "on")["stdout"] == "on\n"


def test_sixty_four_executions_at_once_and_no_more(box):
    ids = [box.start("sleep", "600") for _ in range(64)]
    with pytest.raises(RpcError) as refused:
        box.do("true")
    assert refused.value.reason == "too_many_requests"
    for id in ids:
        box.client.send("exec.cancel", {"id": id})
    assert {box.client.answer(id)["status"] for id in ids} == {"cancelled"}
    assert box.do("echo", "on")["stdout"] == "on\n"


def test_a_sandbox_ends_with_its_lifetime_and_its_client_is_told(mode):
    watch = machine.Watch(mode)
    with mode.connect() as client:
        box = Box(client, lifetime_ms=5000)
        id = box.start("sleep", "600")
        assert client.answer(id, timeout=30)["status"] == "timeout"
        while (message := client.take()).get("method") != "sandbox_ended":
            pass
        assert message["params"] == {"sandbox": box.id, "reason": "lifetime"}
        with pytest.raises(RpcError) as refused:
            box.do("true")
        assert refused.value.reason == "unknown_sandbox"
    watch.assert_clean_within(20)


def test_files_that_cannot_be_had_are_refused_at_once(box):
    box.do("sh", "-c", "ln -s /etc/shadow shadow; ln -s /proc/self/environ env; mkfifo fifo; "
                       "ln -s loop loop; echo x > f; mkdir d; touch d/e; ln -s / root")
    for path, reason in {
            "shadow": "file_denied", "env": "not_a_file", "d": "is_a_directory",
            "fifo": "not_a_file", "/dev/zero": "not_a_file", "/proc/kmsg": None, "loop": "file_failed",
            "f/x": "not_a_directory", "none": "file_not_found", "/.cloche/channel": None}.items():
        begin = time.monotonic()
        with pytest.raises(RpcError) as refused:
            box.call("file.get", path=path)
        assert reason in (None, refused.value.reason), path
        assert time.monotonic() - begin < 30, path
    with pytest.raises(RpcError) as refused:
        box.call("file.put", path="/etc/x", text="")
    assert refused.value.reason == "read_only"
    # a tree is removed without what its links point to
    box.call("file.remove", path="root")
    assert box.do("ls", "/etc/passwd")["exit_code"] == 0


def test_a_full_disk_leaves_the_old_file(client):
    box = Box(client, limits={"work_bytes": 1 * MIB})
    box.call("file.put", path="f", text="old")
    with pytest.raises(RpcError) as refused:
        box.call("file.put", path="f", base64=base64.b64encode(bytes(700_000)).decode(), more=False)
        box.call("file.put", path="g", base64=base64.b64encode(bytes(700_000)).decode())
    assert refused.value.reason == "no_space"
    names = [e["name"] for e in box.call("file.list")["entries"]]
    assert names == ["f"]


def test_a_directory_of_many_files_comes_in_pages(box):
    box.do("sh", "-c", "seq -w 0 1199 | xargs -I{} touch n{}")
    names, after = [], ""
    while True:
        page = box.call("file.list", after=after)
        names += [e["name"] for e in page["entries"]]
        if not page["truncated"]:
            break
        after = names[-1]
    assert names == [f"n{i:04}" for i in range(1200)]


def test_every_transcript_holds_on_the_real_thing(mode):
    files = sorted(str(f) for f in WIRE.glob("*.jsonl"))
    played = subprocess.run(
        machine.as_user("agent", sys.executable, str(WIRE / "run-transcript.py"), mode.socket,
                        *files), capture_output=True, text=True, timeout=300, check=False)
    assert played.returncode == 0, played.stdout + played.stderr


def test_ten_thousand_requests_in_one_go_are_all_answered(system):
    with system.connect() as client:
        lines = b"".join(b'{"jsonrpc":"2.0","id":%d,"method":"sandbox.list"}\n' % i
                         for i in range(10_000))
        client.send_raw(lines, timeout=120)
        for i in range(10_000):
            assert client.answer(i, timeout=60) == {"sandboxes": []}
