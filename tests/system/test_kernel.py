# SPDX-License-Identifier: LGPL-2.1-or-later

"""The kernel and the guest as targets: what code in a sandbox can ask of them, in both profiles and
both modes. kernel_probe.c does the asking; it is compiled in a sandbox itself."""

import functools
import json
import pathlib
import struct

import pytest

import machine

PROFILES = ["python", "shell"]
DENIED = {"EPERM", "EACCES", "ENOSYS", "SIGSYS"}

# What may come of a case, where it is not one of DENIED.
EXPECTED = {
    "socket families": {"1 2 10 16 "},
    "socket families with high bits": {""},
    "netlink protocols": {"0 "},
    "clone3": {"ENOSYS"},
    "descriptors of 1": {""},
    "descriptors of ours": {""},
    # user-mode Linux has neither the 32-bit nor the x32 way in, and says so in its own words
    "int 0x80 socketcall": {"SIGSYS", "SIGSEGV", "failed"},
    "write guest": {"EROFS", "EACCES", "ETXTBSY", "EPERM"},
    "remove guest": {"EROFS", "EACCES", "EBUSY", "EPERM"},
    "replace guest": {"EROFS", "EACCES", "EBUSY", "EPERM", "EXDEV"},
    "new beside guest": {"EROFS", "EACCES", "EPERM"},
    "channel": {"ECONNREFUSED", "EACCES", "EPERM"},
    **{f"use {name}": {"worked"} for name in ("null", "zero", "full", "random", "urandom")},
    **{f"open {name}": {"ENOENT", "EACCES", "EPERM", "ENXIO"} for name in (
        "kmsg", "mem", "kmem", "port", "ubda", "sda", "vda", "fuse", "kvm", "net/tun", "loop0",
        "loop-control", "console")},
}


@functools.cache
def probe():
    """The compiled probe, as base64."""
    source = pathlib.Path(__file__).with_name("kernel_probe.c").read_bytes()
    with machine.Mode("system").connect() as client:
        running = client.start("shell", stdin_open=True, argv=[
            "sh", "-c", "gcc -O1 -static -x c -o probe - && strip probe && base64 -w0 probe"])
        running.write(source, eof=True)
        return running.wait(120).good()


@pytest.mark.parametrize("profile", PROFILES)
def test_code_gets_nothing_from_the_kernel_that_it_should_not_have(client, profile):
    running = client.start(profile, stdin_open=True, argv=[
        "sh", "-c", "base64 -d >probe && chmod +x probe && exec ./probe"])
    running.write(probe().encode(), eof=True)
    ended = running.wait(120)
    assert ended.status == "exited", ended
    results = json.loads(ended.good())
    assert len(results) > 90
    wrong = {name: outcome for name, outcome in results.items()
             if outcome not in EXPECTED.get(name, DENIED)}
    assert not wrong
    # And the machinery is unharmed.
    assert client.run(profile, argv=["echo", "still well"]).good() == "still well\n"


@pytest.mark.parametrize("profile", PROFILES)
def test_code_has_another_uid_and_no_rights(client, profile):
    text = client.run(profile, argv=["cat", "/proc/self/status"]).good()
    fields = {line.split(":")[0]: line.split(":")[1].split() for line in text.splitlines()}
    assert fields["Uid"] == ["1000"] * 4 and fields["Gid"] == ["1000"] * 4
    assert fields["Groups"] == []
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(fields[name][0], 16) == 0, name
    assert fields["NoNewPrivs"] == ["1"]
    assert fields["Seccomp"] == ["2"]
    assert fields["SigBlk"] == fields["SigIgn"] == ["0" * 16]


def test_on_the_host_it_is_nobody(mode, client):
    """In system mode an id of its own for each sandbox; in user mode one of the user's range."""
    seen = set()
    for _ in range(2):
        before = set(mode.scopes())
        running = client.start("shell", code="echo up; read x", stdin_open=True)
        running.wait_output(b"up")
        (sandbox,) = set(mode.scopes()) - before
        inside = sorted((p for p in mode.processes_of(sandbox) if "/libpod-" in p.cgroup),
                        key=lambda p: p.pid)
        assert len(inside) >= 2
        if not mode.is_system:
            assert inside.pop(0).uid == 1000  # the guest, which is root in there
        ids = {p.uid for p in inside}
        assert not ids & {0, 1000, 65534}, ids
        seen |= ids if mode.is_system else set()
        running.write(b"", eof=True)
        running.wait()
    if mode.is_system:
        assert all(uid >= 2147483647 for uid in seen)


def test_the_guest_is_the_first_process_and_only_it_has_rights(mode, client):
    before = set(mode.scopes())
    running = client.start("shell", code="echo up; read x", stdin_open=True).wait_output(b"up")
    (sandbox,) = set(mode.scopes()) - before
    guest = min((p for p in mode.processes_of(sandbox) if "/libpod-" in p.cgroup),
                key=lambda p: p.pid)
    status = pathlib.Path(f"/proc/{guest.pid}/status").read_text()
    fields = {line.split(":")[0]: line.split(":")[1].split() for line in status.splitlines()}
    assert fields["NSpid"][-1] == "1"
    assert int(fields["CapEff"][0], 16) & ~0x1e0 == 0, "more than kill, setgid, setuid and setpcap"
    assert fields["NoNewPrivs"] == ["1"]
    running.write(b"", eof=True)
    running.wait()


def test_signals_at_the_guest_change_nothing(client):
    assert client.python(
        "import os\nn = 0\n"
        "for i in range(20000):\n"
        "    try: os.kill(1, 15)\n"
        "    except PermissionError: n += 1\n"
        "print(n)").good() == "20000\n"


def test_killing_everything_it_may_kills_only_the_program(client):
    ended = client.run("shell", argv=["bash", "-c", "sleep 99 & trap '' TERM; kill -9 -1; echo on"])
    assert ended.status in ("exited", "signaled"), ended
    assert client.sh("echo next").good() == "next\n"


def test_frames_of_the_guest_in_the_output_are_data(client):
    """stdout is a pipe of its own: nothing in it is ever taken for the guest's word."""
    frame = struct.pack("@HHIIiQ", 5, 1, 1, 1, 0, 0)
    code = (f"import os, sys\nf = bytes.fromhex('{frame.hex()}')\n"
            "for offset in range(8): os.write(1, b'x' * offset + f)\n"
            "os.write(1, b'\\xff' * 65536)\nos.write(2, f * 100)\nsys.exit(7)")
    ended = client.python(code)
    assert (ended.status, ended.exit_code) == ("exited", 7)
    assert ended.stdout == b"".join(b"x" * i + frame for i in range(8)) + b"\xff" * 65536
    assert ended.stderr == frame * 100


def test_set_uid_programs_give_nothing(client):
    ended = client.sh("cp /bin/bash /tmp/b && chmod 4755 /tmp/b && /tmp/b -p -c 'id -u'\n"
                      "for f in /bin/su /usr/bin/passwd /usr/bin/newgrp /usr/bin/mount; do\n"
                      "  if [ -u $f ]; then echo | timeout 2 $f 2>/dev/null; fi\n"
                      "done; id -u; grep CapEff /proc/self/status")
    uids = [line for line in ended.stdout.decode().splitlines() if line.isdigit()]
    assert set(uids) == {"1000"}
    assert b"CapEff:\t0000000000000000" in ended.stdout


def test_a_program_in_memory_runs_under_the_same_limits(client):
    code = ("import os\nfd = os.memfd_create('x')\n"
            "os.write(fd, open('/bin/cat', 'rb').read())\n"
            "os.execve(fd, ['cat', '/proc/self/status'], {})")
    text = client.python(code).good()
    assert "Seccomp:\t2" in text and "NoNewPrivs:\t1" in text and "Uid:\t1000" in text


def test_there_is_no_terminal(client):
    code = ("import os\n"
            "for fd in 0, 1, 2: print(os.isatty(fd))\n"
            "try: os.open('/dev/tty', os.O_RDWR); print('terminal')\n"
            "except OSError as e: print('none')")
    assert client.python(code).good() == "False\nFalse\nFalse\nnone\n"


def test_what_tells_of_the_host_is_hidden(client):
    text = client.sh(
        "for f in /proc/cmdline /proc/kallsyms /proc/modules /proc/partitions /proc/diskstats "
        "/proc/config.gz /proc/keys /proc/timer_list /proc/kcore /proc/sched_debug "
        "/proc/sysrq-trigger /sys/firmware /sys/kernel/debug /sys/module /sys/block; do\n"
        "  if [ -d $f ]; then n=$(ls -A $f 2>/dev/null | wc -l); else n=$(cat $f 2>/dev/null "
        "| head -c 100 | wc -c); fi\n"
        "  [ $n = 0 ] || echo $f $n\ndone\n"
        "for f in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /sys/fs/cgroup/cgroup.procs; do\n"
        "  (: >$f) 2>/dev/null && echo writable $f\ndone\n"
        "awk '$4 == \"00010000\"' /proc/net/unix\nhostname; ulimit -c; ls /.cloche").good()
    assert text == "cloche\n0\nchannel\ndrivers\nguest\n"


def test_a_core_dump_leaves_nothing_on_the_host(client):
    before = set(pathlib.Path("/var/lib/systemd/coredump").glob("*"))
    for _ in range(3):
        assert client.run("shell", argv=["bash", "-c", "kill -SEGV $$"]).status == "signaled"
    assert set(pathlib.Path("/var/lib/systemd/coredump").glob("*")) == before
