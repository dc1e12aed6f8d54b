"""What a process of a `WorkerPool` does: calls functions, one after another."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from queue import SimpleQueue
from types import FrameType
from typing import Any

from spritecodec.batch.workers import PATIENCE


class _State:
    """Whether this process works on a call, and whether it was asked to end."""

    busy = False
    ended = False


def heed() -> None:
    """End the work where this process was asked to; nothing in a process that is no worker.

    To be called now and then: what is raised while compiled code calls back is lost.
    """
    if _State.ended:
        raise KeyboardInterrupt


def serve() -> None:
    """Read calls from standard input, and write what they return to standard output."""
    # Whatever is printed must not get between the answers.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    # Ctrl-C and a closed terminal reach every process; the one that started this one decides.
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    sys.unraisablehook = lambda _: None
    requests: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    while (request := requests.get()) is not None:
        _State.busy = True
        try:
            answer = _answer(*request)
        except KeyboardInterrupt:
            sys.exit(128 + signal.SIGTERM)
        _State.busy = False
        out.write(answer)
        out.flush()


def _end(number: int, frame: FrameType | None) -> None:
    _State.ended = True
    if not _State.busy:
        os._exit(128 + number)
    raise KeyboardInterrupt


def _read(requests: SimpleQueue[Any]) -> None:
    """Hand on what comes in; end this process when there is nobody left who would ask."""
    while True:
        try:
            requests.put(pickle.load(sys.stdin.buffer))
        except EOFError:
            break
        except Exception as error:  # the function's module cannot be imported, for example
            requests.put((_raise, (error,), {}))
    requests.put(None)
    if _State.busy:
        os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE)
    os._exit(1)


def _raise(error: Exception) -> None:
    raise error


def _answer(function: Any, args: Any, kwargs: Any) -> bytes:
    """What a call returned or raised, pickled."""
    try:
        return pickle.dumps((True, function(*args, **kwargs)))
    except Exception as error:
        try:
            answer = pickle.dumps((False, error))
            pickle.loads(answer)
        except Exception:
            return pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}")))
        return answer
