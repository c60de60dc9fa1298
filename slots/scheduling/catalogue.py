"""All formulations there are: those of the routines folder, and whatever else subclasses them."""

import pkgutil
import sys
from importlib import import_module
from pathlib import Path

from slots.scheduling import routines
from slots.scheduling.document import page
from slots.scheduling.formulation import Formulation


def formulations() -> dict[str, type[Formulation]]:
    """Routines by name; a module put into the routines folder is found by itself."""
    out: dict[str, type[Formulation]] = {}
    for found in pkgutil.iter_modules(routines.__path__):
        module = import_module(f"{routines.__name__}.{found.name}")
        for name, value in vars(module).items():
            own = isinstance(value, type) and issubclass(value, Formulation) and value.__module__ == module.__name__
            if own:
                out[name] = value
    return out


def main() -> None:
    """Write every routine's page into a folder: `python -m slots.scheduling.catalogue docs/reference/routines`."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, formulation in formulations().items():
        (folder / f"{name}.md").write_text(page(formulation), encoding="utf-8")


if __name__ == "__main__":
    main()
