# SPDX-License-Identifier: LGPL-2.1-or-later

"""`cloche cp` of directories, into and out of real sandboxes of both modes."""

import contextlib
import os
import stat

import pytest

import machine
from test_client import cloche, home, share  # noqa: F401 (a fixture)


@pytest.fixture
def mode(user):
    """As in test_client.py."""
    return user


@contextlib.contextmanager
def named(mode, home, name):  # noqa: F811
    process = share(mode, home, name)
    try:
        yield process
    finally:
        process.communicate(b"exit\n", timeout=60)


def tree(top):
    """Path: (mode, content, None for a directory) of all that is below."""
    found = {}
    for path in sorted(top.rglob("*")):
        info = path.lstat()
        found[str(path.relative_to(top))] = (
            oct(stat.S_IMODE(info.st_mode)), None if path.is_dir() else path.read_bytes())
    return found


def test_a_tree_goes_in_and_comes_back_as_it_was(mode, home):  # noqa: F811
    source = home / "project"
    (source / "a/deep/er").mkdir(parents=True)
    (source / "empty").mkdir()
    (source / "a/run.sh").write_text("echo run\n")
    (source / "a/run.sh").chmod(0o755)
    (source / "a/deep/er/large").write_bytes(os.urandom(3 << 20))
    (source / "ünï code").write_bytes(b"")
    for i in range(20):
        (source / f"a/deep/{i}").write_text(str(i))
    with named(mode, home, "tree") as process:
        cloche(mode, home, "cp", "project", "tree:", timeout=600)
        process.stdin.write(b"sh project/a/run.sh; find project -type d -empty; find project -type f "
                            b"| wc -l\n")
        process.stdin.flush()
        assert [process.stdout.readline() for _ in range(3)] == [
            b"run\n", b"project/empty\n", b"23\n"]
        cloche(mode, home, "cp", "tree:project", "back", timeout=600)
        cloche(mode, home, "cp", "tree:project/a/.", "part", timeout=600)
    assert tree(home / "back") == tree(source)
    assert tree(home / "part") == tree(source / "a")


def test_what_is_no_file_is_told_and_nothing_leads_out(mode, home):  # noqa: F811
    (home / "outside").mkdir()
    os.chown(home / "outside", *machine.user_ids("agent")[:1], -1)
    with named(mode, home, "hostile") as process:
        process.stdin.write(b"mkdir -p d/sub && ln -s /etc d/link && ln -s ../outside d/out && mkfifo d/pipe "
                            b"&& echo x >d/sub/f && echo made\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"made\n"
        ended = cloche(mode, home, "cp", "hostile:d/.", "got", code=125)
    for words in (b"d/link was not copied: it is a symbolic link",
                  b"d/out was not copied: it is a symbolic link",
                  b"d/pipe was not copied: it is neither"):
        assert words in ended.stderr, ended
    assert (home / "got/sub/f").read_text() == "x\n"
    assert not list((home / "outside").iterdir())
    assert {p.name for p in (home / "got").iterdir()} <= {"sub"}
