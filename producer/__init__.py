"""Plans: prompt files -> recipes and slices -> ledger rows -> Redis.

`read_prompts` reads prompt lines, `plan_batch` makes the plan that the ledger takes.
"""

from producer.planning.defaults import Defaults
from producer.planning.plan import plan_batch
from producer.reading.files import PromptFormat, PromptSource, describe_source, read_prompts
from producer.reading.prompt_line import PromptLine
from producer.reading.remarks import Remarks

__all__ = [
    "Defaults",
    "PromptFormat",
    "PromptLine",
    "PromptSource",
    "Remarks",
    "describe_source",
    "plan_batch",
    "read_prompts",
]
