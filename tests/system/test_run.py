# SPDX-License-Identifier: LGPL-2.1-or-later

"""The main job: code goes in, output and a typed result come out, and every limit holds."""

import base64
import hashlib
import json
import re
import time

import pytest

import machine
from client import RpcError

MIB = 1 << 20


# ---- what a client learns first ----


def test_server_info_says_who_and_how_much(mode, client):
    info = client.call("server.info")
    assert (info["name"], info["mode"], info["uid"]) == ("cloche", mode.name, 1000)
    assert re.fullmatch("[0-9a-f]{32}", info["connection"])
    assert {m["name"] for m in info["methods"]} >= {
        "server.info", "profile.list", "run", "exec.stdin", "exec.cancel"}
    assert all(isinstance(v, int) and v > 0 for v in info["limits"].values())


def test_profiles_are_listed_with_their_limits_and_digest(client):
    profiles = {p["name"]: p for p in client.call("profile.list")["profiles"]}
    assert {"python", "shell"} <= set(profiles)
    for name in ("python", "shell"):
        profile = profiles[name]
        assert profile["problem"] is None
        assert profile["language"] == name
        assert profile["description"]
        assert re.fullmatch("sha256:[0-9a-f]{64}", profile["digest"])
        assert profile["limits"]["memory_bytes"] == 1 << 30
        assert set(profile["limits"]) == {"memory_bytes", "tasks", "cpu_percent", "work_bytes",
                                          "timeout_ms", "output_bytes", "lifetime_ms"}


# ---- code, words, input, environment ----


def test_code_runs_in_the_language_of_its_profile(client):
    assert client.python("print(6 * 7)").good() == "42\n"
    assert client.sh("echo $((6 * 7))").good() == "42\n"


def test_argv_runs_as_it_is_word_by_word(client):
    words = ["printf", "<%s>", "", "a b", "$HOME", "é", "-n", "\n"]
    assert client.run("shell", argv=words).good() == "<><a b><$HOME><é><-n><\n>"


def test_the_result_says_which_sandbox_and_image_it_was(client):
    digest = {p["name"]: p["digest"] for p in client.call("profile.list")["profiles"]}["shell"]
    first, second = client.sh("true"), client.sh("true")
    assert first.result["image"] == digest
    assert first.result["profile"] == "shell"
    assert re.fullmatch("[0-9a-f]{32}", first.sandbox)
    assert first.sandbox != second.sandbox


def test_the_environment_is_the_profiles_and_the_requests(client):
    text = client.sh("env", env={"GREETING": "good day\n$HOME", "LANG": "C"}).good()
    assert "GREETING=good day\n$HOME\n" in text
    assert "LANG=C\n" in text
    assert "HOME=/work\n" in text
    for strange in ("NOTIFY_SOCKET", "LISTEN_FDS", "INVOCATION_ID", "XDG_RUNTIME_DIR", "DBUS",
                    "proxy", "container_", "CONTAINERS_CONF"):
        assert strange not in text


def test_input_arrives_byte_by_byte(client):
    data = bytes(range(256)) * 4096 + b"end"
    running = client.start("shell", argv=["sha256sum"], stdin_open=True)
    running.write(data, eof=True)
    assert running.wait().good().split()[0] == hashlib.sha256(data).hexdigest()


def test_input_may_come_with_the_request(client):
    assert client.run("shell", argv=["cat"], stdin="é\n").good() == "é\n"
    raw = base64.b64encode(b"\xff\0").decode()
    assert client.run("shell", argv=["od", "-An", "-tx1"],
                      stdin_base64=raw).good().split() == ["ff", "00"]


def test_without_input_a_reader_meets_the_end_at_once(client):
    assert client.run("shell", argv=["cat"]).good() == ""


def test_input_nobody_reads_does_not_hold_the_run_up(client):
    running = client.start("shell", argv=["sh", "-c", "exec <&-; echo started; sleep 0.2"],
                           stdin_open=True)
    running.wait_output(b"started")
    client.send("exec.stdin", {"id": running.id, "text": "x" * 100_000})
    assert running.wait().good() == "started\n"


def test_output_is_binary_clean_and_in_order_per_stream(client):
    ended = client.python(
        "import sys\n"
        "for i in range(2000):\n"
        "    sys.stdout.buffer.write(bytes([i % 256]) * 100)\n"
        "    sys.stderr.buffer.write(b'%d\\n' % i)\n")
    assert ended.status == "exited"
    assert ended.stdout == b"".join(bytes([i % 256]) * 100 for i in range(2000))
    assert ended.stderr == b"".join(b"%d\n" % i for i in range(2000))
    assert ended.usage["stdout_bytes"] == 200_000
    assert ended.usage["stderr_bytes"] == len(ended.stderr)


def test_output_arrives_while_the_program_runs(client):
    running = client.start("shell", code="echo first; read line; echo $line", stdin_open=True)
    running.wait_output(b"first\n")
    running.write(b"second\n")
    assert running.wait().good() == "first\nsecond\n"


def test_a_character_cut_in_two_arrives_whole(client):
    ended = client.python("import sys,time\nfor b in 'é€😀'.encode():\n"
                          "    sys.stdout.buffer.write(bytes([b])); sys.stdout.flush()\n"
                          "    time.sleep(0.02)\n")
    assert ended.good() == "é€😀"


def test_runs_on_one_connection_go_on_side_by_side(client):
    slow = client.start("shell", code="read x; echo slow", stdin_open=True)
    fast = client.start("shell", code="echo fast")
    assert fast.wait().good() == "fast\n"
    assert slow.id not in client.answers
    slow.write(b"\n", eof=True)
    assert slow.wait().good() == "slow\n"


def test_runs_do_not_see_each_others_files(client):
    client.sh("echo secret >/work/file; echo secret >/tmp/file").good()
    assert client.sh("ls -A /work /tmp").good() == "/tmp:\n\n/work:\n"


# ---- every way to end ----


def test_exited_has_the_exit_code(client):
    for code in (0, 1, 42, 255):
        ended = client.sh(f"exit {code}")
        assert (ended.status, ended.exit_code) == ("exited", code)
        assert "signal" not in ended.result and "reason" not in ended.result
        assert ended.limits_hit == []


def test_a_program_that_is_not_there_exits_as_in_a_shell(client):
    assert client.run("shell", argv=["/no/such/program"]).exit_code == 127
    assert client.run("shell", argv=["/etc/passwd"]).exit_code == 126


def test_signaled_has_the_name_of_the_signal(client):
    for name in ("SEGV", "KILL", "TERM", "ABRT"):
        ended = client.run("shell", argv=["bash", "-c", f"kill -{name} $$"])
        assert (ended.status, ended.result["signal"]) == ("signaled", "SIG" + name)
        assert ended.exit_code is None


def test_timeout_ends_everything_at_its_time(client):
    ended = client.sh("trap '' TERM INT HUP; setsid sleep 998 & sleep 998", timeout_ms=700)
    assert (ended.status, ended.limits_hit) == ("timeout", ["time"])
    assert 700_000 <= ended.usage["wall_usec"] < 3_000_000


def test_nothing_that_comes_next_is_begun_when_the_time_is_over(client):
    """What a script waits for is killed, and so is the script, before it goes on."""
    ended = client.sh("echo one; (trap '' INT; sleep 997); echo two", timeout_ms=4000)
    assert (ended.status, ended.stdout) == ("timeout", b"one\n")


def test_oom_is_told_from_any_other_kill(client):
    ended = client.python("x = bytearray(200 << 20); print(len(x))",
                          limits={"memory_bytes": 64 * MIB})
    assert ended.status == "oom", ended
    assert ended.limits_hit == ["memory"]
    assert 32 * MIB < ended.usage["memory_peak_bytes"] <= 64 * MIB


def test_a_child_that_is_killed_for_memory_is_named_though_the_program_goes_on(client):
    ended = client.python(
        "import subprocess, sys\n"
        "r = subprocess.run([sys.executable, '-c', 'x = bytearray(200 << 20)']).returncode\n"
        "print(r)\n", limits={"memory_bytes": 64 * MIB})
    # The kernel chooses the largest process, which is the child.
    assert (ended.status, ended.exit_code) in (("exited", 0), ("oom", None)), ended
    assert ended.limits_hit == ["memory"]


def test_output_limit_ends_the_run_and_delivers_what_fits(client):
    ended = client.sh("yes flood", limits={"output_bytes": 100_000})
    assert (ended.status, ended.limits_hit) == ("output_limit", ["output"])
    assert len(ended.stdout) + len(ended.stderr) == 100_000
    assert ended.usage["stdout_bytes"] == 100_000


def test_output_of_exactly_the_limit_is_no_limit_hit(client):
    ended = client.run("shell", argv=["head", "-c", "100000", "/dev/zero"],
                       limits={"output_bytes": 100_000})
    assert (ended.status, ended.exit_code, ended.limits_hit) == ("exited", 0, [])
    assert len(ended.stdout) == 100_000


def test_cancelled_ends_everything_it_started(mode, watch, client):
    running = client.start("shell", code="trap '' TERM INT HUP\n"
                                         "(setsid sh -c 'trap \"\" TERM; sleep 997' &)\n"
                                         "echo up; sleep 997")
    running.wait_output(b"up")
    begun = time.monotonic()
    running.cancel()
    ended = running.wait()
    assert ended.status == "cancelled"
    assert time.monotonic() - begun < 30  # not after 997 s
    machine.wait_for(lambda: not any(b"997" in p.command() for p in mode.processes()), 10,
                     "every process of the run gone")
    client.close()
    watch.assert_clean_within(10)


def test_cancelled_while_the_sandbox_is_still_being_made(client):
    running = client.start("shell", code="sleep 996")
    running.cancel()
    assert running.wait().status == "cancelled"


def test_sandbox_died_when_somebody_kills_it(mode, client):
    before = set(mode.scopes())
    running = client.start("shell", code="echo up; sleep 995").wait_output(b"up")
    (scope,) = set(mode.scopes()) - before
    mode.systemctl("kill", "--signal=KILL", f"cloche-{scope}.scope")
    ended = running.wait(60)
    assert (ended.status, ended.sandbox) == ("sandbox_died", scope)
    assert ended.result["reason"]


def test_a_result_comes_though_a_grandchild_keeps_the_output_open(client):
    begun = time.monotonic()
    ended = client.sh("(setsid sleep 994 &) ; echo done")
    assert ended.good() == "done\n"
    assert time.monotonic() - begun < 60  # not after 994 s


# ---- limits ----


def test_usage_is_the_programs_own(client):
    ended = client.python("import time\nbegun = time.process_time()\n"
                          "while time.process_time() < begun + 0.4: pass\n"
                          "x = b'x' * (50 << 20)\ntime.sleep(0.3)\nprint(time.process_time() - begun)")
    own = int(float(ended.good()) * 1e6)  # without what its interpreter takes to begin and to end
    cpu = ended.usage["cpu_user_usec"] + ended.usage["cpu_system_usec"]
    assert own <= cpu < 2 * own + 2_000_000
    assert 50 * MIB < ended.usage["memory_peak_bytes"] < 150 * MIB
    assert ended.usage["wall_usec"] >= 700_000
    assert ended.usage["tasks_peak"] == 1  # the program, and not its guest


def test_limits_stand_in_the_scope_as_systemd_knows_them(mode, client):
    before = set(mode.scopes())
    running = client.start("shell", code="echo up; read x", stdin_open=True,
                           limits={"memory_bytes": 100 * MIB, "tasks": 33, "cpu_percent": 70})
    running.wait_output(b"up")
    (sandbox,) = set(mode.scopes()) - before
    cgroup = mode.scopes()[sandbox]
    assert (cgroup / "memory.max").read_text().strip() == str(100 * MIB)
    assert (cgroup / "memory.swap.max").read_text().strip() == "0"
    assert (cgroup / "pids.max").read_text().strip() == "33"
    quota, period = map(int, (cgroup / "cpu.max").read_text().split())
    assert quota / period == pytest.approx(0.7)
    shown = mode.show(f"cloche-{sandbox}.scope", "MemoryMax", "MemorySwapMax", "TasksMax",
                      "CPUQuotaPerSecUSec", "Slice", "Delegate", "RuntimeMaxUSec")
    assert shown["MemoryMax"] == str(100 * MIB)
    assert shown["MemorySwapMax"] == "0"
    assert shown["TasksMax"] == "33"
    assert shown["CPUQuotaPerSecUSec"] == "700ms"
    assert shown["Slice"] == "cloche-u1000.slice"
    assert shown["RuntimeMaxUSec"] != "infinity"
    running.write(b"", eof=True)
    running.wait()


def test_cpu_quota_slows_a_busy_program(client):
    ended = client.python("import time\nend = time.monotonic() + 1.5\n"
                          "while time.monotonic() < end: pass", limits={"cpu_percent": 20})
    ended.good()
    cpu = ended.usage["cpu_user_usec"] + ended.usage["cpu_system_usec"]
    assert cpu < 0.45 * ended.usage["wall_usec"], ended


def test_tasks_limit_makes_a_fork_fail_and_is_named(client):
    ended = client.python(
        "import os, time\nn = 0\n"
        "try:\n"
        "    while n < 100:\n"
        "        if os.fork() == 0:\n"
        "            time.sleep(900); os._exit(0)\n"
        "        n += 1\n"
        "except BlockingIOError:\n"
        "    print(n)\n", limits={"tasks": 16})
    assert (ended.status, ended.exit_code) == ("exited", 0), ended
    assert 8 <= int(ended.stdout) < 16
    assert ended.limits_hit == ["tasks"]
    assert ended.usage["tasks_peak"] <= 16


def test_a_fork_bomb_stays_inside(client):
    ended = client.sh("bomb() { bomb | bomb & }; bomb; sleep 1; echo survived",
                      limits={"tasks": 40}, timeout_ms=15_000)
    assert ended.status in ("exited", "timeout", "signaled")
    assert "tasks" in ended.limits_hit
    assert client.sh("echo next").good() == "next\n"


def test_work_has_its_size_and_meeting_it_is_named(client):
    ended = client.sh("df --output=size -B1 /work | tail -1\n"
                      "dd if=/dev/zero of=/work/file bs=64K count=64 2>/dev/null\n"
                      "stat -c %s /work/file; head -c 1000000 /dev/zero >>/work/file",
                      limits={"work_bytes": 2 * MIB})
    size, *_, written = (line for line in ended.stdout.decode().split() if line.isdigit())
    assert int(size) == 2 * MIB
    assert int(written) <= 2 * MIB
    assert ended.limits_hit == ["work"], ended


def test_other_places_to_write_are_bounded_too(client):
    text = client.sh("for d in / /etc /usr /var /run /var/tmp /dev /dev/shm /opt; do\n"
                     "  if (: >$d/probe) 2>/dev/null; then echo $d; rm -f $d/probe; fi\n"
                     "done").good()
    writable = set(text.split())
    assert not writable & {"/", "/etc", "/usr", "/var", "/opt"}
    ended = client.sh("for d in /tmp /dev/shm /run /var/tmp /work; do\n"
                      "  head -c 400M /dev/zero >$d/fill 2>/dev/null; rm -f $d/fill\n"
                      "done; echo survived", limits={"memory_bytes": 128 * MIB})
    assert ended.status in ("exited", "oom"), ended
    assert ended.usage["memory_peak_bytes"] <= 128 * MIB


def test_limits_can_be_narrowed_to_the_least(client):
    ended = client.run("shell", argv=["sh", "-c", "echo small"],
                       limits={"memory_bytes": 16 * MIB, "tasks": 4, "cpu_percent": 20,
                               "work_bytes": 64 << 10, "output_bytes": 6}, timeout_ms=20_000)
    assert ended.good() == "small\n"


@pytest.mark.parametrize("limit", ["memory_bytes", "tasks", "cpu_percent", "work_bytes",
                                   "output_bytes"])
def test_a_limit_wider_than_the_profiles_is_refused_by_name(client, limit):
    profile = {p["name"]: p for p in client.call("profile.list")["profiles"]}["shell"]
    with pytest.raises(RpcError) as caught:
        client.sh("true", limits={limit: profile["limits"][limit] + 1})
    assert caught.value.reason == "limit_above_profile"
    assert limit in f"{caught.value.field} {caught.value.detail}"


def test_a_timeout_longer_than_the_profiles_is_refused(client):
    with pytest.raises(RpcError) as caught:
        client.sh("true", timeout_ms=300_001)
    assert caught.value.reason == "limit_above_profile"


# ---- connections and sandboxes are counted ----


def test_connections_of_one_uid_are_limited_and_others_are_still_served(mode):
    clients, limit = [], None
    try:
        while True:
            connection = mode.connect()
            clients.append(connection)
            try:
                limit = connection.call("server.info")["limits"]["connections_per_uid"]
            except RpcError as error:
                assert error.reason == "too_many_connections"
                assert error.detail or error.message
                assert connection.wait_closed() == []
                break
        assert len(clients) == limit + 1
        if mode.is_system:
            with mode.connect("agent2") as other:
                assert other.sh("echo served").good() == "served\n"
        clients.pop(0).close()

        def served():
            with mode.connect() as again:
                try:
                    return again.call("server.info")
                except RpcError:
                    return None
        machine.wait_for(served, 10, "the place of the connection that was closed")
    finally:
        for connection in clients:
            connection.close()


def test_connections_in_total_are_limited(system):
    clients = []
    try:
        with system.connect() as first:
            limits = first.call("server.info")["limits"]
        for i in range(limits["connections"]):
            uid = 3000 + i // limits["connections_per_uid"]
            clients.append(system.connect_as_uid(uid))
            assert clients[-1].call("server.info")["uid"] == uid
        clients.append(system.connect_as_uid(4000))
        with pytest.raises(RpcError) as caught:
            clients[-1].call("server.info")
        assert caught.value.reason == "too_many_connections"
    finally:
        for connection in clients:
            connection.close()


def test_sandboxes_of_one_connection_are_limited(client):
    limit = client.call("server.info")["limits"]["sandboxes_per_connection"]
    running = [client.start("shell", argv=["sleep", "993"]) for _ in range(limit + 1)]
    # The one too many is answered first: the others have nothing to say.
    with pytest.raises(RpcError) as caught:
        running[-1].wait(60)
    assert caught.value.reason == "too_many_sandboxes"
    for r in running[:-1]:
        client.send("exec.cancel", {"id": r.id})
    assert {r.wait(60).status for r in running[:-1]} == {"cancelled"}


# ---- what agents do all day ----


def test_pandas_reads_and_summarises(client):
    assert client.python(
        "import io, pandas as pd\n"
        "df = pd.read_csv(io.StringIO('city,n\\nA,1\\nB,2\\nA,3\\n'))\n"
        "print(df.groupby('city').n.sum().to_json())", timeout=120).good() == '{"A":4,"B":2}\n'


def test_threads_and_multiprocessing_work(client):
    code = ("import threading, multiprocessing\n"
            "def square(x): return x * x\n"
            "if __name__ == '__main__':\n"
            "    got = []\n"
            "    ts = [threading.Thread(target=got.append, args=(i,)) for i in range(50)]\n"
            "    [t.start() for t in ts]; [t.join() for t in ts]\n"
            "    with multiprocessing.Pool(4) as pool:\n"
            "        print(len(got), sum(pool.map(square, range(100))))\n")
    assert client.python(code, timeout=120).good() == "50 328350\n"


def test_gcc_compiles_and_the_program_runs(client):
    assert client.sh("cat >a.c <<'E'\n#include <stdio.h>\nint main(void) { puts(\"built\"); }\nE\n"
                     "gcc -O2 -o a a.c && ./a", timeout=120).good() == "built\n"


def test_git_and_pipes_work(client):
    assert client.sh("git init -q r && cd r && git config user.email a@b && git config user.name a\n"
                     "echo x >f && git add f && git commit -qm m && git log --oneline | wc -l",
                     timeout=120).good() == "1\n"


def test_there_is_no_network_but_its_own(client):
    code = ("import json, os, socket\n"
            "def outcome(f):\n"
            "    try: f(); return 'worked'\n"
            "    except OSError as e: return type(e).__name__\n"
            "s = socket.create_server(('127.0.0.1', 0))\n"
            "print(json.dumps({\n"
            "  'own': outcome(lambda: socket.create_connection(s.getsockname(), 2)),\n"
            "  'ip': outcome(lambda: socket.create_connection(('192.0.2.1', 80), 2)),\n"
            "  'name': outcome(lambda: socket.getaddrinfo('example.com', 80)),\n"
            "  'links': sorted(os.listdir('/sys/class/net')) if os.path.isdir('/sys/class/net')\n"
            "           else ['lo']}))\n")
    seen = json.loads(client.python(code).good())
    assert seen["own"] == "worked"
    assert seen["ip"] != "worked" and seen["name"] != "worked"
    assert seen["links"] == ["lo"]
