"""A report in one line, which fits into the title of an issue or a table of machines."""

from __future__ import annotations

from sdq.doctor.report import Report

#: What computes, where it is installed.
_LIBRARIES = ("coremltools", "onnxruntime", "openvino", "python_coreml_stable_diffusion")
_ABSENT = "not installed"


def one_line(report: Report) -> str:
    """Return versions, machine and what came of each drawing."""
    facts = {section.title: {f.name: f.text for f in section.facts} for section in report.sections}
    machine, libraries = facts["Machine"], facts["Libraries"]
    python = machine["Python"].partition(" ")[0]
    computes = [f"{name} {libraries[name]}" for name in _LIBRARIES if libraries[name] != _ABSENT]
    drawn = [f"{name} {text.partition(',')[0]}" for name, text in facts["Drawing"].items()]
    count = len(report.problems)
    return "; ".join(
        [
            ", ".join([f"sdq {libraries['sdq']}", machine["system"], machine["chip"], f"Python {python}", *computes]),
            ", ".join(drawn) or "nothing drawn",
            f"{count or 'no'} {'problem' if count == 1 else 'problems'}",
        ]
    )  # fmt: skip
