"""What comes with sdq: the demo model, one distilled from it, and a ControlNet for that one."""

from __future__ import annotations

from pathlib import Path

#: The model that is drawn with if none is named, and one distilled from it to four steps.
DEMO, DEMO_TURBO = "demo", "demo-turbo"
BUNDLED = (DEMO, DEMO_TURBO)
#: The ControlNets. No model may have such a name either, nor a ControlNet a model's.
BUNDLED_NETS = ("demo-edges",)
RESERVED = (*BUNDLED, *BUNDLED_NETS)

DEMO_ROOT = Path(__file__).resolve().parents[1] / "demo_model"
