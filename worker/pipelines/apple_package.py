"""Apple's package, `python_coreml_stable_diffusion`: finds it, and imports it without its side effects."""

from __future__ import annotations

import logging
from typing import Any

from sdq_core.errors import ConfigurationError

PACKAGE = "python_coreml_stable_diffusion"


def is_installed() -> bool:
    """Whether Apple's package and its dependencies are installed, without importing them."""
    from importlib.util import find_spec

    return all(find_spec(name) for name in (PACKAGE, "diffusers", "torch", "transformers"))


def import_apple() -> Any:
    """Import the module with Apple's pipeline; raise ConfigurationError if that fails.

    Undoes its configuration of Python's root logger, which belongs to the command line.
    """
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logging.getLogger("coremltools").setLevel(logging.ERROR)
    try:
        from python_coreml_stable_diffusion import pipeline
    # Incompatible libraries raise anything at import.
    except Exception as error:
        raise ConfigurationError(
            f"Apple's pipeline cannot be imported ({' '.join(str(error).split())}). Install it as described in "
            "docs/mac.md, or use --pipeline builtin."
        ) from error
    finally:
        root.handlers[:], root.level = handlers, level
    from diffusers.utils import logging as diffusers_logging

    diffusers_logging.set_verbosity_error()
    # It logs what it loads, and a long warning about the missing safety checker: ours runs after it.
    logging.getLogger(PACKAGE).setLevel(logging.ERROR)
    for module in ("pipeline", "coreml_model"):
        logging.getLogger(f"{PACKAGE}.{module}").setLevel(logging.ERROR)
    return pipeline
