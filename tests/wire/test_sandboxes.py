#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Sandboxes that live, with the real guest and the real driver of the profile python."""

import base64
import contextlib
import os
import signal
import time
import unittest

from case import Case
from played import RealGuest


class Living(Case):
    def setUp(self):
        self.h = self.handler(guest=RealGuest)
        self.h.call("sandbox.open", {"profile": "python"}, id="open")
        self.sandbox = self.h.answer()["result"]["sandbox"]
        self.n = 0

    def begin(self, **params):
        self.n += 1
        self.h.call("sandbox.exec", {"sandbox": self.sandbox, **params}, id=self.n)
        return self.n

    def execute(self, code=None, **params):
        if code is not None:
            params["code"] = code
        id = self.begin(capture=True, **params)
        answer = self.h.answer()
        self.assertEqual(answer["id"], id)
        return answer["result"]

    def value(self, code, **params):
        """The only result of that code, as text."""
        result, = self.execute(code, **params)["results"]
        return result["text/plain"]

    def wait_for(self, id):
        while (answer := self.h.answer())["id"] != id:
            pass
        return answer["result"]


class State(Living):
    def test_code_keeps_what_earlier_code_left(self):
        self.execute("import os; x = 1; os.chdir('/tmp'); f = open('/work/f', 'w')")
        result = self.execute("x += 1; f.write('y'); print(x, os.getcwd())")
        self.assertEqual((result["stdout"], result["state"]), ("2 /tmp\n", "kept"))

    def test_the_value_of_a_last_expression_is_a_result_and_not_printed(self):
        result = self.execute("class A:\n    def _repr_html_(self): return '<b>'\n"
                              "    def __repr__(self): return 'A'\nA()")
        self.assertEqual(result["stdout"], "")
        self.assertEqual(result["results"], [{"text/html": "<b>", "text/plain": "A"}])
        self.assertEqual(self.execute("x = 1")["results"], [])

    def test_an_error_keeps_the_state_and_shows_the_line(self):
        self.execute("x = 5")
        result = self.execute("y = 1\nx / 0")
        self.assertEqual((result["exit_code"], result["state"]), (1, "kept"))
        self.assertIn("x / 0", result["stderr"])
        error = result["error"]
        self.assertEqual((error["name"], error["value"]), ("ZeroDivisionError", "division by zero"))
        self.assertEqual(error["traceback"], result["stderr"])
        self.assertNotIn("driver.py", result["stderr"])
        self.assertEqual(self.value("x, y"), "(5, 1)")

    def test_an_exit_is_an_exit_code_and_keeps_the_state(self):
        self.execute("x = 5")
        result = self.execute("import sys; sys.exit(7)")
        self.assertEqual(result["exit_code"], 7)
        self.assertNotIn("error", result)
        self.assertEqual(self.value("x"), "5")

    def test_a_crash_loses_the_state_and_the_next_begins_anew(self):
        self.execute("x = 5")
        result = self.execute("import os; os._exit(4)")
        self.assertEqual((result["status"], result["exit_code"], result["state"]),
                         ("exited", 4, "lost"))
        result = self.execute("import os; os.kill(os.getpid(), 11)")
        self.assertEqual((result["signal"], result["state"]), ("SIGSEGV", "lost"))
        self.assertIn("NameError", self.execute("x")["stderr"])

    def test_reset_begins_anew(self):
        self.execute("x = 5")
        self.assertIn("NameError", self.execute("x", reset=True)["stderr"])
        self.assertEqual(self.execute("1", reset=True)["state"], "kept")

    def test_input_is_read_by_the_code(self):
        self.assertEqual(self.value("input() + input()", stdin="a\nb\n"), "'ab'")
        id = self.begin(code="print(input())", stdin_open=True)
        self.h.call("exec.stdin", {"id": id, "text": "late\n"}, id="in")
        self.wait_for(id)
        self.assertEqual(self.h.output[id, "stdout"], b"late\n")

    def test_code_waits_for_code_in_order_and_not_for_programs(self):
        first = self.begin(code="import time; time.sleep(0.5); print('a')", capture=True)
        second = self.begin(code="print('b')", capture=True)
        program = self.begin(argv=["echo", "c"], capture=True)
        order = [self.h.answer()["id"] for _ in range(3)]
        self.assertEqual(order, [program, first, second])

    def test_a_child_that_comes_back_from_fork_ends_without_a_word(self):
        result = self.execute("import os\nif os.fork() == 0: print('child')\nelse: os.wait()\n")
        self.assertEqual((result["stdout"], result["exit_code"]), ("child\n", 0))
        self.assertEqual(self.execute("1")["state"], "kept")


    def test_environment_and_directory_are_those_of_one_piece_of_code(self):
        code = "import os; os.environ.get('A'), os.getcwd()"
        self.assertEqual(self.value(code, env={"A": "b c"}, cwd="/tmp"), "('b c', '/tmp')")
        before = self.value(code)
        self.assertNotIn("b c", before)
        result = self.execute("1", cwd="/nowhere")
        self.assertEqual((result["exit_code"], result["state"]), (126, "kept"))
        self.assertIn("cannot enter '/nowhere'", result["stderr"])
        self.assertEqual(self.value(code), before)


class Ends(Living):
    def test_a_cancelled_loop_leaves_the_state(self):
        self.execute("x = 5")
        id = self.begin(code="while True: pass")
        time.sleep(0.2)
        self.h.call("exec.cancel", {"id": id}, id="c")
        result = self.wait_for(id)
        self.assertEqual((result["status"], result["state"]), ("cancelled", "kept"))
        self.assertEqual(result["error"]["name"], "KeyboardInterrupt")
        self.assertEqual(self.value("x"), "5")

    def test_code_that_will_not_stop_is_killed_with_its_state(self):
        code = "import time\nwhile True:\n    try:\n        time.sleep(9)\n    except BaseException: pass"
        result = self.execute(code, timeout_ms=200)
        self.assertEqual((result["status"], result["state"]), ("timeout", "lost"))
        self.assertEqual(self.execute("1")["state"], "kept")

    def test_one_that_waits_can_be_cancelled(self):
        first = self.begin(code="import time; time.sleep(1)")
        second = self.begin(code="print('never')")
        self.h.call("exec.cancel", {"id": second}, id="c")
        result = self.wait_for(second)
        self.assertEqual((result["status"], result["usage"]["wall_usec"]), ("cancelled", 0))
        self.assertEqual(self.wait_for(first)["status"], "exited")

    def test_a_flood_ends_and_the_state_is_told_of(self):
        result = self.execute("while True: print('x' * 1000)", output_bytes=100_000)
        self.assertEqual(result["status"], "output_limit")
        self.assertIn(result["state"], ("kept", "lost"))
        self.assertEqual(self.value("1"), "1")

    def test_a_driver_that_talks_nonsense_ends_with_its_code(self):
        # every descriptor the interpreter has, the way to the handler among them
        result = self.execute("import os\nfor fd in range(3, 20):\n    try: os.write(fd, b'{}\\n')\n"
                              "    except OSError: pass\nwhile True: pass")
        self.assertEqual((result["status"], result["state"]), ("signaled", "lost"))
        self.assertEqual(self.execute("1")["state"], "kept")

    def test_closing_ends_what_runs(self):
        self.execute("1")
        id = self.begin(code="while True: pass")
        time.sleep(0.3)
        self.h.call("sandbox.close", {"sandbox": self.sandbox}, id="close")
        answers = {a["id"]: a["result"] for a in (self.h.answer(), self.h.answer())}
        self.assertEqual((answers[id]["status"], answers[id]["reason"], answers[id]["state"]),
                         ("cancelled", "closed", "lost"))
        self.assertIn("cpu_user_usec", answers["close"]["usage"])

    def test_a_sandbox_that_dies_is_told_of(self):
        self.h.launcher.die(self.sandbox, "lifetime")
        message = self.h.answer()
        self.assertEqual(message["method"], "sandbox_ended")
        self.assertEqual(message["params"], {"sandbox": self.sandbox, "reason": "lifetime"})
        self.h.call("sandbox.exec", {"sandbox": self.sandbox, "code": ""}, id="x")
        self.assert_error(self.h.answer(), "unknown_sandbox")


class Lifetimes(Case):
    def test_a_sandbox_ends_when_its_time_is_up(self):
        h = self.handler(guest=RealGuest)
        h.call("sandbox.open", {"profile": "shell", "lifetime_ms": 500}, id="short")
        sandbox = h.answer()["result"]["sandbox"]
        h.call("sandbox.exec", {"sandbox": sandbox, "argv": ["sleep", "600"]}, id="x")
        ended, told = h.answer(), h.answer()
        self.assertEqual((ended["id"], ended["result"]["status"], ended["result"]["reason"]),
                         ("x", "timeout", "lifetime"))
        self.assertEqual(ended["result"]["limits_hit"], ["time"])
        self.assertEqual((told["method"], told["params"]),
                         ("sandbox_ended", {"sandbox": sandbox, "reason": "lifetime"}))


class StandIns(Living):
    """In each test, one was made for the first code, and another waits for the next."""

    def setUp(self):
        super().setUp()
        self.execute("x = 1")
        self.guest, = self.h.launcher.sandboxes.values()
        self.eventually(self.waits)
        self.execution = max(self.guest.placed)
        self.pid, = self.guest.placed[self.execution]
        self.h.records()

    def waits(self):
        """Whether a stand-in has said its word."""
        pids = self.guest.placed[max(self.guest.placed)]
        with contextlib.suppress(OSError), open(f"/proc/{pids[0]}/cmdline", "rb") as f:
            return len(pids) == 1 and f.read().split(b"\0")[1:2] == [b"stand-in"]
        return False

    def execute_as(self, code, **params):
        """The number of the execution that the code is."""
        self.execute(code, **params)
        record, = (r for r in self.h.records() if r.get("CLOCHE_EVENT") == "exec_ended")
        return int(record["CLOCHE_EXEC"])

    def test_the_next_code_finds_its_stand_in_ready(self):
        time.sleep(0.1)
        self.assertEqual(self.execute_as("x += 1"), self.execution)
        self.eventually(lambda: max(self.guest.placed) > self.execution and self.waits())
        self.assertEqual(self.value("x"), "2")

    def test_code_that_begins_in_a_directory_has_its_own(self):
        self.assertGreater(self.execute_as("x += 1", cwd="/tmp"), self.execution)
        self.assertEqual(self.execute_as("x += 1"), self.execution)
        self.assertEqual(self.value("x"), "3")

    def test_one_that_was_killed_is_cleared_away_and_the_code_has_its_own(self):
        os.kill(self.pid, signal.SIGKILL)
        self.eventually(lambda: (self.execution, 1) in self.h.launcher.ended)
        self.assertGreater(self.execute_as("x += 1"), self.execution)
        self.assertEqual(self.value("x"), "2")

    def test_code_without_a_place_is_not_begun_and_the_interpreter_goes_on(self):
        with open(f"/proc/{self.pid}/root/run/cloche/{self.execution}/main", "x"):
            pass
        result = self.execute("x += 1")
        self.assertEqual((result["status"], result["reason"], result["state"]),
                         ("exited", "not_started", "kept"))
        self.assertEqual(self.value("x"), "1")

    def test_code_that_is_cancelled_before_it_began_leaves_the_interpreter(self):
        for _ in range(20):
            id = self.begin(code="x = 0; import time; time.sleep(30)")
            self.h.send({"jsonrpc": "2.0", "method": "exec.cancel", "params": {"id": id}})
            self.assertEqual(self.wait_for(id)["status"], "cancelled")
        self.assertIn(self.value("x"), "01")

    def test_it_takes_no_place_of_the_executions_there_may_be(self):
        # these it cannot stand in for; beside them the driver and it have places of their own
        for id in range(100, 164):
            self.h.call("sandbox.exec", {"sandbox": self.sandbox, "argv": ["sleep", "600"]}, id=id)
        self.h.call("sandbox.exec", {"sandbox": self.sandbox, "argv": ["true"]}, id="more")
        self.assert_error(self.h.answer(), "too_many_requests")
        self.h.send({"jsonrpc": "2.0", "method": "exec.cancel", "params": {"id": 100}})
        self.assertEqual(self.wait_for(100)["status"], "cancelled")
        self.assertEqual(self.value("x"), "1")

    def test_one_that_dies_under_the_code_ends_it_and_not_the_interpreter(self):
        # the code is there, and its interpreter is held back on its way
        self.h.launcher.hold_places = True
        id = self.begin(code="x = 0")
        self.eventually(lambda: self.h.launcher.held)
        os.kill(self.pid, signal.SIGKILL)
        time.sleep(0.1)
        self.h.launcher.release_places()
        result = self.wait_for(id)
        self.assertEqual((result["status"], result["signal"], result["state"]),
                         ("signaled", "SIGKILL", "kept"))
        self.assertEqual(self.value("x"), "1")

    def test_a_sandbox_of_few_tasks_has_none(self):
        self.h.call("sandbox.open", {"profile": "python", "limits": {"tasks": 15}}, id="open")
        self.sandbox = self.h.answer()["result"]["sandbox"]
        guest = self.h.launcher.sandboxes[self.sandbox]
        self.execute("1")
        time.sleep(0.3)
        self.assertEqual(sorted(guest.placed), [1, 2])  # the driver and the code


class Outputs(Living):
    def test_of_a_long_output_the_middle_is_left_out(self):
        result = self.execute("print('a' * 300_000 + 'b' * 300_000)")
        self.assertTrue(result["stdout_truncated"])
        self.assertTrue(result["stdout"].startswith("aaa") and result["stdout"].endswith("bb\n"))
        self.assertIn("bytes left out", result["stdout"])
        self.assertLess(len(result["stdout"]), 270_000)
        self.assertEqual(result["usage"]["stdout_bytes"], 600_001)

    def test_what_no_text_can_be_is_replaced_where_it_is_captured(self):
        result = self.execute("import os; os.write(1, b'a\\xff\\x00b'); None")
        self.assertEqual(result["stdout"], "a??b")

    def test_results_come_without_capture_too(self):
        id = self.begin(code="class P:\n    def _repr_png_(self): return b'png'\n"
                             "    def __repr__(self): return 'P'\ndisplay(P()); display(2)")
        self.assertEqual(self.wait_for(id)["results"], [
            {"image/png": base64.b64encode(b"png").decode(), "text/plain": "P"}, {"text/plain": "2"}])

    def test_of_too_many_results_the_first_are_kept_and_that_is_told(self):
        result = self.execute("for i in range(300): display(i)")
        self.assertEqual([r["text/plain"] for r in result["results"]], [str(i) for i in range(256)])
        self.assertTrue(result["results_truncated"])
        result = self.execute("class P:\n    def _repr_png_(self): return bytes(600_000)\n"
                              "for i in range(12): display(P())")
        self.assertEqual((len(result["results"]), result["results_truncated"]), (5, True))

    def test_a_form_that_is_too_large_is_left_out_with_a_word(self):
        result, = self.execute("class P:\n    def _repr_png_(self): return bytes(1 << 20)\n"
                               "    def __repr__(self): return 'P'\nP()")["results"]
        self.assertEqual(list(result), ["text/plain"])
        self.assertIn("image/png: too large", result["text/plain"])

    def test_text_that_json_cannot_have_does_no_harm(self):
        self.assertEqual(self.value("class P:\n    def __repr__(self): return 'a\\0\\ud800\U0001f600'\nP()"),
                         "a\ufffd\\ud800\U0001f600")

    def test_a_background_process_can_go_on_writing(self):
        result = self.execute(argv=["sh", "-c", "(while sleep 0.05; do echo x || exit; "
                                    "date +%s%N > /work/alive; done) & echo on"])
        self.assertEqual(result["stdout"].split()[0], "on")
        time.sleep(0.5)
        first = self.execute(argv=["cat", "/work/alive"])["stdout"]
        time.sleep(0.5)
        self.assertNotEqual(first, self.execute(argv=["cat", "/work/alive"])["stdout"])


class Terminals(Living):
    def test_a_shell_in_a_terminal(self):
        id = self.begin(argv=["sh", "-i"], pty=True, rows=33, cols=101, stdin_open=True)
        self.h.call("exec.stdin", {"id": id, "text": "stty size; tty\n"}, id="a")
        self.until(id, b"33 101")
        self.until(id, b"/dev/pts/")
        self.h.call("exec.resize", {"id": id, "rows": 44, "cols": 120}, id="b")
        self.h.call("exec.stdin", {"id": id, "text": "stty size; sleep 100\n"}, id="c")
        self.until(id, b"44 120")
        time.sleep(0.5)  # for sleep to have the terminal
        self.h.call("exec.stdin", {"id": id, "text": "\x03"}, id="d")
        self.until(id, b"^C")
        time.sleep(0.2)
        self.h.call("exec.stdin", {"id": id, "text": "exit 6\n"}, id="e")
        self.assertEqual(self.wait_for(id)["exit_code"], 6)

    def until(self, id, text):
        while text not in self.h.output.get((id, "stdout"), b""):
            message = self.h.receive()
            if message.get("method") == "output":
                key = (id, "stdout")
                self.h.output[key] = self.h.output.get(key, b"") + message["params"]["text"].encode()


if __name__ == "__main__":
    unittest.main(verbosity=2)
