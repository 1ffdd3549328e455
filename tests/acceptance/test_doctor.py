"""`sdq doctor` as a user calls it: on a well machine, on broken ones, and without a word too many."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from PIL import Image

import sdq_core
from db.ledger import Ledger
from sdq.doctor.drawing import ALIKE_DB
from sdq.doctor.references import FOLDER, references
from sdq_core.images.encode import encode_png
from sdq_core.images.metadata import ImageMetadata
from sdq_core.images.read import read_record
from sdq_core.models import DEMO, ModelStore
from sdq_core.queue.server import find_redis_server
from tests.acceptance.program import Program

SOURCES = Path(sdq_core.__file__).resolve().parents[1]


def examined(
    program: Program, *arguments: str, code: int = 0, timeout_s: float = 90, **environment: str
) -> Any:
    """Run it and give its report; nothing may be left in the temporary folder."""
    temporary = program.home.parent / "temporary"
    temporary.mkdir(exist_ok=True)
    result = program.run(
        "doctor",
        "--json",
        *arguments,
        code=code,
        timeout_s=timeout_s,
        TMPDIR=str(temporary),
        **environment,
    )
    assert list(temporary.glob("*sdq*")) == []  # ONNX Runtime leaves a file of its own there
    assert "Traceback" not in result.stderr
    report = json.loads(result.stdout)
    assert report["well"] is (code == 0)
    assert report["problems"] == [
        problem for section in report["sections"].values() for problem in section["problems"]
    ]
    return report


def facts(report: Any, section: str) -> Any:
    return report["sections"][section]["facts"]


def files_below(folder: Path) -> dict[Path, float]:
    return {path: path.stat().st_mtime for path in folder.rglob("*")}


def test_a_fresh_machine_is_well_and_stays_fresh(program: Program) -> None:
    report = examined(program)
    assert report["problems"] == []
    assert not program.home.exists()
    assert facts(report, "redis")["state"] == "does not run"
    assert facts(report, "ledger")["state"] == "not there"
    assert report["sections"]["redis"]["not_tried"]
    assert report["sections"]["ledger"]["not_tried"]
    shipped = ModelStore(program.home / "models").attention_implementations(DEMO)
    drawn = facts(report, "drawing")
    assert len(drawn) >= len(shipped) >= 2
    for proof in drawn.values():
        assert proof["identical"] or proof["psnr_db"] >= ALIKE_DB
        assert proof["pictures"] >= 2
        assert proof["expected_db"] == ALIKE_DB


def test_the_text_says_what_the_json_says(program: Program) -> None:
    text = program.run("doctor", "--no-draw").stdout
    assert text.endswith("\nAll is well.\n")
    assert "(not tried) Drawing the demo model (--no-draw)." in text
    for heading in ("Machine", "Libraries", "Settings", "Folders", "Redis", "Ledger", "Models"):
        assert f"\n{heading}\n" in f"\n{text}"
    assert f"  home          {program.home}  [environment SDQ_HOME]\n" in text
    broken = program.run("doctor", "--no-draw", SDQ_REDIS_URL="redis://localhost:1", code=1).stdout
    assert "(problem) Redis at redis://localhost:1 does not answer" in broken
    assert "\n1 problem:\n- Redis at redis://localhost:1 does not answer" in broken


def test_a_used_installation_is_looked_at_and_left_as_it_is(program: Program) -> None:
    program.run("submit", "--prompt", "the sea", "--batch", "b")
    before = files_below(program.home)
    report = examined(program, "--no-draw")
    assert report["problems"] == []
    assert facts(report, "redis")["state"] == f"runs as process {program.redis.pid()}"
    assert facts(report, "redis")["version"][0].isdigit()
    assert facts(report, "ledger")["state"] == "answers"
    assert facts(report, "ledger")["schema"]
    assert facts(report, "folders")["data folder"].endswith(", there")
    assert files_below(program.home).keys() == before.keys()
    with program.ledger() as ledger:
        assert ledger.batches.statuses()[0].total == 1


def test_an_embedded_redis_that_hangs_is_named(program: Program) -> None:
    program.run("services", "start")
    pid = program.redis.pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        (problem,) = examined(program, "--no-draw", code=1)["problems"]
    finally:
        os.kill(pid, signal.SIGCONT)
    assert f"does not answer: process {pid}" in problem
    assert examined(program, "--no-draw")["problems"] == []


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("exit 1", "bin/redis-server cannot be run"),
        ("echo Redis server v=6.0.16 sha=0", "Redis 6.0.16 is too old, sdq needs 6.2"),
    ],
)
def test_a_redis_server_that_is_of_no_use_is_named(
    program: Program, tmp_path: Path, script: str, says: str
) -> None:
    found = tmp_path / "bin" / "redis-server"
    found.parent.mkdir()
    found.write_text(f"#!/bin/sh\n{script}\n")
    found.chmod(0o755)
    path = f"{found.parent}:{os.environ['PATH']}"
    (problem,) = examined(program, "--no-draw", code=1, PATH=path)["problems"]
    assert says in problem


def test_every_setting_says_where_it_came_from(program: Program, tmp_path: Path) -> None:
    program.home.mkdir()
    toml = program.home / "sdq.toml"
    toml.write_text(f'outputs = "{tmp_path}/pictures"\n')
    report = examined(
        program, "--no-draw", "--database-url", f"sqlite:///{tmp_path}/my.db", HF_HUB_OFFLINE="1"
    )
    shown = facts(report, "settings")
    assert shown["home"]["origin"] == "environment SDQ_HOME"
    assert shown["outputs"] == {"value": f"{tmp_path}/pictures", "origin": str(toml)}
    assert shown["database_url"]["origin"] == "option --database-url"
    assert shown["redis_url"] == {"value": "embedded", "origin": "default: embedded"}
    assert {"SDQ_HOME", "HF_HUB_OFFLINE"} <= set(shown["environment"])


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"SDQ_REDIS_URL": "redis://localhost:1"}, "localhost:1 does not answer"),
        ({"SDQ_REDIS_URL": "nonsense"}, "environment SDQ_REDIS_URL says is no Redis URL"),
        ({"SDQ_DATABASE_URL": "postgresql://localhost:1/x"}, "localhost:1/x cannot be reached"),
        ({"SDQ_DATABASE_URL": "nonsense"}, "SDQ_DATABASE_URL is not a database URL"),
        ({"SDQ_DATABASE_URL": f"sqlite:///{__file__}"}, "is not an SQLite database"),
        ({"SDQ_HOME": f"{__file__}/home"}, "cannot be written (Not a directory): mend that"),
        ({"SDQ_OUTPUTS": f"{__file__}/outputs"}, "set SDQ_OUTPUTS to another folder"),
    ],
)
def test_what_is_wrong_is_one_sentence_with_its_next_step(
    program: Program, environment: dict[str, str], says: str
) -> None:
    report = examined(program, "--no-draw", code=1, **environment)
    # The outputs lie in the data folder, unless they were put elsewhere.
    expected = 2 if "SDQ_HOME" in environment else 1
    assert len(report["problems"]) == expected
    assert says in report["problems"][0]
    assert not program.home.exists()


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_without_rights_is_named(program: Program) -> None:
    program.home.mkdir(mode=0o500)
    (problem, _) = examined(program, "--no-draw", code=1)["problems"]
    assert f"The data folder {program.home} cannot be written (Permission denied)" in problem


def test_a_damaged_model_of_the_users_is_named(program: Program) -> None:
    package = program.home / "models" / "mine_original_packages" / "x_unet.mlpackage"
    package.mkdir(parents=True)
    (problem,) = examined(program, "--no-draw", code=1)["problems"]
    assert problem.startswith("Model mine original cannot be drawn with: ")
    assert "lacks the text_encoder and the vae_decoder" in problem


def test_a_settings_file_that_cannot_be_read_is_said_at_once(program: Program) -> None:
    program.home.mkdir()
    (program.home / "sdq.toml").write_text("redis_url = [")
    assert "sdq.toml cannot be read" in program.run("doctor", code=78).stderr


# Drawing -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def copied(program: Program, tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A copy of all that is installed, to be damaged, and the environment in which it is what runs."""
    root = tmp_path / "copied"
    for package in ("sdq", "db", "worker", "producer"):
        shutil.copytree(
            SOURCES / package, root / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    return root / "sdq_core" / "demo_model", {"PYTHONPATH": str(root)}


def test_a_damaged_demo_model_is_found(
    program: Program, copied: tuple[Path, dict[str, str]]
) -> None:
    demo, environment = copied
    (weights,) = demo.glob("original/packages/*_unet.mlpackage/Data/com.apple.CoreML/weights/*")
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    report = examined(program, code=1, **environment)
    (problem,) = report["problems"]
    assert problem.startswith(
        "The demo model (original): The files are not those that its pictures"
    )
    assert "Install sdq again" in problem
    assert [name.split()[0] for name in facts(report, "drawing")] == ["split_einsum"]


def test_a_part_or_a_variant_of_the_demo_model_that_is_gone_is_found(
    program: Program, copied: tuple[Path, dict[str, str]]
) -> None:
    demo, environment = copied
    shutil.rmtree(demo / "split_einsum")
    (decoder,) = demo.glob("original/packages/*_vae_decoder.mlpackage")
    shutil.rmtree(decoder)
    problems = examined(program, code=1, **environment)["problems"]
    assert any("demo original cannot be drawn with" in problem for problem in problems)
    assert any(
        problem.startswith("The demo model (original): ") and "lacks the vae_decoder" in problem
        for problem in problems
    )
    assert any(problem.startswith("The demo model (split_einsum): ") for problem in problems)


def test_a_picture_that_differs_is_a_problem_of_its_variant(
    program: Program, copied: tuple[Path, dict[str, str]]
) -> None:
    """What is expected of one recipe is replaced by another recipe's picture."""
    demo, environment = copied
    path = demo / "reference" / "original-1.png"
    record = read_record(path)
    about = ImageMetadata(recipe=record.recipe, seed=record.seed, version="0.1.0")
    with Image.open(demo / "reference" / "original-2.png") as other:
        path.write_bytes(encode_png(other, about))
    report = examined(program, code=1, **environment)
    (problem,) = report["problems"]
    assert "original on ALL, draws another picture than it should" in problem
    by_variant = {name.split()[0]: proof for name, proof in facts(report, "drawing").items()}
    assert by_variant["original"]["psnr_db"] < ALIKE_DB
    assert by_variant["split_einsum"]["identical"] or by_variant["split_einsum"]["psnr_db"] > 30


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_without_pictures_to_compare_with_nothing_is_proven(
    program: Program, copied: tuple[Path, dict[str, str]], damage: str
) -> None:
    demo, environment = copied
    if damage == "gone":
        shutil.rmtree(demo / "reference")
    else:
        picture = demo / "reference" / "original-1.png"
        picture.write_bytes(picture.read_bytes()[:-2000])
    (problem,) = examined(program, code=1, **environment)["problems"]
    assert "reference" in problem
    assert "install sdq again" in problem


def test_an_engine_that_dies_is_a_finding_and_not_the_end(program: Program, tmp_path: Path) -> None:
    (tmp_path / "poison").mkdir()
    (tmp_path / "poison" / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "if 'worker.engine.main' in sys.orig_argv:\n"
        "    from worker.pipelines import builtin\n"
        "    def killed(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        "    builtin.BuiltinPipeline.draw = killed\n"
    )
    report = examined(program, code=1, PYTHONPATH=str(tmp_path / "poison"))
    assert len(report["problems"]) == len(references())
    for problem in report["problems"]:
        assert "ended by SIGKILL. Run this again" in problem


#: Engines draw with the Core ML runtime over `tests/runtimes/native.py`, whose GPU computes wrongly and whose Neural
#: Engine loads nothing.
MAC = """
import sys

if "worker.engine.main" in sys.orig_argv:
    from pathlib import Path
    import pytest
    from tests.runtimes import native
    from worker.runtimes import choice
    from worker.runtimes.coreml import CoreMLRuntime

    native.install(pytest.MonkeyPatch(), Path(sys.modules[__name__].__file__).parent / "cache")
    load, predict = native.NativeModel.__init__, native.NativeModel.predict

    def loaded(self, path, compute_units, *rest):
        if compute_units == "CPU_AND_NE":
            raise RuntimeError("Error: ANECompilerService is stuck")
        self.unit = compute_units
        load(self, path, compute_units, *rest)

    def predicted(self, data, state):
        outputs = predict(self, data, state)
        if self.unit == "CPU_AND_GPU" and "noise_pred" in outputs:
            outputs["noise_pred"] = outputs["noise_pred"] * 0.8
        return outputs

    native.NativeModel.__init__, native.NativeModel.predict = loaded, predicted
    choice.choose_runtime = lambda *, cache, threads: CoreMLRuntime(cache / "coreml", "macOS 15.1")
"""


@pytest.mark.slow
@pytest.mark.timeout(300)  # eight engines, one after the other
@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac has its own compute units")
def test_with_core_ml_every_compute_unit_is_tried_for_every_variant(
    program: Program, tmp_path: Path
) -> None:
    mac = tmp_path / "mac"
    mac.mkdir()
    (mac / "sitecustomize.py").write_text(MAC)
    report = examined(program, code=1, timeout_s=270, PYTHONPATH=f"{mac}:{SOURCES}")
    drawn = facts(report, "drawing")
    for attention in references():
        for unit in ("ALL", "CPU_ONLY"):
            proof = drawn[f"{attention} on {unit}"]
            assert proof["runtime"] == "coreml"
            assert proof["identical"] or proof["psnr_db"] >= ALIKE_DB
        assert drawn[f"{attention} on CPU_AND_GPU"]["psnr_db"] < ALIKE_DB
        gpu, neural = (
            next(problem for problem in report["problems"] if f"{attention} on {unit}" in problem)
            for unit in ("CPU_AND_GPU", "CPU_AND_NE")
        )
        assert "Leave this compute unit alone" in gpu
        assert "ANECompilerService is stuck. Try another compute unit" in neural
    assert len(report["problems"]) == 2 * len(references())
    assert report["sections"]["drawing"]["not_tried"] == []


def test_the_recorded_pictures_tell_one_another_apart() -> None:
    """Of the model that is here: after a change of it, run `tools/record_doctor_references.py`."""
    store = ModelStore(FOLDER / "none")
    by_variant = references()
    assert list(by_variant) == store.attention_implementations(DEMO)
    for attention, wanted in by_variant.items():
        revision = store.find(DEMO, attention).revision
        assert {reference.recipe.variant.revision for reference in wanted} == {revision}
        assert len({(reference.recipe.prompt, reference.seed) for reference in wanted}) >= 2


# Light installations -------------------------------------------------------------------------------------------------

RUNTIME = (
    "numpy",
    "numpy.libs",
    "onnx",
    "onnxruntime",
    "coremltools",
    "tokenizers",
    "huggingface_hub",
)


def without(tmp_path: Path, *hidden: str) -> list[str]:
    """A Python that sees all that is installed here but some packages, as far as `import` and metadata go."""
    numpy = importlib.util.find_spec("numpy")
    assert numpy is not None
    assert numpy.origin is not None
    installed = Path(numpy.origin).parents[1]
    seen = tmp_path / "site"
    seen.mkdir()
    for entry in installed.iterdir():
        name = entry.name.partition("-")[0].lower()
        if name not in hidden:
            (seen / entry.name).symlink_to(entry)
    start = (
        f"import sys; sys.path[1:1] = [{str(seen)!r}, {str(SOURCES)!r}]; "
        "from sdq.cli import main; main()"
    )
    return [sys.executable, "-S", "-c", start]


def light(program: Program, command: list[str], code: int) -> Any:
    result = subprocess.run(
        [*command, "doctor", "--json"],
        env=program.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert result.returncode == code, (result.stdout, result.stderr)
    assert "Traceback" not in result.stderr
    return json.loads(result.stdout)


def test_a_machine_that_only_submits_is_well_and_learns_what_drawing_needs(
    program: Program, tmp_path: Path
) -> None:
    report = light(program, without(tmp_path, *RUNTIME), 0)
    (sentence,) = report["sections"]["drawing"]["not_tried"]
    extra = "coreml" if sys.platform == "darwin" else "onnx"
    assert f"pip install 'sdq[{extra}]'" in sentence
    assert facts(report, "libraries")["numpy"] == "not installed"
    assert facts(report, "hub")["huggingface_hub"] == "not installed"
    assert "sdq[hub]" in report["sections"]["hub"]["not_tried"][0]


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac may draw without ONNX Runtime")
def test_half_a_runtime_is_a_problem(program: Program, tmp_path: Path) -> None:
    (problem,) = light(program, without(tmp_path, "onnxruntime", "tokenizers"), 1)["problems"]
    assert "onnxruntime, tokenizers" in problem
    assert "pip install 'sdq[onnx]'" in problem


# Secrets -------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def guarded_redis(folder: Path, password: str) -> Iterator[int]:
    """A real Redis that asks for a password; gives its port."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    server = subprocess.Popen(
        [find_redis_server(), "--port", str(port), "--bind", "127.0.0.1", "--requirepass", password,
         "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                with redis.Redis(port=port, password=password) as client:
                    client.ping()
                break
            except redis.exceptions.ConnectionError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield port
    finally:
        server.kill()
        server.wait()


def test_no_secret_and_no_name_of_a_home_is_told(program: Program, tmp_path: Path) -> None:
    home = tmp_path / "ann"
    home.mkdir()
    program.home = home / ".sdq"
    with guarded_redis(tmp_path, "pa55word-r") as port:
        secret = {
            "HOME": str(home),
            "HF_TOKEN": "hf_abcdefghijk",
            "SDQ_REDIS_URL": f"redis://:pa55word-r@127.0.0.1:{port}/0",
            "SDQ_DATABASE_URL": "postgresql://bob:pa55word-d@127.0.0.1:1/x?password=pa55word-q",
            # Not used, because others come first; no less secret.
            "REDIS_URL": "redis://:pa55word-u@elsewhere",
        }
        for extra in ((), ("--json",)):
            said = program.run("doctor", "--no-draw", *extra, code=1, **secret)
            told = said.stdout + said.stderr
            for word in ("pa55word", "hf_abc", "bob", str(home)):
                assert word not in told
            assert "~/.sdq" in told
        report = json.loads(said.stdout)
        assert facts(report, "redis")["state"] == "answers"
        assert facts(report, "hub")["token"] is True
        assert len(report["problems"]) == 1, "the ledger"

        wrong = secret | {"SDQ_REDIS_URL": f"redis://:pa55word-w@127.0.0.1:{port}/0"}
        said = program.run("doctor", "--no-draw", code=1, **wrong)
        assert "2 problems" in said.stdout
        assert "pa55word" not in said.stdout + said.stderr


def test_without_a_token_it_says_so(program: Program, tmp_path: Path) -> None:
    report = examined(program, "--no-draw", HF_HOME=str(tmp_path / "hf"), HF_TOKEN="")
    assert facts(report, "hub")["token"] is False


def test_a_postgresql_is_looked_at_and_stays_empty(program: Program, postgres: Any) -> None:
    postgres.psql("CREATE DATABASE doctor;")
    url = postgres.get_uri(database="doctor")
    ledger = facts(examined(program, "--no-draw", SDQ_DATABASE_URL=url), "ledger")
    assert ledger["kind"].startswith("PostgreSQL ")
    assert ledger["state"] == "answers, and is empty"
    Ledger.open(url).close()
    ledger = facts(examined(program, "--no-draw", SDQ_DATABASE_URL=url), "ledger")
    assert ledger["state"] == "answers"
