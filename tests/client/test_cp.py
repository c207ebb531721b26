#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""`cloche cp` and the sandboxes with names that it reaches, against a service that is played."""

import base64
import contextlib
import json
import os
import signal
import socket
import stat
import threading

from played import CLOCHE, PATIENCE, Sandbox, TestCase, main, result


class CopyCase(TestCase):
    def setUp(self):
        super().setUp()
        self.runtime = os.path.join(self.directory, "run")
        os.mkdir(self.runtime, 0o700)
        self.over = threading.Event()

    def environment(self, **more):
        return super().environment(**{"XDG_RUNTIME_DIR": self.runtime, **more})

    def socket_of(self, name):
        return os.path.join(self.runtime, "cloche", "names", name + ".sock")

    def share(self, sandbox, name="box"):
        """A `cloche shell` with this name, whose program runs until the test is over."""
        up = threading.Event()

        def on_exec(peer, request):
            self.peer, self.request = peer, request
            up.set()

        sandbox.on_exec = on_exec
        self.serve(sandbox)
        self.holder = self.start("shell", "--no-tty", "--name", name)
        self.assertTrue(up.wait(PATIENCE))
        self.sandbox = sandbox
        return sandbox

    def end_holder(self, code=0):
        self.peer.answer(self.request, result(exit_code=code))
        self.assertEqual(self.holder.wait(PATIENCE), code)

    def cp(self, *arguments, code=0):
        ended = self.cloche("cp", *arguments, cwd=self.directory)
        self.assertEqual(ended.returncode, code, ended.stderr)
        return ended.stderr.decode()


class Copies(CopyCase):
    def test_a_file_goes_in_and_comes_out(self):
        self.share(Sandbox())
        for size in (0, 5, 3 << 20):
            with self.subTest(size):
                data = os.urandom(size)
                self.write("f", data, 0o755)
                self.assertEqual(self.cp("f", "box:/work/g"), "")
                self.assertEqual(self.sandbox.files["/work/g"], data)
                self.assertEqual(self.sandbox.modes["/work/g"], "0755")
                self.assertEqual(self.cp("box:/work/g", "back"), "")
                self.assertEqual(self.read("back"), data)
        self.end_holder(3)

    def test_a_directory_gets_a_file_of_the_same_name(self):
        os.mkdir(os.path.join(self.directory, "d"))
        self.write("f", b"1")
        self.share(Sandbox({"sub/x": b"2"}))
        self.cp("f", "box:sub")
        self.cp("f", "box:other/")
        self.cp("f", "box:")
        self.assertEqual(set(self.sandbox.files), {"sub/x", "sub/f", "other/f", "f"})
        self.cp("box:sub/x", "d")
        self.cp("box:sub/x", ".")
        self.cp("box:sub/x", "d/y")
        self.assertEqual((self.read("d/x"), self.read("x"), self.read("d/y")), (b"2",) * 3)
        self.end_holder()

    def test_a_colon_behind_a_slash_is_part_of_a_files_name(self):
        self.write("a:b", b"1")
        self.share(Sandbox())
        self.cp("./a:b", "box:c")
        self.assertEqual(self.sandbox.files, {"c": b"1"})
        self.end_holder()

    def test_tells_what_was_refused(self):
        self.write("f", b"1")
        self.share(Sandbox({"dir/x": b""}))
        self.sandbox.problems["secret"] = "file_denied"
        self.assertIn("none was not copied", self.cp("box:none", "f", code=125))
        self.assertIn("(file_denied)", self.cp("f", "box:secret", code=125))
        self.assertIn("say which file", self.cp("box:", "f", code=125))
        self.assertIn("cannot read none", self.cp("none", "box:f", code=125))
        self.assertEqual(self.read("f"), b"1")
        self.end_holder()

    def test_an_interrupted_copy_is_cancelled_and_leaves_the_old_file(self):
        began = threading.Event()
        cancelled = threading.Event()

        class Waiting(Sandbox):
            def on_exec_stdin(self, peer, request, params):
                if params["id"] in self.open_puts:
                    began.set()

            def on_exec_cancel(self, peer, request, params):
                assert params["id"] in self.open_puts
                cancelled.set()
                super().on_exec_cancel(peer, request, params)

        self.share(Waiting({"f": b"old"}))
        self.write("f", b"x" * (2 << 20))
        process = self.start("cp", "f", "box:g", cwd=self.directory)
        self.assertTrue(began.wait(PATIENCE))
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(PATIENCE), 130)
        self.assertTrue(cancelled.wait(PATIENCE))
        self.assertEqual(self.sandbox.files, {"f": b"old"})
        self.end_holder()

    def test_a_copy_that_stands_still_holds_nobody_up(self):
        data = b"x" * (40 << 20)
        self.share(Sandbox({"large": data}))
        process = self.start("cp", "box:large", "copy", cwd=self.directory)
        process.send_signal(signal.SIGSTOP)
        self.peer.output(b"still here\n", run_id=self.request["id"])
        self.assertEqual(self.holder.stdout.readline(), b"still here\n")
        process.send_signal(signal.SIGCONT)
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertEqual(self.read("copy"), data)
        self.end_holder()

    def test_a_file_that_changes_meanwhile_is_not_taken(self):
        class Changing(Sandbox):
            def on_file_get(self, peer, request, params):
                super().on_file_get(peer, request, params)
                self.mtime += 1

        self.share(Changing({"f": os.urandom(9 << 20)}))
        self.assertIn("f changed while it was copied", self.cp("box:f", "f", code=125))
        self.assertNotIn("f", os.listdir(self.directory))
        self.end_holder()

    def test_says_that_the_sandbox_is_gone_in_the_middle(self):
        class Ending(Sandbox):
            def on_exec_stdin(inner, peer, request, params):
                if params["id"] in inner.open_puts:
                    self.peer.answer(self.request, result())

        self.share(Ending())
        self.write("f", b"x" * (2 << 20))
        self.assertIn("closed the connection", self.cp("f", "box:g", code=125))
        self.assertEqual(self.holder.wait(PATIENCE), 0)


class Names(CopyCase):
    def test_a_name_is_there_for_its_user_alone_and_goes_with_its_sandbox(self):
        self.share(Sandbox())
        names = os.path.dirname(self.socket_of("x"))
        self.assertEqual(stat.S_IMODE(os.stat(names).st_mode), 0o700)
        self.assertEqual(os.listdir(names), ["box.sock"])
        self.end_holder()
        self.assertEqual(os.listdir(names), [])

    def test_two_cannot_have_one_name(self):
        self.share(Sandbox())
        with contextlib.suppress(AssertionError):
            self.serve(lambda peer: self.assertIsNone(peer.receive()))
        ended = self.cloche("shell", "--name", "box")
        self.assertEqual(ended.returncode, 125)
        self.assertIn(b"there is one by that name already", ended.stderr)
        self.assertEqual(self.cp("box:none", "f", code=125).count("(file_not_found)"), 1)
        self.end_holder()

    def test_the_name_of_one_that_was_killed_can_be_had_again(self):
        self.share(Sandbox())
        self.holder.kill()
        self.holder.wait(PATIENCE)
        self.assertTrue(os.path.exists(self.socket_of("box")))
        self.assertIn("there is no sandbox box", self.cp("box:f", "f", code=125))
        self.share(Sandbox({"f": b"new"}))
        self.cp("box:f", "f")
        self.assertEqual(self.read("f"), b"new")
        self.end_holder()

    def test_says_what_is_wrong_with_a_name(self):
        self.assertIn("there is no sandbox nobody", self.cp("nobody:f", "f", code=125))
        self.assertIn("one of the two", self.cp("a:f", "b:f", code=125))
        self.assertIn("one of the two", self.cp("f", "g", code=125))
        self.assertIn("say what to copy", self.cp("f", code=125))
        for name in ("", "..", "a b", "-x", "x" * 49, ".x", "é"):
            with self.subTest(name):
                self.assertIn("no name of a sandbox", self.cp("--", f"{name}:f", "f", code=125))
                self.serve(lambda peer: self.assertIsNone(peer.receive()))
                ended = self.cloche("shell", "--name=" + name)
                self.assertEqual(ended.returncode, 125)
                self.assertIn(b"say letters, digits", ended.stderr)

    def test_a_run_can_have_a_name_as_well(self):
        sandbox = Sandbox({"f": b"1"})
        up = threading.Event()

        def on_exec(peer, request):
            self.peer, self.request = peer, request
            up.set()

        sandbox.on_exec = on_exec
        self.serve(sandbox)
        self.holder = self.start("run", "--no-stdin", "--name", "r", "-c", "1")
        self.assertTrue(up.wait(PATIENCE))
        self.cp("r:f", "f")
        self.assertEqual(sandbox.executed, {"sandbox": Sandbox.ID, "code": "1"})
        self.end_holder()


class ControlSocket(CopyCase):
    """What somebody else may say to the socket of a name."""

    def connect(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        connection.connect(self.socket_of("box"))
        lines = connection.makefile("rb")
        self.addCleanup(connection.close)
        self.addCleanup(lines.close)
        return connection, lines

    @staticmethod
    def send(connection, *messages):
        connection.sendall(b"".join(json.dumps(m).encode() + b"\n" for m in messages))

    def test_fills_in_the_sandbox_and_keeps_each_clients_ids(self):
        self.share(Sandbox({"a": b"A", "b": b"B"}))
        ends = [self.connect(), self.connect()]
        for (connection, _), path in zip(ends, "ab"):
            self.send(connection, {"jsonrpc": "2.0", "id": "same", "method": "file.get",
                                   "params": {"sandbox": "another", "path": path}})
        for (_, lines), data in zip(ends, (b"A", b"B")):
            answer = json.loads(lines.readline())
            self.assertEqual(answer["id"], "same")
            self.assertEqual(base64.b64decode(answer["result"]["base64"]), data)
        self.end_holder()

    def test_lets_nobody_do_more_than_copy(self):
        self.share(Sandbox())
        connection, lines = self.connect()
        for method, reason in (("sandbox.exec", "method_not_found"), ("run", "method_not_found"),
                               ("sandbox.close", "method_not_found"),
                               ("exec.cancel", "not_running"), ("exec.stdin", "not_running")):
            # 2 is the id of the shell's own request
            self.send(connection, {"id": 7, "method": method, "params": {"id": 2}})
            answer = json.loads(lines.readline())
            self.assertEqual((answer["id"], answer["error"]["data"]["reason"]), (7, reason))
        self.end_holder()
        self.assertEqual(self.sandbox.seen, ["sandbox.open", "sandbox.exec", "exec.stdin",
                                             "sandbox.close"])

    def test_lets_go_whoever_does_not_speak_the_protocol(self):
        self.share(Sandbox())
        for line in (b"x\n", b"[]\n", b"{}\n", b'{"id":1,"method":"file.get"}\n',
                     b'{"method":"file.get","params":{}}\n', b'{"id":null,"method":"x","params":{}}\n'):
            with self.subTest(line):
                connection, lines = self.connect()
                connection.sendall(line)
                self.assertEqual(lines.read(), b"")
        self.end_holder()

    def test_takes_many_requests_at_once_in_order(self):
        self.share(Sandbox({"a": b"A"}))
        connection, lines = self.connect()
        self.send(connection, *[{"id": i, "method": "file.get", "params": {"path": "a"}}
                                for i in range(100)])
        self.assertEqual([json.loads(lines.readline())["id"] for _ in range(100)],
                         list(range(100)))
        self.end_holder()

    def test_lets_one_client_more_in_when_another_has_left(self):
        self.share(Sandbox({"a": b"A"}))
        ends = [self.connect() for _ in range(6)]
        for connection, lines in ends[:4]:
            self.send(connection, {"id": 1, "method": "file.get", "params": {"path": "a"}})
            lines.readline()
        self.send(ends[5][0], {"id": 1, "method": "file.get", "params": {"path": "a"}})
        for connection, lines in ends[:5]:
            lines.close()
            connection.close()
        self.assertEqual(json.loads(ends[5][1].readline())["id"], 1)
        self.end_holder()


if __name__ == "__main__":
    main()
