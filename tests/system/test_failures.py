# SPDX-License-Identifier: LGPL-2.1-or-later

"""What is not Cloche's and does not do its part: each failure is told by its name, says what to do,
and comes within its time limit."""

import os
import signal
import time

import pytest

import machine
from client import RpcError


def profile(image):
    return (f"[Unit]\nDescription=A test\nRefuseManualStart=yes\n[Container]\nImage={image}\n"
            "Pull=never\nLabel=io.cloche.language=shell\nLabel=io.cloche.interpreter=bash\n"
            "Label=io.cloche.code-name=main.sh\n")


def refusal(client, name, timeout, **params):
    """The error of this run and how long it took."""
    begun = time.monotonic()
    with pytest.raises(RpcError) as caught:
        client.run(name, timeout, **params)
    return caught.value, time.monotonic() - begun


def test_an_unknown_profile_is_named(client):
    error, seconds = refusal(client, "nosuch", 30, code="1")
    assert error.reason == "unknown_profile"
    assert seconds < 10


def test_a_missing_image_says_how_to_get_it(mode, watch, client):
    with machine.quadlets(mode, absent=profile("localhost/not-here:latest")):
        error, seconds = refusal(client, "absent", 60, argv=["true"])
        assert error.reason == "image_missing"
        assert "localhost/not-here" in error.detail
        assert "podman" in error.detail
        assert seconds < 25
        listed = {p["name"]: p for p in client.call("profile.list")["profiles"]}
        assert listed["absent"]["digest"] is None
        assert "localhost/not-here" in listed["absent"]["problem"]
        assert listed["shell"]["problem"] is None
    client.close()
    watch.assert_clean_within(10)


def test_a_podman_that_does_not_answer_is_told_in_time(mode, watch, client):
    client.sh("true").good()
    pid = int(mode.show("cloche-podman.service", "MainPID")["MainPID"])
    assert pid > 0
    os.kill(pid, signal.SIGSTOP)
    try:
        error, seconds = refusal(client, "shell", 90, code="true")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert error.reason == "podman_failed"
    assert "cloche-podman" in error.detail + error.message
    assert seconds < 45
    assert client.sh("echo back").good() == "back\n"
    client.close()
    watch.assert_clean_within(20)


def test_a_podman_that_cannot_start_is_told(mode, watch):
    mode.systemctl("stop", "cloche-podman.service")
    try:
        with machine.unit_dropin(mode, "cloche-podman.service",
                                 "[Service]\nExecStart=\nExecStart=/bin/false\n"):
            with mode.connect() as client:
                error, seconds = refusal(client, "shell", 90, code="true")
    finally:
        mode.systemctl("reset-failed", "cloche-podman.service", "cloche-podman.socket",
                       check=False)
        mode.systemctl("start", "cloche-podman.socket")
    assert error.reason == "podman_failed"
    assert seconds < 45
    with mode.connect() as client:
        assert client.sh("echo back").good() == "back\n"
    watch.assert_clean_within(20)


def test_a_scope_that_cannot_be_made_is_told(mode, watch, client):
    mode.systemctl("mask", "--runtime", "cloche-u1000.slice")
    machine.wait_for(lambda: not mode.scopes(), 10, "the slice unused")
    mode.systemctl("stop", "cloche-u1000.slice", check=False)
    try:
        error, seconds = refusal(client, "shell", 60, code="true")
    finally:
        mode.systemctl("unmask", "--runtime", "cloche-u1000.slice")
    assert error.reason == "scope_failed"
    assert "masked" in error.detail or "cloche-u1000.slice" in error.detail
    assert seconds < 15
    assert client.sh("echo back").good() == "back\n"
    client.close()
    watch.assert_clean_within(10)


def test_a_launcher_that_cannot_start_is_told(mode):
    mode.systemctl("stop", "cloche-launcher.service")
    try:
        with machine.unit_dropin(mode, "cloche-launcher.service",
                                 "[Service]\nExecStart=\nExecStart=/bin/false\n"):
            with mode.connect() as client:
                error, seconds = refusal(client, "shell", 60, code="true")
    finally:
        mode.systemctl("reset-failed", "cloche-launcher.service", "cloche-launcher.socket",
                       check=False)
        mode.systemctl("start", "cloche-launcher.socket")
    assert error.reason == "launcher_unavailable"
    assert "cloche-launcher" in error.message + error.detail
    assert seconds < 45
    with mode.connect() as client:
        assert client.sh("echo back").good() == "back\n"
