# SPDX-License-Identifier: LGPL-2.1-or-later

"""Real MCP clients, the official ones of both eras, drive Cloche through `cloche mcp`. What they do
is in tests/mcp/steps.mjs: all of it, or what differs, is done once for each way to connect and mode."""

import json
import pathlib
import re
import subprocess

import pytest

import machine

MCP = pathlib.Path(__file__).parent.parent / "mcp"
CLIENTS = "/opt/clients"
STEPS = ["connect", *re.findall(r"^export async function (\w+)", (MCP / "steps.mjs").read_text(),
                                re.MULTILINE)]
# What shows that they have come to speak of the right revision, and that the connection is good.
SHORT = STEPS[:4] + ["code_runs_once"]
# Each way to connect of tests/mcp/drive.mjs, and how much is done with it.
HOWS = {"session": STEPS, "stateless": STEPS, "fallback": STEPS, "late": SHORT, "handshake": SHORT,
        "pinned": SHORT, "corrected": SHORT}
INITIALIZE = {"protocolVersion": "2025-11-25", "capabilities": {},
              "clientInfo": {"name": "test", "version": "1"}}
META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}}


def drive(mode, how, steps):
    """How it went to connect and with each step: None, or what was wrong. Nothing is left afterwards."""
    watch = machine.Watch(mode)
    argv = machine.as_user("agent", f"CLIENTS={CLIENTS}", f"{CLIENTS}/bin/node", str(MCP / "drive.mjs"),
                           how, ",".join(steps[1:]), "/usr/bin/cloche", f"--{mode.name}", "mcp")
    ended = machine.run(argv, timeout=600, check=False, cwd="/", stdin=subprocess.DEVNULL)
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.returncode == 0, (lines, ended.stderr.decode())
    watch.assert_clean_within(10)
    return {line["step"]: line["error"] for line in lines}


@pytest.mark.parametrize("how", HOWS)
def test_a_real_client_gets_all_it_wants(mode, how):
    """Each step is taken whatever came of the others."""
    errors = drive(mode, how, HOWS[how])
    assert list(errors) == HOWS[how]
    assert not any(errors.values()), "\n".join(f"{k}: {v}" for k, v in errors.items() if v)


def test_a_client_that_speaks_no_revision_of_ours_is_told_which_there_are(mode):
    """It is the server's answer that this error is made of."""
    error = drive(mode, "unknown", SHORT)["connect"]
    assert error.startswith("ProtocolError -32022 "), error
    assert '"requested":"2099-01-01"' in error and '"2026-07-28"' in error


# -- what a client that is right never does

def test_both_eras_are_served_on_one_connection(client):
    assert client.call("initialize", INITIALIZE)["protocolVersion"] == "2025-11-25"
    new = client.call("tools/list", {"_meta": META})
    assert (new["resultType"], new["cacheScope"]) == ("complete", "public")
    old = client.call("tools/list")
    assert old == {"tools": new["tools"]}
    assert client.call("server.info")["name"] == "cloche"


def test_the_list_of_tools_is_the_same_for_everybody(system, user):
    with system.connect() as a, user.connect("agent") as b:
        assert a.call("tools/list") == b.call("tools/list")


def test_an_unknown_revision_is_refused_with_those_there_are(client):
    request = client.send("tools/list", {"_meta": META | {
        "io.modelcontextprotocol/protocolVersion": "1900-01-01"}})
    message = client.receive()
    assert message["id"] == request
    assert message["error"]["code"] == -32022
    assert message["error"]["data"]["requested"] == "1900-01-01"
    assert "2026-07-28" in message["error"]["data"]["supported"]


def test_a_request_without_its_capabilities_is_refused(client):
    client.send("tools/list", {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}})
    assert client.receive()["error"]["code"] == -32602


def test_methods_that_are_not_offered_are_unknown(client):
    for method in ("resources/list", "prompts/list", "logging/setLevel", "subscriptions/listen"):
        client.send(method, {"_meta": META})
        assert client.receive()["error"]["code"] == -32601


def test_a_cancelled_call_gets_no_answer_at_all(client):
    call = client.send("tools/call", {
        "name": "run", "arguments": {"profile": "shell", "code": "echo up; sleep 600"},
        "_meta": {"progressToken": "t"}})
    while client.receive()["method"] != "notifications/progress":
        pass
    client.send_raw(b'{"jsonrpc":"2.0","method":"notifications/cancelled",'
                    b'"params":{"requestId":%d}}\n' % call)
    ping = client.send("ping")
    assert client.receive()["id"] == ping
    # the id is free again once all is over, and nothing more was said for it
    assert client.run("shell", code="sleep 2").status == "exited"
    assert call not in client.answers
    client.end_input()
    assert not [m for m in client.wait_closed(20) if m.get("id") == call]


def test_a_cancellation_of_what_is_not_there_is_ignored(client):
    for params in ({"requestId": 99}, {"requestId": "x", "reason": "y"}, {}, {"requestId": {}}):
        client.send_raw(json.dumps({"jsonrpc": "2.0", "method": "notifications/cancelled",
                                    "params": params}).encode() + b"\n")
    assert client.call("ping") == {}
