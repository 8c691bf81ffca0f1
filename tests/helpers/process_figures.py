"""What a process holds of memory and handles."""

import ctypes
import gc
import os
import sys

import psutil


class MallInfo(ctypes.Structure):
    """glibc's ``struct mallinfo2``; what it does not tell us is unnamed."""

    _fields_ = (
        ("_arenas", ctypes.c_size_t * 4),
        ("mapped", ctypes.c_size_t),
        ("_unused", ctypes.c_size_t * 2),
        ("allocated", ctypes.c_size_t),
        ("_free", ctypes.c_size_t * 2),
    )


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
COUNTS_BYTES = hasattr(_libc, "mallinfo2")
"""Does the C library count the bytes that are allocated?"""
if COUNTS_BYTES:
    _libc.mallinfo2.restype = MallInfo
SLACK = 2**18 if COUNTS_BYTES else 6 * 2**20
"""Bytes by which `memory` may differ though nothing leaks."""


def memory() -> int:
    """Bytes that C code of this process has allocated and not freed; elsewhere those resident.

    The latter grow and shrink by megabytes also where nothing leaks: what the C library keeps of
    freed memory depends on the order in which threads free it.
    """
    gc.collect()
    if not COUNTS_BYTES:
        return psutil.Process().memory_info().rss
    info = _libc.mallinfo2()
    return int(info.allocated + info.mapped)


def figures() -> tuple[int, int]:
    """Bytes of memory, as `memory` counts them, and open handles of this process."""
    held = memory()  # it collects garbage first, whose handles would be counted and closed later
    process = psutil.Process()
    return held, process.num_handles() if os.name == "nt" else process.num_fds()
