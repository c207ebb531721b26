# SPDX-License-Identifier: LGPL-2.1-or-later

"""What code sees of the machine is what it may use of it: processors, memory, /dev/shm, language, time;
and that what needs a network fails without waiting for one."""

import json

import pytest

import machine

MIB = 1 << 20
GIB = 1 << 30
ONLINE = "/sys/devices/system/cpu/online"

PYTHON_SEES = """
import json, multiprocessing, os, pathlib
online = {name: pathlib.Path("/sys/devices/system/cpu", name).read_text().strip()
          for name in ("online", "possible", "present")}
stat = pathlib.Path("/proc/stat").read_text().splitlines()
print(json.dumps({
    "counts": [os.cpu_count(), os.process_cpu_count(), multiprocessing.cpu_count(),
               os.sysconf("SC_NPROCESSORS_ONLN"), os.sysconf("SC_NPROCESSORS_CONF"),
               sum(1 for line in stat if line.startswith("cpu") and line[3] != " "),
               int(os.environ["OMP_NUM_THREADS"]), int(os.environ["GOMAXPROCS"]),
               int(os.environ["RAYON_NUM_THREADS"])],
    "online": sorted(set(online.values())),
    "cpu.max": pathlib.Path("/sys/fs/cgroup/cpu.max").read_text().split(),
    "affinity": len(os.sched_getaffinity(0)),
    "models": pathlib.Path("/proc/cpuinfo").read_text().count("processor\\t:"),
}))
"""


@pytest.fixture
def four_processors(tmp_path):
    """The machine of the tests has one processor; its kernel says four to whoever asks for the number,
    so that a sandbox of two is neither all nor one."""
    file = tmp_path / "online"
    file.write_text("0-3\n")
    machine.run(["mount", "--bind", str(file), ONLINE])
    yield
    machine.run(["umount", ONLINE])


def dropins(service="", container=""):
    text = f"[Container]\n{container}\n[Service]\n{service}\n"
    return {"python.d/50-test.conf": text, "shell.d/50-test.conf": text}


def processors(client, **limits):
    return json.loads(client.python(PYTHON_SEES, limits=limits).good())


def assert_processors(seen, number, quota):
    assert seen["counts"] == [number] * 9, seen
    assert seen["online"] == ["0" if number == 1 else f"0-{number - 1}"], seen
    assert seen["cpu.max"] == [str(quota * 1000), "100000"], seen


# -- processors


@pytest.mark.usefixtures("four_processors")
def test_processors_are_the_quotas_rounded_up(mode, client):
    assert_processors(processors(client), 1, 100)
    with machine.quadlets(mode, **dropins("CPUQuota=200%")):
        seen = processors(client)
        assert_processors(seen, 2, 200)
        assert_processors(processors(client, cpu_percent=150), 2, 150)
        assert_processors(processors(client, cpu_percent=100), 1, 100)
        assert client.sh("nproc; nproc --all; getconf _NPROCESSORS_ONLN").good() == "2\n2\n2\n"
    assert seen["affinity"] == 1 and seen["models"] == 1  # the machine's, as it really is


@pytest.mark.usefixtures("four_processors")
def test_there_are_never_more_processors_than_the_machines(mode, client):
    with machine.quadlets(mode, **dropins("CPUQuota=900%")):
        assert_processors(processors(client), 4, 900)


@pytest.mark.usefixtures("four_processors")
def test_a_kept_sandbox_sees_the_limits_it_was_opened_with(mode, client):
    with machine.quadlets(mode, **dropins("CPUQuota=300%")):
        box = client.call("sandbox.open", {"profile": "shell", "limits": {
            "cpu_percent": 110, "memory_bytes": 200 * MIB}})["sandbox"]
        seen = client.call("sandbox.exec", {
            "sandbox": box, "argv": ["sh", "-c", "nproc; free -b | awk '/^Mem/ {print $2}'"],
            "capture": True})["stdout"].split()
        assert seen == ["2", str(200 * MIB)]


def test_the_profiles_and_the_requests_variables_win(mode, client):
    assert client.sh("nproc; echo $GOMAXPROCS", env={"OMP_NUM_THREADS": "1", "GOMAXPROCS": "7"}
                     ).good() == "1\n7\n"
    with machine.quadlets(mode, **dropins(container="Environment=GOMAXPROCS=5 PIP_RETRIES=3")):
        assert client.sh("echo $GOMAXPROCS $PIP_RETRIES $RAYON_NUM_THREADS"
                         ).good() == "5 3 1\n"


# -- memory


def memory(client, **limits):
    text = client.sh("cat /proc/meminfo; cat /sys/fs/cgroup/memory.max; free -b; vmstat -s >&2",
                     limits=limits).good()
    info = dict(line.split(":") for line in text.splitlines() if line.endswith(" kB"))
    total, used, free = [line for line in text.splitlines() if line.startswith("Mem:")][0].split()[1:4]
    return {"info": {name: int(value.split()[0]) * 1024 for name, value in info.items()},
            "max": int(text.split("kB\n")[-1].splitlines()[0]),
            "total": int(total), "used": int(used), "free": int(free)}


@pytest.mark.parametrize("limit", [None, 100 * MIB])
def test_memory_is_the_limits(client, limit):
    seen = memory(client, **({"memory_bytes": limit} if limit else {}))
    expected = limit or GIB
    assert seen["max"] == expected
    assert (seen["total"], seen["used"], seen["free"]) == (expected, 0, expected)
    for name in ("MemTotal", "MemFree", "MemAvailable"):
        assert seen["info"][name] == expected
    assert seen["info"]["SwapTotal"] == 0 and seen["info"]["Cached"] == 0


def test_what_is_used_can_be_read_in_the_sandboxs_own_cgroup(client):
    used = client.python("import pathlib\n"
                         "def used(): return int(pathlib.Path('/sys/fs/cgroup/memory.current')"
                         ".read_text())\n"
                         "before = used(); x = bytearray(b'x') * (64 << 20); print(used() - before)")
    assert 60 * MIB <= int(used.good()) <= 80 * MIB


def test_ps_and_top_can_do_with_what_they_read(client):
    ended = client.sh("sleep 100 & date -d \"$(ps -o lstart= -p $!)\" +%s; date +%s\n"
                      "top -b -n 1 | head -8; uptime; lscpu", limits={"memory_bytes": 64 * MIB})
    started, now = ended.good().splitlines()[:2]
    assert abs(int(now) - int(started)) <= 3, ended
    assert "64.0 total" in ended.good(), ended


# -- files that say so


def test_the_files_cannot_be_changed_or_removed(client):
    text = client.sh("for f in /proc/meminfo /proc/stat /proc/cpuinfo /etc/resolv.conf "
                     f"{ONLINE}; do\n  (: >$f) 2>/dev/null && echo $f written\n"
                     "  umount $f 2>/dev/null && echo $f gone\n  rm -f $f 2>/dev/null && echo $f removed\n"
                     "done; awk '/^MemTotal/ {print $2}' /proc/meminfo").good()
    assert text == f"{GIB // 1024}\n"


def test_the_launchers_files_go_as_soon_as_the_sandbox_is_there(mode, client):
    directory = mode.runtime / "cloche-launcher/sandbox"
    client.call("sandbox.open", {"profile": "shell"})
    assert list(directory.iterdir()) == []


def test_a_launcher_removes_what_its_predecessor_left(mode):
    directory = mode.runtime / "cloche-launcher/sandbox"
    with mode.connect() as client:
        client.sh("true").good()  # the directory is there
    mode.systemctl("stop", "cloche-launcher.service")
    machine.make_directory(mode, directory)
    left = directory / f"{'ab' * 16}.meminfo"
    left.write_text("left")
    with mode.connect() as client:
        client.sh("true").good()
        machine.wait_for(lambda: not left.exists())


# -- /dev/shm


def test_shared_memory_works_counts_as_memory_and_is_gone(client):
    code = ("from multiprocessing import shared_memory, Process\n"
            "import pathlib\n"
            "def used(): return int(pathlib.Path('/sys/fs/cgroup/memory.current').read_text())\n"
            "def child(name):\n"
            "    other = shared_memory.SharedMemory(name); other.buf[:5] = b'hello'; other.close()\n"
            "before = used()\n"
            "mine = shared_memory.SharedMemory(create=True, size=40 << 20)\n"
            "mine.buf[:] = b'x' * len(mine.buf)\n"
            "p = Process(target=child, args=(mine.name,)); p.start(); p.join()\n"
            "print(bytes(mine.buf[:5]).decode(), (used() - before) >> 20)\n"
            "pathlib.Path('/dev/shm/left').write_text('left')\n"
            "mine.close(); mine.unlink()\n")
    said, grown = client.python(code).good().split()
    assert said == "hello" and 38 <= int(grown) <= 140
    assert client.sh("ls /dev/shm").good() == ""


def test_shm_has_its_size_and_never_more_than_the_memory(mode, client):
    size = "df --output=size -B1 /dev/shm | tail -1"
    assert int(client.sh(size).good()) == 64 * MIB
    assert int(client.sh(size, limits={"memory_bytes": 32 * MIB}).good()) == 32 * MIB
    with machine.quadlets(mode, **dropins(container="ShmSize=200m")):
        assert int(client.sh(size).good()) == 200 * MIB
        assert int(client.sh(size, limits={"memory_bytes": 128 * MIB}).good()) == 128 * MIB
        ended = client.sh("head -c 300M /dev/zero >/dev/shm/fill",
                          limits={"memory_bytes": 128 * MIB})
        assert ended.status == "oom" or ended.exit_code != 0


def test_a_shm_larger_than_the_memory_is_refused_by_name(mode, client):
    with machine.quadlets(mode, **dropins("MemoryMax=256M", "ShmSize=257m")):
        listed = {p["name"]: p for p in client.call("profile.list")["profiles"]}
        assert "ShmSize=" in listed["shell"]["problem"]


# -- language, time, home


def test_text_is_utf8_time_is_utc_and_home_can_be_written(client):
    code = ("import locale, os, pathlib, sys, time, zoneinfo, datetime\n"
            "home = pathlib.Path.home(); (home / 'ä €').write_text('ü')\n"
            "there = datetime.datetime(2026, 7, 1, tzinfo=zoneinfo.ZoneInfo('Asia/Tokyo'))\n"
            "print(locale.getpreferredencoding(), sys.stdout.encoding, sys.getfilesystemencoding(),\n"
            "      time.tzname[0], time.timezone, home, os.listdir(home).count('ä €'),\n"
            "      there.utcoffset().seconds)")
    assert client.python(code).good() == "UTF-8 utf-8 utf-8 UTC 0 /work 1 32400\n"
    assert client.sh("date +%Z; TZ=America/New_York date -d @1750000000 +%Z; printf ä | wc -m"
                     ).good() == "UTC\nEDT\n1\n"


def test_a_profile_may_choose_its_time_zone(mode):
    # A reload may take longer than a client may be silent.
    with machine.quadlets(mode, **dropins(container="Timezone=Asia/Tokyo")), mode.connect() as client:
        assert client.sh("date +%Z").good() == "JST\n"
        assert client.python("import time; print(time.tzname[0])").good() == "JST\n"


# -- no network


OFFLINE = """
import json, socket, time
def outcome(call):
    best, words = 1e9, ""
    for _ in range(3):  # the first one loads what the others find loaded
        begun = time.monotonic()
        try:
            call()
        except OSError as e:
            words = str(e)
        best = min(best, time.monotonic() - begun)
    return [round(best * 1000, 1), words]
def datagram():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(10)
        s.sendto(b"x", ("192.0.2.1", 53))
        s.recv(1)
def refused():
    with socket.socket() as s:
        s.settimeout(10)
        s.connect(("127.0.0.1", 81))
def get():
    import urllib.request
    urllib.request.urlopen("http://example.com/")
print(json.dumps({
    "name": outcome(lambda: socket.getaddrinfo("example.com", 443)),
    "single": outcome(lambda: socket.getaddrinfo("database", 443)),
    "reverse": outcome(lambda: socket.gethostbyaddr("192.0.2.1")),
    "address": outcome(lambda: socket.create_connection(("1.1.1.1", 80), 10)),
    "address6": outcome(lambda: socket.create_connection(("2606:4700::1111", 80), 10)),
    "datagram": outcome(datagram),
    "localhost": outcome(refused),
    "get": outcome(get),
}))
"""


def test_without_a_network_everything_fails_at_once_and_says_why(client):
    seen = json.loads(client.python(OFFLINE).good())
    for name, words in {
            "name": "Temporary failure in name resolution",
            "single": "Temporary failure in name resolution",
            "reverse": "Host name lookup failure",
            "address": "Network is unreachable",
            "address6": "Network is unreachable",
            "datagram": "Network is unreachable",
            "localhost": "Connection refused",
            "get": "Temporary failure in name resolution"}.items():
        took, said = seen[name]
        assert words in said and took < 100, (name, seen)
    print(json.dumps(seen))


def test_the_images_own_resolver_is_not_asked(client):
    text = client.sh("cat /etc/resolv.conf").good()
    assert [line for line in text.splitlines() if line[:1] not in "#"] == [
        "nameserver 127.0.0.1", "options timeout:0 attempts:1"]


def test_programs_that_would_try_again_do_not(client):
    ended = client.sh("curl -sS -w '%{time_total}' https://example.com")
    assert "Could not resolve host" in str(ended) and float(ended.stdout) < 3  # and not 30
    ended = client.python("import subprocess, sys\n"
                          "sys.exit(subprocess.run([sys.executable, '-m', 'pip', 'install',\n"
                          "  '--break-system-packages', 'no-such-thing']).returncode)", timeout_ms=60000)
    text = str(ended)
    assert ended.exit_code == 1 and "Retrying" not in text, ended
    assert "No matching distribution found" in text
