"""Heavy work in processes of its own: shared, queued, cancelled, killed."""

import os
import signal
import time

import numpy as np
import pytest

from dashboard.shared.jobs import Queue, QueueFull
from tests.dashboard.shared import errands

PATIENCE = 300  # seconds; a crowded machine starts a process slowly


@pytest.fixture
def queue():
    made = Queue(workers=1, waiting=2, kept_bytes=10_000)
    yield made
    made.close()


def ended(job):
    assert job.ended.wait(PATIENCE)
    return job


def begun(file):
    """The number of the process that works on the file."""
    end = time.monotonic() + PATIENCE
    while not (file.exists() and file.read_text()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return int(file.read_text())


def gone(process):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def test_the_same_work_asked_for_twice_is_one_job_and_its_result_stays(queue):
    first = queue.submit("sum", errands.add, 2, 3, viewer="a")
    assert queue.submit("sum", errands.add, 2, 3, viewer="b") is first
    assert ended(first).value == 5 and first.state == "done" and (first.share, first.note) == (0.5, "adding")
    assert queue.find("sum") is first and queue.submit("sum", errands.add, 2, 3) is first
    assert first.process.wait(PATIENCE) == 0


def test_what_goes_wrong_is_one_sentence(queue):
    assert ended(queue.submit("refused", errands.refuse)).sentence == "There is nothing to do."
    assert ended(queue.submit("odd", errands.stumble)).sentence == "This went wrong: KeyError: 'missing'."
    assert ended(queue.submit("unknown", lambda progress: 1)).state == "failed"  # nobody finds it by its name


def test_work_waits_in_line_and_a_full_queue_says_so(queue, tmp_path):
    file = tmp_path / "first"
    first = queue.submit(1, errands.wait_for, str(file))
    begun(file)
    second, third = (queue.submit(key, errands.add, key, 0) for key in (2, 3))
    assert [queue.place(job) for job in (first, second, third)] == [0, 1, 2] and queue.counts()[:2] == (1, 2)
    with pytest.raises(QueueFull, match="2 pieces of work are waiting"):
        queue.submit(4, errands.add, 4, 0)
    file.unlink()
    assert (ended(first).value, ended(second).value, ended(third).value) == ("gone", 2, 3)


def test_a_cancelled_job_ends_its_process_and_the_next_begins(queue, tmp_path):
    file = tmp_path / "first"
    first = queue.submit(1, errands.wait_for, str(file), viewer="a")
    second = queue.submit(2, errands.add, 1, 1)
    process = begun(file)
    queue.cancel(first, "a")
    assert first.state == "cancelled" and gone(process) and ended(second).value == 2
    queue.forget(first)
    assert queue.find(1) is None


def test_one_viewer_does_not_cancel_what_another_waits_for(queue, tmp_path):
    file = tmp_path / "shared"
    job = queue.submit(1, errands.wait_for, str(file), viewer="a")
    queue.submit(1, errands.wait_for, str(file), viewer="b")
    begun(file)
    queue.cancel(job, "a")
    assert job.state == "running"
    file.unlink()
    assert ended(job).value == "gone"


def test_a_job_is_cancelled_for_all_who_asked_for_it(queue, tmp_path):
    """One of them may have closed the tab."""
    file = tmp_path / "shared"
    job = queue.submit(1, errands.wait_for, str(file), viewer="a")
    queue.submit(1, errands.wait_for, str(file), viewer="b")
    begun(file)
    queue.cancel(job, "a", "b")
    assert ended(job).state == "cancelled"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_a_killed_process_takes_only_its_own_job_with_it(queue, tmp_path):
    file = tmp_path / "first"
    first, second = queue.submit(1, errands.wait_for, str(file)), queue.submit(2, errands.add, 1, 1)
    os.kill(begun(file), signal.SIGKILL)
    assert ended(first).state == "failed" and "ended from outside" in first.sentence
    assert ended(second).value == 2


def test_the_oldest_results_go_first(queue):
    jobs = [ended(queue.submit(n, errands.add, np.zeros(500), n)) for n in range(4)]  # 4 kB each
    assert [queue.find(job.key) for job in jobs] == [None, None, *jobs[2:]] and queue.counts()[2] <= 10_000
