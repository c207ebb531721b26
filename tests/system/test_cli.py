# SPDX-License-Identifier: LGPL-2.1-or-later

"""The `cloche` command as ordinary users run it."""

import json
import os
import pathlib
import pty
import signal
import subprocess

import pytest

import machine


@pytest.fixture
def mode(system):
    """The command is the same program in both modes, and so is the service: test_run.py."""
    return system


def test_pandas_on_one_line(mode):
    ended = mode.cloche("run", "-c",
                        'import pandas as pd; print(pd.DataFrame({"a":[1,2,3]}).sum())',
                        timeout=120, stdin=subprocess.DEVNULL)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == b"a    6\ndtype: int64\n"
    assert ended.stderr == b""


def test_without_an_option_a_user_meets_his_own(mode):
    argv = machine.as_user("agent", "cloche", "info", "--json")
    assert json.loads(machine.run(argv).stdout)["mode"] == "user"
    argv = machine.as_user("agent", "env", f"CLOCHE_SOCKET={mode.socket}", "cloche", "info",
                           "--json")
    assert json.loads(machine.run(argv).stdout)["mode"] == mode.name


def test_root_meets_the_systems():
    assert json.loads(machine.run(["cloche", "info", "--json"]).stdout)["mode"] == "system"


def test_input_output_and_exit_code_pass_through(mode):
    data = bytes(range(256)) * 2000
    ended = mode.cloche("run", "--", "sh", "-c", "cat; echo problem >&2; exit 42", input=data)
    assert (ended.returncode, ended.stdout, ended.stderr) == (42, data, b"problem\n")


def test_a_file_runs_by_its_suffix(mode, tmp_path):
    os.chmod(tmp_path, 0o755)
    for parent in tmp_path.parents[:2]:  # pytest's own, which it makes for root alone
        os.chmod(parent, 0o755)
    for name, text in (("a.py", "print('from python')"), ("a.sh", "echo from shell")):
        path = pathlib.Path(tmp_path, name)
        path.write_text(text)
        ended = mode.cloche("run", str(path))
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.startswith(b"from ")


def test_exit_codes_are_those_of_the_manual(mode):
    for arguments, code, says in (
            (["--timeout", "500ms", "--", "sleep", "9"], 124, b"stopped: timeout after 5"),
            (["--memory", "32M", "-c", "x = bytearray(1 << 30)"], 137, b"stopped: oom"),
            (["--output-size", "1K", "--", "yes"], 153, b"stopped: output_limit"),
            (["--profile", "shell", "-c", "kill -SEGV $$"], 139, b"killed by signal SIGSEGV"),
            (["--profile", "nosuch", "-c", "1"], 125, b"unknown_profile"),
            (["--memory", "100G", "-c", "1"], 125, b"limit_above_profile"),
            (["--tasks", "10", "--profile", "shell", "-c",
              "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1 & done 2>/dev/null; exit 0"],
             None, b"limit hit: tasks")):
        ended = mode.cloche("run", *arguments)
        assert code in (None, ended.returncode), (arguments, ended)
        assert says in ended.stderr, (arguments, ended)
        if b"output" not in says:
            assert ended.stdout == b""


def test_json_has_result_and_output(mode):
    ended = mode.cloche("run", "--json", "-c", "import sys; print('out'); print('é', file=sys.stderr)")
    result = json.loads(ended.stdout)
    assert (result["status"], result["exit_code"]) == ("exited", 0)
    assert (result["stdout"], result["stderr"]) == ("out\n", "é\n")
    assert result["usage"]["memory_peak_bytes"] > 0


def test_profiles_are_shown(mode):
    lines = mode.cloche("profiles").stdout.decode().splitlines()
    assert lines[0].startswith("NAME")
    assert {line.split()[0] for line in lines[1:]} >= {"python", "shell"}


def test_interrupt_at_a_terminal_leaves_nothing(mode, watch):
    argv = mode.cloche_argv("run", "--profile", "shell", "-c",
                            "setsid sleep 9983 & disown; echo up; sleep 9984")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(argv[0], argv)
    shown = b""
    try:
        while b"up" not in shown:
            shown += os.read(terminal, 4096)
        os.write(terminal, b"\x03")
        try:
            while data := os.read(terminal, 4096):
                shown += data
        except OSError:
            pass  # the other side is closed
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    assert b"stopped: cancelled" in shown
    machine.wait_for(lambda: not [p for p in machine.processes()
                                  if b"9983" in p.command() and p.name == "sleep"], 5)
    watch.assert_clean_within(10)


def test_a_pipe_that_is_closed_ends_the_run(mode, watch):
    argv = mode.cloche_argv("run", "--", "sh", "-c", "while :; do echo line; done")
    ended = machine.run(["bash", "-c", 'set -o pipefail; "$@" | head -1', "-", *argv], check=False,
                        stdin=subprocess.DEVNULL)
    assert (ended.stdout, ended.returncode) == (b"line\n", 141)
    watch.assert_clean_within(10)


def test_termination_cancels(mode, watch):
    process = subprocess.Popen(mode.cloche_argv("run", "--", "sh", "-c", "echo up; sleep 9985"),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"up\n"
    (command,) = [p for p in machine.processes() if p.name == "cloche" and b"run" in p.command()]
    command.kill(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 143
    assert errors == b"cloche: stopped: cancelled\n"
    watch.assert_clean_within(10)


def test_who_is_not_in_the_group_learns_what_to_do():
    ended = machine.run(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "cloche",
                         "--system", "run", "-c", "1"], check=False)
    assert ended.returncode == 125
    assert b"group cloche" in ended.stderr


def test_one_user_does_not_reach_anothers(user):
    argv = machine.as_user("agent2", "cloche", "--socket", user.socket, "info")
    ended = machine.run(argv, check=False)
    assert ended.returncode == 125


def test_too_many_connections_are_told_as_such(mode):
    clients = []
    try:
        clients.append(mode.connect())
        limit = clients[0].call("server.info")["limits"]["connections_per_uid"]
        while len(clients) < limit:
            clients.append(mode.connect())
            clients[-1].call("server.info")
        ended = mode.cloche("run", "-c", "1")
        assert ended.returncode == 125
        assert b"oo many connections" in ended.stderr
    finally:
        for client in clients:
            client.close()


def test_a_stopped_socket_is_told_with_the_command_that_starts_it(user):
    user.systemctl("stop", "cloche.socket")
    try:
        machine.wait_for(lambda: not os.path.exists(user.socket) or True, 1)
        ended = user.cloche("run", "-c", "1")
        assert ended.returncode == 125
        assert (b"systemctl --user enable --now cloche.socket" in ended.stderr or
                b"systemctl --user restart cloche.socket" in ended.stderr)
    finally:
        user.systemctl("start", "cloche.socket")


@pytest.mark.parametrize("page, number", [("cloche", 1), ("cloche-protocol", 7),
                                          ("cloche.socket", 8)])
def test_the_manual_is_installed(page, number):
    assert list(pathlib.Path(f"/usr/share/man/man{number}").glob(f"{page}.{number}*"))


def test_completion_is_installed_where_bash_looks():
    """Loaded on demand by bash-completion, as for any command."""
    ended = machine.run(["bash", "-c", "source /usr/share/bash-completion/bash_completion; "
                         "_comp_load cloche || _completion_loader cloche; complete -p cloche"])
    assert b"-F _cloche" in ended.stdout
