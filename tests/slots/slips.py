"""A slip in a module that is loaded: its functions get the code of the mutated text, for as long as a test needs it."""

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import FunctionType

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def slipped(file: str, old: str, new: str) -> Iterator[None]:
    """The module of `file` (from the root of the repository) with `old` replaced by `new`, wherever it is imported.

    Functions, methods and properties get new code; other values of the module are replaced wherever they were imported to.
    """
    text = (ROOT / file).read_text()
    assert text.count(old) == 1, f"the mutant no longer fits {file}: its text is there {text.count(old)} times"
    module = import_module(file.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    fresh = {"__name__": module.__name__, "__package__": module.__package__, "__file__": module.__file__}
    exec(compile(text.replace(old, new), file, "exec"), fresh)
    undo = list(_swap(vars(module), fresh))
    try:
        yield
    finally:
        for back in undo:
            back()


def _swap(now: dict, fresh: dict) -> Iterator:
    """Exchange code and values; yields what takes each exchange back."""
    for name, new in list(fresh.items()):
        was = now.get(name)
        if name.startswith("__") or was is None or getattr(was, "__module__", now["__name__"]) != now["__name__"]:
            continue
        if inspect.isclass(was):
            yield from _swap_members(was, new)
        elif isinstance(was, FunctionType):
            yield _recode(was, new)
        elif not inspect.ismodule(was) and repr(was) != repr(new):
            yield from _revalue(name, was, new)


def _swap_members(was: type, new: type) -> Iterator:
    for name, member in vars(was).items():
        before, after = _code_of(member), _code_of(vars(new).get(name))
        if before is not None and after is not None and before.__module__ == was.__module__:
            yield _recode(before, after)


def _code_of(member: object) -> FunctionType | None:
    if isinstance(member, property):
        member = member.fget
    if isinstance(member, cached_property):
        member = member.func
    member = getattr(member, "__func__", member)
    return member if isinstance(member, FunctionType) else None


def _recode(was: FunctionType, new: FunctionType):
    if hasattr(was, "cache_clear"):
        was.cache_clear()
    code, defaults = was.__code__, was.__defaults__
    if len(new.__code__.co_freevars) != len(code.co_freevars):
        return lambda: None
    was.__code__, was.__defaults__ = new.__code__, new.__defaults__

    def back() -> None:
        was.__code__, was.__defaults__ = code, defaults

    return back


def _revalue(name: str, was: object, new: object) -> Iterator:
    for module in [m for key, m in sys.modules.items() if key.startswith("slots.")]:
        if vars(module).get(name) is was:
            setattr(module, name, new)
            yield lambda module=module: setattr(module, name, was)
