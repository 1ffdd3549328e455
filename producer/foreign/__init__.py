"""Images of other tools: what is written in them, as far as sdq can draw it.

`embedded` finds the texts in a file, one module for each tool reads them (`readers`), and `translation` makes prompt
lines of what they say and notes what is lost (`differences`). Files come from anywhere: no pixels are decoded, sizes,
counts and depths are bounded, and whatever is wrong with a file is one clause about it.
"""
