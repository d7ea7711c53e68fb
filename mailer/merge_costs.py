"""What the parts of a template cost, in the fence's own coin; each about as much as it takes in time."""

from __future__ import annotations

from collections.abc import Callable

WORK_LIMIT = 250_000  # of what takes about 10 ns, and 20 on a busy machine: 5 ms
NODE_WORK = 100
LOOP_WORK = 500
FILTER_WORK = 100
ITEM_WORK = 10
LONGEST_NUMBER = 1_000  # bits


def looked_at(value: object) -> int:
    """What comparing or printing it may cost."""
    match value:
        case str():
            return len(value) >> 4
        case list() | tuple() | dict():
            return size_of(value)
        case _:
            return 0


def size_of(value: object) -> int:
    """About how much a filter has to do with the value: characters, or items with all that is in them."""
    match value:
        case str():
            return 1 + len(value)
        case int() if abs(value).bit_length() > LONGEST_NUMBER:
            return WORK_LIMIT + 1
        case range():
            return 1 + ITEM_WORK * len(value)
        case list() | tuple():
            return 1 + sum(map(size_of, value)) + ITEM_WORK * len(value)
        case dict():
            return 1 + sum(map(size_of, value.values())) + ITEM_WORK * len(value)
        case _:
            return 1


def growth_of(filter_name: str, value: object, *args: object) -> int:
    """What a filter adds beyond what goes in: by its arguments, or because it takes its time."""
    return GROWTH.get(filter_name, _no_growth)(value, *args)


def _no_growth(*_arguments: object) -> int:
    return 0


def _replaced(value: object, old: object = "", new: object = "", *_more: object) -> int:
    return str(value).count(str(old)) * len(str(new))


def _joined(value: object, separator: object = " ", *_more: object) -> int:
    return len(value) * len(str(separator)) if isinstance(value, (str, range, list, tuple)) else 0


def _rounded(_value: object, digits: object = 0, *_more: object) -> int:
    """To round to minus a million digits, Python raises ten to the power of a million."""
    try:
        return min(abs(int(str(digits))), WORK_LIMIT) * LONGEST_NUMBER
    except ValueError:
        return 0  # the filter says what is wrong with it


def _compared(value: object, *_arguments: object) -> int:
    """Each item with each."""
    return len(value) ** 2 if isinstance(value, (list, tuple)) else 0


def _stripped_of_tags(value: object, *_arguments: object) -> int:
    """Python's HTML parser goes back over what is not closed."""
    return len(str(value)) ** 2 // 16


def _dated(value: object, form: object = "", *_more: object) -> int:
    return 4_000 + 100 * len(str(value)) + 20 * len(str(form))


GROWTH: dict[str, Callable[..., int]] = {
    "replace": _replaced,
    "join": _joined,
    "round": _rounded,
    "uniq": _compared,
    "strip_html": _stripped_of_tags,
    "date": _dated,
}
