# SPDX-License-Identifier: LGPL-2.1-or-later

"""Load everything into one list. (There is more of everything than memory.)"""

MIB = 1 << 20
CODE = """
hoard = []
while True:
    hoard.append(bytearray(8 << 20))
    print(len(hoard), flush=True)
"""


def task(agent):
    done = agent.run("python", CODE, limits={"memory_bytes": 128 * MIB})
    assert (done.status, done.limits_hit) == ("oom", ["memory"])
    assert 100 * MIB < done.usage["memory_peak_bytes"] <= 128 * MIB
    # What it had said before is not lost.
    assert done.out.startswith("1\n2\n3\n")
    # In a sandbox that stays, the sandbox does, with its files; the interpreter's state is gone.
    sandbox = agent.open("python", limits={"memory_bytes": 128 * MIB})
    sandbox.code("before = 1; open('file', 'w').write('there')").good()
    done = sandbox.code(CODE)
    assert (done.status, done.limits_hit) == ("oom", ["memory"])
    assert done.result["state"] == "lost"
    after = sandbox.code("print(open('file').read(), 'before' in globals())")
    assert after.good() == "there False\n"
