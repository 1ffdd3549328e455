"""Browsing: what pages show of the ledger, a screen at a time.

Invariant: what a page costs depends on what it shows, not on the size of the ledger or the place in it. So nothing here
counts or skips rows: a page begins behind a key.
"""

from db.browsing.browsing import Browsing
from db.browsing.matching import Matches
from db.browsing.newest import NewestPage
from db.browsing.partners import Partner, Placed
from db.browsing.picture import Picture
from db.browsing.prompts import Prompt
from db.browsing.tiles import Tile, TilesPage

__all__ = [
    "Browsing",
    "Matches",
    "NewestPage",
    "Partner",
    "Picture",
    "Placed",
    "Prompt",
    "Tile",
    "TilesPage",
]
