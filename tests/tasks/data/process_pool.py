# SPDX-License-Identifier: LGPL-2.1-or-later

"""Count the primes below 200,000 with several processes."""

# As a file: a pool needs functions that a new process can find.
PROGRAM = """
import math
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Pool
import os

def primes(span):
    return sum(all(n % d for d in range(2, math.isqrt(n) + 1)) for n in range(*span)), os.getpid()

if __name__ == "__main__":
    spans = [(max(2, i), i + 10_000) for i in range(0, 200_000, 10_000)]
    with Pool(4) as pool:
        counts, workers = zip(*pool.map(primes, spans, chunksize=1))
    print(sum(counts), os.getpid() in workers)
    with ProcessPoolExecutor(2) as executor:
        print(sum(count for count, _ in executor.map(primes, spans[:5])))
"""


def task(agent):
    done = agent.run("python", argv=["python3", "primes.py"], files={"primes.py": PROGRAM})
    assert done.good() == "17984 False\n5133\n"
    assert done.usage["tasks_peak"] >= 5
    # The same, typed at the interpreter: what it defines is there for its workers too.
    done = agent.run("python", PROGRAM)
    assert done.good() == "17984 False\n5133\n"
