# SPDX-License-Identifier: LGPL-2.1-or-later

"""The handler parses a stranger's bytes, so it can start nothing and reach nothing. A probe takes its
place by a drop-in: the same unit, the same directives, the same descriptors, another program."""

import json
import pathlib
import re
import shutil

import pytest

import machine

PROBE = pathlib.Path("/usr/lib/cloche-probe/probe.py")


@pytest.fixture
def seen(mode):
    """What the probe saw in place of a handler."""
    PROBE.parent.mkdir(exist_ok=True)
    shutil.copy(pathlib.Path(__file__).with_name("confinement_probe.py"), PROBE)
    PROBE.chmod(0o644)
    PROBE.parent.chmod(0o755)
    dropin = mode.unit_dropins / "cloche@.service.d"
    machine.make_directory(mode, dropin)
    (dropin / "probe.conf").write_text(
        f"[Service]\nExecStart=\nExecStart=/usr/bin/python3 -I -S {PROBE}\n")
    mode.reload()
    try:
        with mode.connect() as client:
            # Not the protocol: one line and the end.
            while b"\n" not in client.bytes_in:
                assert not client.at_end, "the probe said nothing; see the journal"
                machine.wait_for(lambda: not client.at_end, 1)
                import select
                assert select.select([client.socket], [], [], 30)[0]
                client._read()
            return json.loads(client.bytes_in.split(b"\n")[0])
    finally:
        shutil.rmtree(dropin)
        shutil.rmtree(PROBE.parent)
        mode.reload()


def test_nothing_that_was_tried_worked(mode, seen):
    worked = {name: text for name, text in seen["results"].items() if text.startswith("worked")}
    if not mode.is_system:
        # In user mode the manager and the handler have the same uid: the kernel lets them signal
        # each other when they share a user namespace, which they do not.
        assert not {"signal 1", "signal parent"} & set(worked)
    assert not worked


def test_it_has_no_rights(mode, seen):
    assert int(seen["status"]["CapEff"], 16) == 0
    assert int(seen["status"]["CapPrm"], 16) == 0
    assert int(seen["status"]["CapBnd"], 16) == 0
    assert seen["status"]["NoNewPrivs"] == "1"
    assert seen["status"]["Seccomp"] == "2"
    if mode.is_system:
        assert seen["uid"] >= 61184, "not one of systemd's dynamic users"


def test_it_sees_no_other_process(mode, seen):
    if mode.is_system:
        assert seen["processes"] == [seen["pid"]]
    # In user mode those of the same user cannot be hidden from it, but all others are.
    assert 1 not in seen["processes"]


def test_it_cannot_start_processes(mode, seen):
    assert seen["children"] <= (0 if mode.is_system else 3)


def test_it_holds_the_client_the_launcher_and_the_journal_and_nothing_else(seen):
    assert seen["descriptors"] == {"3": "socket", "4": "socket", "5": "socket"}


def test_systemd_finds_it_well_confined():
    text = machine.run(["systemd-analyze", "security", "--no-pager", "cloche@.service"],
                       check=False).stdout.decode()
    match = re.search(r"Overall exposure level for cloche@.*: ([0-9.]+)", text)
    assert match, text
    assert float(match[1]) <= 1.5, text


def test_the_running_handler_is_confined_as_its_unit_says(mode):
    """The real program, while it serves a client."""
    with mode.connect() as client:
        client.call("server.info")
        (handler,) = [p for p in mode.processes() if p.name == "cloche-handler"]
        status = pathlib.Path(f"/proc/{handler.pid}/status").read_text()
        fields = dict(re.findall(r"^(\w+):\s*(\S+)", status, re.M))
        assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
        assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
        if mode.is_system:
            assert int(fields["Uid"]) >= 61184
        others = {}
        for kind in ("net", "ipc", "user", "mnt"):
            others[kind] = pathlib.Path(f"/proc/{handler.pid}/ns/{kind}").readlink()
            assert others[kind] != pathlib.Path(f"/proc/1/ns/{kind}").readlink(), kind
