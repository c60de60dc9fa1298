"""Equations of ANDES's own models as sympy prints them, on stdout in JSON: run by the Python of ANDES's environment.

Names are printed as ANDES writes them in its documents where these differ from each other within a model. Each equation
comes with a point and its value there, so that whoever reads the text can tell whether it was understood.
"""

import json
import random
import re
from typing import Any

import andes
import sympy as sp

_PLAIN = re.compile(r"(\\(?!text)[a-z]+|[A-Za-z])(_\{?[A-Za-z0-9]+\}?)?('*)")


def main() -> None:
    """Print all that sympy can read and evaluate."""
    system = andes.System(no_output=True, default_config=True)
    out, unread = [], 0
    for name, model in system.models.items():
        spelled = _spelled(model)
        symbols = {k: sp.Symbol(k, real=True) for k in spelled}
        for variable in model.cache.all_vars.values():
            if not variable.e_str:
                continue
            try:
                told = _told(sp.sympify(variable.e_str, locals=symbols), symbols, spelled)
            except Exception:  # what only ANDES's own compiler understands
                unread += 1
                continue
            out.append({"model": name, "variable": variable.name, **told})
    print(json.dumps({"equations": out, "unread": unread}))


def _spelled(model: Any) -> dict[str, str]:
    """LaTeX of each name of a model; its own letters where two would look the same."""
    flags = {n: d for d in model.discrete.values() for n in d.get_names()}
    names = {**model.cache.all_vars, **model.cache.all_params, **model.services, **flags, **model.config.as_dict()}
    out: dict[str, str] = {}
    for name, item in names.items():
        tex = str(getattr(item, "tex_name", "") or "").replace(" ", "")
        first, _, rest = name.partition("_")
        label = f"_{{{rest.replace('_', ',')}}}" if rest else ""
        good = _PLAIN.fullmatch(tex) and tex not in out.values()
        out[name] = tex if good else rf"\mathrm{{{first}}}{label}"
    return out


def _told(expression: sp.Expr, symbols: dict[str, sp.Symbol], spelled: dict[str, str]) -> dict[str, object]:
    free = sorted(s.name for s in expression.free_symbols)
    if not set(free) <= set(symbols):
        raise ValueError("a name that is no variable")
    rng = random.Random(1)
    at = {n: rng.uniform(0.2, 0.8) for n in free}
    value = complex(expression.evalf(subs={symbols[n]: x for n, x in at.items()}))
    if abs(value.imag) > 1e-12 or value != value:
        raise ValueError("not real there")
    latex = sp.latex(expression, symbol_names={symbols[n]: spelled[n] for n in free}, ln_notation=True)
    return {"latex": latex, "names": {n: spelled[n] for n in free}, "at": at, "value": value.real}


if __name__ == "__main__":
    main()
