"""Seeds: unsigned 32-bit integers, written as ranges.

    0-99        inclusive            0-99(+10)   every tenth
    0-100[5]    five, evenly spread  1,5,9-12    lists of any of these
"""
