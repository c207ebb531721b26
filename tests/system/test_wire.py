# SPDX-License-Identifier: LGPL-2.1-or-later

"""Bytes at the socket: what is not the protocol is refused with a reason, and nothing that a client
does to its connection hurts anybody else."""

import json
import select
import socket
import subprocess
import threading
import time

import pytest

import machine
from client import Closed, RpcError


def error_of(client, line, timeout=30):
    """The error that this line is answered with."""
    client.send_raw(line + b"\n")
    while True:
        message = client.receive(timeout)
        if "method" not in message:
            assert "error" in message, (line[:100], message)
            return message


def request(params, method="run"):
    """A request whose params are this JSON text."""
    return b'{"jsonrpc":"2.0","id":1,"method":"%s","params":%s}' % (method.encode(), params)


def test_socat_half_closes_and_gets_everything(mode):
    """As a person tries it, who does not wait for as long."""
    line = ('{"jsonrpc":"2.0","id":1,"method":"run","params":{"profile":"shell","argv":["sh","-c",'
            '"echo hi; exit 3"]}}')
    command = f"printf '%s\\n' '{line}' | socat -t60 - UNIX-CONNECT:{mode.socket}"
    ended = machine.run(machine.as_user("agent", "sh", "-c", command))
    output, result = map(json.loads, ended.stdout.splitlines())
    assert output["method"] == "output"
    assert output["params"] == {"id": 1, "stream": "stdout", "text": "hi\n"}
    assert result["id"] == 1
    assert (result["result"]["status"], result["result"]["exit_code"]) == ("exited", 3)


@pytest.mark.parametrize("line, reason", [
    (b"hello", "parse_error"),
    (b"{", "parse_error"),
    (b'{"a":1}x', "parse_error"),
    (b"{'a':1}", "parse_error"),
    (b'{"a":1,}', "parse_error"),
    (b'{"a":1,"a":2}', "parse_error"),
    (b'{"a":"\xff"}', "parse_error"),
    (b'{"a":"\xed\xa0\x80"}', "parse_error"),
    (b'{"a":"\xc0\x80"}', "parse_error"),
    (b'{"a":"\\u0000"}', "parse_error"),
    (b'{"a":"\\ud800"}', "parse_error"),
    (b'{"a":"\x01"}', "parse_error"),
    (b"\xef\xbb\xbf{}", "parse_error"),
    (b"{}\0", "parse_error"),
    (b"[" * 100_000, "parse_error"),
    (b'{"a":' * 20_000, "parse_error"),
    (b"{" + b",".join(b'"%d":0' % i for i in range(5000)) + b"}", "parse_error"),
    (b"[]", "invalid_request"),
    (b"1", "invalid_request"),
    (b"null", "invalid_request"),
    (b"{}", "invalid_request"),
    (b'[{"jsonrpc":"2.0","id":1,"method":"server.info"}]', "invalid_request"),
    (b'{"jsonrpc":"1.0","id":1,"method":"server.info"}', "invalid_request"),
    (b'{"jsonrpc":"2.0","id":1.5,"method":"server.info"}', "invalid_request"),
    (b'{"jsonrpc":"2.0","id":{},"method":"server.info"}', "invalid_request"),
    (b'{"jsonrpc":"2.0","id":"%s","method":"server.info"}' % (b"x" * 129), "invalid_request"),
    (b'{"jsonrpc":"2.0","id":1,"method":7}', "invalid_request"),
    (b'{"jsonrpc":"2.0","id":1,"method":"run","params":[]}', "invalid_request"),
    (b'{"jsonrpc":"2.0","id":1,"method":"server.info","extra":1}', "invalid_request"),
    (b'{"jsonrpc":"2.0","id":1,"method":"no.such"}', "method_not_found"),
], ids=lambda value: value if isinstance(value, str) else str(value[:40]))
def test_what_is_no_request_is_refused_and_the_connection_goes_on(system, line, reason):
    # One mode: the handler is the same program in both.
    with system.connect() as client:
        assert error_of(client, line)["error"]["data"]["reason"] == reason
        assert client.call("server.info")["name"] == "cloche"


BAD_NUMBERS = [b"1e400", b"-0", b"01", b"0x10", b"NaN", b"Infinity", b"1.0", b"9007199254740993",
               b"18446744073709551616", b"18446744073709551615", b"-1", b"1e3", b"0", b'"1"',
               b"true", b"null", b"[]", b"+1", b".5", b"1."]


@pytest.mark.parametrize("field", ["timeout_ms", "memory_bytes", "tasks", "cpu_percent",
                                   "work_bytes", "output_bytes"])
def test_a_number_that_is_no_limit_is_refused_in_every_field(system, field):
    with system.connect() as client:
        for number in BAD_NUMBERS:
            where = (b'"timeout_ms":%s' if field == "timeout_ms" else
                     b'"limits":{"' + field.encode() + b'":%s}') % number
            line = request(b'{"profile":"shell","code":"true",' + where + b"}")
            message = error_of(client, line)
            reason = message["error"]["data"]["reason"]
            assert reason in ("parse_error", "invalid_params", "limit_above_profile"), (number,
                                                                                        message)
            if reason == "invalid_params":
                assert field in message["error"]["data"]["field"]


@pytest.mark.parametrize("params", [
    {"privileged": True}, {"network": "host"}, {"network": "container:x"}, {"volumes": ["/:/h"]},
    {"devices": ["/dev/mem"]}, {"cap_add": ["all"]}, {"security_opt": ["seccomp=unconfined"]},
    {"user": "0"}, {"runtime": "x"}, {"annotations": {}}, {"image": "localhost/x"},
    {"limits": {"swap_bytes": 1}}, {"limits": {"memory_bytes": 1 << 30, "extra": 1}},
    {"Code": "x"}, {"mounts": []},
], ids=json.dumps)
def test_what_no_method_has_is_refused_by_name(system, params):
    with system.connect() as client, pytest.raises(RpcError) as caught:
        client.run("shell", code="true", **params)
    assert caught.value.reason == "invalid_params"
    unknown = list(params.get("limits", params))[-1]
    assert unknown in caught.value.field


@pytest.mark.parametrize("params, field", [
    ({}, "code"), ({"code": "1", "argv": ["x"]}, "argv"), ({"argv": []}, "argv"),
    ({"argv": [""]}, "argv"), ({"argv": ["x", 1]}, "argv"), ({"argv": "x"}, "argv"),
    ({"code": 1}, "code"), ({"code": "1", "env": []}, "env"), ({"code": "1", "env": {"": "x"}}, "env"),
    ({"code": "1", "env": {"A=B": "x"}}, "env"), ({"code": "1", "env": {"A": 1}}, "env"),
    ({"code": "1", "stdin": 1}, "stdin"), ({"code": "1", "stdin_base64": "?"}, "stdin_base64"),
    ({"code": "1", "stdin": "a", "stdin_base64": "YQ=="}, "stdin"),
    ({"code": "1", "stdin_open": "yes"}, "stdin_open"), ({"code": "1", "limits": []}, "limits"),
    ({"argv": ["x"] * 1025}, "argv"), ({"argv": ["true", "x" * 131072]}, "argv"),
    ({"profile": 7, "code": "1"}, "profile"),
], ids=lambda value: json.dumps(value)[:60])
def test_parameters_of_the_wrong_kind_are_refused_by_field(system, params, field):
    with system.connect() as client:
        request_id = client.send("run", {"profile": "shell", **params})
        with pytest.raises(RpcError) as caught:
            client.answer(request_id)
    assert caught.value.reason == "invalid_params"
    assert field in caught.value.field


@pytest.mark.parametrize("name", ["../shell", "Shell", "shell ", "-p", "shell.service", "x" * 64,
                                  "shell@1", "*"])
def test_a_name_that_no_profile_can_have_is_unknown(system, name):
    with system.connect() as client, pytest.raises(RpcError) as caught:
        client.run(name, code="1")
    assert caught.value.reason == "unknown_profile"


@pytest.mark.parametrize("name", ["", "x" * 65])
def test_a_name_of_no_possible_length_is_a_wrong_parameter(system, name):
    with system.connect() as client, pytest.raises(RpcError) as caught:
        client.run(name, code="1")
    assert (caught.value.reason, caught.value.field) == ("invalid_params", "profile")


def test_ids_come_back_as_they_were(system):
    with system.connect() as client:
        for request_id in ("x" * 128, "", "é", 0, -1, 9007199254740991, "1"):
            assert client.answer(client.send("server.info", {}, request_id))["name"] == "cloche"


def test_an_id_that_is_in_use_is_refused(system):
    with system.connect() as client:
        running = client.start("shell", argv=["sleep", "9971"])
        message = error_of(client, b'{"jsonrpc":"2.0","id":%d,"method":"run","params":'
                                   b'{"profile":"shell","code":"true"}}' % running.id)
        assert message["error"]["data"]["reason"] == "invalid_request"
        client.call("exec.cancel", {"id": running.id})
        assert running.wait().status == "cancelled"


def test_cancel_and_input_for_what_does_not_run_are_refused(system):
    with system.connect() as client:
        ended = client.start("shell", code="true")
        ended.wait()
        for method, params in (("exec.cancel", {"id": ended.id}), ("exec.cancel", {"id": 99}),
                               ("exec.stdin", {"id": ended.id, "text": "x"})):
            with pytest.raises(RpcError) as caught:
                client.call(method, params)
            assert caught.value.reason == "not_running"
        closed = client.start("shell", code="sleep 0.5", stdin_open=True)
        closed.write(b"", eof=True)
        with pytest.raises(RpcError) as caught:
            client.call("exec.stdin", {"id": closed.id, "text": "more"})
        assert caught.value.reason in ("stdin_closed", "not_running")
        never = client.start("shell", code="sleep 0.5")
        with pytest.raises(RpcError) as caught:
            client.call("exec.stdin", {"id": never.id, "text": "x"})
        assert caught.value.reason == "stdin_closed"
        closed.wait()
        never.wait()


def test_one_connection_does_not_reach_anothers_run(system):
    with system.connect() as first, system.connect("agent2") as second:
        running = first.start("shell", code="read x; echo $x", stdin_open=True)
        with pytest.raises(RpcError) as caught:
            second.call("exec.cancel", {"id": running.id})
        assert caught.value.reason == "not_running"
        running.write(b"mine\n", eof=True)
        assert running.wait().good() == "mine\n"


def test_a_notification_is_not_answered(system):
    with system.connect() as client:
        client.send_raw(b'{"jsonrpc":"2.0","method":"server.info"}\n'
                        b'{"jsonrpc":"2.0","method":"no.such"}\n')
        client.call("server.info")
        assert not client.bytes_in


def test_a_line_may_come_in_pieces_and_lines_together(system):
    with system.connect() as client:
        line = b'{"jsonrpc":"2.0","id":"piece","method":"server.info"}\n'
        for i in range(len(line)):
            client.send_raw(line[i:i + 1])
        assert client.answer("piece")["name"] == "cloche"
        client.send_raw(b"".join(b'{"jsonrpc":"2.0","id":%d,"method":"server.info"}\n' % i
                                 for i in range(200)))
        for i in range(200):
            assert client.answer(i)["name"] == "cloche"


def test_a_line_of_exactly_the_limit_is_taken(system):
    with system.connect() as client:
        head, tail = b'{"jsonrpc":"2.0","id":1,"method":"server.info"', b"}"
        line = head + b" " * ((1 << 20) - len(head) - len(tail)) + tail
        assert len(line) == 1 << 20
        client.send_raw(line + b"\n")
        assert client.answer(1)["name"] == "cloche"
        client.send_raw(b" " + line + b"\n")
        messages = client.wait_closed()
        assert [m["error"]["data"]["reason"] for m in messages] == ["parse_error"]


def test_a_line_without_an_end_is_cut_off(system):
    with system.connect() as client:
        sent = 0
        with pytest.raises(Closed):
            while sent < 1 << 30:
                client.send_raw(b"x" * (1 << 16))
                sent += 1 << 16
                if client.at_end:
                    raise Closed
        assert sent <= 4 << 20  # the line's limit and what the sockets hold


def test_more_code_than_a_line_holds_is_refused_and_as_much_is_run(system):
    with system.connect() as client:
        code = "#" + "x" * 1_000_000 + "\necho big"
        assert client.sh(code).good() == "big\n"


def test_descriptors_sent_along_are_not_kept(system):
    with system.connect() as client:
        reader, writer = socket.socketpair()
        with reader, writer:
            client.socket.setblocking(True)
            for _ in range(50):
                socket.send_fds(client.socket, [b" "], [writer.fileno()] * 10)
            client.socket.setblocking(False)
            client.call("server.info")
            writer.close()
            # With the last copy gone the other end reads the end.
            assert select.select([reader], [], [], 5)[0] and reader.recv(1) == b""


def test_slow_and_silent_clients_are_let_go(system, user):
    """All the long waits at once: no line at all, half a line, and a client that never reads."""
    ended = {}

    def until_closed(name, client, limit, begun):
        messages = None
        try:
            messages = client.wait_closed(limit)
        except TimeoutError:
            pass
        ended[name] = (messages is not None, time.monotonic() - begun)

    watches = [machine.Watch(m) for m in (system, user)]
    threads, clients, deaf = [], [], []
    for mode in (system, user):
        begun = time.monotonic()
        silent, half, never = mode.connect(), mode.connect(), mode.connect()
        clients += [silent, half, never]
        half.call("server.info")
        half.send_raw(b'{"jsonrpc":')
        never.send("run", {"profile": "shell", "code": "while :; do echo flood; done"})
        deaf.append(never)
        for name, client, limit in ((f"silent {mode.name}", silent, 60),
                                    (f"half {mode.name}", half, 120)):
            thread = threading.Thread(target=until_closed, args=(name, client, limit, begun))
            thread.start()
            threads.append(thread)
    for thread in threads:
        thread.join()
    for mode in ("system", "user"):
        # how much later than it may, is for a machine with time to say
        closed, seconds = ended[f"silent {mode}"]
        assert closed and seconds >= 4
        closed, seconds = ended[f"half {mode}"]
        assert closed and seconds >= 28
    # By now the deaf ones have taken nothing for half a minute.
    for client in deaf:
        machine.wait_for(lambda c=client: is_hung_up(c.socket), 60, "the deaf client let go")
    for client in clients:
        client.close()
    for watch in watches:
        watch.assert_clean_within(10)


def is_hung_up(connection):
    poll = select.poll()
    poll.register(connection, 0)
    return any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0))


def test_a_client_that_reads_slowly_gets_everything(mode, client):
    running = client.start("shell", argv=["head", "-c", "6000000", "/dev/zero"])
    # More than all buffers hold: the program must wait until we read.
    machine.wait_for(lambda: select.select([client.socket], [], [], 0)[0], 20)
    time.sleep(2)
    assert running.id not in client.answers
    ended = running.wait(60)
    assert (ended.status, len(ended.stdout)) == ("exited", 6_000_000)


def test_a_flood_of_connections_does_not_stop_the_service(system):
    """Hundreds at once: the socket stays active, and soon everybody is served again."""
    watch = machine.Watch(system)
    connections = []
    for _ in range(400):
        connection = socket.socket(socket.AF_UNIX)
        connection.setblocking(False)
        try:
            connection.connect(system.socket)
        except BlockingIOError:
            pass  # the queue is full
        connections.append(connection)
    for connection in connections:
        connection.close()
    assert system.show("cloche.socket", "ActiveState")["ActiveState"] == "active"

    def served():
        try:
            with system.connect(timeout=60) as client:
                return client.call("server.info", timeout=60)
        except (Closed, RpcError, OSError):
            return None
    machine.wait_for(served, 240, "a client served after the flood")
    assert system.show("cloche.socket", "ActiveState")["ActiveState"] == "active"
    watch.assert_clean_within(60)


def test_too_many_requests_at_once_are_refused(system):
    with system.connect() as client:
        limit = client.call("server.info")["limits"]["requests_per_connection"]
        running = client.start("shell", code="cat >/dev/null", stdin_open=True)
        # Input that is not accepted yet keeps its request open.
        refused = None
        for _ in range(limit + 10):
            client.send("run", {"profile": "shell", "argv": ["sleep", "1"]})
        for message in list(range(limit + 10)):
            try:
                client.answer(running.id + 1 + message, timeout=120)
            except RpcError as error:
                refused = error
                if error.reason == "too_many_requests":
                    break
        assert refused and refused.reason in ("too_many_requests", "too_many_sandboxes")


def test_jq_reads_what_the_service_writes(mode):
    """Any JSON tool does, line by line."""
    line = '{"jsonrpc":"2.0","id":1,"method":"server.info"}'
    ended = subprocess.run(machine.as_user("agent", "sh", "-c",
                                           f"echo '{line}' | socat -t60 - UNIX-CONNECT:{mode.socket}"
                                           " | jq -r .result.mode"), capture_output=True,
                           timeout=30, check=True)
    assert ended.stdout.decode().strip() == mode.name
