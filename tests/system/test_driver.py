# SPDX-License-Identifier: LGPL-2.1-or-later

"""Code by the drivers that are mounted into every sandbox: what it gives back, and that whatever it does to
itself or to its interpreter, what is told of it is true and the next piece of code has one."""

import base64

import pytest

import machine
from client import Client, RpcError

MIB = 1 << 20
PNG = b"\x89PNG\r\n\x1a\n"


class Interpreter:
    """That of an open sandbox."""

    def __init__(self, client: Client, profile="python", **params):
        self.client = client
        self.id = client.call("sandbox.open", {"profile": profile, **params})["sandbox"]

    def send(self, code, **params):
        return self.client.send("sandbox.exec", {"sandbox": self.id, "code": code, "capture": True,
                                                 **params})

    def do(self, code, **params):
        return self.client.answer(self.send(code, **params))

    def value(self, code, **params):
        """The only result of that code, as text."""
        ended = self.do(code, **params)
        assert ended["status"] == "exited" and len(ended["results"]) == 1, ended
        return ended["results"][0]["text/plain"]


@pytest.fixture
def client(user):
    """What a driver does is the same in both modes; in both it is used by tests/tasks and test_disconnect.py."""
    with user.connect() as connection:
        yield connection


@pytest.fixture
def python(client):
    return Interpreter(client)


@pytest.fixture
def shell(client):
    return Interpreter(client, "shell")


def png_of(result):
    return base64.b64decode(result["image/png"], validate=True)


# -- what code gives back

def test_values_displays_and_figures_are_results_in_order(python):
    ended = python.do("import pandas as pd\n"
                      "display(pd.DataFrame({'a': [1]}))\n"
                      "import matplotlib.pyplot as plt\n"
                      "plt.plot([1, 2, 3]); plt.figure(); plt.plot([3, 2, 1])\n"
                      "print('printed')\n"
                      "6 * 7")
    assert (ended["stdout"], ended["exit_code"], ended["state"]) == ("printed\n", 0, "kept")
    table, value, first, second = ended["results"]
    assert "<table" in table["text/html"] and "a" in table["text/plain"]
    assert value == {"text/plain": "42"}
    assert png_of(first).startswith(PNG) and png_of(second).startswith(PNG) and first != second
    # each is seen once
    assert python.do("plt.get_fignums()")["results"] == [{"text/plain": "[]"}]


def test_a_figure_is_shown_by_any_backend_and_by_its_name(python):
    ended = python.do("import matplotlib; matplotlib.use('Agg')\nimport matplotlib.pyplot as plt\n"
                      "f, a = plt.subplots(); a.plot([1, 2]); f.savefig('/work/f.png'); plt.show()")
    picture, = ended["results"]
    assert png_of(picture).startswith(PNG)
    assert png_of(python.do("f")["results"][0]).startswith(PNG)


def test_run_has_results_and_errors_too(client):
    ended = client.call("run", {"code": "x = 2\nx + 1"})
    assert (ended["results"], ended.get("error")) == ([{"text/plain": "3"}], None)
    ended = client.call("run", {"code": "def f():\n    return 1 / 0\nf()", "capture": True})
    error = ended["error"]
    assert (ended["exit_code"], error["name"], error["value"]) == (
        1, "ZeroDivisionError", "division by zero")
    assert "return 1 / 0" in error["traceback"] and "driver" not in error["traceback"]
    assert ended["stderr"] == error["traceback"] and "\x1b" not in error["traceback"]
    assert "results" not in client.call("run", {"argv": ["true"]})


def test_a_run_ends_as_a_program_does(client):
    ended = client.run("python", code="import atexit, sys, threading, time\n"
                                      "def work(): time.sleep(0.3); print('late')\n"
                                      "threading.Thread(target=work).start()\n"
                                      "atexit.register(print, 'exit')\n"
                                      "print(__name__, sys.argv[0] == __file__)\nsys.exit(7)")
    assert (ended.stdout, ended.exit_code) == (b"__main__ True\nlate\nexit\n", 7)
    ended = client.run("python", code="import ctypes\n"
                                      "class Knot:\n"
                                      "    def __del__(self): print('gone', self.name)\n"
                                      "knot, _first = Knot(), Knot()\n"
                                      "knot.name, knot.self, _first.name = 'knot', knot, '_first'\n"
                                      "ctypes.CDLL(None).printf(b'C\\n')\n")
    assert sorted(ended.good().splitlines()) == ["C", "gone _first", "gone knot"]
    ended = client.run("shell", code="trap 'echo bye' EXIT; set -e; echo $0; false; echo never")
    assert ended.exit_code == 1 and ended.stdout.endswith(b"/main.sh\nbye\n")


def test_await_and_input_work_at_the_top_level(python):
    assert python.value("import asyncio\nawait asyncio.sleep(0.01, 'slept')") == "'slept'"
    assert python.value("input('name? ')", stdin="me\n") == "'me'"
    assert python.do("input()")["error"]["name"] == "EOFError"


def test_ipython_is_there_when_code_asks_for_it(python):
    assert python.do("x = 4\n!echo hi $x")["stdout"] == "hi 4\n"
    assert python.value("y = !echo one; echo two\nlist(y)") == "['one', 'two']"
    ended = python.do("from IPython.display import HTML, display\ndisplay(HTML('<i>'))\n"
                      "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1])\nplt.show()")
    assert ended["stderr"] == ""
    assert ended["results"][0]["text/html"] == "<i>"
    assert png_of(ended["results"][-1]).startswith(PNG) and len(ended["results"]) == 2
    assert python.do("import os; os.listdir('/work')")["results"] == [{"text/plain": "[]"}]


def test_environment_and_directory_are_those_of_one_piece_of_code(python, shell):
    code = "import os; os.environ.get('A'), os.getcwd()"
    assert python.value(code, env={"A": "b c"}, cwd="/tmp") == "('b c', '/tmp')"
    assert python.value(code) == "(None, '/work')"
    code = "echo \"${A-unset}\" $PWD"
    assert shell.do(code, env={"A": "b 'c'\n\"\\"}, cwd="/tmp")["stdout"] == "b 'c'\n\"\\ /tmp\n"
    assert shell.do(code)["stdout"] == "unset /work\n"
    ended = python.do("1", cwd="/nowhere")
    assert (ended["exit_code"], ended["state"]) == (126, "kept")
    assert "cannot enter '/nowhere'" in ended["stderr"]


def test_code_in_a_terminal_has_an_interpreter_of_its_own(python):
    python.do("x = 1")
    ended = python.do("import sys; print(sys.stdin.isatty(), 'x' in dir())", pty=True)
    assert (ended["stdout"], ended["state"]) == ("True False\r\n", "none")
    assert python.value("x") == "1"


def test_a_missing_module_says_how_to_get_it(python):
    error = python.do("import nosuchmodule")["error"]
    assert error["name"] == "ModuleNotFoundError"
    assert "no network" in error["traceback"] and "pip install" in error["traceback"]
    assert "no network" not in python.do("import os.nosuchpart")["error"]["traceback"]


# -- what code does to itself: code, exit code or signal, state, and parts of what it wrote

ENDS = {
    "exit": ("exit()", 0, "kept", "", ""),
    "sys.exit": ("import sys; sys.exit(3)", 3, "kept", "", ""),
    "text": ("raise SystemExit('text')", 1, "kept", "", "text\n"),
    "_exit": ("import os; print('x'); os._exit(3)", 3, "lost", "x\n", ""),
    "segfault": ("import ctypes; print('x'); ctypes.string_at(0)", "SIGSEGV", "lost", "x\n", ""),
    "killed": ("import os; os.kill(os.getpid(), 9)", "SIGKILL", "lost", "", ""),
    "closed": ("import os; print('x'); os.close(1)\nprint('y')", 1, "kept", "x\n", "Bad file descriptor"),
    "all closed": ("import os; print('x'); os.closerange(0, 1000)", 1, "lost", "x\n", ""),
    "binary": ("import os; os.write(1, b'\\xff\\0a'); None", 0, "kept", "??a", ""),
    "fork returns": ("import os\nif os.fork() == 0: print('child')\nelse: os.wait()", 0, "kept",
                     "child\n", ""),
    "fork exits": ("import os, sys\nif os.fork() == 0: sys.exit(9)\nprint(os.wait()[1])", 0, "kept",
                   "2304\n", ""),
    "recursion": ("def f(): f()\nf()", 1, "kept", "", "RecursionError"),
    "syntax": ("x = = 1", 1, "kept", "", "SyntaxError"),
    "interrupt": ("raise KeyboardInterrupt", 130, "kept", "", "KeyboardInterrupt"),
    "deep": ("import sys; sys.setrecursionlimit(50_000)\ndef f(): f()\nf()", None, None, "", ""),
    "stdout replaced": ("import sys; sys.stdout = None\nprint('x')", 0, "kept", "", ""),
    "driver gone": ("import sys; sys.modules.clear()", None, None, "", ""),
}


@pytest.mark.parametrize("name", ENDS)
def test_however_code_ends_the_result_is_true_and_the_next_begins(python, name):
    code, end, state, stdout, stderr = ENDS[name]
    python.do("before = 1")
    ended = python.do(code)
    assert ended["stdout"] == stdout and stderr in ended["stderr"]
    if isinstance(end, str):
        assert (ended["status"], ended["signal"]) == ("signaled", end)
    elif end is not None:
        assert (ended["status"], ended["exit_code"]) == ("exited", end)
        assert ("error" in ended) == (state == "kept" and end != 0 and "exit" not in name
                                      and name != "text")
    assert state is None or ended["state"] == state
    after = python.do("print('on')\n'before' in dir()")
    assert after["stdout"] == "on\n"
    assert after["results"] == [{"text/plain": str(ended["state"] == "kept")}]


@pytest.mark.parametrize("way", ["limit", "rlimit"])
def test_memory_that_is_not_there_is_told(client, way):
    python = Interpreter(client, limits={"memory_bytes": 128 * MIB})
    python.do("x = 1")
    code = "b = b'x' * (300 << 20)"
    if way == "rlimit":
        code = ("import resource\nwith open('/proc/self/statm') as f: pages = int(f.read().split()[0])\n"
                "resource.setrlimit(resource.RLIMIT_AS, (pages * 4096 + (100 << 20), -1))\n" + code)
    ended = python.do(code)
    if way == "limit":
        assert (ended["status"], ended["state"], ended["limits_hit"]) == ("oom", "lost", ["memory"])
    else:
        assert (ended["error"]["name"], ended["state"]) == ("MemoryError", "kept")
    assert python.do("print('on')")["stdout"] == "on\n"


def test_too_little_memory_for_an_interpreter_is_named(client):
    """Or for the code, where the interpreter just fits."""
    box = Interpreter(client, limits={"memory_bytes": 16 * MIB})
    try:
        ended = box.do("x = b'x' * (16 << 20)")
    except RpcError as refused:
        assert (refused.reason, refused.field) == ("driver_failed", "limits.memory_bytes")
    else:
        assert (ended["status"], ended["limits_hit"]) == ("oom", ["memory"])


def test_a_child_that_is_left_behind_does_not_hold_up_the_result(python):
    ended = python.do("import subprocess\np = subprocess.Popen(['sleep', '600'])\np.pid > 0")
    assert (ended["results"], ended["left_running"]) == ([{"text/plain": "True"}], 1)
    assert ended["usage"]["wall_usec"] < 10_000_000
    assert python.value("p.poll() is None") == "True"


def test_what_a_thread_prints_after_the_end_is_not_the_next_ones(python):
    python.do("import sys, threading, time\n"
              "def late():\n    time.sleep(0.5); out.write('late\\n')\n    out.flush(); told.set()\n"
              "out = sys.stdout; told = threading.Event()\nthreading.Thread(target=late).start()")
    assert python.do("told.wait(10); time.sleep(0.1)")["stdout"] in ("", "late\n")
    assert python.do("print('on')")["stdout"] == "on\n"


def test_a_flood_is_cut_and_the_interpreter_goes_on(python):
    ended = python.do("x = 1\nwhile True: print('y' * 1000)", output_bytes=1 << 20)
    assert (ended["status"], ended["limits_hit"]) == ("output_limit", ["output"])
    assert ended["stdout_truncated"]
    assert python.do("print('on')")["stdout"] == "on\n"


def test_too_many_results_are_output_too(python):
    ended = python.do("while True: display('y' * 10_000)", output_bytes=1 << 20)
    assert (ended["status"], ended["limits_hit"]) == ("output_limit", ["output"])
    assert python.do("print('on')")["stdout"] == "on\n"


def test_code_that_is_stopped_says_where_it_was(python):
    python.do("x = 5")
    ended = python.do("import time\ndef wait():\n    time.sleep(600)\nwait()", timeout_ms=3000)
    assert (ended["status"], ended["state"]) == ("timeout", "kept")
    assert ended["error"]["name"] == "KeyboardInterrupt"
    assert "time.sleep(600)" in ended["error"]["traceback"]
    assert python.value("x") == "5"


def test_a_file_that_forks_threads_and_processes_works_in_a_run(client):
    code = ("import multiprocessing as m\ndef square(x): return x * x\n"
            "if __name__ == '__main__':\n"
            "    for way in 'fork', 'spawn':\n"
            "        with m.get_context(way).Pool(2) as pool: print(pool.map(square, range(4)))\n")
    assert client.run("python", code=code).good() == "[0, 1, 4, 9]\n" * 2


# -- bash

SHELL_ENDS = {
    "exit": ("echo x; exit 4", 4, "lost", "x\n"),
    "return": ("return 4", 4, "kept", ""),
    "set -e": ("set -e; false; echo never", 1, "lost", ""),
    "set -u": ("set -u; echo $nope", 1, "lost", ""),
    "exec": ("exec sh -c 'echo replaced; exit 5'", 5, "lost", "replaced\n"),
    "trap": ("trap 'echo bye' EXIT; exit 2", 2, "lost", "bye\n"),
    "closed": ("exec 0<&- 1>&- 2>&-", 0, "kept", ""),
    "driver's closed": ("exec 200<&- 201>&-; echo x", 0, "kept", "x\n"),
    "syntax": ("if; then", 2, "kept", ""),
    "killed": ("kill -9 $$", "SIGKILL", "lost", ""),
    "options": ("set -fx; IFS=,; echo x", 0, "kept", "x\n"),
    "child": ("sleep 600 & echo x", 0, "kept", "x\n"),
    "traps": ("trap '' INT; trap 'false' DEBUG; shopt -s extdebug; true", None, None, ""),
}


@pytest.mark.parametrize("name", SHELL_ENDS)
def test_however_a_script_ends_the_result_is_true_and_the_next_begins(shell, name):
    code, end, state, stdout = SHELL_ENDS[name]
    shell.do("before=1; cd /tmp")
    # Code that lets bash skip whatever comes next has taken the driver along: only its time ends it.
    ended = shell.do(code, timeout_ms=5000 if name == "traps" else 60_000)
    assert ended["stdout"] == stdout and ended["results"] == [] and "error" not in ended
    if isinstance(end, str):
        assert (ended["status"], ended["signal"]) == ("signaled", end)
    elif end is not None:
        assert (ended["status"], ended["exit_code"]) == ("exited", end)
    assert state is None or ended["state"] == state
    if name != "traps":
        kept = ended["state"] == "kept"
        assert shell.do("echo \"${before-}\" $PWD")["stdout"] == ("1 /tmp\n" if kept else " /work\n")


def test_a_cancelled_script_keeps_the_shell_whatever_it_waits_for(shell):
    shell.do("x=7")
    for code in "sleep 600; echo never", "while :; do :; done", "read line; echo never", "wait 2; cat":
        id = shell.send(code, stdin_open=True)
        machine.time.sleep(0.5)
        shell.client.call("exec.cancel", {"id": id})
        ended = shell.client.answer(id)
        assert (ended["status"], ended["state"], ended["stdout"]) == ("cancelled", "kept", ""), code
    assert shell.do("echo $x")["stdout"] == "7\n"


def test_files_that_are_called_as_modules_are_do_no_harm(client):
    ended = client.call("run", {"code": "import json; json.dumps(1)", "files": [
        {"path": f"{name}.py", "text": "raise ValueError"} for name in ("json", "re", "ast", "traceback")]})
    assert ended["results"] == [{"text/plain": "'1'"}]


# -- where they come from

def test_the_drivers_cannot_be_changed_from_inside(shell):
    ended = shell.do("cd /.cloche/drivers && ls; touch python/x; echo >>python/driver.py; mv python p")
    assert set(ended["stdout"].split()) >= {"python", "shell"}
    errors = ended["stderr"].splitlines()
    assert len(errors) == 3
    # Who may not write to a file at all is told that first.
    assert all(error.endswith(("Read-only file system", "Permission denied")) for error in errors)
