"""`sdq doctor`: what this installation is made of, what is wrong with it, and whether it draws as it should.

It looks and changes nothing: no data folder, no ledger, no Redis comes into being by being asked for; what could not be
told without is named as not tried. Nothing secret gets into a report, which is meant to be pasted where others read it.
"""

from sdq.doctor.examination import examine
from sdq.doctor.report import Report

__all__ = ["Report", "examine"]
