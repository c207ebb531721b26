#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""`cloche images` against a service and a Podman that are played: what goes over the wire, and what is
said of answers that a real Podman seldom gives. With a real one it is tests/system/test_images_command.py."""

import io
import json
import os
import socket
import tarfile
import threading
import urllib.parse

from played import TestCase, main, result

ID = "0123456789abcdef" * 4
IMAGE = {"Id": ID, "Digest": "sha256:" + ID, "Size": 5 << 20, "Created": "2026-01-31T12:34:56.7Z"}
PROFILES = [{"name": name, "image": f"localhost/cloche-{name}:latest", "digest": None, "language": name,
             "problem": None} for name in ("python", "shell")]


def profile_list(peer):
    peer.answer(peer.expect("profile.list"), {"profiles": PROFILES})


class ImagesCase(TestCase):
    def setUp(self):
        super().setUp()
        self.asked = []      # [method, path, query, body] of each request
        self.answers = {}    # path: (status, objects or bytes)
        self.podman = socket.socket(socket.AF_UNIX)
        self.podman.bind(os.path.join(self.directory, "podman.sock"))
        self.podman.listen()
        thread = threading.Thread(target=self.play_podman, daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.podman.close)
        self.addCleanup(self.podman.shutdown, socket.SHUT_RDWR)
        self.serve(profile_list)

    def play_podman(self):
        while True:
            try:
                connection, _ = self.podman.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as file:
                self.answer(connection, file)

    def answer(self, connection, file):
        method, target, version = file.readline().split()
        assert version == b"HTTP/1.0"
        headers = {}
        while (line := file.readline()) != b"\r\n":
            name, value = line.decode().split(":", 1)
            headers[name] = value.strip()
        body = file.read(int(headers["Content-Length"]))
        url = urllib.parse.urlsplit(target.decode())
        path = urllib.parse.unquote(url.path).removeprefix("/v5.0.0/libpod")
        self.asked.append((method.decode(), path, dict(urllib.parse.parse_qsl(url.query)), body))
        if path.endswith("/json"):
            default = 200, [IMAGE]
        else:
            default = 404, [{"cause": "x", "message": f"nothing at {path}", "response": 404}]
        status, answer = self.answers.get(path, default)
        if not isinstance(answer, bytes):
            answer = (f"HTTP/1.0 {status} Words\r\nContent-Type: application/json\r\n\r\n".encode() +
                      b"".join(json.dumps(o).encode() + b"\n" for o in answer))
        connection.sendall(answer)

    def images(self, *arguments, code=0):
        ended = self.cloche("images", *arguments)
        self.assertEqual(ended.returncode, code, ended.stderr)
        return ended.stdout.decode(), ended.stderr.decode()

    def context(self, **files):
        """A folder of contexts with one for python; "__" in names is a slash. Its path."""
        top = os.path.join(self.directory, "contexts")
        for name, data in files.items():
            path = os.path.join(top, "python", *name.split("__"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)
        return top


class List(ImagesCase):
    def test_is_a_table_with_what_is_missing(self):
        self.answers["/images/localhost/cloche-shell:latest/json"] = 404, [{"message": "no"}]
        out, said = self.images()
        self.assertEqual(said, "")
        self.assertEqual(out.splitlines(), [
            "PROFILE  IMAGE                           SIZE     DIGEST               CREATED",
            "python   localhost/cloche-python:latest  5 MiB    sha256:0123456789ab  2026-01-31 12:34",
            "shell    localhost/cloche-shell:latest   missing  -                    -",
            "    to make it: cloche images build shell"])

    def test_says_what_is_wrong_with_words_and_options(self):
        for arguments, words in ((("nonsense",), 'there is no "cloche images nonsense"'),
                                 (("list", "--pull"), "--pull says nothing to list"),
                                 (("build", "--json"), "--json says nothing to build"),
                                 (("--check", "--base", "x"), "--base says nothing to --check"),
                                 (("list", "python"), "list takes no words"),
                                 (("pull",), "say whose image to pull")):
            with self.subTest(arguments):
                self.assertIn(words, self.images(*arguments, code=125)[1])
        self.images()

    def test_what_is_not_podman_is_told(self):
        for answer, words in ((b"", "was lost"), (b"SSH-2.0-x\r\n\r\n", "not the protocol"),
                              (b"HTTP/1.0 200 OK\r\n", "not the protocol"),
                              (b"HTTP/1.0 200 OK\r\n\r\n", "not the protocol"),
                              (b"HTTP/1.0 200 OK\r\n\r\n[]\n", "not the protocol"),
                              (b"HTTP/1.0 200 OK\r\n\r\n{\"a\":\n", "not the protocol"),
                              (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
                               "not the protocol"),
                              (b"HTTP/1.0 200 OK\r\n" + b"x" * 20000, "not the protocol"),
                              (b"HTTP/1.0 500 No\r\n\r\nsome words\n", "HTTP status 500 and no more"),
                              (b"HTTP/1.0 500 No\r\n\r\n{\"cause\":\"the \\u001b cause\"}",
                               "Podman says: the ")):
            with self.subTest(answer[:60]):
                self.answers["/images/localhost/cloche-python:latest/json"] = 0, answer
                out, said = self.images()
                self.assertIn(words, said)
                self.assertNotIn("\x1b", said)
                self.assertIn("localhost/cloche-shell", out)
                self.serve(profile_list)
        self.images()

    def test_without_podman_says_how_to_start_it(self):
        os.unlink(os.path.join(self.directory, "podman.sock"))
        out, said = self.images()
        self.assertIn("restart cloche-podman.socket", said)
        self.assertEqual(said.count("\n"), 2)
        self.assertIn("localhost/cloche-shell:latest   -", out)


class Build(ImagesCase):
    GOOD = [{"stream": "STEP 1/2: FROM base\nSTEP 2/2: RU"}, {"stream": "N true\nsaid\n"},
            {"stream": ID + "\n"}]

    def test_sends_the_folder_and_what_was_said(self):
        top = self.context(Containerfile=b"FROM x\n", sub__data=b"y" * 5000, empty=b"")
        os.chmod(os.path.join(top, "python", "sub", "data"), 0o750)
        self.answers["/build"] = 200, self.GOOD
        out, said = self.images("build", "--contexts", top, "--base", "a:b&c", "--no-cache", "--pull",
                                "python")
        self.assertRegex(out, r"^built localhost/cloche-python:latest for the profile python "
                              rf"\(sha256:{ID}, 5 MiB, in [\d.]+ m?s\)\n$")
        self.assertEqual(said.splitlines()[:3], ["STEP 1/2: FROM base", "STEP 2/2: RUN true", "said"])
        method, path, query, body = self.asked[0]
        self.assertEqual((method, path), ("POST", "/build"))
        self.assertEqual(json.loads(query["buildargs"]), {"BASE": "a:b&c"})
        self.assertEqual({k: query[k] for k in ("t", "dockerfile", "outputformat", "pullpolicy",
                                                  "nocache")},
                         {"t": "localhost/cloche-python:latest", "dockerfile": "Containerfile",
                          "outputformat": "application/vnd.oci.image.manifest.v1+json",
                          "pullpolicy": "always", "nocache": "true"})
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            self.assertEqual([(m.name, m.mode, m.uid, m.size, m.isdir()) for m in tar],
                             [("Containerfile", 0o644, 0, 7, False), ("empty", 0o644, 0, 0, False),
                              ("sub", tar.getmember("sub").mode, 0, 0, True),
                              ("sub/data", 0o750, 0, 5000, False)])
            self.assertEqual(tar.extractfile("sub/data").read(), b"y" * 5000)
        self.assertEqual(len(body) % 512, 0)

    def test_without_options_podman_decides(self):
        top = self.context(Containerfile=b"FROM x\n")
        self.answers["/build"] = 200, self.GOOD
        self.images("build", "--contexts", top)  # shell has no folder and is nobody's mistake
        query = self.asked[0][2]
        self.assertNotIn("buildargs", query)
        self.assertEqual((query["pullpolicy"], query["nocache"]), ("missing", "false"))

    def test_an_image_comes_after_the_one_that_it_is_built_on(self):
        top = self.context(Containerfile=b"ARG SHELL=localhost/cloche-shell\nFROM ${SHELL}\n")
        os.mkdir(os.path.join(top, "shell"))
        with open(os.path.join(top, "shell", "Containerfile"), "wb") as file:
            file.write(b"FROM x\n")
        self.answers["/build"] = 200, self.GOOD
        self.images("build", "--contexts", top)
        self.assertEqual([query["t"] for _, path, query, _ in self.asked if path == "/build"],
                         ["localhost/cloche-shell:latest", "localhost/cloche-python:latest"])

    def test_a_failure_names_the_step(self):
        top = self.context(Containerfile=b"FROM x\n")
        self.answers["/build"] = 200, self.GOOD[:2] + [{"error": "exit status 7"}]
        out, said = self.images("build", "--contexts", top, "python", code=125)
        self.assertEqual(out, "")
        self.assertIn("python failed at step 2 of 2 (RUN true):\n    exit status 7", said)

    def test_a_stream_that_is_cut_short_is_no_success(self):
        top = self.context(Containerfile=b"FROM x\n")
        for answer in (self.GOOD[:2], [], self.GOOD[:2] + [{"stream": ID[:63] + "\n"}]):
            with self.subTest(len(answer)):
                self.answers["/build"] = 200, answer
                self.assertIn("did not come to its end",
                              self.images("build", "--contexts", top, "python", code=125)[1])
                self.serve(profile_list)
        self.images()

    def test_what_cannot_be_sent_is_named(self):
        top = self.context(Containerfile=b"FROM x\n")
        python = os.path.join(top, "python")
        for name, make, words in (
                ("link", lambda path: os.symlink("/etc/passwd", path), "neither a file nor"),
                ("pipe", os.mkfifo, "neither a file nor"),
                ("n" * 101, lambda path: open(path, "wb").close(), "too long"),
                ("large", lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_RDWR), 1 << 30),
                 "too much for one build")):
            with self.subTest(name):
                make(os.path.join(python, name))
                said = self.images("build", "--contexts", top, "python", code=125)[1]
                self.assertIn(words, said)
                self.assertIn("cannot send", said)
                os.unlink(os.path.join(python, name))
                self.serve(profile_list)
        self.images()
        self.assertNotIn("/build", [path for _, path, _, _ in self.asked])

    def test_says_which_profiles_there_are(self):
        self.assertIn("there is no profile ruby", self.images("build", "ruby", code=125)[1])
        self.serve(profile_list)
        top = self.context(x=b"")
        self.assertIn("python/Containerfile, so",
                      self.images("build", "--contexts", top, "python", code=125)[1])
        self.serve(profile_list)
        self.assertIn("no profile has", self.images("build", "--contexts", top, code=125)[1])


class Pull(ImagesCase):
    GOOD = [{"stream": "Trying to pull\n"}, {"images": [ID], "id": ID}]

    def test_pulls_what_a_profile_names(self):
        self.answers["/images/pull"] = 200, self.GOOD
        out, said = self.images("pull", "python")
        self.assertIn("pulled localhost/cloche-python:latest for the profile python", out)
        self.assertIn("Trying to pull", said)
        self.assertEqual(self.asked[0][:3], ("POST", "/images/pull", {
            "reference": "localhost/cloche-python:latest", "policy": "always"}))

    def test_gives_one_image_the_names_of_profiles(self):
        self.answers["/images/pull"] = 200, self.GOOD
        self.answers["/images/r.example:5000/a/tag"] = 201, []
        out, _ = self.images("pull", "--image", "r.example:5000/a", "python", "shell")
        self.assertEqual([line.split(" (")[0] for line in out.splitlines()], [
            "pulled r.example:5000/a", "tagged localhost/cloche-python:latest for the profile python",
            "tagged localhost/cloche-shell:latest for the profile shell"])
        self.assertEqual([q for _, path, q, _ in self.asked if path.endswith("/tag")],
                         [{"repo": "localhost/cloche-python", "tag": "latest"},
                          {"repo": "localhost/cloche-shell", "tag": "latest"}])

    def test_failures_are_told_and_nothing_is_tagged(self):
        for answer, words in (((200, [{"stream": "Trying\n"}, {"error": "no such host"}]),
                               "was not pulled: no such host"),
                              ((200, self.GOOD[:1]), "answer ended before it was there"),
                              ((500, [{"message": "it is broken"}]), "Podman says: it is broken")):
            with self.subTest(words):
                self.answers["/images/pull"] = answer
                self.assertIn(words, self.images("pull", "--image", "x", "python", code=125)[1])
                self.serve(profile_list)
        self.images()
        self.assertFalse([path for _, path, _, _ in self.asked if path.endswith("/tag")])


class Check(ImagesCase):
    def test_runs_each_file_as_its_profiles_code_and_fails_if_one_does(self):
        top = self.context(**{"check.py": b"one", "check-two.py": b"two", "checker": b"", "x.py": b""})
        seen = []

        def play(peer):
            while request := peer.receive():
                seen.append(request["params"])
                if request["params"]["code"] == "one":
                    peer.answer(request, result(stdout="", stderr=""))
                else:
                    peer.answer(request, result(exit_code=3, stdout="".join(
                        f"line {i}\n" for i in range(100)), stderr="\x1b[31mbad"))

        self.serve(play)
        out, _ = self.images("--check", "--contexts", top, "python", code=1)
        self.assertEqual([(p["profile"], p["code"], p["capture"]) for p in seen],
                         [("python", "two", True), ("python", "one", True)])
        lines = out.splitlines()
        self.assertEqual(lines[0].split(), ["PROFILE", "CHECK", "RESULT", "WALL", "CPU", "MEMORY"])
        self.assertRegex(lines[1], r"^python   check-two.py  failed \(exit code 3\)  2 s +0 ms +64 MiB$")
        self.assertEqual(lines[2:-1], [f"    line {i}" for i in range(60, 100)] + ["    \\x1b[31mbad"])
        self.assertRegex(lines[-1], r"^python   check.py      ok  ")

    def test_a_refusal_is_a_check_that_failed(self):
        top = self.context(**{"check.py": b"one"})
        self.serve(lambda peer: peer.refuse(peer.expect("run"), "the image is missing",
                                            reason="image_missing", detail="build it"))
        out, _ = self.images("--check", "--contexts", top, code=1)
        self.assertIn("refused", out)
        self.assertIn("    the image is missing\n    build it", out)

    def test_without_a_check_says_where_it_looked(self):
        top = self.context(x=b"")
        self.serve(lambda peer: self.assertIsNone(peer.receive()))
        self.assertIn("/python/check.*, so", self.images("--check", "--contexts", top, "python",
                                                         code=125)[1])

    def test_a_service_that_goes_away_ends_it(self):
        top = self.context(**{"check.py": b"one"})
        self.serve(lambda peer: peer.expect("run"))
        self.images("--check", "--contexts", top, code=125)


if __name__ == "__main__":
    main()
