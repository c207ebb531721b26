# SPDX-License-Identifier: LGPL-2.1-or-later

"""Run my old quiz script and answer its questions for me."""

QUIZ = """
name = input("Who are you? ")
right = 0
for a, b in [(6, 7), (12, 12), (19, 3)]:
    right += int(input(f"{a} x {b} = ")) == a * b
print(f"{name}: {right} of 3")
with open("score.txt", "w") as score:
    print(name, right, file=score)
"""


def task(agent):
    sandbox = agent.open("python", files={"quiz.py": QUIZ})
    running = sandbox.start(argv=["python3", "quiz.py"], stdin_open=True)
    running.wait_output(b"Who are you? ", timeout=120).write("Zoë\n".encode())
    for question, answer in ((b"6 x 7 = ", b"42\n"), (b"12 x 12 = ", b"144\n"), (b"19 x 3 = ", b"5\n")):
        running.wait_output(question).write(answer)
    assert agent.finish(running).good().endswith("Zoë: 2 of 3\n")
    assert sandbox.get("score.txt").decode() == "Zoë 2\n"
    # All answers known beforehand; and one too few.
    done = sandbox.code(QUIZ, stdin="Ann\n42\n144\n57\n")
    assert done.good().endswith("Ann: 3 of 3\n")
    short = sandbox.code(QUIZ, stdin="Ann\n42\n")
    assert short.error["name"] == "EOFError"
