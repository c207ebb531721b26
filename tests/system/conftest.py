# SPDX-License-Identifier: LGPL-2.1-or-later

"""Fixtures of the system tests. They run as root in the lab's machine, against Cloche as
`meson install` put it there, in both of its modes: a test that takes `mode` runs twice."""

import os
import pathlib
import random
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import machine  # pylint: disable=wrong-import-position


def pytest_addoption(parser):
    parser.addoption("--rounds", type=int, default=int(os.environ.get("CLOCHE_ROUNDS", "1")),
                     help="how often each part of Cloche is killed in each mode")
    parser.addoption("--seed", type=int,
                     default=int(os.environ.get("CLOCHE_SEED", random.randrange(1 << 32))),
                     help="brings back the random moments of an earlier run")
    parser.addoption("--share", default="1/1", metavar="K/N",
                     help="runs every Nth test, beginning with the Kth; tests of one function that differ "
                          "in nothing but the mode are neighbours, and so go to different machines")


def pytest_report_header(config):
    return f"--rounds {config.getoption('--rounds')} --seed {config.getoption('--seed')}"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    number, of = map(int, config.getoption("--share").split("/"))
    mine = items[number - 1::of]
    config.hook.pytest_deselected(items=[item for item in items if item not in mine])
    items[:] = mine


def pytest_runtest_logreport(report):
    """At once, and not only at the end, to which a machine that is ended early does not come."""
    if report.failed:
        print(f"\n{report.longreprtext}")


@pytest.fixture
def seed(request):
    return request.config.getoption("--seed")


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
    """A connection of the user agent. It speaks at once, for a silent one is closed after 5 s."""
    with mode.connect() as connection:
        connection.call("server.info")
        yield connection


@pytest.fixture
def watch(mode):
    """Begun before the test connects: list it before `client`."""
    return machine.Watch(mode)


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_at_the_end():
    """After all tests both modes are as they were before the first."""
    with machine.leaves_nothing():
        yield
