# SPDX-License-Identifier: LGPL-2.1-or-later

"""A client may hang up at any moment. Here it does in every state that a connection can be in, and
each time nothing is left of it."""

import random
import time

import machine

NASTY = "trap '' TERM HUP INT; (setsid sleep 9981 &); echo up; while :; do :; done"
META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}}
REQUEST = b'{"jsonrpc":"2.0","id":"x","method":"run","params":{"profile":"shell","code":"sleep 9982"}}'


# -- how a connection comes into each state; what is not waited for is under way when it ends

def nothing_said(_):
    pass


def half_a_line(client):
    client.send_raw(REQUEST[:40])


def a_line_without_its_newline(client):
    client.send_raw(REQUEST)


def half_a_line_behind_a_request(client):
    client.send_raw(REQUEST + b"\n" + REQUEST[:40])


def an_answer_not_read(client):
    client.send("server.info")


def many_answers_not_read(client):
    client.send_raw(b'{"jsonrpc":"2.0","id":1,"method":"server.info"}\n' * 400)


def an_error_not_read(client):
    client.send_raw(b"nonsense\n")


def between_requests(client):
    client.call("server.info")


def profiles_asked_for(client):
    client.send("profile.list")


def a_run_asked_for(client):
    client.send_raw(REQUEST + b"\n")


def many_runs_asked_for(client):
    for _ in range(8):
        client.send("run", {"profile": "shell", "code": NASTY})


def a_run_that_will_be_refused(client):
    client.send("run", {"profile": "shell", "code": "true", "limits": {"tasks": 1 << 20}})


def a_run_under_way(client):
    return client.start("shell", code=NASTY).wait_output(b"up\n")


def a_run_that_floods(client):
    client.start("shell", code="while :; do echo flood; done").wait_output(b"flood")


def a_run_that_waits_for_input(client):
    client.start("shell", code="echo up; cat", stdin_open=True).wait_output(b"up\n")


def input_that_nobody_takes(client):
    running = client.start("shell", code="echo up; sleep 9983", stdin_open=True)
    running.wait_output(b"up\n")
    for _ in range(3):
        client.send("exec.stdin", {"id": running.id, "text": "x" * 500_000})


def a_run_being_cancelled(client):
    client.send("exec.cancel", {"id": a_run_under_way(client).id})


def a_run_that_times_out(client):
    client.start("shell", code=NASTY, timeout_ms=1000)
    time.sleep(2 * random.random())


def a_run_that_left_a_child_behind(client):
    client.run("shell", code="setsid sleep 9984 & echo up")


def files_on_their_way_in(client):
    client.send("run", {"profile": "shell", "code": "true",
                        "files": [{"path": f"f{i}", "text": "x" * 100_000} for i in range(9)]})


def opened(client, profile="python"):
    return {"sandbox": client.call("sandbox.open", {"profile": profile})["sandbox"]}


def a_sandbox_asked_for(client):
    client.send("sandbox.open", {"profile": "python"})


def a_sandbox_half_made(client):
    client.send("sandbox.open", {"profile": "shell"})
    time.sleep(random.random())


def a_sandbox_open(client):
    opened(client)


def two_sandboxes_open(client):
    opened(client)
    opened(client, "shell")


def a_program_that_left_others(client):
    client.call("sandbox.exec", opened(client) | {
        "argv": ["sh", "-c", "(setsid sleep 9986 &); sleep 9987 & echo on"]})


def an_interpreter_starting(client):
    client.send("sandbox.exec", opened(client) | {"code": "1"})


def an_interpreter_with_state(client):
    client.call("sandbox.exec", opened(client) | {"code": "x = 1"})


def an_interpreter_busy(client):
    sandbox = opened(client)
    client.call("sandbox.exec", sandbox | {"code": "x = 1"})
    client.send("sandbox.exec", sandbox | {"code": "while True: pass"})
    client.send("sandbox.exec", sandbox | {"code": "this waits for that"})


def an_interpreter_that_is_not_to_be_interrupted(client):
    sandbox = opened(client)
    client.call("sandbox.exec", sandbox | {"code": "1"})
    running = client.send("sandbox.exec", sandbox | {
        "code": "import time\nprint('up')\nwhile True:\n    try: time.sleep(9)\n    except: pass"})
    while b"up" not in client.output[running]["stdout"]:
        client.take()
    client.send("exec.cancel", {"id": running})


def an_interpreter_being_replaced(client):
    sandbox = opened(client)
    client.call("sandbox.exec", sandbox | {"code": "1"})
    client.send("sandbox.exec", sandbox | {"code": "2", "reset": True})


def a_terminal_open(client):
    running = client.send("sandbox.exec", opened(client) | {
        "argv": ["sh", "-c", "echo up; exec sleep 9985"], "pty": True, "rows": 24, "cols": 80})
    while b"up" not in client.output[running]["stdout"]:
        client.take()


def a_file_that_is_to_go_on(client):
    client.send("file.put", opened(client) | {"path": "f", "text": "x" * 1000, "more": True})
    time.sleep(0.3)


def a_file_on_its_way_in(client):
    client.send("file.put", opened(client) | {"path": "f", "text": "x" * 500_000})


def a_file_on_its_way_out(client):
    sandbox = opened(client)
    client.call("file.put", sandbox | {"path": "f", "text": "x" * 500_000})
    client.send("file.get", sandbox | {"path": "f"})


def a_file_that_never_ends_on_its_way_out(client):
    sandbox = opened(client)
    client.call("sandbox.exec", sandbox | {"argv": ["truncate", "--size=100M", "f"]})
    client.send("file.get", sandbox | {"path": "f", "stream": True})


def files_being_collected(client):
    running = client.send("run", {"profile": "shell", "code": "head -c 7M /dev/zero >f; echo made",
                                  "collect": ["f"]})
    while b"made" not in client.output[running]["stdout"]:
        client.take()


def a_sandbox_being_closed(client):
    client.send("sandbox.close", opened(client))


def mcp_agreed_on(client):
    client.call("initialize", {"protocolVersion": "2025-11-25", "capabilities": {},
                               "clientInfo": {"name": "test", "version": "1"}})


def a_tool_called(client):
    client.send("tools/call", {"name": "run", "_meta": META | {"progressToken": 1},
                               "arguments": {"profile": "shell", "code": NASTY}})
    client.receive()


def a_tool_call_cancelled(client):
    a_tool_called(client)
    client.send_raw(b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}\n'
                    % client.last_id)


def input_ended_and_a_run_under_way(client):
    a_run_under_way(client)
    client.end_input()


STATES = [state for name, state in list(globals().items())
          if callable(state) and getattr(state, "__module__", None) == __name__ and name != "opened"]


def test_nothing_is_left_in_whatever_state_a_client_hangs_up(mode):
    assert len(STATES) >= 40
    watch = machine.Watch(mode)
    for state in STATES:
        with mode.connect() as client:
            state(client)
        try:
            # ten seconds are what test_lifetime.py holds it to; here Podman may need a second try
            watch.assert_no_leftovers_within(30)
        except AssertionError as error:
            error.add_note(f"of {state.__name__}")
            raise
    watch.assert_clean_within(10)
