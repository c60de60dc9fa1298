"""MATPOWER's names for the columns of its matrices (manual, appendix B): what `idx_bus` and its like hand out, in their order."""

_BUS = ("PQ PV REF NONE BUS_I BUS_TYPE PD QD GS BS BUS_AREA VM VA BASE_KV ZONE VMAX VMIN LAM_P LAM_Q MU_VMAX MU_VMIN",
        (1, 2, 3, 4, *range(1, 18)))  # fmt: skip
_BRANCH = ("F_BUS T_BUS BR_R BR_X BR_B RATE_A RATE_B RATE_C TAP SHIFT BR_STATUS PF QF PT QT MU_SF MU_ST ANGMIN ANGMAX MU_ANGMIN "
           "MU_ANGMAX", (*range(1, 12), *range(14, 20), 12, 13, 20, 21))  # fmt: skip
_UNIT = ("GEN_BUS PG QG QMAX QMIN VG MBASE GEN_STATUS PMAX PMIN MU_PMAX MU_PMIN MU_QMAX MU_QMIN PC1 PC2 QC1MIN QC1MAX QC2MIN QC2MAX "
         "RAMP_AGC RAMP_10 RAMP_30 RAMP_Q APF", (*range(1, 11), *range(22, 26), *range(11, 22)))  # fmt: skip
_COST = ("PW_LINEAR POLYNOMIAL MODEL STARTUP SHUTDOWN NCOST COST", (1, 2, 1, 2, 3, 4, 5))
_AREA = ("AREA_I PRICE_REF_BUS", (1, 2))
_LINK = ("F_BUS T_BUS BR_STATUS PF PT QF QT VF VT PMIN PMAX QMINF QMAXF QMINT QMAXT LOSS0 LOSS1 MU_PMIN MU_PMAX MU_QMINF MU_QMAXF "
         "MU_QMINT MU_QMAXT", tuple(range(1, 24)))  # fmt: skip


def _table(of: tuple[str, tuple[int, ...]]) -> dict[str, float]:
    return dict(zip(of[0].split(), map(float, of[1]), strict=True))


OUTPUTS: dict[str, dict[str, float]] = {
    "idx_bus": _table(_BUS), "idx_brch": _table(_BRANCH), "idx_gen": _table(_UNIT), "idx_cost": _table(_COST),
    "idx_area": _table(_AREA),
}  # fmt: skip
DC_LINE: dict[str, float] = _table(_LINK)  # `c = idx_dcline` gives a struct
CONSTANTS: dict[str, float] = {k: v for table in OUTPUTS.values() for k, v in table.items()}  # `define_constants`
