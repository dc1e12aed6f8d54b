"""Processes that work beside this one, behind the interface of `concurrent.futures.Executor`.

`concurrent.futures.ProcessPoolExecutor` gives everything up when one process dies, does not say
which call killed it, and needs a guard in the script that uses it. Here each process belongs to
one thread, so that only the call that it worked on fails.
"""

from __future__ import annotations

import contextlib
import json
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

PATIENCE = 10.0
"""Seconds in which a process that is asked to end may tidy up."""

# With the module search path of this process, so that what can be called here can be called there.
_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop()); "
    "from spritecodec.batch.worker import serve; serve()"
)


class WorkerDied(BrokenExecutor):
    """The process that worked on a call has died; another call will get a new one."""


class _Worker:
    """One process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _BOOT, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def call(self, request: bytes) -> Any:
        """Let the process work; returns or raises what the call did.

        Raises
        ------
        WorkerDied
            The process died.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(request)
            stdin.flush()
            fine, value = pickle.load(stdout)
        except (OSError, ValueError, EOFError, pickle.UnpicklingError) as error:
            self.end()
            raise WorkerDied(self._death()) from error
        if not fine:
            raise value
        return value

    def _death(self) -> str:
        """How the process ended, as a sentence."""
        code = self._process.returncode
        if code == -signal.SIGTERM:
            return "the process that worked on it was terminated"
        if code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
            likely = ", as happens where memory runs out" if code == -9 else ""
            return f"the process that worked on it {how}{likely}"
        return f"the process that worked on it ended with the exit code {code}"

    def end(self) -> None:
        """End the process: at once where it waits, else as soon as it has tidied up."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def terminate(self) -> None:
        """Ask the process to end; `end` waits for it."""
        self._process.terminate()


class WorkerPool(Executor):
    """Calls functions in processes, which are started when they are first needed.

    A function, its arguments and what it returns must be picklable. Where a process dies, the
    call that it worked on raises `WorkerDied`; all other calls go on.

    Parameters
    ----------
    count : int
        Processes, at least 1.
    """

    def __init__(self, count: int) -> None:
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="spritecodec-worker")
        self._local = threading.local()
        self._lock = threading.Lock()
        self._workers: set[_Worker] = set()
        self._stopped = False

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """See `concurrent.futures.Executor.submit`."""
        request = pickle.dumps((fn, args, kwargs))
        return self._threads.submit(self._call, request)

    def _call(self, request: bytes) -> Any:
        worker = self._own()
        try:
            return worker.call(request)
        except WorkerDied:
            self._local.worker = None
            with self._lock:
                self._workers.discard(worker)
            raise

    def _own(self) -> _Worker:
        """The process of this thread."""
        worker: _Worker | None = getattr(self._local, "worker", None)
        if worker is None:
            with self._lock:
                if self._stopped:
                    raise WorkerDied("the work was stopped")
                worker = _Worker()
                self._workers.add(worker)
            self._local.worker = worker
        return worker

    def stop(self) -> None:
        """End the calls that are being worked on, and cancel those that wait."""
        with self._lock:
            self._stopped = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            for worker in self._workers:
                worker.terminate()
        self.shutdown()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """See `concurrent.futures.Executor.shutdown`."""
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
        if wait:
            with self._lock:
                workers, self._workers = self._workers, set()
            for worker in workers:
                worker.end()
