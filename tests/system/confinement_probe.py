# SPDX-License-Identifier: LGPL-2.1-or-later

"""Runs in place of cloche-handler, in its unit's sandbox and with its descriptors, tries what a
handler that was taken over would try, and writes what came of it to the client as one JSON line.
It assumes nothing: there may be no /proc, no /dev and no /etc."""

import errno
import json
import os
import socket
import stat

CLIENT = 3


def outcome(action):
    """"worked: …", or the name of the error."""
    try:
        return f"worked: {action()!r}"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    except Exception as error:  # pylint: disable=broad-except
        return type(error).__name__


def connect(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        return path


def write(path):
    with open(path, "w", encoding="ascii") as file:
        file.write("x")
    os.unlink(path)
    return path


def read(path):
    with open(path, "rb") as file:
        return file.read(10)


def fork():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    return pid


def readable_processes():
    """Other processes whose environment or memory can be read."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) != os.getpid():
            for name in ("environ", "mem", "root/etc/passwd"):
                try:
                    read(f"/proc/{pid}/{name}")
                    found.append(f"{pid}/{name}")
                except OSError:
                    pass
    if not found:
        raise PermissionError(errno.EACCES, "none")
    return found


def descriptors():
    kinds = {}
    for fd in range(3, 256):
        try:
            kinds[fd] = "socket" if stat.S_ISSOCK(os.fstat(fd).st_mode) else "other"
        except OSError:
            pass
    return kinds


def main():
    held = descriptors()  # before Python opens any
    runtime = os.environ.get("XDG_RUNTIME_DIR", "/run")
    cases = {
        "socket inet": lambda: socket.socket(socket.AF_INET).fileno(),
        "socket inet6": lambda: socket.socket(socket.AF_INET6).fileno(),
        "socket unix": lambda: socket.socket(socket.AF_UNIX).fileno(),
        "socket netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).fileno(),
        "socketpair": socket.socketpair,
        "the system's bus": lambda: connect("/run/dbus/system_bus_socket"),
        "the system's bus is there": lambda: os.stat("/run/dbus/system_bus_socket").st_mode,
        "the manager": lambda: connect("/run/systemd/private"),
        "the manager is there": lambda: os.stat("/run/systemd/private").st_mode,
        "the user's bus": lambda: connect(f"{runtime}/bus"),
        "the user's bus is there": lambda: os.stat(f"{runtime}/bus").st_mode,
        "the user's manager is there": lambda: os.stat(f"{runtime}/systemd/private").st_mode,
        "Podman of ours": lambda: connect(f"{runtime}/cloche/podman.sock"),
        "Podman of ours is there": lambda: os.stat(f"{runtime}/cloche/podman.sock").st_mode,
        "Podman of the system is there": lambda: os.stat("/run/podman/podman.sock").st_mode,
        "another launcher's connection": lambda: connect(f"{runtime}/cloche/launcher.sock"),
        "Cloche again": lambda: connect(f"{runtime}/cloche/cloche.sock"),
        "the program podman": lambda: os.stat("/usr/bin/podman").st_mode,
        "containers": lambda: os.listdir("/var/lib/containers"),
        "homes": lambda: os.listdir("/home/agent"),
        "write to /": lambda: write("/probe"),
        "write to /etc": lambda: write("/etc/probe"),
        "write to /usr": lambda: write("/usr/lib/probe"),
        "write to /home": lambda: write("/home/agent/probe"),
        "write to the runtime directory": lambda: write(f"{runtime}/probe"),
        "write to /dev": lambda: write("/dev/probe"),
        "write to cgroups": lambda: write("/sys/fs/cgroup/probe"),
        "write to sysctl": lambda: write("/proc/sys/kernel/core_pattern"),
        "read passwords": lambda: read("/etc/shadow"),
        "read users": lambda: read("/etc/passwd"),
        "read the kernel's log": lambda: read("/dev/kmsg"),
        "read a disk": lambda: read("/dev/ubda"),
        "read other processes": readable_processes,
        "signal the first process": lambda: os.kill(1, 0),
        "signal everybody": lambda: os.kill(-1, 0),
        "become root": lambda: os.setuid(0),
        "change the root": lambda: os.chroot("/usr"),
        "make a device": lambda: os.mknod("/tmp/node", 0o020600, os.makedev(1, 1)),
        "a user namespace": lambda: os.unshare(os.CLONE_NEWUSER),
        "a mount namespace": lambda: os.unshare(os.CLONE_NEWNS),
        "real time": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
        "start a process": fork,
    }
    seen = {"results": {name: outcome(action) for name, action in cases.items()},
            "descriptors": held, "uid": os.getuid()}
    os.write(CLIENT, json.dumps(seen).encode() + b"\n")


main()
