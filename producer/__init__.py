"""Plans: prompt files -> recipes and slices -> ledger rows -> Redis.

The way in: `read_prompts` gives prompt lines, `plan_batch` makes the plan that the ledger takes.
"""

from producer.plan import Defaults, plan_batch
from producer.prompts import PromptLine
from producer.reading import PromptFormat, PromptSource, describe_source, read_prompts

__all__ = [
    "Defaults",
    "PromptFormat",
    "PromptLine",
    "PromptSource",
    "describe_source",
    "plan_batch",
    "read_prompts",
]
