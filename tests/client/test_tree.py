#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""`cloche cp` of directories, against a service that is played, and that lies about its files."""

import os
import socket
import stat
import threading

from played import PATIENCE, Sandbox, TestCase, main


class TreeCase(TestCase):
    def setUp(self):
        super().setUp()
        self.runtime = os.path.join(self.directory, "run")
        self.here = os.path.join(self.directory, "here")
        os.mkdir(self.runtime, 0o700)
        os.mkdir(self.here)

    def environment(self, **more):
        return super().environment(**{"XDG_RUNTIME_DIR": self.runtime, **more})

    def share(self, sandbox):
        """A `cloche shell` with the name box, until the test is over."""
        up = threading.Event()
        sandbox.on_exec = lambda peer, request: up.set()
        self.serve(sandbox)
        holder = self.start("shell", "--no-tty", "--name", "box")
        self.addCleanup(self.reap, holder)
        self.assertTrue(up.wait(PATIENCE))
        self.sandbox = sandbox
        return sandbox

    def cp(self, *arguments, code=0):
        ended = self.cloche("cp", *arguments, cwd=self.here)
        self.assertEqual(ended.returncode, code, ended.stderr)
        return ended.stderr.decode()

    def make(self, **files):
        """Files below `here`, "__" for a slash."""
        for name, data in files.items():
            path = os.path.join(self.here, *name.split("__"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)

    def tree(self, *below):
        """What is there now: path, and content or None for a directory."""
        top = os.path.join(self.here, *below)
        found = {}
        for directory, names, files in os.walk(top):
            for name in names:
                found[os.path.relpath(os.path.join(directory, name), top)] = None
            for name in files:
                path = os.path.join(directory, name)
                with open(path, "rb") as file:
                    found[os.path.relpath(path, top)] = file.read()
        return found


class In(TreeCase):
    def test_a_directory_becomes_one_of_its_name_or_the_one_that_is_said(self):
        self.make(d__a=b"1", d__sub__b=b"2" * (1 << 20))
        os.chmod(os.path.join(self.here, "d", "a"), 0o755)
        files = {"a": b"1", "sub/b": b"2" * (1 << 20)}
        for source, target, prefix in (("d", "box:new", "new/"), ("d/", "box:new/", "new/"),
                                       ("d", "box:old", "old/d/"), ("d/", "box:old/", "old/d/"),
                                       ("d", "box:", "d/"), ("d/.", "box:old", "old/"),
                                       ("./d/.", "box:", "")):
            with self.subTest(f"{source} {target}"):
                self.share(Sandbox({"old/x": b""}))
                self.assertEqual(self.cp(source, target), "")
                del self.sandbox.files["old/x"]
                self.assertEqual(self.sandbox.files, {prefix + k: v for k, v in files.items()})
                self.assertEqual(self.sandbox.modes[prefix + "a"], "0755")
                self.doCleanups()
                self.setUp()
                self.make(d__a=b"1", d__sub__b=b"2" * (1 << 20))
                os.chmod(os.path.join(self.here, "d", "a"), 0o755)

    def test_an_empty_directory_is_made(self):
        os.makedirs(os.path.join(self.here, "d", "empty"))
        self.share(Sandbox())
        self.cp("d", "box:e")
        self.assertEqual(self.sandbox.files, {})
        self.assertEqual(self.sandbox.seen[-2:], ["file.put", "file.remove"])
        self.assertEqual(self.sandbox.modes, {"e/empty/.cloche-empty": "0600"})

    def test_links_and_devices_are_left_out_by_name_and_the_rest_is_copied(self):
        self.make(d__a=b"1", d__z=b"2")
        d = os.path.join(self.here, "d")
        os.symlink("/etc/passwd", os.path.join(d, "link"))
        os.symlink(".", os.path.join(d, "loop"))
        os.mkfifo(os.path.join(d, "pipe"))
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(os.path.join(d, "sock"))
        self.share(Sandbox())
        said = self.cp("d", "box:e", code=125)
        for name, why in (("link", "symbolic link"), ("loop", "symbolic link"),
                          ("pipe", "neither a file"), ("sock", "neither a file")):
            self.assertRegex(said, rf"d/{name} was not copied: it is .*{why}")
        self.assertEqual(self.sandbox.files, {"e/a": b"1", "e/z": b"2"})

    def test_a_file_that_is_refused_does_not_keep_the_others_from_it(self):
        self.make(d__a=b"1", d__b=b"x" * (2 << 20), d__c=b"3" * (2 << 20), d__d=b"4")

        class Refusing(Sandbox):
            def on_exec_stdin(self, peer, request, params):
                put = self.open_puts.get(params["id"])
                if put and put[0]["params"]["path"] == "e/b":
                    peer.refuse(request, "no room", reason="file_no_space")
                else:
                    super().on_exec_stdin(peer, request, params)

            def on_exec_cancel(self, peer, request, params):
                put = self.open_puts[params["id"]][0]
                super().on_exec_cancel(peer, request, params)
                peer.refuse(put, "cancelled", reason="cancelled")

        self.share(Refusing())
        said = self.cp("d", "box:e", code=125)
        self.assertIn("d/b was not copied to e/b", said)
        self.assertEqual(set(self.sandbox.files), {"e/a", "e/c", "e/d"})
        self.assertEqual(self.sandbox.files["e/c"], b"3" * (2 << 20))

    def test_a_directory_does_not_take_a_files_place(self):
        self.make(d__a=b"1")
        self.share(Sandbox({"f": b"file"}))
        self.assertIn("d is a directory, and f is none", self.cp("d", "box:f", code=125))
        self.assertEqual(self.sandbox.files, {"f": b"file"})

    def test_depth_has_a_limit(self):
        deep = os.path.join(self.here, "d", *["x"] * 101)
        os.makedirs(deep)
        self.make(d__a=b"1")
        self.share(Sandbox())
        self.assertIn("it is too deep", self.cp("d", "box:e", code=125))
        self.assertEqual(self.sandbox.files, {"e/a": b"1"})


class Out(TreeCase):
    FILES = {"d/a": b"1", "d/sub/b": b"2" * (5 << 20), "d/sub/deep/c": b"", "d-beside": b"not this",
             "f": b"file"}
    WANTED = {"a": b"1", "sub": None, "sub/b": b"2" * (5 << 20), "sub/deep": None,
              "sub/deep/c": b""}

    def test_a_directory_becomes_one_of_its_name_or_the_one_that_is_said(self):
        self.share(Sandbox(self.FILES))
        os.mkdir(os.path.join(self.here, "old"))
        for source, target, below in (("d", "new", "new"), ("d/", "new2/", "new2"),
                                      ("d", "old", "old/d"), ("d", ".", "d"),
                                      ("d/.", "plain", "plain")):
            with self.subTest(f"{source} {target}"):
                self.assertEqual(self.cp("box:" + source, target), "")
                self.assertEqual(self.tree(below), self.WANTED)
        mode = os.umask(0)
        os.umask(mode)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.here, "new/sub")).st_mode),
                         0o750 & ~mode)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.here, "new/a")).st_mode),
                         0o640 & ~mode)

    def test_all_of_work_is_a_point(self):
        self.share(Sandbox({"a/b": b"1"}))
        self.cp("box:.", "all")
        self.assertEqual(self.tree("all"), {"a": None, "a/b": b"1"})

    def test_what_is_there_is_replaced_and_a_link_is_not_followed(self):
        self.share(Sandbox(self.FILES))
        self.make(new__a=b"old", outside__x=b"safe")
        os.symlink("../outside", os.path.join(self.here, "new", "sub"))
        said = self.cp("box:d/.", "new", code=125)
        self.assertRegex(said, "d/sub was not copied: there is a symbolic link")
        self.assertEqual(said.count("\n"), 1, said)
        self.assertEqual(self.tree("outside"), {"x": b"safe"})
        self.assertEqual(self.tree("new")["a"], b"1")
        self.assertTrue(os.path.islink(os.path.join(self.here, "new", "sub")))

    def test_a_named_directory_that_is_a_link_is_not_followed(self):
        self.share(Sandbox(self.FILES))
        self.make(outside__x=b"safe")
        os.symlink("outside", os.path.join(self.here, "d"))
        self.assertIn("cannot use the directory ./d", self.cp("box:d", ".", code=125))
        self.assertEqual(self.tree("outside"), {"x": b"safe"})

    def test_a_file_that_fails_does_not_keep_the_others_from_it(self):
        self.share(Sandbox(self.FILES))
        self.sandbox.problems["d/a"] = "file_denied"
        said = self.cp("box:d", "new", code=125)
        self.assertIn("d/a was not copied", said)
        self.assertEqual(self.tree("new"), {k: v for k, v in self.WANTED.items() if k != "a"})


class Lies(TreeCase):
    """A sandbox whose list of files says what it likes."""

    def listing(self, *entries, endless=None):
        class Lying(Sandbox):
            calls = 0

            def on_file_list(self, peer, request, params):
                Lying.calls += 1
                if not params.get("recursive"):
                    peer.answer(request, {"path": ".", "entries": [], "truncated": False})
                    return
                answer = entries
                if endless:
                    answer = [endless(Lying.calls, i) for i in range(500)]
                peer.answer(request, {"path": ".", "truncated": bool(endless), "entries": [
                    {"name": n, "type": t, "size": 1, "mode": m, "mtime": 5} for n, t, m in answer]})

            def on_file_get(self, peer, request, params):
                self.files.setdefault(params["path"], b"x")
                super().on_file_get(peer, request, params)

        return self.share(Lying())

    def test_no_name_leads_out_of_the_directory(self):
        names = ["../up", "/abs", "a//b", "a/../../c", "..", ".", "./x", "sub/", "x" * 300]
        self.listing(*sorted((n, "file", "0644") for n in names), ("z", "file", "0644"))
        said = self.cp("box:d", "new", code=125)
        self.assertEqual(said.count("was not copied"), len(names), said)
        self.assertEqual(self.tree(), {"new": None, "new/z": b"x"})
        self.assertEqual(os.listdir(self.directory).count("up"), 0)

    def test_a_directory_of_the_same_name_as_a_link_it_never_made(self):
        self.listing(("l", "symlink", "0777"), ("l/x", "file", "0644"), ("m/x", "file", "0644"),
                     ("p", "other", "0644"))
        said = self.cp("box:d", "new", code=125)
        self.assertIn("d/l was not copied: it is a symbolic link", said)
        self.assertIn("d/p was not copied: it is neither", said)
        self.assertEqual(self.tree("new"), {})

    def test_control_characters_in_names_are_shown(self):
        self.listing(("a\n\x1b[31mb", "symlink", "0777"))
        self.assertIn("d/a\\x0a\\x1b[31mb was not copied", self.cp("box:d", "new", code=125))

    def test_set_id_bits_are_not_taken_over(self):
        self.listing(("dir", "directory", "7777"), ("dir/f", "file", "0644"))
        self.cp("box:d", "new")
        mode = os.stat(os.path.join(self.here, "new/dir")).st_mode
        self.assertEqual(mode & 0o7000, 0)

    def test_a_list_that_goes_backwards_is_ended(self):
        self.listing(("b", "file", "0644"), ("a", "file", "0644"))
        self.assertIn("makes no sense", self.cp("box:d", "new", code=125))
        self.assertEqual(self.tree("new"), {"b": b"x"})

    def test_a_list_that_never_ends_is_ended(self):
        sandbox = self.listing(endless=lambda call, i: (f"{call:09}-{i:03}", "other", "0644"))
        process = self.start("cp", "box:d", "new", cwd=self.here)
        said = process.communicate(timeout=200)[1].decode()
        self.assertEqual(process.returncode, 125)
        self.assertIn("one copy may have 100000 files", said)
        self.assertLess(len(said.splitlines()), 110)
        self.assertLessEqual(type(sandbox).calls, 202)


if __name__ == "__main__":
    main()
