"""What a program is told if its request cannot be answered, in OpenAI's form and in AUTOMATIC1111's.

{"error": {"message": "...", "type": "invalid_request_error", "param": "n", "code": null}}
{"error": "...", "detail": "...", "body": "", "errors": "..."}
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from db.values import JSON
from sdq_core.errors import InputError, InputMissingError, PromptFileError, SdqError, UsageError

INVALID, SERVER = "invalid_request_error", "server_error"

#: After which a client may ask again where something heals by itself, s.
_RETRY_AFTER_S = 5
#: The names of fields, as what is wrong with them begins or else has them; the longer ones first.
_FIELDS = {
    "negative_prompt": "negative_prompt",
    "num_inference_steps": "steps",
    "guidance_scale": "guidance_scale",
    "scheduler": "scheduler",
    "compute_unit": "compute_unit",
    "original_size": "original_size",
    "init_image": "init_image",
    "ControlNet": "controlnet",
    "controlnet": "controlnet",
    "weighted": "weighted",
    "strength": "strength",
    "mask": "mask",
    "crop": "crop",
    "eta is": "eta",
    "rng": "rng",
    "variant": "variant",
    "seed": "seed",
    "cannot draw": "size",
    "model": "model",
    "prompt": "prompt",
}


class ApiError(Exception):
    """A request that is not answered as it was meant.

    status: of HTTP.
    param: the field that is wrong.
    code: a word that programs compare.
    headers: for the response.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.headers = dict(headers or {})

    def in_openais_form(self) -> dict[str, JSON]:
        """Return the body that OpenAI's clients read."""
        kind = INVALID if self.status < 500 else SERVER
        message = self.message.replace("leave width and height out", "leave size out")
        error = {"message": message, "type": kind, "param": self.param, "code": self.code}
        return {"error": error}

    def in_a1111s_form(self) -> dict[str, JSON]:
        """Return the body that AUTOMATIC1111's clients read."""
        return {
            "error": "ValueError" if self.status < 500 else "RuntimeError",
            "detail": self.message,
            "body": "",
            "errors": self.message,
        }


def wrong(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """Return the error for a field that cannot be used."""
    return ApiError(400, message, param=param, code=code)


def missing(message: str, param: str | None = None, code: str = "not_found") -> ApiError:
    """Return the error for what there is not."""
    return ApiError(404, message, param=param, code=code)


@contextlib.contextmanager
def invalid(param: str) -> Iterator[None]:
    """Tell of a clause about a value as the error of its field."""
    try:
        yield
    except InputError as error:
        raise wrong(f"{error}.", param) from None


def translated(error: SdqError) -> ApiError:
    """Return how an error of sdq is told: the client's mistake, what is missing, what heals, or our trouble."""
    message = str(error)
    if isinstance(error, InputError | UsageError):
        return wrong(message)
    if isinstance(error, InputMissingError):
        return missing(message)
    if error.retryable:
        headers = {"retry-after": str(_RETRY_AFTER_S)}
        return ApiError(503, message, code="unavailable", headers=headers)
    return ApiError(500, message, headers={"x-should-retry": "false"})


def of_problems(error: PromptFileError) -> ApiError:
    """Return the error for a request that is wrong as a prompt line; its place is the request itself."""
    clauses = [problem.partition(": ")[2] or problem for problem in error.problems]
    first = clauses[0]
    words = [word for word in _FIELDS if first.startswith(word)] or [
        w for w in _FIELDS if w in first
    ]
    param = _FIELDS[words[0]] if words else None
    said = "; ".join(clauses)
    return wrong(said if said.endswith("?") else f"{said}.", param)
