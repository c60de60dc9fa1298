"""The networks that pandapower ships, by the name of their function in `pandapower.networks`, with its default arguments.

Defaults that matter: `mv_oberrhein` is its load case, `create_cigre_network_mv` is without distributed generation,
`create_synthetic_voltage_control_lv_network` is `rural_1`, `create_dickert_lv_network` is the short single-customer feeder,
`ieee_european_lv_asymmetric` is minute 566 (its phases added up), and `case57` has the voltage levels of its documentation.
"""

from bos_core.objects.errors import GridError
from slots.grid.model import Grid


def read_shipped(name: str) -> Grid:
    """A network of `pandapower.networks` by the name of its function.

    Raises:
        GridError: there is no such network, or it cannot be used.
    """
    import pandapower.networks as networks

    from slots.sources.pandapower_networks.expansion import quiet
    from slots.sources.pandapower_networks.reader import from_net

    make = getattr(networks, name, None)
    if make is None:
        raise GridError(f"pandapower ships no network called '{name}'", "see `bos grids`")
    with quiet():
        net = make()
    return from_net(net, name, source=f"pandapower:{name}")
