"""Random DC grids in detail between the buses of a small AC grid, in IIDM text."""

from random import Random

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<iidm:network xmlns:iidm="http://www.powsybl.org/schema/iidm/1_17" id="{name}" ' \
       'caseDate="2026-01-01T00:00:00.000Z" forecastDistance="0" sourceFormat="test" minimumValidationLevel="STEADY_STATE_HYPOTHESIS">'  # fmt: skip
KV = 400.0


def draw_dc_network(r: Random) -> str:
    """Two to four stations, each with one converter, or one for each of two poles, on a tree or ring of DC lines."""
    stations, poles = r.randint(2, 4), r.choice((1, 2))
    dc = [_dc_side(r, stations, poles)]
    for k in range(stations + 1):
        dc.append(_level(r, k, stations, poles))
    for k in range(stations + 1):
        other = (k + 1) % (stations + 1)
        dc.append(f'<iidm:line id="l{k}" r="{r.uniform(0.5, 2):.6f}" x="{r.uniform(2, 9):.6f}" g1="0" b1="{r.choice((0, 1e-5))}" g2="0" '
                  f'b2="0" voltageLevelId1="v{k}" bus1="b{k}" connectableBus1="b{k}" voltageLevelId2="v{other}" '
                  f'bus2="b{other}" connectableBus2="b{other}"/>')  # fmt: skip
    return "\n".join([HEAD.format(name="drawn"), *dc, "</iidm:network>"])


def _dc_side(r: Random, stations: int, poles: int) -> str:
    """Positive, negative and, with two poles, middle nodes; the first station's lowest or middle node is grounded."""
    wires = ("p", "n") if poles == 1 else ("p", "m", "n")
    out = [f'<iidm:dcNode id="{w}{k}" nominalV="{KV}"/>' for k in range(stations) for w in wires]
    out.append(f'<iidm:dcNode id="{wires[-1]}x" nominalV="{KV}"/>')  # behind a switch
    out.append(f'<iidm:dcSwitch id="s" dcNode1="{wires[-1]}0" dcNode2="{wires[-1]}x" kind="DISCONNECTOR" open="false" '
               'r="0"/>')  # fmt: skip
    grounded = "m0" if poles == 2 else r.choice(("n0", "nx"))
    out.append(f'<iidm:dcGround id="g" dcNode="{grounded}" r="{r.choice((0.0, 0.5))}" connected="true"/>')
    pairs = [(k, k + 1) for k in range(stations - 1)] + (
        [(stations - 1, 0)] if stations > 2 and r.random() < 0.5 else []
    )
    for k, (f, t) in enumerate(pairs):
        for w in wires:
            out.append(f'<iidm:dcLine id="d{w}{k}" dcNode1="{w}{f}" dcNode2="{w}{t}" r="{r.uniform(0.1, 3):.6f}" connected1="true" '
                       'connected2="true"/>')  # fmt: skip
    # a line off at both ends: OpenLoadFlow lets one that is off at one end carry current
    off = f'<iidm:dcLine id="off" dcNode1="p0" dcNode2="p{stations - 1}" r="1" connected1="false" connected2="false"/>'
    return "\n".join([*out, off])


def _level(r: Random, k: int, stations: int, poles: int) -> str:
    out = [f'<iidm:voltageLevel id="v{k}" nominalV="{KV}" topologyKind="BUS_BREAKER"><iidm:busBreakerTopology><iidm:bus id="b{k}"/>'
           "</iidm:busBreakerTopology>"]  # fmt: skip
    if k == stations:
        out.append(f'<iidm:generator id="unit" energySource="OTHER" minP="0" maxP="900" voltageRegulatorOn="true" targetP="100" '
                   f'targetV="{r.uniform(390, 420):.4f}" bus="b{k}" connectableBus="b{k}"><iidm:minMaxReactiveLimits minQ="-900" '
                   'maxQ="900"/></iidm:generator>')  # fmt: skip
    else:
        out.append(f'<iidm:load id="load{k}" loadType="UNDEFINED" p0="{r.uniform(5, 60):.4f}" q0="{r.uniform(-5, 20):.4f}" bus="b{k}" '
                   f'connectableBus="b{k}"/>')  # fmt: skip
        for pole in range(poles):
            out.append(_converter(r, k, ("p", "n") if poles == 1 else (("p", "m"), ("m", "n"))[pole], pole))
    return "\n".join([*out, "</iidm:voltageLevel>"])


def _converter(r: Random, k: int, nodes: tuple[str, ...], pole: int) -> str:
    """The first station holds the voltage of each pole; the others keep a schedule either way."""
    volts = KV if nodes == ("p", "n") else KV / 2
    mode = f'controlMode="V_DC" targetVdc="{volts * 1.02}"' if k == 0 else (
        f'controlMode="P_PCC" targetP="{r.uniform(-60, 60):.4f}"')  # fmt: skip
    holds = r.random() < 0.3 and pole == 0
    reactive = f'voltageRegulatorOn="{str(holds).lower()}" voltageSetpoint="{r.uniform(395, 410):.4f}" ' \
               f'reactivePowerSetpoint="{r.uniform(-20, 20):.4f}"'  # fmt: skip
    return (f'<iidm:voltageSourceConverter id="c{k}{pole}" dcNode1="{nodes[0]}{k}" dcConnected1="true" dcNode2="{nodes[1]}{k}" '
            f'dcConnected2="true" idleLoss="{r.choice((0.0, 0.4))}" switchingLoss="{r.choice((0.0, 0.001))}" '
            f'resistiveLoss="{r.choice((0.0, 0.3))}" {mode} bus1="b{k}" connectableBus1="b{k}" {reactive}>'
            f'<iidm:pccTerminal id="c{k}{pole}" number="ONE"/><iidm:minMaxReactiveLimits minQ="-400" maxQ="400"/>'
            "</iidm:voltageSourceConverter>")  # fmt: skip
