"""DC lines of a pandapower network as DC links: power and losses here, voltages at both ends as units (`elements`)."""

import numpy as np

from slots.grid.model import DcLinks
from slots.sources.pandapower_networks.elements import UNLIMITED
from slots.sources.pandapower_networks.expansion import Expansion, flags, numbers, texts
from slots.sources.pandapower_networks.nodes import Nodes


def dc_links(expansion: Expansion, at: Nodes) -> DcLinks:
    """The table of links.

    pandapower takes the losses off what arrives, and lets the sign of `p_mw` say which way the line sends: a line with power
    that is not above zero is a link from its `to_bus` to its `from_bus`.
    """
    t = expansion.net.dcline
    ahead, p = numbers(t, "p_mw", 0.0) > 0, np.abs(numbers(t, "p_mw", 0.0))
    a, b = (at.position[expansion.at(t[c])] if len(t) else np.zeros(0, np.int64) for c in ("from_bus", "to_bus"))
    most = numbers(t, "max_p_mw")
    return DcLinks(
        name=np.array([n or f"dcline {k}" for n, k in zip(texts(t, "name"), t.index, strict=True)], dtype=np.str_),
        f=np.where(ahead, a, b), t=np.where(ahead, b, a), p=p, pmin=np.zeros(len(t)),
        pmax=np.where(np.isnan(most) | (most >= UNLIMITED), p, most), loss0=numbers(t, "loss_mw", 0.0),
        loss1=numbers(t, "loss_percent", 0.0) / 100, in_service=flags(t, "in_service", True),
    )  # fmt: skip
