# SPDX-License-Identifier: LGPL-2.1-or-later

"""Stop that, I have seen enough. Then tell me how far it came, with what it had written."""

import time

CODE = """mkdir -p out
sleep 987 &
for ((i = 1; ; i++)); do
    echo "record $i" >>out/records.txt
    [ $i != 50 ] || echo fifty
    sleep 0.01
done
"""


def task(agent):
    sandbox = agent.open("shell")
    sandbox.code("purpose=records").good()
    running = sandbox.start(CODE)
    running.wait_output(b"fifty\n", timeout=60)
    begun = time.monotonic()
    running.cancel()
    done = agent.finish(running)
    assert time.monotonic() - begun < 10
    assert (done.status, done.out) == ("cancelled", "fifty\n")
    # Nothing that it had started goes on: neither the loop nor what it left in the background.
    lines = len(sandbox.get("out/records.txt").splitlines())
    assert lines >= 50
    assert sandbox.code("pgrep -f 'sleep 987' || echo none").good() == "none\n"
    assert len(sandbox.get("out/records.txt").splitlines()) == lines
    # Code may be cancelled without losing what was set before it.
    if done.result["state"] == "kept":
        assert sandbox.code("echo $purpose").good() == "records\n"
    assert sandbox.code("tail -n 1 out/records.txt").good() == f"record {lines}\n"
