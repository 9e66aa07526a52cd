"""A process that does one piece of work for `dashboard.shared.jobs` and ends: `python -m dashboard.worker`.

It reads a pickled (function, arguments) from its input and writes pickled messages: ("share", share, note), then
("done", the pickled result) or ("failed", sentence). The function's first argument is `progress(share, note="")`.
"""

import contextlib
import os
import pickle
import sys
import threading
import traceback
from typing import BinaryIO

NICENESS = 5  # a click in the app goes before work that somebody waits for anyway


def main() -> None:
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed goes where the server's log goes
    with contextlib.suppress(OSError, AttributeError):  # Windows has none
        os.nice(NICENESS)
    function, arguments = pickle.load(sys.stdin.buffer)
    worked = threading.Event()
    threading.Thread(target=end_with_server, args=(worked,), daemon=True).start()
    last = do(function, arguments, lambda share, note="": send(channel, ("share", share, note)))
    worked.set()  # first: the server closes its end as soon as it has read the message
    send(channel, last)


def do(function, arguments: tuple, progress) -> tuple:
    """The last message of the work: its result, or one sentence about what went wrong."""
    try:
        return "done", pickle.dumps(function(progress, *arguments))
    except (ValueError, OSError) as error:
        return "failed", str(error)
    except Exception as error:
        traceback.print_exc()
        return "failed", f"This went wrong: {type(error).__name__}: {error}."


def send(channel: BinaryIO, message: tuple) -> None:
    pickle.dump(message, channel)
    channel.flush()


def end_with_server(worked: threading.Event) -> None:
    """End when the server is gone: its end of the pipe closes, however it ended; 0 where the work was done by then."""
    while os.read(0, 1):  # not through sys.stdin, whose lock Python wants when the work has ended
        pass
    os._exit(not worked.is_set())


if __name__ == "__main__":
    main()
