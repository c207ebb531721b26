# SPDX-License-Identifier: LGPL-2.1-or-later

"""The handler parses a stranger's bytes, so it can start nothing and reach nothing. A probe takes its
place by a drop-in: the same unit, the same directives, the same descriptors, another program (for
which the unit's empty root needs an interpreter, and gets that alone)."""

import pathlib
import re
import shutil

import pytest

import machine

PROBE = pathlib.Path("/usr/lib/cloche-probe/probe.py")  # below what the unit shows anyway
PYTHON = "/usr/bin/python3"


def seen_in(mode):
    """What the probe saw in place of a handler."""
    PROBE.parent.mkdir(exist_ok=True)
    shutil.copy(pathlib.Path(__file__).with_name("confinement_probe.py"), PROBE)
    PROBE.chmod(0o644)
    PROBE.parent.chmod(0o755)
    text = mode.systemctl("cat", "cloche@.service").stdout.decode()
    (command,) = re.findall(r"^ExecStart=(.*)$", text, re.M)
    program = re.search(r"\S*/cloche-handler$", command)
    assert program, command
    command = command[:program.start()] + f"{PYTHON} -I -S {PROBE}"
    try:
        with machine.unit_dropin(mode, "cloche@.service",
                                 f"[Service]\nExecStart=\nExecStart={command}\n"
                                 f"BindReadOnlyPaths={PYTHON}\n"):
            with mode.connect() as client:
                return client.receive_any()
    finally:
        shutil.rmtree(PROBE.parent)


@pytest.fixture(scope="module")
def seen_by_mode():
    return {name: seen_in(machine.Mode(name)) for name in ("system", "user")}


@pytest.fixture
def seen(mode, seen_by_mode):
    return seen_by_mode[mode.name]


def test_nothing_that_was_tried_worked(mode, seen):
    worked = {name: text for name, text in seen["results"].items()
              if text.startswith("worked") and text != "worked: []"}
    if not mode.is_system:
        # /usr is in plain sight there: programs that nobody can start and that could reach nothing.
        worked.pop("the program podman")
    assert not worked
    assert len(seen["results"]) > 35


def test_it_holds_the_client_the_launcher_and_the_journal_and_nothing_else(seen):
    assert seen["descriptors"] == {"3": "socket", "4": "socket", "5": "socket"}


def test_it_is_nobody_else(mode, seen):
    if mode.is_system:
        assert seen["uid"] >= 61184, "not one of systemd's dynamic users"
    else:
        assert seen["uid"] == 1000


def test_systemd_finds_it_well_confined():
    text = machine.run(["systemd-analyze", "security", "--no-pager", "cloche@.service"],
                       check=False).stdout.decode()
    match = re.search(r"Overall exposure level for cloche@.*: ([0-9.]+)", text)
    assert match, text
    assert float(match[1]) <= 1.5, text


def test_the_running_handler_has_no_rights(mode):
    """The real program, while it serves a client."""
    with mode.connect() as client:
        client.call("server.info")
        (handler,) = [p for p in mode.processes() if p.name == "cloche-handler"]
        status = pathlib.Path(f"/proc/{handler.pid}/status").read_text()
        fields = dict(re.findall(r"^(\w+):\s*(\S+)", status, re.M))
        assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(fields[name], 16) == 0, name
        if mode.is_system:
            assert int(fields["Uid"]) >= 61184
        kinds = ("mnt", "net") if mode.is_system else ("mnt", "net", "user", "ipc")
        for kind in kinds:
            assert (pathlib.Path(f"/proc/{handler.pid}/ns/{kind}").readlink() !=
                    pathlib.Path(f"/proc/1/ns/{kind}").readlink()), kind


def test_all_handlers_of_one_client_die_with_their_connections(mode):
    clients = [mode.connect() for _ in range(3)]
    for client in clients:
        client.call("server.info")
    assert len([p for p in mode.processes() if p.name == "cloche-handler"]) == 3
    for client in clients:
        client.close()
    machine.wait_for(lambda: not [p for p in mode.processes() if p.name == "cloche-handler"], 5,
                     "no handler left")
