# SPDX-License-Identifier: LGPL-2.1-or-later

"""OpenClaw, the agent, with Cloche as its MCP server: as its owner sets it up, and one whole turn in
which it uses the tools. The model is the only thing that is played (tests/mcp/scripted_model.py).
The machine has no network, so nothing here needs one."""

import json
import pathlib
import shutil
import signal
import subprocess

import pytest

import machine

MCP = pathlib.Path(__file__).parent.parent / "mcp"
CLIENTS = "/opt/clients"
TOOLS = {f"cloche__{name}" for name in (
    "run", "sandbox_open", "sandbox_exec", "sandbox_close", "sandbox_list", "file_put", "file_get",
    "file_list", "file_remove", "profile_list")}
TRIES = 3  # Node 24 now and then dies by SIGSEGV in user-mode Linux
CONNECT = 60  # seconds; it waits for 5 only, of which Node may need most for itself here
SEGMENTATION_FAULT = -signal.SIGSEGV, 128 + signal.SIGSEGV


class OpenClaw:
    """As the user agent has it in a home of its own."""

    def __init__(self, home):
        self.home = home

    def argv(self, *arguments):
        return machine.as_user("agent", f"HOME={self.home}", f"PATH={CLIENTS}/bin:/usr/bin:/bin",
                               "NODE_DISABLE_COMPILE_CACHE=1", "NO_COLOR=1", "openclaw", *arguments)

    def run(self, *arguments, timeout=240):
        for left in reversed(range(TRIES)):
            ended = machine.run(self.argv(*arguments), timeout=timeout, cwd=self.home, check=False,
                                stdin=subprocess.DEVNULL)
            if ended.returncode not in SEGMENTATION_FAULT or not left:
                break
        assert ended.returncode == 0, (arguments, ended)
        return ended.stdout.decode()

    def json(self, *arguments, timeout=240):
        return json.loads(self.run(*arguments, "--json", timeout=timeout))


@pytest.fixture
def openclaw():
    home = pathlib.Path("/home/agent/openclaw")
    home.mkdir()
    shutil.chown(home, "agent", "agent")
    yield OpenClaw(home)
    shutil.rmtree(home)


@pytest.fixture
def model(openclaw):
    """Starts the played model with a script; gives its port and what it was asked."""
    started = []
    log = openclaw.home / "model.log"

    def start(script):
        file = openclaw.home / "script.json"
        file.write_text(json.dumps(script))
        process = subprocess.Popen([str(MCP / "scripted_model.py"), str(file), str(log)],
                                   stdout=subprocess.PIPE)
        started.append(process)
        return int(process.stdout.readline())

    start.requests = lambda: [json.loads(line) for line in log.read_text().splitlines()]
    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_its_owner_adds_checks_and_probes_cloche(mode, openclaw, watch):
    """Each command takes its half minute here, so there is one of each."""
    # add probes what it adds, and saves nothing that does not answer
    openclaw.run("mcp", "add", "cloche", "--command", "cloche", "--arg", "mcp",
                 "--arg", f"--{mode.name}", "--connect-timeout", str(CONNECT))
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


def test_an_agent_does_a_whole_turn_with_the_tools(mode, openclaw, watch, model):
    code = {"sandbox": "{sandbox}", "code": "x = 6"}
    port = model([
        {"tool": "sandbox_open", "arguments": {"profile": "python"}},
        {"tool": "sandbox_exec", "arguments": code},
        {"tool": "sandbox_exec", "arguments": code | {"code": "print(x * 7)"}},
        {"tool": "sandbox_close", "arguments": {"sandbox": "{sandbox}"}},
        {"tool": "run", "arguments": {"code": "import sys; sys.exit('refused')"}},
    ])
    config = openclaw.home / "config.json"
    config.write_text(json.dumps({
        "mcp": {"servers": {"cloche": {"command": "cloche", "args": ["mcp", f"--{mode.name}"],
                                       "connectionTimeoutMs": CONNECT * 1000}}},
        # a new session has nothing to be maintained, least of all by a thread of its own
        "session": {"maintenance": {"mode": "warn"}},
        # all tools as they are, instead of a search for them
        "tools": {"toolSearch": False, "allow": ["bundle-mcp"]},
        "agents": {"defaults": {"model": {"primary": "played/scripted"}}},
        "models": {"providers": {"played": {
            "baseUrl": f"http://127.0.0.1:{port}/v1", "apiKey": "none", "api": "openai-completions",
            "models": [{"id": "scripted", "name": "Scripted", "input": ["text"]}]}}},
    }))
    answer = openclaw.json("agent", "exec", "What is six times seven?", "--config", str(config),
                           timeout=400)
    assert answer["ok"], answer
    assert answer["toolSummary"]["calls"] == 5
    requests = model.requests()[-6:]
    assert set(requests[0]["tools"]) == TOOLS
    results = [r["last"]["content"] for r in requests[1:]]
    assert "42\n" in results[2]
    # the failed program is told as one, and the turn goes on
    assert "refused" in answer["final"] and "exit code 1" in answer["final"]
    assert answer["toolSummary"]["failures"] == 1
    watch.assert_clean_within(10)
