"""`python -m sdq.notices ID WORKER`: delivers one notice, which that worker claimed, and prints what went wrong.

Ends with 0 when the notice is closed, or is another worker's by now; with another code, it is to be delivered again.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings

from db.ledger import Ledger
from sdq.notices.delivery import deliver
from sdq_core.errors import EXIT_FAILURE, EXIT_OK, EXIT_TRY_AGAIN, SdqError
from sdq_core.printable import printable
from sdq_core.privacy import Secrets
from sdq_core.settings import read_settings


def main(notice_id: str, worker: str) -> int:
    """Deliver a notice; return the exit code."""
    # Libraries log what they cannot reach, with its URL.
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    secrets = Secrets.around(os.environ)
    try:
        settings = read_settings()
        secrets.add_settings(settings.notify.addresses, settings.signing_secret)
        ledger = Ledger.open_existing(settings.database_url) if settings.home.is_dir() else None
        if ledger is None:
            _say(secrets, f"The data folder {settings.home} or its ledger is no longer there.")
            return EXIT_TRY_AGAIN
        with ledger:
            for sentence in deliver(
                settings, ledger, int(notice_id), worker, is_mac=sys.platform == "darwin"
            ):
                _say(secrets, sentence)
    except SdqError as error:
        _say(secrets, str(error))
        return error.exit_code
    except Exception as error:  # its words may hold a URL of a batch
        _say(secrets, f"A notice was not sent: unexpected {type(error).__name__}.")
        return EXIT_FAILURE
    return EXIT_OK


def _say(secrets: Secrets, sentence: str) -> None:
    print(printable(" ".join(secrets.removed(sentence).split())), flush=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
