# SPDX-License-Identifier: LGPL-2.1-or-later

"""The tests of this package fail. Find out why, put it right, and show that they pass."""

FILES = {
    "bag/__init__.py": "",
    "bag/median.py": """def median(numbers):
    numbers = sorted(numbers)
    middle = len(numbers) // 2
    if len(numbers) % 2:
        return numbers[middle]
    return (numbers[middle] + numbers[middle + 1]) / 2
""",
    "tests/test_median.py": """from bag.median import median


def test_odd():
    assert median([3, 1, 2]) == 2


def test_even():
    assert median([4, 1, 3, 2]) == 2.5


def test_two():
    assert median([1, 2]) == 1.5
""",
}
TEST = ("python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--color=no", "tests")


def task(agent):
    sandbox = agent.open("python", files=FILES)
    failed = sandbox.argv(*TEST)
    assert (failed.status, failed.exit_code) == ("exited", 1)
    assert "2 failed, 1 passed" in failed.out
    # The traceback leads to the line.
    assert "bag/median.py:6: IndexError" in failed.out
    assert "numbers[middle] + numbers[middle + 1]" in failed.out

    # Tried at the prompt first; then the file is changed.
    assert sandbox.code("numbers = sorted([1, 2]); middle = len(numbers) // 2\n"
                        "(numbers[middle - 1] + numbers[middle]) / 2").value == "1.5"
    source = sandbox.get("bag/median.py").decode()
    sandbox.put("bag/median.py", source.replace("numbers[middle] + numbers[middle + 1]",
                                                "numbers[middle - 1] + numbers[middle]"))
    assert "3 passed" in sandbox.argv(*TEST).good()
    assert sandbox.list("tests").keys() == {"test_median.py"}
