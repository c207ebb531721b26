# SPDX-License-Identifier: LGPL-2.1-or-later

"""What agents are asked for, done the way an agent does it: code and files go in through the socket,
and what comes back is judged by what it is, not by an exit code.

Each file below a folder of this one is a task: its docstring is what was asked, `task(agent)` is what
the agent did, and how its work was checked. A task may run more than one sandbox, and most run one. It
is run in both modes; `tests/lab test system ../tasks -k sales` runs those of that name."""

import importlib
import pathlib
import time

import pytest

import machine
import table
from agent import Agent

HERE = pathlib.Path(__file__).parent
TASKS = {path.stem.replace("_", "-"): f"{path.parent.name}.{path.stem}"
         for path in sorted(HERE.glob("[a-z]*/*.py"))}
# So that an assertion in a task that does not hold says what it compared.
pytest.register_assert_rewrite(*{module.partition(".")[0] for module in TASKS.values()})


@pytest.fixture(scope="module", autouse=True)
def nothing_is_left_at_the_end():
    with machine.leaves_nothing():
        yield


@pytest.mark.parametrize("mode", ["system", "user"])
@pytest.mark.parametrize("name", TASKS)
def test_task(name, mode):
    agent = Agent(machine.Mode(mode))
    begun, outcome = time.monotonic(), "failed"
    try:
        importlib.import_module(TASKS[name]).task(agent)
        outcome = "passed"
    finally:
        agent.client.close()
        table.add(name, mode, outcome, agent.done, time.monotonic() - begun)
