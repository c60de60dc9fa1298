"""A linear Pyomo model as a template: formulations that are easier written there, solved like all others."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from pyomo.core import value
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

from bos_core.objects.errors import ParameterError
from slots.scheduling.template import Template


def template_of(model: Any) -> tuple[Template, list[str]]:
    """The template of a linear or mixed-integer Pyomo model with one objective, and its columns' names.

    Raises:
        ParameterError: the model is not linear.
    """
    try:
        form = LinearStandardFormCompiler().write(model, mixed_form=True, set_sense=None)
    except Exception as error:  # Pyomo raises many kinds
        raise ParameterError(
            f"the Pyomo model {model.name} is not linear ({str(error)[:80]})", "linearise it"
        ) from None
    if form.c.shape[0] != 1:
        raise ParameterError(f"the Pyomo model {model.name} has {form.c.shape[0]} objectives", "give one")
    sign = -1.0 if form.objectives[0].sense == -1 else 1.0
    lower, upper = (
        np.array([default if (b := getattr(v, side)) is None else value(b) for v in form.columns], dtype=float)
        for side, default in (("lb", -np.inf), ("ub", np.inf))
    )
    kinds = np.array([row.bound_type for row in form.rows])  # 1: at most, -1: at least, 0: equal
    low = np.where(kinds == 1, -np.inf, form.rhs)
    high = np.where(kinds == -1, np.inf, form.rhs)
    whole = np.array([not v.is_continuous() for v in form.columns], dtype=bool)
    template = Template(
        sign * form.c.toarray().ravel(), lower, upper, whole, sp.csr_matrix(form.A), low, high, None,
        sign * float(form.c_offset[0]),
    )  # fmt: skip
    return template, [v.name for v in form.columns]
