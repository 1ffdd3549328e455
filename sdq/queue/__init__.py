"""sdq in Python, for notebooks and scripts: submit prompts, follow batches, read what was drawn (docs/python.md).

What is public here stays as it is; everything else of sdq may change. Nothing prints, handles signals or ends the
process, and what is wrong is raised as an error of `sdq_core.errors`. Libraries are imported where they are needed.
"""

from sdq.queue.batch import Batch, Failure
from sdq.queue.image import Image
from sdq.queue.queue import Queue
from sdq.queue.status import Status
from sdq.queue.submission import Submission

__all__ = ["Batch", "Failure", "Image", "Queue", "Status", "Submission"]
