#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The `cloche` command against a service that is played here, so that every turn a conversation
can take is tried without systemd and Podman: what is sent, what passes through, which exit code
comes of it. Run by meson with the path of the program as the first argument."""

import base64
import contextlib
import json
import os
import pty
import select
import signal
import socket
import subprocess
import tempfile
import threading
import time

from played import CLOCHE, PATIENCE, TestCase, main, plain_run, result


class Request(TestCase):
    def test_sends_code_to_python_unless_told_otherwise(self):
        self.assertEqual(self.run_request("--no-stdin", "-c", "print(1)"),
                         {"profile": "python", "code": "print(1)"})

    def test_sends_words_to_the_shell_profile_unless_told_otherwise(self):
        self.assertEqual(self.run_request("--no-stdin", "--", "ls", "-l", "--", "--json"),
                         {"profile": "shell", "argv": ["ls", "-l", "--", "--json"]})

    def test_sends_every_option(self):
        self.assertEqual(
            self.run_request("--profile", "x", "--env", "A=b=c", "-e", "EMPTY=", "--env=FROM_HERE",
                             "--timeout", "1.5s", "--memory", "64M", "--tasks", "9", "--cpus",
                             "0.5", "--work-size", "1G", "--output-size", "10K", "-c", "",
                             env={"FROM_HERE": "yes"}),
            {"profile": "x", "code": "", "env": {"A": "b=c", "EMPTY": "", "FROM_HERE": "yes"},
             "timeout_ms": 1500, "stdin_open": True,
             "limits": {"memory_bytes": 64 << 20, "tasks": 9, "cpu_percent": 50,
                        "work_bytes": 1 << 30, "output_bytes": 10 << 10}})

    def test_tells_the_profile_by_the_suffix_of_the_file(self):
        for name, profile in (("a.py", "python"), ("a.sh", "shell")):
            with self.subTest(name):
                path = os.path.join(self.directory, name)
                with open(path, "w", encoding="utf-8") as file:
                    file.write("éa\n")
                self.assertEqual(self.run_request("--no-stdin", path),
                                 {"profile": profile, "code": "éa\n"})

    def test_reads_the_program_from_stdin(self):
        self.assertEqual(self.run_request("-", input=b"print(2)"),
                         {"profile": "python", "code": "print(2)"})

    def refused(self, *arguments, says, **options):
        ended = self.cloche(*arguments, **options)
        self.assertEqual(ended.returncode, 125)
        self.assertIn(says, ended.stderr.decode())
        self.assertEqual(ended.stdout, b"")

    def test_refuses_what_it_cannot_understand(self):
        self.refused("run", says="nothing to run")
        self.refused("run", "-c", "1", "2", says="-c CODE takes no further words: 2")
        self.refused("run", "--memory", "1X", "-c", "1", says="--memory 1X")
        self.refused("run", "--timeout", "-1", "-c", "1", says="--timeout -1")
        self.refused("run", "--cpus", "99999999999999999999", "-c", "1", says="too large")
        self.refused("run", "--env", "=1", "-c", "1", says="NAME=VALUE")
        self.refused("run", "--env", "NOT_THERE", "-c", "1", says="no such variable")
        self.refused("run", "--bogus", says="--bogus")
        self.refused("frobnicate", says="no verb frobnicate")
        self.refused("profiles", "x", says="x")
        self.refused(says="Usage:")

    def test_refuses_a_file_it_cannot_send(self):
        path = os.path.join(self.directory, "a.py")
        self.refused("run", path, says="no such file")
        for content, says in ((b"\xff", "UTF-8"), (b"a\0b", "NUL"),
                              (b"x" * (1 << 20), "bytes long"), (b"x" * (2 << 20), "larger than")):
            with open(path, "wb") as file:
                file.write(content)
            with contextlib.suppress(BlockingIOError):
                self.refused("run", path, says=says)
        self.refused("run", os.path.join(self.directory), says="does not tell which profile")
        self.refused("run", path, "word", says="takes no words after it: word")


class Result(TestCase):
    def outcome(self, code, says, **more):
        self.serve(lambda peer: plain_run(peer, **more))
        ended = self.cloche("run", "--no-stdin", "-c", "1")
        self.assertEqual((ended.returncode, ended.stdout), (code, b""))
        self.assertEqual(ended.stderr.decode(), says and f"cloche: {says}\n")

    def test_exits_as_the_program_did_and_says_nothing(self):
        self.outcome(3, "", exit_code=3)

    def test_names_a_limit_that_a_plain_exit_met(self):
        self.outcome(1, "limit hit: tasks, work", exit_code=1, limits_hit=["tasks", "work"])

    def test_exits_with_128_and_the_signal(self):
        self.outcome(139, "killed by signal SIGSEGV", status="signaled", signal="SIGSEGV")

    def test_tells_every_other_end_and_its_reason(self):
        self.outcome(124, "stopped: timeout after 2 s; limit hit: tasks", status="timeout",
                     limits_hit=["time", "tasks"])
        self.outcome(137, "stopped: oom, with 64 MiB of memory in use", status="oom")
        self.outcome(153, "stopped: output_limit after 4 MiB", status="output_limit")
        self.outcome(130, "stopped: cancelled", status="cancelled")
        self.outcome(125, "stopped: sandbox_died: killed\n    what happened: journalctl "
                     "CLOCHE_SANDBOX=" + "a" * 32, status="sandbox_died", reason="killed")

    def test_shows_a_refusal_with_its_reason_and_what_to_do(self):
        self.serve(lambda peer: peer.refuse(peer.expect("run"), "no such profile",
                                            reason="unknown_profile", field="profile",
                                            detail="There are: python, shell."))
        ended = self.cloche("run", "-c", "1", "--no-stdin")
        self.assertEqual(ended.returncode, 125)
        self.assertEqual(ended.stderr.decode(),
                         "cloche: no such profile (unknown_profile: profile)\n"
                         "    There are: python, shell.\n")

    def test_shows_a_refusal_that_names_no_request(self):
        self.serve(lambda peer: peer.refuse(None, "too many connections",
                                            reason="too_many_connections"))
        ended = self.cloche("run", "--no-stdin", "-c", "1")
        self.assertEqual(ended.returncode, 125)
        self.assertIn(b"too many connections", ended.stderr)

    def test_shows_a_refusal_that_comes_before_its_request_was_read(self):
        path = os.path.join(self.directory, "large.py")
        with open(path, "w", encoding="ascii") as file:
            file.write("#" * 900_000)
        self.serve(lambda peer: peer.refuse(None, "too many", reason="too_many_connections"))
        ended = self.cloche("run", "--no-stdin", path)
        self.assertEqual(ended.returncode, 125)
        self.assertEqual(ended.stderr, b"cloche: too many (too_many_connections)\n")

    def test_makes_control_characters_of_a_message_visible(self):
        self.serve(lambda peer: peer.refuse(peer.expect("run"), "a\x1b[2Jb\x9bc\x7f"))
        ended = self.cloche("run", "--no-stdin", "-c", "1")
        self.assertEqual(ended.stderr, b"cloche: a\\x1b[2Jb\\xc2\\x9bc\\x7f\n")

    def test_says_that_a_connection_was_closed_at_once(self):
        self.serve(lambda peer: None)
        ended = self.cloche("run", "--no-stdin", "-c", "1")
        self.assertEqual(ended.returncode, 125)
        self.assertIn(b"too many connections", ended.stderr)

    def test_says_that_a_connection_was_closed_before_the_result(self):
        def play(peer):
            peer.expect("run")
            peer.output(b"some")

        self.serve(play)
        ended = self.cloche("run", "--no-stdin", "-c", "1")
        self.assertEqual((ended.returncode, ended.stdout), (125, b"some"))
        self.assertIn(b"before the run had ended", ended.stderr)

    def test_does_not_believe_what_is_not_the_protocol(self):
        for data in (b"hello\n", b"[]\n", b"{}\n", b'{"id":1,"result":7}\n', b"null\n",
                     b"{" * 17_000_000):
            with self.subTest(data[:20]):
                def play(peer, data=data):
                    peer.expect("run")
                    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                        peer.send_raw(data)

                self.serve(play)
                ended = self.cloche("run", "--no-stdin", "-c", "1")
                self.assertEqual(ended.returncode, 125)
                self.assertIn(b"not Cloche's protocol", ended.stderr)


class Streams(TestCase):
    def test_passes_any_byte_of_output_to_where_it_belongs(self):
        data = bytes(range(256)) * 1000

        def play(peer):
            request = peer.expect("run")
            for i in range(0, len(data), 30_000):
                peer.output(data[i:i + 30_000])
                peer.output(data[i:i + 30_000][::-1], "stderr")
            peer.send({"method": "output",
                       "params": {"id": 1, "stream": "stdout", "text": "fine é\n"}})
            peer.answer(request, result())

        self.serve(play)
        ended = self.cloche("run", "--no-stdin", "-c", "1")
        self.assertEqual(ended.returncode, 0)
        self.assertEqual(ended.stdout, data + "fine é\n".encode())
        self.assertEqual(len(ended.stderr), len(data))

    def test_passes_output_on_while_the_program_runs(self):
        go_on = threading.Event()

        def play(peer):
            request = peer.expect("run")
            peer.output(b"first\n")
            self.assertTrue(go_on.wait(PATIENCE))
            peer.answer(request, result())

        self.serve(play)
        process = self.start("run", "--no-stdin", "-c", "1")
        self.assertEqual(process.stdout.readline(), b"first\n")
        go_on.set()
        self.assertEqual(process.wait(PATIENCE), 0)

    def test_passes_any_byte_of_input_and_its_end(self):
        data = os.urandom(3_000_000)
        seen = []

        def play(peer):
            request = peer.expect("run")
            seen.append(peer.read_stdin())
            peer.answer(request, result())

        self.serve(play)
        self.assertEqual(self.cloche("run", "-c", "1", input=data).returncode, 0)
        self.assertEqual(seen, [data])

    def test_reads_input_from_a_file(self):
        seen = []

        def play(peer):
            request = peer.expect("run")
            seen.append(peer.read_stdin())
            peer.answer(request, result())

        self.serve(play)
        with tempfile.TemporaryFile() as file:
            file.write(b"from a file")
            file.seek(0)
            self.assertEqual(self.cloche("run", "-c", "1", stdin=file).returncode, 0)
        self.assertEqual(seen, [b"from a file"])

    def test_has_at_most_two_pieces_of_input_unanswered(self):
        def play(peer):
            request = peer.expect("run")
            first, second = peer.expect("exec.stdin"), peer.expect("exec.stdin")
            self.assertFalse(select.select([peer.socket], [], [], 0.3)[0], "a third piece came")
            peer.answer(first, {})
            peer.expect("exec.stdin")
            peer.answer(second, {})
            peer.answer(request, result())

        self.serve(play)
        self.assertEqual(self.cloche("run", "-c", "1", input=b"x" * 400_000).returncode, 0)

    def test_stops_sending_input_that_is_not_wanted(self):
        def play(peer):
            request = peer.expect("run")
            peer.refuse(peer.expect("exec.stdin"), "stdin is closed", reason="stdin_closed")
            more = 0
            while select.select([peer.socket], [], [], 0.3)[0]:
                peer.receive()
                more += 1
            self.assertLessEqual(more, 1)
            peer.answer(request, result())

        self.serve(play)
        ended = self.cloche("run", "-c", "1", input=b"x" * 1_000_000)
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))

    def test_takes_the_result_while_input_is_still_open(self):
        self.serve(plain_run)
        reader, writer = os.pipe()
        self.addCleanup(os.close, writer)
        process = self.start("run", "-c", "1", stdin=reader)
        os.close(reader)
        self.assertEqual(process.wait(PATIENCE), 0)

    def test_keeps_output_for_a_reader_who_pauses(self):
        """A pager shows one page and waits: the service must not see that."""
        data = b"x" * (8 << 20)
        taken = threading.Event()

        def play(peer):
            request = peer.expect("run")
            for i in range(0, len(data), 32 << 10):
                peer.output(data[i:i + (32 << 10)])
            peer.answer(request, result())
            taken.set()

        self.serve(play)
        process = self.start("run", "--no-stdin", "-c", "1")
        self.assertTrue(taken.wait(PATIENCE))
        self.assertEqual(process.stdout.read(), data)
        self.assertEqual(process.wait(PATIENCE), 0)

    def test_writes_what_came_before_the_result_though_the_reader_is_slow(self):
        def play(peer):
            request = peer.expect("run")
            peer.output(b"y" * 300_000)
            peer.answer(request, result(exit_code=7))

        self.serve(play)
        process = self.start("run", "--no-stdin", "-c", "1")
        time.sleep(0.3)  # the pipe is full and the result is there
        self.assertEqual(len(process.stdout.read()), 300_000)
        self.assertEqual(process.wait(PATIENCE), 7)

    def test_cancels_when_the_reader_of_its_output_is_gone(self):
        def play(peer):
            request = peer.expect("run")
            peer.answer(peer.expect("exec.cancel"), {})
            peer.answer(request, result("cancelled"))

        self.serve(play)
        reader, writer = os.pipe()
        process = self.start("run", "--no-stdin", "-c", "1", stdout=writer)
        os.close(writer)
        os.close(reader)
        self.assertEqual(process.wait(PATIENCE), 141)
        self.assertEqual(process.stderr.read(), b"")

    def test_says_that_the_disk_is_full_and_fails(self):
        def play(peer):
            request = peer.expect("run")
            peer.output(b"z")
            peer.answer(peer.expect("exec.cancel"), {})
            peer.answer(request, result("cancelled"))

        self.serve(play)
        with open("/dev/full", "wb") as full:
            process = self.start("run", "--no-stdin", "-c", "1", stdout=full)
        self.assertEqual(process.wait(PATIENCE), 125)
        self.assertIn(b"No space left", process.stderr.read())

    def test_works_with_its_standard_descriptors_closed(self):
        def play(peer):
            request = peer.expect("run")
            peer.output(b"nobody sees this")
            peer.answer(request, result(exit_code=4))

        self.serve(play)
        ended = subprocess.run(["sh", "-c", 'exec "$0" run --no-stdin -c 1 <&- >&- 2>&-', CLOCHE],
                               env=self.environment(), timeout=PATIENCE, check=False)
        self.assertEqual(ended.returncode, 4)


class Signals(TestCase):
    def cancelled(self, number):
        started = threading.Event()

        def play(peer):
            request = peer.expect("run")
            started.set()
            peer.answer(peer.expect("exec.cancel"), {})
            peer.output(b"last words")
            peer.answer(request, result("cancelled"))

        self.serve(play)
        process = self.start("run", "--no-stdin", "-c", "1")
        self.assertTrue(started.wait(PATIENCE))
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, out), (128 + number, b"last words"))
        self.assertEqual(err, b"cloche: stopped: cancelled\n")

    def test_cancels_and_waits_for_the_result(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number):
                self.cancelled(number)

    def test_closes_at_the_second_signal(self):
        started, cancelled = threading.Event(), threading.Event()

        def play(peer):
            peer.expect("run")
            started.set()
            peer.expect("exec.cancel")
            cancelled.set()
            self.assertIsNone(peer.receive(), "the connection is still open")

        self.serve(play)
        process = self.start("run", "--no-stdin", "-c", "1")
        self.assertTrue(started.wait(PATIENCE))
        process.send_signal(signal.SIGINT)
        self.assertTrue(cancelled.wait(PATIENCE))
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(PATIENCE), 130)

    def test_gives_up_when_a_cancelled_run_does_not_end(self):
        def play(peer):
            peer.expect("run")
            os.kill(process.pid, signal.SIGINT)
            peer.expect("exec.cancel")
            self.assertIsNone(peer.receive())

        process = self.start("run", "--no-stdin", "-c", "1")
        self.serve(play)
        self.assertEqual(process.wait(PATIENCE), 130)

    def test_can_be_interrupted_while_it_waits_to_connect(self):
        path = os.path.join(self.directory, "full.sock")
        with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as stack:
            listener.bind(path)
            listener.listen(0)
            for _ in range(5):  # until its queue is full
                waiting = stack.enter_context(socket.socket(socket.AF_UNIX))
                waiting.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    waiting.connect(path)
            process = self.start("run", "--socket", path, "--no-stdin", "-c", "1")
            with self.assertRaises(subprocess.TimeoutExpired):
                process.wait(0.3)
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(PATIENCE), -signal.SIGINT)

    def test_shows_all_output_of_a_cancelled_run_however_slow_its_reader(self):
        def play(peer):
            request = peer.expect("run")
            os.kill(process.pid, signal.SIGINT)
            peer.answer(peer.expect("exec.cancel"), {})
            peer.output(b"z" * 300_000)
            peer.answer(request, result("cancelled"))

        process = self.start("run", "--no-stdin", "-c", "1")
        self.serve(play)
        time.sleep(11)  # longer than it would wait for a result
        self.assertEqual(len(process.stdout.read()), 300_000)
        self.assertEqual(process.wait(PATIENCE), 130)

    def test_goes_on_through_a_signal_that_was_ignored_from_the_start(self):
        started, go_on = threading.Event(), threading.Event()

        def play(peer):
            request = peer.expect("run")
            started.set()
            self.assertTrue(go_on.wait(PATIENCE))
            peer.answer(request, result(exit_code=9))

        self.serve(play)
        process = self.start("run", "--no-stdin", "-c", "1", restore_signals=False,
                             preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        self.assertTrue(started.wait(PATIENCE))
        process.send_signal(signal.SIGHUP)
        go_on.set()
        self.assertEqual(process.wait(PATIENCE), 9)

    def test_takes_a_terminals_interrupt_and_its_lines(self):
        lines = []

        def play(peer):
            request = peer.expect("run")
            piece = peer.expect("exec.stdin")
            lines.append(base64.b64decode(piece["params"]["base64"]))
            peer.answer(piece, {})
            os.write(master, b"\x03")
            peer.answer(peer.expect("exec.cancel"), {})
            peer.answer(request, result("cancelled"))

        pid, master = pty.fork()
        if pid == 0:
            os.execve(CLOCHE, [CLOCHE, "run", "-c", "1"], self.environment())
        self.addCleanup(os.close, master)
        self.serve(play)
        os.write(master, b"hello\n")
        shown = b""
        with contextlib.suppress(OSError):  # the terminal is gone
            while data := os.read(master, 4096):
                shown += data
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 130)
        self.assertEqual(lines, [b"hello\n"])
        self.assertIn(b"stopped: cancelled", shown)

    def test_leaves_a_terminal_alone_that_another_job_uses(self):
        """In the background, reading the terminal would stop us."""
        def play(peer):
            request = peer.expect("run")
            os.write(master, b"for the shell\n")
            self.assertFalse(select.select([peer.socket], [], [], 0.7)[0], "it read the terminal")
            peer.answer(request, result(exit_code=5))

        # The leader of a terminal's session starts it as a job in the background, as a shell
        # would, and reports how it ended or that it was stopped.
        pid, master = pty.fork()
        if pid == 0:
            job = os.fork()
            if job == 0:
                os.setpgid(0, 0)
                os.execve(CLOCHE, [CLOCHE, "run", "-c", "1"], self.environment())
            status = os.waitpid(job, os.WUNTRACED)[1]
            if os.WIFSTOPPED(status):
                os.kill(job, signal.SIGKILL)
            os._exit(99 if os.WIFSTOPPED(status) else os.WEXITSTATUS(status))
        self.addCleanup(os.close, master)
        self.serve(play)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 5)


class Json(TestCase):
    def test_prints_what_code_gives_back_behind_its_output(self):
        results = [{"text/plain": "2", "text/html": "<b>2</b>"}, {"text/plain": "é\nb"}]

        def play(peer):
            request = peer.expect("run")
            peer.output(b"out\n", run_id=request["id"])
            peer.answer(request, result(results=results))
        for options, printed in ((), "out\n2\né\nb\n"), (("--json",), None):
            with self.subTest(options):
                self.serve(play)
                ended = self.cloche("run", *options, "--no-stdin", "-c", "1")
                if printed:
                    self.assertEqual(ended.stdout.decode(), printed)
                else:
                    told = json.loads(ended.stdout)
                    self.assertEqual((told["stdout"], told["results"]), ("out\n", results))

    def test_prints_one_object_with_result_and_output(self):
        def play(peer):
            request = peer.expect("run")
            peer.output("é".encode()[:1])
            peer.output("é".encode()[1:])
            peer.output(b"\xff\0", "stderr")
            peer.answer(request, result(exit_code=3))

        self.serve(play)
        ended = self.cloche("run", "--json", "--no-stdin", "-c", "1")
        self.assertEqual((ended.returncode, ended.stderr), (3, b""))
        self.assertEqual(json.loads(ended.stdout), result(exit_code=3) | {
            "stdout": "é", "stderr_base64": base64.b64encode(b"\xff\0").decode()})
        self.assertEqual(ended.stdout.count(b"\n"), 1)

    def test_prints_a_refusal(self):
        self.serve(lambda peer: peer.refuse(peer.expect("run"), "no", reason="limit"))
        ended = self.cloche("run", "--json", "--no-stdin", "-c", "1")
        self.assertEqual(ended.returncode, 125)
        self.assertEqual(json.loads(ended.stdout)["error"]["data"], {"reason": "limit"})
        self.assertIn(b"no (limit)", ended.stderr)


class Others(TestCase):
    PROFILES = {"profiles": [
        {"name": "python", "language": "python", "description": "Python with \x1b[31mpandas",
         "image": "localhost/cloche-python", "digest": None, "problem": "Its image is missing.",
         "limits": {"memory_bytes": 512 << 20, "tasks": 128, "cpu_percent": 150,
                    "work_bytes": 256 << 20, "timeout_ms": 300_000, "output_bytes": 64 << 20}}]}

    def test_shows_profiles_as_a_table(self):
        self.serve(lambda peer: peer.answer(peer.expect("profile.list"), self.PROFILES))
        ended = self.cloche("profiles")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        head, row, problem = ended.stdout.decode().splitlines()
        self.assertEqual(head.split(), ["NAME", "LANGUAGE", "MEMORY", "TASKS", "CPUS", "WORK",
                                        "TIMEOUT", "OUTPUT", "DESCRIPTION"])
        self.assertIn("python  python    512 MiB  128    1.50  256 MiB  5 min", row)
        self.assertIn("Python with \\x1b[31mpandas", row)
        self.assertIn("Its image is missing.", problem)

    def test_prints_answers_as_they_are(self):
        for verb, method, answer in (("profiles", "profile.list", self.PROFILES),
                                     ("info", "server.info", {"name": "cloche", "limits": {}})):
            self.serve(lambda peer, m=method, a=answer: peer.answer(peer.expect(m), a))
            ended = self.cloche(verb, "--json")
            self.assertEqual(json.loads(ended.stdout), answer)

    def test_shows_what_the_service_says_of_itself(self):
        self.serve(lambda peer: peer.answer(peer.expect("server.info"), {
            "name": "cloche", "version": "9.9", "protocol": 1, "mode": "system", "uid": 1000,
            "connection": "c" * 32, "limits": {"line_bytes": 1048576, "depth": 32},
            "methods": ["run", "server.info"]}))
        text = self.cloche("info").stdout.decode()
        for part in ("9.9", "system", "1000", "run server.info", "line_bytes  1048576",
                     "depth       32", self.path):
            self.assertIn(part, text)

    def test_says_its_version_and_help(self):
        self.assertRegex(self.cloche("--version").stdout.decode(), r"^cloche \d")
        for arguments in (["--help"], ["run", "--help"], ["profiles", "-h"], ["info", "--help"]):
            ended = self.cloche(*arguments)
            self.assertEqual(ended.returncode, 0)
            self.assertTrue(ended.stdout.startswith(b"Usage: cloche"), arguments)

    def test_fails_when_its_own_answer_cannot_be_written(self):
        self.serve(lambda peer: peer.answer(peer.expect("profile.list"), self.PROFILES))
        with open("/dev/full", "wb") as full:
            self.assertEqual(self.start("profiles", stdout=full).wait(PATIENCE), 125)


class Address(TestCase):
    def says(self, *arguments, code=125, env=None):
        ended = self.cloche(*arguments, "info", env=env)
        self.assertEqual(ended.returncode, code)
        return ended.stderr.decode()

    def test_says_how_to_start_what_is_not_there(self):
        none = {"CLOCHE_SOCKET": "", "XDG_RUNTIME_DIR": self.directory}
        self.assertIn("systemctl --user enable --now cloche.socket", self.says("--user", env=none))
        self.assertIn(f"{self.directory}/cloche/cloche.sock", self.says("--user", env=none))
        self.assertIn("no such socket", self.says("--socket", self.directory + "/none"))
        self.assertIn("File name too long", self.says("--socket", "/" + "x" * 200))

    def test_says_when_nobody_listens(self):
        self.listener.close()
        self.assertIn("nobody listens", self.says())

    def test_takes_the_socket_that_is_said_last(self):
        self.serve(lambda peer: peer.answer(peer.expect("server.info"), {}))
        self.assertEqual(self.cloche("--user", "info", "--socket", self.path,
                                     env={"CLOCHE_SOCKET": "/none"}).returncode, 0)

    def test_finds_the_users_own_socket(self):
        os.mkdir(os.path.join(self.directory, "cloche"))
        own = os.path.join(self.directory, "cloche", "cloche.sock")
        os.rename(self.path, own)
        self.serve(lambda peer: peer.answer(peer.expect("server.info"), {}))
        self.assertEqual(self.cloche("--user", "info", env={
            "CLOCHE_SOCKET": "", "XDG_RUNTIME_DIR": self.directory}).returncode, 0)


if __name__ == "__main__":
    main()
