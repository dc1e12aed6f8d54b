"""A process that has encoded once, and forks itself for each command line that it reads.

    python -P tests/warm_encoder.py SOURCE TARGET

encodes SOURCE, and then reads lines of JSON: the words of a command line, the file that stands for
standard error, and the most bytes that a file may have, or null. For each it writes the number of
the process that runs the command, and when that ends, its exit code (negative: the signal that
ended it). Importing and loading what is compiled are most of a short encode; here it is done once.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

from spritecodec import cli


class WarmEncoder:
    """The tests' end of such a process.

    Parameters
    ----------
    source, target : Path
        What it encodes first.
    """

    def __init__(self, source: Path, target: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__, str(source), str(target)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._errors = target.with_suffix(".errors")
        assert self._line() == "ready"

    def start(self, words: list[str], most: int | None = None) -> int:
        """Run a command; the number of its process."""
        assert self._process.stdin is not None
        print(json.dumps([words, str(self._errors), most]), file=self._process.stdin, flush=True)
        return int(self._line())

    def wait(self) -> tuple[int, str]:
        """The exit code of the command that runs, and what it wrote to standard error."""
        return int(self._line()), self._errors.read_text()

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def main() -> None:
    """Fork for each line of standard input."""
    answers = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the commands print
    assert cli.run(["encode", *sys.argv[1:], "--preset", "fast", "--lossless"]) == 0
    os.write(answers, b"ready\n")
    for line in sys.stdin:
        words, errors, most = json.loads(line)
        process = os.fork()
        if not process:
            os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
            if most is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
            sys.argv[1:] = words
            cli.main()
        os.write(answers, b"%d\n" % process)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        os.write(answers, b"%d\n" % code)


if __name__ == "__main__":
    main()
