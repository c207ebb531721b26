#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""`cloche shell` and what runs at a terminal, against a service that is played."""

import base64
import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading

from played import CLOCHE, PATIENCE, Sandbox, TestCase, main, result


class AtTerminal(TestCase):
    def open_terminal(self, rows=30, columns=100):
        self.master, self.slave = pty.openpty()
        self.addCleanup(os.close, self.master)
        self.addCleanup(os.close, self.slave)
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.slave)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def start_shell(self, sandbox, *arguments, verb="shell", env=None, **options):
        """cloche as the leader of the terminal's session, which is what a login is."""
        self.serve(sandbox)
        return self.start(verb, *arguments, stdin=self.slave, stdout=self.slave,
                          stderr=self.slave, start_new_session=True, env=env or {},
                          preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0), **options)

    def shown(self, until=b""):
        data = b""
        while select.select([self.master], [], [], 0.3 if not until else 20)[0]:
            data += os.read(self.master, 4096)
            if until and until in data:
                break
        return data

    def assert_restored(self):
        self.assertEqual(termios.tcgetattr(self.slave), self.before)

    def test_has_the_size_of_ours_and_a_login_shell(self):
        self.open_terminal()
        sandbox = Sandbox()
        process = self.start_shell(sandbox, "-p", "x", "-w", "/tmp", "-e", "A=b", "--memory",
                                   "64M", env={"TERM": "tmux-256color"})
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertEqual(sandbox.opened, {"profile": "x", "env": {"A": "b", "TERM": "tmux-256color"},
                                          "limits": {"memory_bytes": 64 << 20}})
        self.assertEqual(sandbox.executed, {
            "sandbox": Sandbox.ID, "cwd": "/tmp", "stdin_open": True, "pty": True, "rows": 30,
            "cols": 100, "timeout_ms": 1_800_000,
            "argv": ["sh", "-c", "command -v bash >/dev/null && exec bash -l; exec sh -l"]})
        self.assertEqual(sandbox.seen[-1], "sandbox.close")

    def test_passes_every_key_as_a_byte_and_every_byte_back(self):
        self.open_terminal()
        keys = b"\x03\x1a\x04\x1c\x13\x11\r\n\x7f\xff~.\x1b[A"

        def on_exec(peer, request):
            peer.output(b"ready", run_id=request["id"])
            got = b""
            while len(got) < len(keys):
                more = peer.expect("exec.stdin")
                got += base64.b64decode(more["params"]["base64"])
                peer.answer(more, {})
            self.assertEqual(got, keys)
            peer.output(b"\x1b[31mred\x1b[0m\n", run_id=request["id"])
            peer.answer(request, result(exit_code=7))

        process = self.start_shell(Sandbox(on_exec=on_exec))
        self.assertEqual(self.shown(b"ready"), b"ready")
        self.assertNotEqual(termios.tcgetattr(self.slave), self.before)
        os.write(self.master, keys)
        self.assertEqual(process.wait(PATIENCE), 7)
        self.assertEqual(self.shown(), b"\x1b[31mred\x1b[0m\n")  # not a byte changed, nothing echoed
        self.assert_restored()

    def test_tells_a_new_size(self):
        self.open_terminal()

        def on_exec(peer, request):
            self.resize(50, 120)
            message = peer.expect("exec.resize")
            self.assertEqual(message["params"], {"id": request["id"], "rows": 50, "cols": 120})
            peer.refuse(message, "no terminal", reason="no_terminal")  # which stops nothing
            os.write(self.master, b"x")
            message = peer.expect("exec.stdin")
            peer.answer(message, {})
            peer.answer(request, result())

        self.assertEqual(self.start_shell(Sandbox(on_exec=on_exec)).wait(PATIENCE), 0)

    def test_sets_its_modes_anew_when_it_was_stopped(self):
        self.open_terminal()

        def on_exec(peer, request):
            os.kill(process.pid, signal.SIGSTOP)
            os.waitpid(process.pid, os.WUNTRACED)
            termios.tcsetattr(self.slave, termios.TCSANOW, self.before)
            os.kill(process.pid, signal.SIGCONT)
            peer.answer(peer.expect("exec.resize"), {})
            self.assertNotEqual(termios.tcgetattr(self.slave), self.before)
            peer.answer(request, result())

        started = threading.Event()
        sandbox = Sandbox(on_exec=lambda *a: started.wait(PATIENCE) and on_exec(*a))
        process = self.start_shell(sandbox)
        started.set()
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assert_restored()

    def test_puts_the_terminal_back_however_it_ends(self):
        def lost(peer, request):
            raise ConnectionAbortedError

        def killed(number):
            def on_exec(peer, request):
                os.kill(self.process.pid, number)
                peer.answer(peer.expect("exec.cancel"), {})
                peer.answer(request, result("cancelled"))
            return on_exec

        for on_exec, code in ((lost, 125),
                              (lambda peer, request: peer.refuse(request, "no"), 125),
                              (lambda peer, request: peer.answer(request, result(
                                  "sandbox_died", reason="killed")), 125),
                              (lambda peer, request: peer.send_raw(b"x\n"), 125),
                              (killed(signal.SIGTERM), 143), (killed(signal.SIGHUP), 129),
                              (killed(signal.SIGINT), 130), (killed(signal.SIGQUIT), 131)):
            with self.subTest(code):
                self.open_terminal()
                ready = threading.Event()

                def play(peer, run=on_exec, ready=ready):
                    with contextlib.suppress(ConnectionAbortedError):
                        Sandbox(on_exec=lambda *a: ready.wait(PATIENCE) and run(*a))(peer)

                self.process = self.start_shell(play)
                ready.set()
                self.assertEqual(self.process.wait(PATIENCE), code)
                self.assert_restored()

    def test_a_run_can_have_a_terminal_too(self):
        self.open_terminal(10, 20)
        seen = {}

        def play(peer):
            request = peer.expect("run")
            seen.update(request["params"])
            peer.answer(request, result(exit_code=4))

        process = self.start_shell(play, "-t", "-c", "1", verb="run")
        self.assertEqual(process.wait(PATIENCE), 4)
        self.assertEqual(seen, {"profile": "python", "code": "1", "stdin_open": True, "pty": True,
                                "rows": 10, "cols": 20})
        self.assert_restored()

    def test_takes_no_terminal_when_told_so(self):
        self.open_terminal()
        sandbox = Sandbox()
        self.assertEqual(self.start_shell(sandbox, "--no-tty", "--", "cat", "-").wait(PATIENCE), 0)
        self.assertNotIn("pty", sandbox.executed)
        self.assertEqual(sandbox.executed["argv"], ["cat", "-"])


class FromScript(TestCase):
    def test_gives_a_script_to_a_shell_without_a_terminal(self):
        def on_exec(peer, request):
            got = b""
            while True:
                more = peer.expect("exec.stdin")
                got += base64.b64decode(more["params"]["base64"])
                peer.answer(more, {})
                if more["params"].get("eof"):
                    break
            peer.output(got.upper(), run_id=request["id"])
            peer.answer(request, result(exit_code=5))

        sandbox = Sandbox(on_exec=on_exec)
        self.serve(sandbox)
        ended = self.cloche("shell", input=b"echo hi\n")
        self.assertEqual((ended.returncode, ended.stdout), (5, b"ECHO HI\n"))
        self.assertNotIn("pty", sandbox.executed)

    def test_makes_one_of_the_usual_size_when_told_so(self):
        sandbox = Sandbox()
        self.serve(sandbox)
        self.assertEqual(self.cloche("shell", "-t").returncode, 0)
        self.assertEqual((sandbox.executed["rows"], sandbox.executed["cols"]), (24, 80))

    def test_takes_a_timeout_that_was_said(self):
        sandbox = Sandbox()
        self.serve(sandbox)
        self.cloche("shell", "--timeout", "2s")
        self.assertEqual(sandbox.executed["timeout_ms"], 2000)

    def test_says_where_a_command_goes(self):
        ended = self.cloche("shell", "python3")
        self.assertEqual(ended.returncode, 125)
        self.assertIn(b"cloche shell \xe2\x80\xa6 -- python3", ended.stderr)

    def test_says_why_no_sandbox_was_opened(self):
        self.serve(lambda peer: peer.refuse(peer.expect("sandbox.open"), "too many",
                                            reason="too_many_sandboxes"))
        ended = self.cloche("shell")
        self.assertEqual((ended.returncode, ended.stderr),
                         (125, b"cloche: too many (too_many_sandboxes)\n"))


if __name__ == "__main__":
    main()
