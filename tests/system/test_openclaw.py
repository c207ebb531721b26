# SPDX-License-Identifier: LGPL-2.1-or-later

"""OpenClaw, the agent, with Cloche as its MCP server, as its owner sets it up. The machine has no
network, so nothing here needs one."""

import json
import pathlib
import shutil
import subprocess

import pytest

import machine

CLIENTS = "/opt/clients"
TOOLS = {f"cloche__{name}" for name in (
    "run", "sandbox_open", "sandbox_exec", "sandbox_close", "sandbox_list", "file_put", "file_get",
    "file_list", "file_remove", "profile_list")}


class OpenClaw:
    """As the user agent has it in a home of its own."""

    def __init__(self, home):
        self.home = home

    def argv(self, *arguments):
        return machine.as_user("agent", f"HOME={self.home}", f"PATH={CLIENTS}/bin:/usr/bin:/bin",
                               "NO_COLOR=1", "openclaw", *arguments)

    def run(self, *arguments, timeout=240):
        return machine.run(self.argv(*arguments), timeout=timeout, cwd=self.home,
                           stdin=subprocess.DEVNULL).stdout.decode()

    def json(self, *arguments, timeout=240):
        return json.loads(self.run(*arguments, "--json", timeout=timeout))


@pytest.fixture
def openclaw():
    home = pathlib.Path("/home/agent/openclaw")
    home.mkdir()
    shutil.chown(home, "agent", "agent")
    yield OpenClaw(home)
    shutil.rmtree(home)


def test_its_owner_adds_checks_and_probes_cloche(mode, openclaw, watch):
    """Each command takes its half minute here, so there is one of each."""
    # add probes what it adds, and saves nothing that does not answer
    openclaw.run("mcp", "add", "cloche", "--command", "cloche", "--arg", "mcp",
                 "--arg", f"--{mode.name}")
    openclaw.run("mcp", "tools", "cloche", "--include", "run,file_*")
    doctor = openclaw.json("mcp", "doctor", "cloche", "--probe")
    assert (doctor["ok"], doctor["servers"][0]["issues"]) == (True, [])
    probe = openclaw.json("mcp", "probe", "cloche")
    assert probe["diagnostics"] == []
    assert set(probe["tools"]) == {t for t in TOOLS
                                   if t == "cloche__run" or t.startswith("cloche__file")}
    # the tools say what they may do, so that nobody has to be asked about each call
    assert "approvalHint" not in probe["servers"]["cloche"]
    watch.assert_clean_within(10)
