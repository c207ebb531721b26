# SPDX-License-Identifier: LGPL-2.1-or-later

"""Train the model and keep me informed: I want to see each step as it happens, not at the end."""

CODE = """
import sys
import numpy as np

x = np.linspace(-1, 1, 200)
y = 3 * x - 2
weight = bias = 0.0
for step in range(1, 6):
    for _ in range(200):
        error = weight * x + bias - y
        weight -= 0.1 * (error * x).mean()
        bias -= 0.1 * error.mean()
    print(f"step {step}/5: loss {(error ** 2).mean():.6f}", flush=True)
    # Waits until the agent has seen this line, so that it cannot have come later.
    assert sys.stdin.readline() == f"seen {step}\\n"
print(f"weight {weight:.3f}, bias {bias:.3f}")
"""


def task(agent):
    running = agent.start("run", profile="python", code=CODE, stdin_open=True)
    for step in range(1, 6):
        running.wait_output(b"step %d/5" % step, timeout=120)
        running.write(b"seen %d\n" % step, eof=step == 5)
    done = agent.finish(running)
    *steps, last = done.good().splitlines()
    losses = [float(line.split()[-1]) for line in steps]
    assert losses == sorted(losses, reverse=True) and losses[-1] < 1e-4
    assert last == "weight 3.000, bias -2.000"
