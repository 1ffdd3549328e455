"""What happened to a batch, or since a time, for `sdq report`."""

from db.summaries.summaries import Summaries

__all__ = ["Summaries"]
