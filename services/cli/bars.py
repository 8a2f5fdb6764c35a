"""Numbers as bars of block characters, for a terminal."""

from collections.abc import Sequence

EIGHTHS = " ▁▂▃▄▅▆▇█"
BAR = 2


def bars(numbers: Sequence[int], rows: int) -> list[str]:
    """Return `rows` lines, the top one first, of a bar for each number; what is not nothing is never invisible."""
    highest = max(numbers, default=0)
    levels = [-(-number * rows * 8 // highest) if number else 0 for number in numbers]
    return [" ".join(EIGHTHS[min(8, max(0, level - 8 * row))] * BAR for level in levels).rstrip() for row in reversed(range(rows))]


def axis(columns: int, every: int) -> str:
    """Return the line under `columns` bars, that names the first of `every` so many."""
    names = (f"+{column} h" if column else "now" for column in range(0, columns, every))
    return "".join(name.ljust(every * (BAR + 1)) for name in names).rstrip()
