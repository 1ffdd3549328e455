"""`sdq doctor`: what this installation consists of, what is wrong with it, and whether it draws what it should.

It only looks: examining a data folder, a ledger or a Redis never creates one. (Only the portrait of a model that is
asked for by name is recorded, in the data folder.) What cannot be examined that way is
listed as not tried. A report contains no secrets, because it is meant to be pasted where others read it.
"""

from sdq.doctor.examination import examine
from sdq.doctor.portrayal import Subject
from sdq.doctor.report import Report

__all__ = ["Report", "Subject", "examine"]
