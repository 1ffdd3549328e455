"""Conditions on finished images: `steps >= 30 and not nsfw_flagged and prompt ~ 'house'`.

    condition    all or all ...
    all          each and each ...
    each         not each | ( condition ) | test
    test         COLUMN                                 of true or false
                 COLUMN = != < <= > >= VALUE            or the other way round
                 COLUMN ~ TEXT | COLUMN !~ TEXT         a pattern, found anywhere, in whichever case
                 COLUMN [not] in ( VALUE, VALUE ... )
                 COLUMN has VALUE | VALUE [not] in COLUMN
                 COLUMN is [not] null

Whatever a user writes is read in time in proportion to its length, and is either a condition or one sentence; nothing
of it is ever run. A value that is missing makes each test false, `!=`, `!~` and `not in` included; `not` in front turns
it round like any other.
"""

from db.columns.where.reading import parse_where
from db.columns.where.where import Where

__all__ = ["Where", "parse_where"]
