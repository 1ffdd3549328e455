"""Dynamic prompts: templates with choices and wildcards to prompts, one at random for each seed or all of them.

The language is that of Dynamic Prompts, as far as it makes choices:

    {red|2::blue}                 one of them; blue twice as often
    {2$$ and $$red|blue|green}    two of them, joined by " and "; {1-2$$...} one or two
    __colors__, __dir/*__         a line of colors.txt in the wildcard folder; of each file in dir/

Each may stand inside another. Nothing is made before it is counted (`measure.py`). What is chosen at random depends on
the template, the image's seed and `--dynamic-seed` alone, so that it is the same on every machine (`dice.py`).
"""
