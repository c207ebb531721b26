# SPDX-License-Identifier: LGPL-2.1-or-later

"""Runs in place of cloche-handler, in its unit's sandbox and with its descriptors, tries what a
handler that was taken over would try, and writes what came of it to the client as one JSON line."""

import json
import os
import socket
import sys


def outcome(action):
    """"worked: …", or the name of the error."""
    try:
        return f"worked: {action()!r}"
    except OSError as error:
        return errno_name(error)
    except Exception as error:  # pylint: disable=broad-except
        return f"{type(error).__name__}"


def errno_name(error):
    import errno
    return errno.errorcode.get(error.errno, str(error))


def connect(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        return path


def fork():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


def write(path):
    with open(path, "w", encoding="ascii") as file:
        file.write("x")
    os.unlink(path)
    return path


def read(path):
    with open(path, "rb") as file:
        return file.read(10)


def status():
    wanted = ("CapEff", "CapPrm", "CapBnd", "NoNewPrivs", "Seccomp")
    with open("/proc/self/status", encoding="ascii") as file:
        return {line.split(":")[0]: line.split()[1] for line in file
                if line.split(":")[0] in wanted}


def main():
    runtime = os.environ.get("XDG_RUNTIME_DIR", "/run")
    bus = "/run/dbus/system_bus_socket"
    seen = {"status": status(), "uid": os.getuid(), "results": {}}
    for name, action in {
            "socket inet": lambda: socket.socket(socket.AF_INET).fileno(),
            "socket inet6": lambda: socket.socket(socket.AF_INET6).fileno(),
            "socket unix": lambda: socket.socket(socket.AF_UNIX).fileno(),
            "socket netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).fileno(),
            "socketpair": lambda: socket.socketpair(),
            "system bus": lambda: connect(bus),
            "system bus is there": lambda: os.stat(bus).st_mode,
            "manager": lambda: connect("/run/systemd/private"),
            "user bus": lambda: connect(f"{runtime}/bus"),
            "user bus is there": lambda: os.stat(f"{runtime}/bus").st_mode,
            "podman of ours": lambda: connect(f"{runtime}/cloche/podman.sock"),
            "podman of ours is there": lambda: os.stat(f"{runtime}/cloche/podman.sock").st_mode,
            "podman of the system": lambda: connect("/run/podman/podman.sock"),
            "launcher's socket is there": lambda: os.stat(f"{runtime}/cloche/launcher.sock").st_mode,
            "cloche's socket is there": lambda: os.stat(f"{runtime}/cloche/cloche.sock").st_mode,
            "containers": lambda: os.listdir("/var/lib/containers"),
            "home": lambda: os.listdir("/home/agent"),
            "root's home": lambda: os.listdir("/root"),
            "run": lambda: os.listdir("/run"),
            "var": lambda: os.listdir("/var"),
            "write /": lambda: write("/probe"),
            "write /etc": lambda: write("/etc/probe"),
            "write /usr": lambda: write("/usr/probe"),
            "write /home": lambda: write("/home/agent/probe"),
            "write /run": lambda: write("/run/probe"),
            "write /var/tmp": lambda: write("/var/tmp/probe"),
            "write cgroup": lambda: write("/sys/fs/cgroup/cgroup.procs"),
            "write sysctl": lambda: write("/proc/sys/kernel/core_pattern"),
            "read shadow": lambda: read("/etc/shadow"),
            "read kmsg": lambda: read("/dev/kmsg"),
            "read disk": lambda: read("/dev/ubda"),
            "read memory of 1": lambda: read("/proc/1/mem"),
            "root of 1": lambda: os.listdir("/proc/1/root"),
            "signal 1": lambda: os.kill(1, 0),
            "signal parent": lambda: os.kill(os.getppid() or 1, 0),
            "setuid": lambda: os.setuid(0),
            "chroot": lambda: os.chroot("/etc"),
            "mknod": lambda: os.mknod("/tmp/node", 0o020600, os.makedev(1, 1)),
            "unshare user": lambda: os.unshare(os.CLONE_NEWUSER),
            "unshare mount": lambda: os.unshare(os.CLONE_NEWNS),
            "reboot": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
    }.items():
        seen["results"][name] = outcome(action)
    seen["processes"] = sorted(int(p) for p in os.listdir("/proc") if p.isdigit())
    seen["pid"] = os.getpid()
    # Forks as far as they go; each child only waits to be ended with the unit.
    children = 0
    try:
        while children < 50:
            if os.fork() == 0:
                import signal
                signal.pause()
            children += 1
    except OSError:
        pass
    seen["children"] = children
    descriptors = {}
    for fd in range(3, 64):
        try:
            descriptors[fd] = os.readlink(f"/proc/self/fd/{fd}").split(":")[0]
        except OSError:
            pass
    seen["descriptors"] = descriptors
    os.write(3, json.dumps(seen).encode() + b"\n")
    sys.stdout.flush()


main()
