# SPDX-License-Identifier: LGPL-2.1-or-later

"""`cloche images` against the real Podman of both modes: what is shown, built, pulled and checked, and who
may do which."""

import contextlib
import http.server
import json
import os
import pathlib
import pty
import re
import subprocess
import termios
import threading

import pytest

import machine

INSTALLED = pathlib.Path("/usr/share/cloche/images")
IMAGE = "localhost/made-for-a-test:1"
QUADLET = f"""
[Unit]
RefuseManualStart=yes
[Container]
Image={IMAGE}
Pull=never
Network=none
ReadOnly=true
WorkingDir=/work
Tmpfs=/work:rw,size=16m,mode=1777
Label=io.cloche.language=shell
Label=io.cloche.interpreter=sh
Label=io.cloche.code-name=main.sh
"""
CONTAINERFILE = """
ARG BASE=nothing.invalid/nothing
FROM ${BASE}
RUN mkdir /made && chown 1000:1000 /made && echo said by the step
COPY --chmod=644 content sub/more /made/
"""


@pytest.fixture
def mode(system):
    """Podman's API is the same in both modes."""
    return system


def cloche(mode, *arguments, user=None, code=0, **options):
    """As whoever Podman belongs to, unless another is named."""
    options.setdefault("stdin", subprocess.DEVNULL)
    ended = mode.cloche("images", *arguments, user=user or mode.owner, timeout=300, **options)
    assert ended.returncode == code, ended
    return ended


def listed(mode, profile, **options):
    images = json.loads(cloche(mode, "--json", **options).stdout)["images"]
    return next(image for image in images if image["profile"] == profile)


@pytest.fixture
def contexts(mode, tmp_path):
    """A folder of build contexts, with one for the profile `made`, which there is meanwhile."""
    for parent in [tmp_path, *tmp_path.parents[:2]]:  # pytest's own, which it makes for root alone
        os.chmod(parent, 0o755)
    made = tmp_path / "made"
    (made / "sub").mkdir(parents=True)
    (made / "Containerfile").write_text(CONTAINERFILE)
    (made / "content").write_text("content")
    (made / "sub/more").write_text("x" * 3000)
    with machine.quadlets(mode, made=QUADLET):
        try:
            yield tmp_path
        finally:
            with contextlib.suppress(AssertionError):
                mode.podman("rmi", "--force", IMAGE)
            mode.podman("image", "prune", "--force")


def build(mode, contexts, *arguments, **options):
    return cloche(mode, "build", "--base", "localhost/cloche-shell", "--contexts", str(contexts),
                  *arguments, "made", **options)


def test_lists_each_image_with_its_size_and_date(mode):
    for profile in "python", "shell":
        image = listed(mode, profile)
        podman = json.loads(mode.podman("image", "inspect", image["image"]).stdout)[0]
        assert image == {"profile": profile, "image": f"localhost/cloche-{profile}:latest",
                         "missing": False, "size": podman["Size"], "digest": podman["Digest"],
                         "created": podman["Created"]}
    table = cloche(mode).stdout.decode()
    assert re.search(r"^PROFILE  IMAGE +SIZE +DIGEST +CREATED\n", table)
    assert re.search(r"^python +localhost/cloche-python:latest +[\d.]+ MiB  sha256:[0-9a-f]{12}  "
                     r"20\d\d-\d\d-\d\d \d\d:\d\d$", table, re.MULTILINE), table


def test_a_user_of_the_systems_sees_no_more_than_the_service_tells(system):
    image = listed(system, "shell", user="agent")
    assert image["digest"].startswith("sha256:") and image["missing"] is False
    assert image["size"] is None and image["created"] is None
    ended = cloche(system, "build", "shell", user="agent", code=125)
    assert b"images of the system's Cloche are root's: use sudo" in ended.stderr


def test_a_missing_image_is_built_and_runs(mode, contexts):
    assert listed(mode, "made")["missing"] is True
    assert b"to make it: cloche images build made" in cloche(mode).stdout
    ended = build(mode, contexts)
    assert b"STEP 2/3: RUN mkdir /made" in ended.stderr and b"said by the step" in ended.stderr
    assert ended.stdout.startswith(f"built {IMAGE} for the profile made (sha256:".encode()), ended
    assert listed(mode, "made")["missing"] is False
    ended = mode.cloche("run", "--profile", "made", "-c",
                        "stat -c '%n %u %a %s' /made /made/*", timeout=60)
    assert re.fullmatch(rb"/made 1000 755 \d+\n/made/content 0 644 7\n/made/more 0 644 3000\n",
                        ended.stdout), ended

    first = listed(mode, "made")["digest"]
    assert b"Using cache" in build(mode, contexts).stderr
    assert listed(mode, "made")["digest"] == first
    assert b"Using cache" not in build(mode, contexts, "--no-cache").stderr


def test_a_failed_build_says_at_which_step(mode, contexts):
    (contexts / "made/Containerfile").write_text(
        "ARG BASE\nFROM ${BASE}\nRUN echo all is well\nRUN echo what went wrong; exit 7\nRUN true\n")
    ended = build(mode, contexts, code=125)
    assert b"what went wrong" in ended.stderr
    assert b"failed at step 3 of 4 (RUN echo what went wrong; exit 7)" in ended.stderr
    assert b"exit status 7" in ended.stderr
    assert listed(mode, "made")["missing"] is True

    (contexts / "made/Containerfile").write_text("ARG BASE\nFROM ${BASE}\nNONSENSE\n")
    assert b"NONSENSE" in build(mode, contexts, code=125).stderr.upper()


def test_on_a_terminal_there_is_a_bar_and_the_failed_steps_output(mode, contexts):
    (contexts / "made/Containerfile").write_text(
        "ARG BASE\nFROM ${BASE}\nRUN echo all is well\nRUN echo what went wrong; exit 7\n")
    controller, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    argv = mode.cloche_argv("images", "build", "--base", "localhost/cloche-shell", "--contexts",
                            str(contexts), "made", user=mode.owner)
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=terminal) as process:
        os.close(terminal)
        seen = b""
        with contextlib.suppress(OSError):
            while piece := os.read(controller, 65536):
                seen += piece
        assert process.wait(60) == 125
    os.close(controller)
    assert re.search(rb"\r\x1b\[K\[#{14}-{6}\] 2/3 made RUN echo all is well", seen), seen
    shown = seen.rsplit(b"\r\x1b[K", 1)[1]
    assert b"what went wrong" in shown and b"all is well" not in shown


def test_an_image_that_cannot_be_pulled_is_told(mode, contexts):
    ended = cloche(mode, "pull", "--image", "localhost:1/none:1", "made", code=125)
    assert b"localhost:1/none:1" in ended.stderr and b"refused" in ended.stderr


class Registry(http.server.BaseHTTPRequestHandler):
    """Serves an image as `podman save --format=oci-dir` left it: what a pull asks for, and no more."""

    saved = None  # the directory

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass

    def do_HEAD(self):  # pylint: disable=invalid-name
        self.do_GET()

    def do_GET(self):  # pylint: disable=invalid-name
        index = json.loads((self.saved / "index.json").read_text())
        name, kind = self.path.rsplit("/", 1)[1], "application/octet-stream"
        if name == "latest":
            name, kind = index["manifests"][0]["digest"], index["manifests"][0]["mediaType"]
        blob = self.saved / "blobs/sha256" / name.removeprefix("sha256:")
        content = b"{}" if self.path == "/v2/" else blob.read_bytes() if blob.is_file() else None
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Type", kind)
        self.send_header("Docker-Content-Digest", name)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content or b"")


@pytest.fixture
def registry(mode, tmp_path):
    """The name of an image that can be pulled; what it is is Registry.saved."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    Registry.saved = tmp_path / "saved"
    port = server.server_address[1]
    settings = pathlib.Path("/etc/containers/registries.conf.d/50-test.conf")
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(f'[[registry]]\nlocation = "127.0.0.1:{port}"\ninsecure = true\n')
    mode.systemctl("stop", "cloche-podman.service")  # so that it reads them
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{port}/made:latest"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        settings.unlink()


def test_pulls_an_image_and_names_it_as_the_profile_does(mode, contexts, registry):
    os.chmod(contexts, 0o777)
    (contexts / "made/Containerfile").write_text("FROM scratch\nCOPY content /\n")
    build(mode, contexts)
    mode.podman("save", "--format=oci-dir", "--output", str(Registry.saved), IMAGE)
    mode.podman("rmi", IMAGE)
    assert listed(mode, "made")["missing"] is True
    ended = cloche(mode, "pull", "--image", registry, "made")
    assert f"tagged {IMAGE} for the profile made".encode() in ended.stdout
    assert listed(mode, "made")["missing"] is False
    mode.podman("rmi", "--force", registry)


def test_the_profiles_keep_what_they_promise(mode):
    """As any user runs it, in both modes; the installed checks."""
    checks = {"browser": "check.mjs", "node": "check.mjs", "python": "check.py", "shell": "check.sh"}
    ended = mode.cloche("images", "--check", *checks, timeout=300)
    assert ended.returncode == 0, ended
    for profile, check in checks.items():
        assert re.search(rf"^{profile} +{re.escape(check)} +ok +[\d.]+ m?s +[\d.]+ m?s +[\d.]+ MiB$",
                         ended.stdout.decode(), re.MULTILINE), ended


def test_a_check_that_fails_is_shown_with_what_it_printed(mode, contexts):
    (contexts / "shell").mkdir()
    (contexts / "shell/check.sh").write_text("echo fine")
    (contexts / "shell/check-more.sh").write_text("echo a reason >&2; exit 3")
    (contexts / "made/check.sh").write_text("true")
    ended = mode.cloche("images", "--check", "--contexts", str(contexts), timeout=60)
    assert ended.returncode == 1, ended
    text = ended.stdout.decode()
    assert re.search(r"^shell +check-more.sh +failed \(exit code 3\) .*\n    a reason$", text,
                     re.MULTILINE), text
    assert re.search(r"^shell +check.sh +ok ", text, re.MULTILINE), text
    assert re.search(r"^made +check.sh +refused +- +- +-\n    .*image", text, re.MULTILINE), text
    ended = mode.cloche("images", "--check", "--json", "--contexts", str(contexts), "shell",
                        timeout=60)
    checks = json.loads(ended.stdout)["checks"]
    assert [(c["check"], c["passed"]) for c in checks] == [("check-more.sh", False),
                                                          ("check.sh", True)]


def test_what_is_built_from_is_installed(mode):
    for file in "python/Containerfile", "python/check.py", "shell/Containerfile", "shell/check.sh":
        assert (INSTALLED / file).is_file()
    assert not list(INSTALLED.rglob("*.container"))
    ended = cloche(mode, "build", "--contexts", "/nonexistent", "shell", code=125)
    assert b"there is no /nonexistent/shell/Containerfile" in ended.stderr


def test_a_stopped_socket_of_podman_is_told_with_the_command_that_starts_it(mode):
    mode.systemctl("stop", "cloche-podman.socket")
    try:
        ended = cloche(mode)
        assert b"systemctl" in ended.stderr and b"restart cloche-podman.socket" in ended.stderr
        assert b"sha256:" in ended.stdout or b"cannot be used" in ended.stdout
    finally:
        mode.systemctl("start", "cloche-podman.socket")
