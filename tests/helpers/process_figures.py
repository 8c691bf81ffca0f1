"""What a process holds of memory and handles."""

import gc
import os

import psutil


def figures() -> tuple[int, int]:
    """Resident bytes and open handles of this process."""
    gc.collect()
    process = psutil.Process()
    handles = process.num_handles() if os.name == "nt" else process.num_fds()
    return process.memory_info().rss, handles
