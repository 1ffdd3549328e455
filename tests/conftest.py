import gc
import os
import signal
import sys
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.services",
    "tests.translations",
    "tests.acceptance.fixtures",
    "tests.core.zone",
]

# A busy machine is no defect: tests have one time limit, pytest's.
settings.register_profile("sdq", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sdq")

# Without bytecode, each of the thousand processes that the tests start would compile all of sdq anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A background job begins with SIGINT ignored, and all that it starts inherits that: no Ctrl-C would ever arrive.
signal.signal(signal.SIGINT, signal.default_int_handler)
# So does one that was started with nohup, with SIGHUP.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Spare what is loaded by then every search for garbage: coremltools asks for one at each network."""
    gc.disable()  # nothing is garbage yet
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()
