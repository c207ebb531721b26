# SPDX-License-Identifier: LGPL-2.1-or-later

"""Print all of it. (There is no end to it.)"""


def task(agent):
    done = agent.run("python", "n = 0\nwhile True:\n    print(n)\n    n += 1",
                     limits={"output_bytes": 50_000})
    assert (done.status, done.limits_hit) == ("output_limit", ["output"])
    # Exactly what fits was delivered, from the beginning.
    assert len(done.stdout) == done.usage["stdout_bytes"] == 50_000
    wanted = "".join(f"{n}\n" for n in range(20_000))
    assert done.out == wanted[:50_000]
    # Much, and all of it wanted: a megabyte in order.
    done = agent.run("shell", argv=["seq", "150000"])
    assert done.good() == "".join(f"{n}\n" for n in range(1, 150_001))
    # Who wants it in the answer gets the beginning and the end, and is told.
    captured = agent.run("shell", argv=["seq", "150000"], capture=True)
    assert captured.result["stdout_truncated"]
    text = captured.result["stdout"]
    assert text.startswith("1\n2\n3\n") and text.endswith("149999\n150000\n")
