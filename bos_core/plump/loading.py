"""Launched programs of users in this process: each version a module of its own, loaded and unloaded while work goes on."""

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from types import ModuleType
from typing import Any

from bos_core.objects.errors import ProgramError

MOST = 8  # versions that stay loaded

_modules: OrderedDict[str, ModuleType] = OrderedDict()
_lock = threading.Lock()


def module_name(name: str, content: str) -> str:
    """What the module of a version is called."""
    return f"plump_{name.replace('-', '_')}_{content[:16]}"


def load(name: str, content: str, source: str, entry: str) -> Callable[..., Any]:
    """The function of a version; loaded beside the others if it is not yet.

    What runs keeps what it runs: a version that is unloaded meanwhile is freed when its last call ends.

    Raises:
        ProgramError: its source fails; what was loaded before stays.
    """
    key = module_name(name, content)
    with _lock:
        module = _modules.get(key)
        if module is None:
            module = ModuleType(key)
            try:
                exec(compile(source, f"<{name}>", "exec"), module.__dict__)
            except Exception as error:
                what = f"program {name} cannot be loaded ({type(error).__name__}: {error})"
                raise ProgramError(what, "submit a version that can") from None
            _modules[key] = sys.modules[key] = module
        _modules.move_to_end(key)
        while len(_modules) > MOST:
            old, _ = _modules.popitem(last=False)
            sys.modules.pop(old, None)
    function: Callable[..., Any] = getattr(module, entry)
    return function


def unload(name: str, content: str) -> bool:
    """Forget a version; whether it was loaded."""
    key = module_name(name, content)
    with _lock:
        sys.modules.pop(key, None)
        return _modules.pop(key, None) is not None


def loaded() -> list[str]:
    """Names of the modules that are loaded."""
    return list(_modules)
