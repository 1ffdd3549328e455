"""Values that JSON can hold."""

from typing import Any

#: A JSON value, such as one of the user's own fields of a line.
JSON = Any
