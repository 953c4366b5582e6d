"""What the system lacks is found in errors, in their causes and in the texts of libraries, and named alike."""

import errno

import numpy as np
import pytest

from data.system.faults import explain, explain_text


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (OSError("[Errno 28] No space left on device [while running 'Write']"), "the disk is full"),
        (RuntimeError("RESOURCE_EXHAUSTED: /srv/x; No space left on device"), "the disk is full"),
        (OSError(errno.EROFS, "Read-only file system", "/srv/x"), "the file system is read-only"),
        (OSError(errno.EMFILE, "Too many open files"), "the process may open no more files"),
        (OSError(errno.EFBIG, "File too large"), "a file would become larger than a limit allows"),
        (OSError(errno.EIO, "Input/output error"), "the system reports an error"),
        (RuntimeError("can't start new thread"), "the system allows no more processes or threads"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "the system allows no more processes"),
        (MemoryError(), "there is not enough memory"),
        (RuntimeError("std::bad_alloc"), "there is not enough memory"),
        (FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"), "no folder for temporary"),
    ],
    ids=str,
)
def test_a_fault_of_the_system_is_named_with_a_remedy(error, what):
    found = explain(error)
    assert found is not None
    assert found.what.startswith(what)
    assert "run the same command again" in found.remedy
    wrapped = ValueError("a library failed")
    wrapped.__cause__ = error
    assert explain(wrapped).what == found.what


def test_an_array_that_is_too_large_is_a_lack_of_memory():
    with pytest.raises(MemoryError) as caught:
        np.ones(2**50)
    assert explain(caught.value).what == "there is not enough memory"


def test_the_file_is_named_if_the_system_names_it():
    assert explain(OSError(errno.EROFS, "?", "/srv/x")).where == "/srv/x"


def test_other_errors_are_not_explained():
    assert explain(ValueError("wrong")) is None
    assert explain(FileNotFoundError(errno.ENOENT, "No such file or directory", "x")) is None
    assert explain_text("epoch 1/2: loss 0.1") is None
