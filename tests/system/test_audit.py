# SPDX-License-Identifier: LGPL-2.1-or-later

"""The record: what a run was, who asked for it and how it ended can be told from the journal alone,
gaps show, and nobody can write into it."""

import collections
import hashlib
import re

import pytest

import machine
from client import RpcError


def entries(mode, expect, *matches):
    """The audit entries that match, once the event `expect` is among them."""
    def look():
        found = [e for e in mode.journal(*matches) if "CLOCHE_EVENT" in e]
        return found if any(e["CLOCHE_EVENT"] == expect for e in found) else None
    return machine.wait_for(look, 30, f"{expect} in the journal of {matches}")


def one(found, event):
    (entry,) = [e for e in found if e["CLOCHE_EVENT"] == event]
    return entry


def test_the_journal_alone_tells_a_runs_whole_story(mode, client):
    code = "print('a secret'); raise SystemExit(3)"
    ended = client.python(code, env={"TOKEN": "hidden", "MODE": "x"}, timeout_ms=30_000,
                          limits={"memory_bytes": 256 << 20, "tasks": 50})
    story = entries(mode, "sandbox_removed", f"CLOCHE_SANDBOX={ended.sandbox}")
    events = [e["CLOCHE_EVENT"] for e in story]
    assert sorted(events) == sorted(["sandbox_opened", "exec_started", "exec_ended",
                                     "sandbox_ended", "sandbox_removed"])
    assert events.index("sandbox_opened") < events.index("exec_started") < events.index(
        "exec_ended")
    assert events.index("sandbox_ended") < events.index("sandbox_removed")

    # who, what, under which limits
    opened = one(story, "sandbox_opened")
    assert opened["CLOCHE_UID"] == "1000"
    assert opened["CLOCHE_PROFILE"] == "python"
    assert opened["CLOCHE_IMAGE"] == "localhost/cloche-python:latest"
    assert opened["CLOCHE_IMAGE_DIGEST"] == ended.result["image"]
    assert opened["CLOCHE_SCOPE"] == f"cloche-{ended.sandbox}.scope"
    assert opened["CLOCHE_MEMORY_BYTES"] == str(256 << 20)
    assert opened["CLOCHE_TASKS"] == "50"
    assert opened["CLOCHE_CPU_PERCENT"] == "100"
    assert opened["CLOCHE_WORK_BYTES"] == str(256 << 20)

    started = one(story, "exec_started")
    assert started["CLOCHE_CODE_SHA256"] == hashlib.sha256(code.encode()).hexdigest()
    assert set(started["CLOCHE_ENV_NAMES"].split()) == {"TOKEN", "MODE"}
    assert started["CLOCHE_TIMEOUT_USEC"] == "30000000"
    assert "hidden" not in str(story) and "a secret" not in str(story)

    # how it ended and what it used
    done = one(story, "exec_ended")
    assert (done["CLOCHE_STATUS"], done["CLOCHE_EXIT_CODE"]) == ("exited", "3")
    assert done["CLOCHE_STDOUT_BYTES"] == "9"
    for name in "memory_peak_bytes", "cpu_user_usec", "cpu_system_usec", "tasks_peak":
        assert int(done["CLOCHE_" + name.upper()]) == ended.usage[name]
    finished = one(story, "sandbox_ended")  # with what the sandbox needed for itself
    assert int(finished["CLOCHE_MEMORY_PEAK_BYTES"]) > ended.usage["memory_peak_bytes"]
    assert int(finished["CLOCHE_CPU_USER_USEC"]) >= ended.usage["cpu_user_usec"]

    # by whom it was written, as only journald can say
    for e in story:
        assert e["_UID"] == ("0" if e["CLOCHE_BY"] == "launcher" and mode.is_system else
                             e["_UID"])
        unit = e["_SYSTEMD_UNIT" if mode.is_system else "_SYSTEMD_USER_UNIT"]
        assert unit.startswith("cloche@" if e["CLOCHE_BY"] == "handler" else "cloche-launcher")


def test_every_event_has_a_message_id_with_a_catalog_text(mode, client):
    ended = client.sh("true")
    story = entries(mode, "sandbox_removed", f"CLOCHE_SANDBOX={ended.sandbox}")
    ids = {e["MESSAGE_ID"] for e in story}
    assert len(ids) == 5
    text = machine.run(["journalctl", "--catalog", "--no-pager",
                        f"CLOCHE_SANDBOX={ended.sandbox}"]).stdout.decode()
    assert text.count("Defined-By: Cloche") == len(story)
    assert ended.result["image"] in text
    assert "@CLOCHE_" not in text, "a field that the catalog names is missing"


def test_numbers_of_a_connection_have_no_gap(mode):
    with mode.connect() as client:
        connection = client.call("server.info")["connection"]
        client.sh("true")
        with pytest.raises(RpcError):
            client.run("nosuch", code="1")
        with pytest.raises(RpcError):
            client.call("no.such.method")
        client.start("shell", argv=["sleep", "9981"])
    found = entries(mode, "connection_closed", f"CLOCHE_CONNECTION={connection}")
    found = machine.wait_for(
        lambda: (f := mode.journal(f"CLOCHE_CONNECTION={connection}")) and
        [e["CLOCHE_EVENT"] for e in f].count("sandbox_removed") >= 1 and f, 15)
    numbers = collections.defaultdict(list)
    for e in found:
        numbers[e["CLOCHE_BY"]].append(int(e["CLOCHE_SEQ"]))
    assert set(numbers) == {"handler", "launcher"}
    for by, seen in numbers.items():
        assert sorted(seen) == list(range(1, len(seen) + 1)), (by, seen)
    events = collections.Counter(e["CLOCHE_EVENT"] for e in found)
    assert events["connection_opened"] == events["connection_closed"] == 1
    assert events["request_refused"] == 2
    reasons = {e["CLOCHE_REASON"] for e in found if e["CLOCHE_EVENT"] == "request_refused"}
    assert reasons == {"unknown_profile", "method_not_found"}


def test_each_kind_of_end_is_in_the_record(mode, client):
    for params, status in (({"code": "sleep 99", "timeout_ms": 300}, "timeout"),
                           ({"code": "yes", "limits": {"output_bytes": 1000}}, "output_limit"),
                           ({"code": "kill -9 $$"}, "signaled")):
        ended = client.run("shell", **params)
        assert ended.status == status
        done = one(entries(mode, "exec_ended", f"CLOCHE_SANDBOX={ended.sandbox}"), "exec_ended")
        assert done["CLOCHE_STATUS"] == status
        assert done.get("CLOCHE_LIMITS_HIT", "").split() == ended.limits_hit


def test_a_run_whose_client_left_has_its_end_in_the_record(mode):
    before = set(mode.scopes())
    client = mode.connect()
    client.start("shell", code="echo up; sleep 9982").wait_output(b"up")
    (sandbox,) = set(mode.scopes()) - before
    client.close()
    story = entries(mode, "sandbox_removed", f"CLOCHE_SANDBOX={sandbox}")
    assert "exec_ended" in [e["CLOCHE_EVENT"] for e in story]
    assert one(story, "exec_ended")["CLOCHE_STATUS"] == "cancelled"


FORGERY = "x\nPRIORITY=0\n_UID=0\nMESSAGE=forged\nCLOCHE_EVENT=sandbox_removed\n\nMESSAGE=second"


def test_text_of_a_client_becomes_no_field_and_no_entry(mode, client):
    cursor = mode.journal("--lines=1")[0]["__CURSOR"]
    ended = client.run("shell", argv=["printf", "%s", FORGERY, "\x1b[31m\u202e", "é"],
                       env={"FORGED_NAME": "1"})
    assert ended.status == "exited"
    story = entries(mode, "sandbox_removed", f"CLOCHE_SANDBOX={ended.sandbox}")
    started = one(story, "exec_started")
    assert FORGERY.replace("\n", "\\n") in started["CLOCHE_ARGV"]
    assert "\x1b" not in started["MESSAGE"] and "\n" not in started["MESSAGE"]
    since = mode.journal(f"--after-cursor={cursor}")
    assert not [e for e in since if e.get("MESSAGE") in ("forged", "second")]
    assert len([e for e in story if e["CLOCHE_EVENT"] == "sandbox_removed"]) == 1


def test_a_very_long_argument_is_recorded_by_its_hash(mode, client):
    words = ["true", "a" * 120_000, "b" * 100_000]
    ended = client.run("shell", argv=words)
    ended.good()
    started = one(entries(mode, "exec_started", f"CLOCHE_SANDBOX={ended.sandbox}"),
                  "exec_started")
    digest = hashlib.sha256(b"".join(w.encode() + b"\0" for w in words)).hexdigest()
    assert started["CLOCHE_CODE_SHA256"] == digest
    assert 1000 < len(started["CLOCHE_ARGV"]) <= 65536


def test_the_code_cannot_reach_the_journal(mode, client):
    cursor = mode.journal("--lines=1")[0]["__CURSOR"]
    text = client.sh(
        "echo '<0>panic'; echo '<0>panic' >&2; echo 'cloche: session closed' >&2\n"
        "ls -d /dev/log /run/systemd /run/dbus 2>/dev/null\n"
        "logger forged; systemd-cat echo forged").stdout.decode()
    assert text == "<0>panic\n"
    client.close()
    since = "\n".join(str(e.get("MESSAGE")) for e in mode.journal(f"--after-cursor={cursor}"))
    assert "panic" not in since and "session closed" not in since and "forged" not in since


def test_an_entry_that_somebody_else_writes_can_be_told_apart(mode, client):
    """Anyone may send our fields to journald; what they cannot have is our unit."""
    ended = client.sh("true")
    entries(mode, "sandbox_removed", f"CLOCHE_SANDBOX={ended.sandbox}")
    machine.run(machine.as_user("agent2", "sh", "-c",
                                f"printf 'MESSAGE=x\\nCLOCHE_EVENT=exec_ended\\n"
                                f"CLOCHE_SANDBOX={ended.sandbox}\\n' | logger --journald"))
    found = machine.wait_for(lambda: [
        e for e in mode.journal(f"CLOCHE_SANDBOX={ended.sandbox}") if e["MESSAGE"] == "x"], 30)
    assert not re.match("cloche", found[0].get("_SYSTEMD_UNIT", ""))
    ours = mode.journal(f"CLOCHE_SANDBOX={ended.sandbox}", f"_UID={found[0]['_UID']}")
    assert [e["MESSAGE"] for e in ours] == ["x"]


def test_a_stopped_journal_does_not_stop_the_service_for_long(mode, client):
    """journald that does not read: each entry waits a moment, no more, and the run still ends."""
    pid = int(machine.Mode("system").show("systemd-journald.service", "MainPID")["MainPID"])
    client.sh("true").good()
    try:
        machine.Process(pid, "", 0, "", "").kill(19)
        for _ in range(3):
            client.sh("true", timeout=40)
    finally:
        machine.Process(pid, "", 0, "", "").kill(18)
    client.sh("true").good()
