# SPDX-License-Identifier: LGPL-2.1-or-later

"""Try the brute force for a second; when it takes longer, go on with what you have."""

SEARCH = """
found = []
number = 1
while True:
    number += 1
    if number == sum(d for d in range(1, number) if number % d == 0):
        found.append(number)
        print(number, flush=True)
"""


def task(agent):
    sandbox = agent.open("python")
    # Started before, so that its second is the search's own.
    sandbox.code("import math").good()
    done = sandbox.code(SEARCH, timeout_ms=1500)
    assert (done.status, done.limits_hit) == ("timeout", ["time"])
    assert 1.5 <= done.wall < 10
    assert done.out.startswith("6\n28\n")
    # A loop lets go when it is told to: what it had found is still there.
    assert done.result["state"] == "kept"
    after = sandbox.code("print(found[:2], number > 100, math.pi)")
    assert after.good() == f"[6, 28] True {3.141592653589793}\n"
    # One that does not let go takes the interpreter with it, and says so.
    stubborn = sandbox.code("import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
                            "time.sleep(600)", timeout_ms=1000)
    assert (stubborn.status, stubborn.result["state"]) == ("timeout", "lost")
    fresh = sandbox.code("found")
    assert fresh.error["name"] == "NameError"
    # What was on disk is not touched by any of it.
    sandbox.put("kept.txt", "kept")
    assert sandbox.code("print(open('kept.txt').read())").good() == "kept\n"
