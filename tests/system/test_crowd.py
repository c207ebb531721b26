# SPDX-License-Identifier: LGPL-2.1-or-later

"""Many clients at once: all are served, each with what is its own, and none at the cost of another user."""

import contextlib

import machine

USERS = "agent", "agent2"


def connect(stack, mode, user):
    client = stack.enter_context(mode.connect(user))
    client.call("server.info")  # who says nothing is let go
    return client


def test_fifty_clients_at_once_get_each_their_own(system):
    watch = machine.Watch(system)
    with contextlib.ExitStack() as stack:
        clients = [connect(stack, system, USERS[i % 2]) for i in range(50)]
        running = [client.start("shell", code=f"echo {i}; exit {i}") for i, client in enumerate(clients)]
        for i, one in enumerate(running):
            ended = one.wait(600)
            assert (ended.stdout, ended.exit_code) == (f"{i}\n".encode(), i), ended
    watch.assert_clean_within(20)


def test_a_burst_of_one_user_does_not_hold_up_another(system):
    watch = machine.Watch(system)
    with contextlib.ExitStack() as stack:
        greedy, modest = (connect(stack, system, user) for user in USERS)
        burst = [greedy.start("shell", code="echo hi") for _ in range(16)]
        for _ in range(3):  # one after another, while there is always something of the other's to be made
            assert modest.run("shell", code="echo hi").good() == "hi\n"
        greedy.call("server.info")  # takes in what has come meanwhile
        assert sum(one.id in greedy.answers for one in burst) < len(burst), "the other user was served first"
        assert [one.wait().good() for one in burst] == ["hi\n"] * len(burst)
    watch.assert_clean_within(20)
