"""Submit: the form, its plan, and what a form may not name."""

from __future__ import annotations

import io
import os
import re
import time
from pathlib import Path

import pytest

from sdq.web.drafts.words import TITLES
from sdq_core.printable import quote
from tests.images.image_factory import picture
from tests.web.forms import PAGE, plan, send
from tests.web.site import BEARER, Site


def png() -> bytes:
    file = io.BytesIO()
    picture(128, 128).save(file, "png")
    return file.getvalue()


def problems(text: str) -> list[str]:
    """Return what is refused by line."""
    found = re.search(r'<ul class="problems".*?</ul>', text, re.DOTALL)
    return re.findall(r"<li>(.*?)</li>", found[0]) if found else []


def seeds(text: str) -> list[str]:
    return re.findall(r"<small>seeds ([^ ]+)", text)


def test_a_form_shows_its_plan_and_one_button_stores_it_once(own_site: Site) -> None:
    assert 'name="prompts"' in own_site.ask("/submit", headers=PAGE).text
    assert not own_site.queue.home.exists()  # to look makes nothing
    prompts = "a lighthouse in the snow\na {red|blue} boat --seed -1 --steps 5\n# no prompt"
    address, text = plan(own_site, {"prompts": prompts, "count": "30"})
    assert "31 images to draw in 3 slices" in text
    assert "line 2 &#39;{red|blue}&#39;" in text  # the hint of `--dry-run`
    assert "1 comment line skipped" in text
    assert not (own_site.queue.home / "sdq.db").exists()
    assert seeds(own_site.ask(address, headers=PAGE).text) == seeds(text)
    for _ in range(2):  # as by a double click
        stored = own_site.post(address)
        assert (stored.status, stored.headers["location"]) == (
            303,
            "/batches/1?did=submit&of=1",
        )
    (batch,) = own_site.queue.batches()
    assert (batch.name, batch.status().total) == ("prompts", 31)
    drawn = own_site.app.state.sources.ledger.batches.image(1, 2, int(seeds(text)[1]))
    assert drawn is not None  # the random seed that was shown
    again = own_site.ask(address, headers=PAGE).text
    assert "nothing new" in again
    assert "<button>Queue" not in again
    assert '<a href="/batches/1">To batch prompts</a>' in again
    assert "prompts is queued." in own_site.ask(stored.headers["location"], headers=PAGE).text


def test_files_are_planned_with_what_the_form_says_and_kept_for_another_plan(
    own_site: Site,
) -> None:
    table = "prompt,seed\na house,1-3\na tree,\n"
    lines = '{"prompt": "a sea", "steps": 7, "tags": ["x"]}'
    address, text = plan(
        own_site,
        {
            "seeds": "5,6",
            "steps": "9,11",
            "scheduler": "PNDM",
            "name": "fields",
            "priority": "high",
        },
        [("trees.csv", table), ("C:\\seas\\sea.jsonl", lines)],
    )
    assert "Batch fields: 12 images" in text  # a line's own steps are no grid
    assert seeds(text)[:2] == ["1-3", "1-3"]
    assert "11 steps · guidance 7.5 · PNDM" in text
    assert "at the front of" not in text
    assert "high priority" in text
    former = {"former": address.rpartition("/")[2], "keep": "1"}
    text = plan(own_site, {**former, "seeds": "5"}, [("trees.csv", "prompt\na tree\n")])[1]
    assert "Batch trees: 2 images" in text
    assert "<code>sea.jsonl</code>" in text


def test_what_is_wrong_is_said_by_line_and_beside_its_field(site: Site) -> None:
    text = plan(
        site, {"prompts": "a boat --stps 5\na tree\na boat --seed x"}, [("a.csv", "prompt,x\na,b")]
    )[1]
    found = problems(text)
    assert found[0].startswith("line 1: unknown option")
    assert found[1].startswith("line 3: seeds")
    assert found[2].startswith("a.csv:1: ")
    assert "Queue " not in text
    for field, value, said in (
        ("steps", "0", "Steps is 0; use 1"),
        ("seeds", "9-1", "run backwards"),
        ("count", "1e3", "Write a whole number"),
        ("scheduler", "nobody", "use one of"),
        ("model", "/etc", "Use one of demo"),
        ("variant", "x", "use one of"),
        ("priority", "x", "Use one of high"),
        ("prompts", " ", "Write a prompt"),
    ):
        sent = {"prompts": "a"} | {field: value}
        answer = site.ask(send(site, sent).headers["location"], headers=PAGE)
        wrong = re.search(f'id="{field}-wrong" role="alert">([^<]+)<', answer.text)
        assert (answer.status, wrong is not None and said in wrong[1]) == (400, True), (
            field,
            wrong,
        )
    assert len(site.queue.batches()) == 1
    assert str(site.queue.home) not in text


def test_hints_and_refusals_name_what_the_form_has(site: Site) -> None:
    form = site.ask("/submit", headers=PAGE).text
    assert [title for title in TITLES.values() if title not in form] == []
    choices = "{a|b|c|d|e|f|g|h|i|j}" * 7
    for fields, said in (
        ({"prompts": "a red house", "name": "night"}, "write others, or random, into “Seeds”."),
        ({"prompts": "a (red:1.3) boat"}, "with “Weigh words” it counts"),
        ({"prompts": "a {red|blue} boat"}, "“Choices” makes prompts of them."),
        ({"prompts": "# a\na boat"}, "with “Draw lines as they stand” a # is text."),
        ({"prompts": "a boat --ar 16:9"}, "“Draw lines as they stand” draws it as words"),
        ({"prompts": "a <lora:boat:1>"}, "or tick “Draw lines as they stand”"),
        ({"prompts": "a", "dynamic": "random", "literal": "1"}, "Leave it or “Choices” out."),
        ({"prompts": choices, "dynamic": "combinatorial"}, "the most is 100,000; make them"),
        ({"prompts": '{"prompt": "a"}'}, "name the file .jsonl or .json and drop it on this page"),
        ({"prompts": "a __animal__", "dynamic": "random"}, "there is no folder"),
        ({"steps": "0"}, "use 1"),
        ({"negative_prompt": "a\x07"}, "The negative prompt contains the character U+0007"),
    ):
        text = plan(site, {"prompts": "a", **fields})[1]
        assert said in text, fields
        assert not re.search("--(literal|weighted|dynamic|batch|[a-z]+-[a-z]+)", text), fields
    text = plan(site, {"prompts": "a boat --batch sea"})[1]
    assert "unknown option &#39;--batch&#39;" in text  # what was written stays
    text = plan(site, {"prompts": "a boat --ar 16:9\n# b", "literal": "1"})[1]
    assert "Batch prompts: 2 images" in text


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("init_image", '{"prompt": "a", "init_image": "PATH"}'),
        ("mask", '{"prompt": "a", "init_image": "own.png", "mask": "PATH"}'),
        ("controlnet", '{"prompt": "a", "controlnet": "edges:PATH"}'),
    ],
)
def test_an_uploaded_line_names_no_picture_of_this_machine(
    site: Site, tmp_path: Path, what: str, line: str
) -> None:
    (tmp_path / "there.png").write_bytes(png())
    (site.queue.home / "web" / "drafts").mkdir(parents=True, exist_ok=True)
    (site.queue.home / "web" / "drafts" / "there.png").write_bytes(png())
    for path in (
        f"{tmp_path}/there.png",
        "../../there.png",
        "~/there.png",
        "there.png",
        "/dev/zero",
    ):
        name = path.rpartition("/")[2]
        lines = line.replace("PATH", path)
        text = plan(site, {}, [("lines.jsonl", lines), ("own.png", png())])[1]
        assert problems(text) == [
            f"lines.jsonl:1: {what} &#39;{name}&#39; was not sent along; add the picture to the files"
        ], path
    typed = plan(site, {"prompts": f"a --init-image {tmp_path}/there.png"})[1]
    assert problems(typed)[0].startswith(
        "line 1: init_image &#39;there.png&#39; was not sent along"
    )


def test_an_uploaded_line_names_no_model_by_a_path(site: Site, tmp_path: Path) -> None:
    for model in (str(tmp_path), "../models/x", "./demo", "nobody"):
        text = plan(site, {"prompts": f"a tree --model {model}"})[1]
        assert problems(text) == [
            f"line 1: there is no model {quote(model)} here; use one of demo, demo-turbo".replace(
                "'", "&#39;"
            )
        ]


def test_wildcards_are_those_of_the_data_folder_only(own_site: Site, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("hunter2\n")
    fields = {"prompts": "a __colour__ boat", "dynamic": "random"}
    assert "wildcards in the data folder" in problems(plan(own_site, fields)[1])[0]
    folder = own_site.queue.home / "wildcards"
    folder.mkdir()
    (folder / "colour.txt").write_text("red\n")
    assert "a red boat" in plan(own_site, fields)[1]
    for name in (f"{tmp_path}/secret", "../../secret", "../*"):
        text = plan(own_site, {"prompts": f"a __{name}__", "dynamic": "random"})[1]
        assert (len(problems(text)), "hunter2" in text) == (1, False), name


def test_a_picture_that_is_sent_along_is_drawn_from(own_site: Site) -> None:
    line = '{"prompt": "a house", "init_image": "photos/house.png", "strength": 0.4}'
    address, text = plan(own_site, {}, [("lines.jsonl", line), ("house.png", png())])
    assert "1 image to draw" in text, problems(text)
    assert "from house.png" in text
    assert own_site.post(address).status == 303
    assert len(list((own_site.queue.home / "inputs").rglob("*.png"))) == 1
    two = f'{line}\n{{"prompt": "a tree", "init_image": "others/house.png"}}'
    text = plan(own_site, {}, [("lines.jsonl", two), ("house.png", png())])[1]
    assert problems(text)[0].startswith(
        "lines.jsonl:2: init_image &#39;house.png&#39; is not the only"
    )


def test_a_file_is_kept_below_its_draft_whatever_it_is_called(site: Site, tmp_path: Path) -> None:
    address, text = plan(site, {}, [("../../../../escaped.txt", "a boat")])
    assert "1 image" in text
    kept = site.queue.home / "web" / "drafts" / address.rpartition("/")[2] / "files"
    assert [one.name for one in kept.iterdir()] == ["escaped.txt"]
    assert not list(tmp_path.rglob("escaped.txt"))
    for name in ("..", "../", "x.exe", "prompts", "a\tb.txt", f"{'a' * 300}.txt", "sheet.xlsx"):
        answer = send(site, {}, [(name, "a boat")])
        assert (answer.status, "Traceback" in answer.text) == (400, False), name
    assert send(site, {}, [("a.txt", "x"), ("b/a.txt", "y")]).status == 400
    assert site.ask("/submit/..%2f..%2fweb-token", headers=PAGE).status == 404
    assert site.ask(f"/submit/{'0' * 24}", headers=PAGE).status == 404


def test_only_a_form_of_bounded_size_and_from_a_page_of_ours_is_taken(site: Site) -> None:
    huge = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(10**9)}
    assert site.ask("/submit", "POST", BEARER | huge).status == 413
    assert send(site, {str(number): "x" for number in range(1100)}).status == 400
    assert send(site, {"prompts": "a" * 1_000_001}).status == 400
    theirs = PAGE | {"Sec-Fetch-Site": "cross-site"}
    assert send(site, {"prompts": "a"}, headers=theirs).status == 403
    address, _ = plan(site, {"prompts": "a"})
    assert site.ask(address, "POST", theirs).status == 403
    assert len(site.queue.batches()) == 1


def test_no_more_prompts_are_read_than_a_page_takes(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of millions would hold up all other plans until its end."""
    monkeypatch.setattr("sdq.web.drafts.planning.MOST_PROMPTS", 3)
    _, text = plan(site, {"prompts": "a\nb\nc"})
    assert problems(text) == []
    _, text = plan(site, {"prompts": "a\nb\nc\nd\n--wrong"})
    assert problems(text) == ["line 4: more than 3 prompts; submit them in parts"]


def test_drafts_are_gone_after_a_day(own_site: Site) -> None:
    address, _ = plan(own_site, {"prompts": "a"})
    folder = own_site.queue.home / "web" / "drafts" / address.rpartition("/")[2]
    os.utime(folder, (time.time() - 90_000,) * 2)
    plan(own_site, {"prompts": "b"})
    assert not folder.exists()
    assert "no longer kept" in own_site.ask(address, headers=PAGE).text


def test_a_read_only_server_shows_no_form(tmp_path: Path, redis_url: str) -> None:
    site = Site(tmp_path / "home", redis_url, read_only=True)
    try:
        text = site.ask("/submit", headers=PAGE).text
        assert "<form" not in text
        assert "takes nothing" in text
        assert send(site, {"prompts": "a"}).status == 403
    finally:
        site.close()
