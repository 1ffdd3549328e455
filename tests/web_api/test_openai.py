"""OpenAI's client where nobody draws, or where a test says what is drawn: what is wrong, lost or repeated."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import openai
import pytest
from click.testing import CliRunner

from sdq.cli import cli
from sdq.web.api import batch_input, uploads, waiting
from tests.acceptance.program import Program
from tests.api.drawing import draw
from tests.web_api.lines import ENDPOINT, created, line, results, uploaded
from tests.web_api.serving import Served, served, wait_until


@pytest.mark.parametrize(
    ("body", "param", "said"),
    [
        ({"prompt": " "}, "prompt", "prompt has to be a text."),
        ({"prompt": "a", "n": 11}, "n", "n has to be a whole number from 1 to 10."),
        ({"prompt": "a", "size": "big"}, "size", "size has to be written as 512x512, or auto."),
        ({"prompt": "a", "size": "512x512"}, "size", "demo cannot draw 512x512"),
        ({"prompt": "a", "extra_body": {"steps": 0}}, "steps", "num_inference_steps is 0"),
        ({"prompt": "a", "extra_body": {"seed": "x"}}, "seed", "seed has to be a whole number"),
        ({"prompt": "a", "extra_body": {"scheduler": "DDIN"}}, "scheduler", "did you mean DDIM"),
        ({"prompt": "a", "extra_body": {"steps": [9, 10]}}, "steps", "steps has to be one text or"),
        (
            {"prompt": "a", "extra_body": {"variant": "a,b"}},
            "variant",
            "variant has to be one text",
        ),
        ({"prompt": "a", "extra_body": {"stream": True}}, "stream", "Leave stream out"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(
    idle: Served, body: dict[str, Any], param: str, said: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        idle.client().images.generate(**body)
    error = refused.value
    assert (error.param, error.type) == (param, "invalid_request_error")
    assert said in error.message
    told = {"detail": "There is nothing at this address."}  # as AUTOMATIC1111's server does
    assert idle.ask("/sdapi/v1/nothing").json == told
    assert idle.queue.batches() == []


def test_what_there_is_not_is_said(idle: Served) -> None:
    client = idle.client()
    with pytest.raises(openai.NotFoundError, match="does not exist here") as refused:
        client.images.generate(prompt="a", model="dall-e-3")
    assert refused.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        client.images.generate(prompt="a", model="../../etc")
    for ask in (
        lambda: client.models.retrieve("dall-e-3"),
        lambda: client.files.retrieve("file-000000000000000000000000"),
        lambda: client.files.content("..%2f..%2fsdq.db"),
        lambda: client.files.content("file-output-1"),
        lambda: client.batches.retrieve("batch_1"),
        lambda: client.batches.cancel("batch_99999999999999999999"),
        lambda: client.batches.list(after="batch_7"),
    ):
        with pytest.raises(openai.NotFoundError):
            ask()
    assert [model.id for model in client.models.list()] == ["demo", "demo-turbo"]
    assert (client.models.retrieve("demo").owned_by, client.batches.list().data) == ("sdq", [])


def test_all_lines_that_cannot_be_used_are_named_and_nothing_is_queued(idle: Served) -> None:
    client = idle.client()
    for lines, said in (
        (
            [line("a"), {**line("b"), "url": "/v1/chat/completions"}, {**line("c"), "custom_id": 3}],
            "line 2: url has to be /v1/images/generations\nline 3: custom_id has to be a text\n",
        ),
        ([line("a"), line("b", steps=0)], "line 2: num_inference_steps is 0; use 1 to 1000\n"),
        ([line("a"), line("a", n=2)], "line 2: custom_id 'a' is already used by line 1\n"),
        ([line("a", size="64x64")], "line 1: demo cannot draw 64x64"),
        ([line("a"), line("b", response_format="url")], "all lines of a batch need the same response_format"),
        ([], "line 1: there is no request"),
    ):  # fmt: skip
        with pytest.raises(openai.BadRequestError) as refused:
            created(client, lines)
        assert said in refused.value.message
        assert refused.value.param == "input_file_id"
        assert refused.value.code == "invalid_batch"
    for content in (b'{"custom_id": "a"\xff}', b"{\n", b"\xff\xfe{"):
        file = client.files.create(file=("a.jsonl", content), purpose="batch")
        with pytest.raises(openai.BadRequestError, match="line 1: "):
            client.batches.create(input_file_id=file.id, endpoint=ENDPOINT, completion_window="24h")
    with pytest.raises(openai.BadRequestError, match="endpoint has to be"):
        client.batches.create(input_file_id="x", endpoint="/v1/embeddings", completion_window="24h")
    with pytest.raises(openai.BadRequestError, match="metadata may have"):
        created(client, [line("a")], metadata={"a": "b" * 513})
    assert idle.queue.batches() == []


def test_requests_that_were_not_drawn_are_in_the_file_of_errors(idle: Served) -> None:
    client = idle.client()
    batch = created(
        client,
        [
            line("good", seed=1),
            line("half", seed=2, n=2),
            line("bad", seed=3, response_format=None),
        ],
    )
    draw(idle.queue, failing=frozenset({3}))
    batch = client.batches.retrieve(batch.id)
    assert batch.status == "completed"
    assert batch.request_counts is not None
    assert batch.request_counts.to_dict() == {"total": 3, "completed": 1, "failed": 2}
    assert set(results(client, batch.output_file_id)) == {"good"}
    errors = results(client, batch.error_file_id)
    assert set(errors) == {"half", "bad"}
    response = errors["half"]["response"]
    assert (response["status_code"], response["body"]["error"]["message"]) == (500, "seed 3: NaN")


def test_a_cancelled_batch_has_what_was_drawn_and_says_what_was_not(idle: Served) -> None:
    client = idle.client()
    batch = created(client, [line("a", prompt="1"), line("b", prompt="2")])
    draw(idle.queue, slices=1)
    assert client.batches.retrieve(batch.id).status == "in_progress"
    assert client.batches.cancel(batch.id).status == "cancelled"
    batch = client.batches.retrieve(batch.id)
    assert set(results(client, batch.output_file_id)) == {"a"}
    assert results(client, batch.error_file_id)["b"]["error"]["code"] == "batch_cancelled"
    idle.queue.batch(batch.to_dict()["sdq"]["name"]).resume()  # type: ignore[index]
    draw(idle.queue)
    with pytest.raises(openai.ConflictError, match="status completed cannot be cancelled"):
        client.batches.cancel(batch.id)


def test_a_batch_asked_for_again_with_its_key_is_the_same_one(idle: Served) -> None:
    file_id = uploaded(idle.client(), [line("a")])
    body = {"input_file_id": file_id, "endpoint": ENDPOINT, "completion_window": "24h"}
    ids = [
        idle.ask("/v1/batches", body, **headers).json["id"]
        for headers in ({"idempotency_key": "k"}, {"idempotency_key": "k"}, {"idempotency_key": "l"}, {})
    ]  # fmt: skip
    assert ids == ["batch_1", "batch_1", "batch_2", "batch_3"]
    client = idle.client()
    assert [batch.id for batch in client.batches.list(limit=2)] == ["batch_3", "batch_2", "batch_1"]
    assert [batch.name for batch in idle.queue.batches()] == ["boats-3", "boats-2", "boats"]
    assert sum(batch.status().total for batch in idle.queue.batches()) == 3
    draw(idle.queue, slices=1)  # one image for all three


def test_uploaded_files_are_listed_read_and_deleted(
    idle: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = idle.client()
    ids = [uploaded(client, [line(str(number))]) for number in range(3)]
    listed = [file.id for file in client.files.list(limit=2)]
    assert sorted(listed) == sorted(ids)
    assert [file.id for file in client.files.list(order="asc")] == listed[::-1]
    assert json.loads(client.files.content(ids[0]).text) == line("0")
    assert client.files.delete(ids[0]).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.delete(ids[0])
    folder = idle.home / "web" / "files"
    left = folder / f"file-{'0' * 24}.jsonl"  # by a server that was killed
    left.write_bytes(b"half")
    os.utime(left, (1e9, 1e9))
    assert client.files.delete(uploaded(client, [line("a")])).deleted
    assert not left.exists()
    assert sorted(path.suffix for path in folder.iterdir()) == [".json"] * 2 + [".jsonl"] * 2
    with pytest.raises(openai.BadRequestError, match="purpose has to be batch"):
        client.files.create(file=("a", b"x"), purpose="fine-tune")
    monkeypatch.setattr(uploads, "MOST_BYTES", 10)
    with pytest.raises(openai.APIStatusError) as refused:
        uploaded(client, [line("a")])
    assert refused.value.status_code == 413
    monkeypatch.setattr(uploads, "MOST_BYTES", 1000)
    monkeypatch.setattr(uploads, "MOST_BYTES_IN_ALL", 300)
    with pytest.raises(openai.APIStatusError, match="Delete those"):
        uploaded(client, [line("a")])
    monkeypatch.setattr(batch_input, "MOST_REQUESTS", 2)
    monkeypatch.setattr(uploads, "MOST_BYTES_IN_ALL", 10_000)
    with pytest.raises(openai.BadRequestError, match="line 3: a batch may have 2 requests"):
        created(client, [line("a"), line("b"), line("c")])


def test_who_waits_is_told_that_nobody_draws(idle: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_WITHOUT_WORKER_S", 0.2)
    answer = idle.ask("/v1/images/generations", {"prompt": "a", "steps": 2, "seed": 1})
    assert (answer.status, answer.json["error"]["code"]) == (503, "unavailable")
    assert "No worker is running. Start one with `sdq worker`." in answer.json["error"]["message"]
    assert "x-should-retry" not in answer.headers
    without_seed = idle.ask("/v1/images/generations", {"prompt": "a", "steps": 2})
    assert (without_seed.status, without_seed.headers["x-should-retry"]) == (503, "false")
    draw(idle.queue)
    answer = idle.ask("/v1/images/generations", {"prompt": "a", "steps": 2, "seed": 1})
    assert len(answer.json["data"]) == 1
    (path,) = idle.home.glob("outputs/*/*/*-1.png")
    path.unlink()
    answer = idle.ask("/v1/images/generations", {"prompt": "a", "steps": 2, "seed": 1})
    assert (answer.status, answer.json["error"]["code"]) == (410, "file_lost")
    created(idle.client(), [line("lost", prompt="a", seed=1)])
    (lost,) = results(idle.client(), "file-output-2").values()
    assert lost["response"]["status_code"] == 200  # its address; the file is asked for later


def test_who_waits_goes_before_all_others_and_interrupts_only_itself(idle: Served) -> None:
    """Nobody draws here: what waits, waits until it is interrupted."""
    night = idle.queue.submit("the sea", seeds=range(9), batch="night").batch
    answers: list[Any] = []

    def ask() -> None:
        answers.append(
            idle.ask("/sdapi/v1/txt2img", {"prompt": "a tent", "steps": 2, "batch_size": 2})
        )

    waiter = threading.Thread(target=ask)
    waiter.start()
    wait_until(lambda: len(idle.queue.batches()) == 2)
    mine = idle.queue.batches()[0]
    assert (mine.status().priority, mine.status().at_front) == ("high", True)
    progress = idle.ask("/sdapi/v1/progress").json
    assert (progress["state"]["job_count"], progress["progress"]) == (1, 0.0)
    assert idle.ask("/sdapi/v1/interrupt", b"", method="POST").status == 200
    waiter.join(timeout=30)
    assert (answers[0].status, answers[0].json["images"]) == (200, [])
    assert (mine.status().state, night.status().state) == ("cancelled", "queued")
    waiter = threading.Thread(target=ask)
    waiter.start()
    wait_until(lambda: len(idle.queue.batches()) == 3)
    assert idle.queue.batches()[0].name == f"{mine.name}-2"
    idle.queue.batches()[0].cancel()
    waiter.join(timeout=30)
    assert mine.status().state == "cancelled"


def test_a_killed_server_loses_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    program = Program(home)
    home.mkdir()
    try:
        server = program.start("web", "--port", "0", stdout=-1)  # type: ignore[arg-type]
        assert server.stdout is not None
        url, _, token = server.stdout.readline().strip().partition("/?token=")
        client = openai.OpenAI(base_url=f"{url}/v1", api_key=token)
        batch = created(client, [line("a", seed=5)])
        server.kill()
        server.communicate()
        with served(home) as again:
            assert again.client().batches.retrieve(batch.id).input_file_id == batch.input_file_id
            draw(again.queue)
            assert set(results(again.client(), "file-output-1")) == {"a"}
            assert again.client().files.retrieve(batch.input_file_id).filename == "boats.jsonl"
    finally:
        program.close()


def test_hostile_requests_get_a_sentence(idle: Served) -> None:
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{idle.url}/v1", api_key="x" * 40).models.list()
    for path, body, headers, status in (
        ("/v1/batches", b"\xff", {}, 400),
        ("/v1/batches", b"[]", {}, 400),
        ("/v1/batches", b'{"a": ' * 100_000, {}, 400),
        ("/v1/batches", b'{"completion_window": "\\ud800"}', {}, 400),
        ("/v1/files", b"x", {"content_type": "multipart/form-data"}, 400),
        ("/v1/files", b"x", {"content_type": "multipart/form-data; boundary=x"}, 400),
        ("/v1/files", b"x", {}, 400),
        ("/v1/images/generations", {"prompt": "a"}, {"origin": "http://evil.example"}, 403),
        ("/v1/images/generations", {"prompt": "a\x00"}, {}, 400),
        ("/v1/images/generations", {"prompt": "a" * 200_000}, {}, 400),
        ("/v1/images/" + "0" * 64 + "-99999999999.png", None, {}, 404),
        ("/v1/images/..%2f..%2fsdq.db", None, {}, 404),
        ("/v1/batches?limit=1e9", None, {}, 400),
        ("/v1/nothing", None, {}, 404),
        ("/v1/models", b"", {}, 405),
    ):  # fmt: skip
        answer = idle.ask(path, body, **headers)  # type: ignore[arg-type]
        assert answer.status == status, (path, answer)
        assert isinstance(answer.json["error"]["message"], str)
        assert b"Traceback" not in answer.body
    assert idle.queue.batches() == []


def test_a_machine_without_room_says_so_and_is_well_afterwards(
    idle: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"{}" * 1_000_000  # more than is held in memory
    with monkeypatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
        with pytest.raises(
            openai.InternalServerError, match="This machine cannot do that now"
        ) as told:
            idle.client(max_retries=0).files.create(file=content, purpose="batch")
        assert (told.value.status_code, told.value.response.headers["retry-after"]) == (503, "5")
    assert idle.client().files.create(file=content, purpose="batch").bytes == len(content)


def test_a_server_that_only_shows_takes_no_batch(tmp_path: Path, redis_url: str) -> None:
    with served(tmp_path / "home", redis_url=redis_url, read_only=True) as running:
        with pytest.raises(openai.PermissionDeniedError, match="read-only"):
            uploaded(running.client(), [line("a")])
        assert running.client().batches.list().data == []


def test_the_command_line_prints_the_same_objects(idle: Served) -> None:
    created(idle.client(), [line("a", seed=5), line("b", n=2)], metadata={"for": "a friend"})
    idle.queue.submit(["a boat"], seeds=range(3), batch="by-hand")
    draw(idle.queue, slices=1)
    home = ("--home", str(idle.home))
    printed = CliRunner().invoke(cli, ["status", "--json", *home])
    assert json.loads(printed.stdout) == idle.ask("/v1/batches").json["data"]
    one = json.loads(CliRunner().invoke(cli, ["status", "batch_1", "--json", *home]).stdout)
    more = {name: one["sdq"].pop(name) for name in ("failed_images", "cut_prompts", "waiting")}
    assert one == idle.ask("/v1/batches/batch_1").json
    assert more["failed_images"] == []
