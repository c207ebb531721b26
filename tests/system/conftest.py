# SPDX-License-Identifier: LGPL-2.1-or-later

"""Fixtures of the system tests. They run as root in the lab's machine, against Cloche as
`meson install` put it there, in both of its modes: a test that takes `mode` runs twice."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import machine  # pylint: disable=wrong-import-position


@pytest.fixture(params=["system", "user"])
def mode(request):
    return machine.Mode(request.param)


@pytest.fixture
def system():
    return machine.Mode("system")


@pytest.fixture
def user():
    return machine.Mode("user")


@pytest.fixture
def client(mode):
    """A connection of the user agent."""
    with mode.connect() as connection:
        yield connection


@pytest.fixture
def watch(mode):
    """Begun before the test connects: list it before `client`."""
    return machine.Watch(mode)


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_at_the_end():
    """After all tests both modes are as they were before the first."""
    watches = [machine.Watch(machine.Mode(name)) for name in ("system", "user")]
    yield
    for w in watches:
        w.assert_clean_within(20)
