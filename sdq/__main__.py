"""`python -m sdq`: the command line, for processes that sdq starts itself."""

from __future__ import annotations

from sdq.cli import main

if __name__ == "__main__":
    main()
