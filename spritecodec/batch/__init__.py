"""Many files: which ones, in how many processes, and what became of each."""

from __future__ import annotations

from spritecodec.batch.jobs import Job, find_jobs
from spritecodec.batch.page import summary_page
from spritecodec.batch.run import BatchReport, BatchRow, encode_many
from spritecodec.batch.workers import WorkerDied, WorkerPool

__all__ = [
    "BatchReport",
    "BatchRow",
    "Job",
    "WorkerDied",
    "WorkerPool",
    "encode_many",
    "find_jobs",
    "summary_page",
]
