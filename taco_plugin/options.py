"""Refuses options that a function or class does not have, lacks or cannot use."""

import functools
import inspect
import json
import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, TypeVar

import msgspec

from .errors import InputError

F = TypeVar('F', bound=Callable)


def checked(function: F, name: str = '', *, bases: Iterable[Callable] = ()) -> F:
    """Makes ``function``, called ``name`` in messages, raise an InputError for wrong options.

    Options are its arguments, and those of ``bases``, to which it passes on what it does not know.
    Those that are given by name are checked against the type hints.

    >>> checked(sorted)([2, 1], revers=True)
    Traceback (most recent call last):
    taco_plugin.errors.InputError: sorted has no option 'revers', did you mean 'reverse'?
    """
    name = name or function.__name__
    known: dict[str, inspect.Parameter] = {}
    functions: tuple[Callable, ...] = (function, *bases)
    for one in functions:
        kinds = set()
        for option in inspect.signature(one).parameters.values():
            kinds.add(option.kind)
            if option.kind in (option.KEYWORD_ONLY, option.POSITIONAL_OR_KEYWORD):
                known.setdefault(option.name, option)
        takes_others = inspect.Parameter.VAR_KEYWORD in kinds and one is not object.__init__
        if not takes_others:
            break
    required = [option.name for option in known.values() if option.default is option.empty]

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:  # noqa: ANN401
        for option, value in options.items():
            if option not in known and not takes_others:
                every = list(known)[len(args) :]
                advice = f'it has {", ".join(every) or "none"}'
                for near in get_close_matches(option, every, n=1):
                    advice = f'did you mean {near!r}?'
                raise InputError(f'{name} has no option {option!r}, {advice}')
            if option in known and value is not known[option].default:
                _check_type(f'{option} of {name}', value, known[option].annotation)
        if missing := [option for option in required[len(args) :] if option not in options]:
            raise InputError(f'{name} lacks {", ".join(missing)}')
        return function(*args, **options)

    return call  # type: ignore[return-value]


def _check_type(what: str, value: object, hint: Any) -> None:  # noqa: ANN401
    def simplify(one: object) -> object:  # arrays to lists, and paths to texts
        return getattr(one, 'tolist', one.__str__)()

    try:
        plain = json.loads(json.dumps(value, default=simplify, skipkeys=True))
        msgspec.convert(plain, Any if hint is inspect.Parameter.empty else hint)
    except msgspec.ValidationError:
        kind = re.sub(r'(\w+\.)+', '', inspect.formatannotation(hint))
        raise InputError(f'{what} must be {kind}, but is {value!r}') from None
    except TypeError:  # msgspec does not know every kind of hint
        return
