#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Files that go in and out with `cloche run`, against a service that is played."""

import base64
import json
import os
import resource
import signal
import stat
import subprocess
import threading

from played import CLOCHE, PATIENCE, Sandbox, TestCase, main, result


class AtOnce(TestCase):
    """What one request can hold."""

    def test_sends_small_files_with_the_code(self):
        path = self.write("data.csv", b"a,b\n\xff\n", 0o640)
        seen = self.run_request("--no-stdin", "--put", path, "--put", path + ":in/x.csv",
                                "--put", path + ":/tmp/", "-c", "1")
        data = base64.b64encode(b"a,b\n\xff\n").decode()
        self.assertEqual(seen["files"], [
            {"path": "data.csv", "base64": data, "mode": "0640"},
            {"path": "in/x.csv", "base64": data, "mode": "0640"},
            {"path": "/tmp/data.csv", "base64": data, "mode": "0640"}])
        self.assertNotIn("collect", seen)

    def collect(self, files, *arguments, **more):
        def play(peer):
            request = peer.expect("run")
            self.params = request["params"]
            peer.answer(request, result(files=files, **more))

        self.serve(play)
        return self.cloche("run", "--no-stdin", *arguments, "-c", "1", cwd=self.directory)

    def test_writes_what_the_run_gives_back(self):
        os.mkdir(os.path.join(self.directory, "out"))
        ended = self.collect([{"path": "a.png", "size": 3, "base64": "/wAB"},
                              {"path": "sub/b.txt", "size": 2, "text": "é"}],
                             "--get", "*.png", "--get", "sub/*.txt:out")
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))
        self.assertEqual(self.params["collect"], ["*.png", "sub/*.txt"])
        self.assertEqual(self.read("a.png"), b"\xff\0\1")
        self.assertEqual(self.read("out/b.txt"), "é".encode())

    def test_says_which_file_is_not_there_and_fails(self):
        ended = self.collect([{"path": "a.png", "size": 99, "problem": "file_too_large"}],
                             "--get", "*.png", "--get", "none")
        self.assertEqual(ended.returncode, 125)
        self.assertIn(b"a.png was not copied: file_too_large", ended.stderr)
        self.assertIn(b"--get none: no such file was left", ended.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.directory, "a.png")))

    def test_says_that_no_file_could_be_collected(self):
        ended = self.collect([], "--get", "x", files_problem="file_failed")
        self.assertEqual(ended.returncode, 125)
        self.assertEqual(ended.stderr, b"cloche: no file was copied: file_failed\n")

    def test_keeps_the_programs_code_when_a_file_is_missing_too(self):
        self.assertEqual(self.collect([], "--get", "x", exit_code=7).returncode, 7)

    def test_names_the_files_in_json_instead_of_showing_them(self):
        ended = self.collect([{"path": "d/a", "size": 3, "base64": "/wAB"}], "--json",
                             "--get", "d/a")
        self.assertEqual(json.loads(ended.stdout)["files"],
                         [{"path": "d/a", "size": 3, "directory": "."}])

    def test_takes_a_result_that_is_longer_than_a_request_may_be(self):
        data = os.urandom(8 << 20)
        ended = self.collect([{"path": "a", "size": len(data),
                               "base64": base64.b64encode(data).decode()}], "--get", "a")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertEqual(self.read("a"), data)


class Names(TestCase):
    """Where a file lands is for its receiver to say, whatever a sandbox calls it."""

    def collect(self, *paths, code=125):
        def play(peer):
            peer.answer(peer.expect("run"), result(files=[
                {"path": path, "size": 3, "text": "new"} for path in paths]))

        self.serve(play)
        here = os.path.join(self.directory, "here")
        os.makedirs(here, exist_ok=True)
        ended = self.cloche("run", "--no-stdin", "--get", "*", "-c", "1", cwd=here)
        self.assertEqual(ended.returncode, code, ended.stderr)
        left = [n for n in os.listdir(here) if n.startswith(".cloche-")]
        self.assertEqual(left, [])
        return ended.stderr

    def test_takes_only_the_last_part_of_a_path(self):
        self.collect("../../outside", "/etc/absolute", code=0)
        self.assertEqual(self.read("here/outside"), b"new")
        self.assertEqual(self.read("here/absolute"), b"new")
        self.assertFalse(os.path.exists(os.path.join(self.directory, "outside")))

    def test_refuses_what_is_no_name_of_a_file(self):
        for path in ("..", "a/..", ".", "a/", "", "x" * 256):
            with self.subTest(path):
                self.assertIn(b"no name for a file" if path else b"its name is not UTF-8",
                              self.collect(path))
        self.assertEqual(os.listdir(os.path.join(self.directory, "here")), [])

    def test_follows_no_symbolic_link(self):
        victim = self.write("victim", b"old")
        os.mkdir(os.path.join(self.directory, "here"))
        os.symlink(victim, os.path.join(self.directory, "here", "a"))
        self.assertIn(b"symbolic link", self.collect("a"))
        self.assertEqual(self.read("victim"), b"old")
        self.assertTrue(os.path.islink(os.path.join(self.directory, "here", "a")))

    def test_writes_over_nothing_but_a_file(self):
        here = os.path.join(self.directory, "here")
        os.makedirs(os.path.join(here, "d"))
        os.mkfifo(os.path.join(here, "f"))
        self.write("here/r", b"old", 0o600)
        errors = self.collect("d", "f", "r")
        self.assertIn(b"there is a directory", errors)
        self.assertIn(b"not a regular file", errors)
        self.assertEqual(self.read("here/r"), b"new")

    def test_lets_no_two_files_have_one_name(self):
        self.assertIn(b"b/x was not copied: it has the same name as a/x",
                      self.collect("a/x", "b/x"))

    def test_makes_control_characters_in_names_visible(self):
        errors = self.collect("..", "bad\x1b[2J\nline/..")
        self.assertNotIn(b"\x1b", errors)
        self.serve(lambda peer: peer.answer(peer.expect("run"), result(files=[
            {"path": "bad\x1b[2J\nline", "size": 3, "problem": "file_denied"}])))
        ended = self.cloche("run", "--no-stdin", "--get", "*", "-c", "1")
        self.assertIn(b"bad\\x1b[2J\\x0aline was not copied", ended.stderr)


class InSandbox(TestCase):
    """What one request cannot hold."""

    def run_in(self, sandbox, *arguments, code=0, **options):
        self.serve(sandbox)
        ended = self.cloche("run", "--no-stdin", *arguments, cwd=self.directory, **options)
        self.assertEqual(ended.returncode, code, ended.stderr)
        return ended

    def test_a_large_file_goes_in_and_comes_out_as_it_was(self):
        data = os.urandom(5 << 20)
        self.write("large", data, 0o600)
        sandbox = Sandbox()
        ended = self.run_in(sandbox, "--put", "large:in", "--get", "in", "-c", "print(1)")
        self.assertEqual(ended.stderr, b"")
        self.assertEqual(sandbox.files, {"in": data})
        self.assertEqual(sandbox.modes, {"in": "0600"})
        self.assertEqual(self.read("in"), data)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.directory, "in")).st_mode), 0o640)
        self.assertEqual(sandbox.executed, {"sandbox": Sandbox.ID, "code": "print(1)"})
        order = [m for i, m in enumerate(sandbox.seen) if i == 0 or sandbox.seen[i - 1] != m]
        self.assertEqual(order, ["sandbox.open", "file.put", "exec.stdin", "sandbox.exec",
                                 "file.get", "sandbox.close"])

    def test_sizes_at_the_edges_of_a_piece_are_whole(self):
        for size in (0, 1, (512 << 10) - 1, 512 << 10, (512 << 10) + 1, (768 << 10) + 1):
            with self.subTest(size):
                data = os.urandom(size)
                self.write("f", data)
                sandbox = Sandbox()
                self.run_in(sandbox, "--put", "f", "--get", "f:.", "--", "true")
                self.assertEqual(sandbox.files["f"], data)
                self.assertEqual(self.read("f"), data)

    def test_has_at_most_two_pieces_unanswered(self):
        unanswered, most = [], []

        class Slow(Sandbox):
            def on_exec_stdin(self, peer, request, params):
                unanswered.append((request, params))
                most.append(len(unanswered))
                if len(unanswered) == 2 or params.get("eof"):
                    while unanswered:
                        super().on_exec_stdin(peer, *unanswered.pop(0))

        self.write("f", b"x" * (3 << 20))
        self.run_in(Slow(), "--put", "f", "--", "true")
        self.assertEqual(max(most), 2)

    def test_reads_a_pipe_to_its_end(self):
        sandbox = Sandbox()
        self.serve(sandbox)
        ended = subprocess.run(
            ["bash", "-c", '"$0" run --no-stdin --put <(seq 100000):numbers -- true', CLOCHE],
            env=self.environment(), timeout=PATIENCE, check=False, capture_output=True)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertEqual(sandbox.files["numbers"],
                         b"".join(b"%d\n" % i for i in range(1, 100001)))

    def test_finds_what_a_pattern_means(self):
        files = {n: n.encode() for n in ("a.txt", "b.txt", "c.png", ".d.txt", "e.txt", "f.txt",
                                         "s/g.txt", "s/t/h.txt", "s/i.png", "u/g2.txt")}
        for pattern, found in (("*.txt", {"a.txt", "b.txt", "e.txt", "f.txt"}),
                               (".*", {".d.txt"}), ("s/*.txt", {"g.txt"}),
                               ("*/*.txt", {"g.txt", "g2.txt"}), ("s/t/h.txt", {"h.txt"}),
                               ("[ab].*", {"a.txt", "b.txt"})):
            with self.subTest(pattern):
                where = os.path.join(self.directory, "o" + str(len(pattern)) + pattern[0])
                os.makedirs(where)
                self.run_in(Sandbox(files), "--get", f"{pattern}:{where}", "--", "true")
                self.assertEqual(set(os.listdir(where)), found)

    def test_a_piece_that_is_refused_makes_no_file(self):
        class Refusing(Sandbox):
            def on_exec_stdin(self, peer, request, params):
                peer.refuse(request, "too many requests", reason="too_many_requests")

            def on_exec_cancel(self, peer, request, params):
                put, _ = self.open_puts.pop(params["id"])
                peer.refuse(put, "cancelled", reason="cancelled")
                peer.answer(request, {})

        sandbox = Refusing()
        self.write("f", b"x" * (2 << 20))
        ended = self.run_in(sandbox, "--put", "f", "--", "true", code=125)
        self.assertIn(b"too_many_requests", ended.stderr)
        self.assertEqual((sandbox.files, sandbox.seen.count("sandbox.exec")), ({}, 0))

    def test_a_file_that_fails_on_its_way_says_why_itself(self):
        class Full(Sandbox):
            def on_exec_stdin(self, peer, request, params):
                put, _ = self.open_puts.pop(params["id"], (None, None))
                if put:
                    peer.answer(request, {})
                    peer.refuse(put, "no space", reason="no_space")
                else:
                    peer.refuse(request, "not running", reason="not_running")

        self.write("f", b"x" * (4 << 20))
        ended = self.run_in(Full(), "--put", "f", "--", "true", code=125)
        self.assertIn(b"no space (no_space)", ended.stderr)

    def test_nothing_runs_when_a_file_is_refused(self):
        sandbox = Sandbox()
        sandbox.problems["f"] = "no_space"
        self.write("f", b"x" * (1 << 20))
        ended = self.run_in(sandbox, "--put", "f", "--", "true", code=125)
        self.assertIn(b"f was not copied to f", ended.stderr)
        self.assertIn(b"no space (no_space)", ended.stderr)
        self.assertNotIn("sandbox.exec", sandbox.seen)

    def test_gets_the_others_when_one_file_is_refused(self):
        sandbox = Sandbox({"a": b"1", "b": b"2", "c": b"3"})
        sandbox.problems["b"] = "file_denied"
        ended = self.run_in(sandbox, "--get", "?", "--", "true", code=125)
        self.assertIn(b"b was not copied", ended.stderr)
        self.assertEqual((self.read("a"), self.read("c")), (b"1", b"3"))
        self.assertFalse(os.path.exists(os.path.join(self.directory, "b")))

    def test_gets_files_after_a_program_that_failed(self):
        sandbox = Sandbox({"log": b"why"}, lambda peer, request: peer.answer(
            request, result(exit_code=3)))
        self.run_in(sandbox, "--get", "log", "--", "false", code=3)
        self.assertEqual(self.read("log"), b"why")

    def test_an_interrupt_leaves_no_half_of_a_file(self):
        reached = threading.Event()

        class Stuck(Sandbox):
            def on_file_get(self, peer, request, params):
                peer.output(b"half", "file", request["id"])
                reached.set()

        self.write("f", b"old")
        self.serve(Stuck({"f": b"new"}))
        process = self.start("run", "--no-stdin", "--get", "f", "--", "true", cwd=self.directory)
        self.assertTrue(reached.wait(PATIENCE))
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(PATIENCE), 130)
        self.assertEqual(self.read("f"), b"old")
        self.assertEqual(sorted(os.listdir(self.directory)), ["cloche.sock", "f"])

    def test_a_connection_that_breaks_leaves_no_half_of_a_file(self):
        class Broken(Sandbox):
            def on_file_get(self, peer, request, params):
                peer.output(b"half", "file", request["id"])
                raise StopIteration

        def play(peer):
            try:
                Broken({"f": b"new"})(peer)
            except StopIteration:
                pass

        self.serve(play)
        ended = self.cloche("run", "--no-stdin", "--get", "f", "--", "true", cwd=self.directory)
        self.assertEqual(ended.returncode, 125)
        self.assertEqual(os.listdir(self.directory), ["cloche.sock"])

    def test_a_full_disk_here_is_told_as_such(self):
        def limited():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

        self.serve(Sandbox({"f": b"x" * 2000}))
        ended = self.cloche("run", "--no-stdin", "--get", "f", "--", "true", cwd=self.directory,
                            preexec_fn=limited)
        self.assertEqual(ended.returncode, 125)
        self.assertIn(b"cannot write f into .: File too large", ended.stderr)
        self.assertEqual(os.listdir(self.directory), ["cloche.sock"])

    def test_a_large_file_costs_little_memory(self):
        size = 64 << 20
        with open(os.path.join(self.directory, "f"), "wb") as file:
            file.truncate(size)
        peak = []

        class Watching(Sandbox):
            def on_sandbox_close(self, peer, request, params):
                with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
                    peak.extend(int(line.split()[1]) for line in status if "VmHWM" in line)
                super().on_sandbox_close(peer, request, params)

        self.serve(Watching())
        process = self.start("run", "--no-stdin", "--put", "f", "--get", "f:.", "--", "true",
                             cwd=self.directory)
        self.assertEqual(process.wait(PATIENCE), 0)
        if not [k for k in os.environ if k.endswith("SAN_OPTIONS")]:
            self.assertLess(peak[0], 16 << 10)  # KiB


class Refusals(TestCase):
    def test_looks_at_files_before_anything_runs(self):
        for arguments, says in ((["--put", "none"], "cannot read none"),
                                (["--put", os.path.basename(self.directory)], "is a directory"),
                                (["--put", "x:/"], "cannot read x"),
                                (["--get", "*:none"], "cannot use the directory none"),
                                (["--get", "a/"], "say GLOB or GLOB:DIR"),
                                (["--get", ""], "say GLOB or GLOB:DIR")):
            with self.subTest(arguments):
                ended = self.cloche("run", *arguments, "-c", "1", cwd=os.path.dirname(self.directory))
                self.assertEqual(ended.returncode, 125)
                self.assertIn(says, ended.stderr.decode())


if __name__ == "__main__":
    main()
