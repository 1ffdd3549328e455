"""ComfyUI's nodes and their links, as its `prompt` has them or made of its `workflow`.

    {"3": {"class_type": "KSampler", "inputs": {"seed": 42, "positive": ["6", 0]}}, ...}

A link is the number of a node and of its output. https://github.com/comfyanonymous/ComfyUI/blob/master/nodes.py
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from producer.foreign.json_text import dict_of, list_of
from sdq_core.errors import InputError

MAX_NODES = 10_000
#: How many nodes a value is followed through.
_MOST_HOPS = 20

#: The widgets of a node in the order in which `workflow` lists their values; None for what is no input.
_WIDGETS: Mapping[str, tuple[str | None, ...]] = {
    "KSampler": ("seed", None, "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSamplerAdvanced": ("add_noise", "noise_seed", None, "steps", "cfg", "sampler_name", "scheduler"),
    "CLIPTextEncode": ("text",),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "UNETLoader": ("unet_name",),
    "LoraLoader": ("lora_name",),
    "EmptyLatentImage": ("width", "height"),
    "EmptySD3LatentImage": ("width", "height"),
    "CLIPSetLastLayer": ("stop_at_clip_layer",),
    "SamplerCustom": ("add_noise", "noise_seed", None, "cfg"),
    "RandomNoise": ("noise_seed",),
    "KSamplerSelect": ("sampler_name",),
    "BasicScheduler": ("scheduler", "steps", "denoise"),
    "PrimitiveNode": ("value",),
}  # fmt: skip
#: What nodes call a value that they only hold.
_ANY_VALUE = ("value", "int", "float", "number", "string")
#: Modes of nodes that do nothing.
_MUTED = (2, 4)


@dataclass(frozen=True, eq=False)
class Node:
    """A node: its kind, and its inputs by name in small letters, values or links."""

    kind: str
    inputs: Mapping[str, Any]


class Graph:
    """Nodes by their numbers. Links may lead anywhere, also in circles."""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        if len(nodes) > MAX_NODES:
            raise InputError(f"its workflow has more than {MAX_NODES:,} nodes")
        self.nodes = nodes

    def behind(self, link: Any) -> Node | None:
        """Return the node that a link leads to, None for what is no link or leads nowhere."""
        if not isinstance(link, list) or len(link) != 2 or isinstance(link[0], list | dict):
            return None
        return self.nodes.get(str(link[0]))

    def upstream(
        self, *starts: Node, follow: Callable[[Node, str], bool] = lambda _node, _name: True
    ) -> Iterator[Node]:
        """Yield nodes and those that their inputs come from, the nearest first, each once.

        follow: whether to go along an input, by its node and name.
        """
        waiting, seen = deque(starts), set(starts)
        while waiting:
            node = waiting.popleft()
            yield node
            for name, value in node.inputs.items():
                before = self.behind(value)
                if before is not None and before not in seen and follow(node, name):
                    seen.add(before)
                    waiting.append(before)

    def value(self, node: Node, *names: str) -> Any:
        """Return a node's value by any of some names, followed along links; None without one."""
        for _ in range(_MOST_HOPS):
            found = next((node.inputs[name] for name in names if name in node.inputs), None)
            before = self.behind(found)
            if found is None and len(node.inputs) == 1:  # a node that only passes something on
                before = self.behind(*node.inputs.values())
            if before is None:
                return None if isinstance(found, list | dict) else found
            node, names = before, (*names, *_ANY_VALUE)
        return None


def graph_of_prompt(prompt: Mapping[str, Any]) -> Graph:
    """Return the graph of `prompt`."""
    nodes = {
        str(number): Node(str(node["class_type"]), _named(dict_of(node.get("inputs"))))
        for number, node in prompt.items()
        if isinstance(node, dict) and "class_type" in node
    }
    return Graph(nodes)


def graph_of_workflow(workflow: Mapping[str, Any]) -> Graph:
    """Return the graph of `workflow`, in which widgets have no names: those of the usual nodes are known."""
    sources: dict[Any, str] = {}
    for link in list_of(workflow.get("links")):
        if isinstance(link, list) and len(link) > 3 and isinstance(link[0], int):
            sources[link[0]] = str(link[1])
        elif isinstance(link, dict) and isinstance(link.get("id"), int):
            sources[link["id"]] = str(link.get("origin_id"))
    nodes: dict[str, Node] = {}
    for node in list_of(workflow.get("nodes")):
        if not isinstance(node, dict) or node.get("mode") in _MUTED:
            continue
        kind, values = str(node.get("type")), node.get("widgets_values")
        if isinstance(values, dict):
            inputs = dict(values)
        else:
            named = zip(_WIDGETS.get(kind, ()), list_of(values), strict=False)
            inputs = {name: value for name, value in named if name}
        for slot in list_of(node.get("inputs")):
            link = slot.get("link") if isinstance(slot, dict) else None
            if isinstance(link, int) and link in sources:
                inputs[str(slot.get("name"))] = [sources[link], 0]
        nodes[str(node.get("id"))] = Node(kind, _named(inputs))
    return Graph(nodes)


def _named(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name).lower(): value for name, value in inputs.items()}
