"""Files of batches."""

from __future__ import annotations

import json
from typing import Any

from openai import OpenAI
from openai.types import Batch

ENDPOINT = "/v1/images/generations"


def line(custom_id: str, **body: Any) -> dict[str, Any]:
    return {
        "custom_id": custom_id,
        "method": "POST",
        "url": ENDPOINT,
        "body": {"prompt": "a red boat", "steps": 2, **body},
    }


def created(client: OpenAI, lines: list[dict[str, Any]], **options: Any) -> Batch:
    """Upload the lines and create a batch of them."""
    return client.batches.create(
        input_file_id=uploaded(client, lines),
        endpoint=ENDPOINT,
        completion_window="24h",
        **options,
    )


def uploaded(client: OpenAI, lines: list[dict[str, Any]]) -> str:
    content = "\n".join(map(json.dumps, lines)).encode()
    return client.files.create(file=("boats.jsonl", content), purpose="batch").id


def results(client: OpenAI, file_id: str | None) -> dict[str, Any]:
    """Return the lines of a file of results by their custom ids."""
    assert file_id
    found = [json.loads(text) for text in client.files.content(file_id).text.splitlines()]
    by_id = {one["custom_id"]: one for one in found}
    assert len(by_id) == len(found)
    return by_id
