"""The programs that come with BOS."""

from bos_core.objects.program import Program
from slots.algorithms.active_dispatch.loss_iterated import loss_iterated
from slots.algorithms.adequacy.outage_table import convolution, fourier
from slots.algorithms.adequacy.sampled import importance_sampling, latin_hypercube, monte_carlo
from slots.algorithms.adequacy.state_enumeration import state_enumeration
from slots.algorithms.adjustment.successive_lp import successive_lp
from slots.algorithms.borders.clustered import clustered
from slots.algorithms.economic_dispatch.merit_order import lambda_iteration, merit_order
from slots.algorithms.economic_dispatch.programmed import dynamic_program, linear_program
from slots.algorithms.equivalence.ward import ward
from slots.algorithms.load_forecast.learned import alike_days, regression
from slots.algorithms.load_forecast.seasonal import double_seasonal, last_week
from slots.algorithms.loss_allocation.circuit import incremental, z_bus
from slots.algorithms.loss_allocation.shared import pro_rata, proportional_sharing
from slots.algorithms.maintenance.annealed import annealed
from slots.algorithms.maintenance.levelled import levelled_reserve, levelled_risk
from slots.algorithms.maintenance.optimal import optimal
from slots.algorithms.modelling.from_source import from_source
from slots.algorithms.n1.batched import batched, batched_engine_of
from slots.algorithms.n1.lightsim import engine_of, lightsim
from slots.algorithms.n1.newton_each import newton_each
from slots.algorithms.power_flow.current_injection import current_injection
from slots.algorithms.power_flow.fast_decoupled import fast_decoupled_bx, fast_decoupled_xb
from slots.algorithms.power_flow.gauss_seidel import gauss_seidel
from slots.algorithms.power_flow.holomorphic import holomorphic
from slots.algorithms.power_flow.homotopy import homotopy
from slots.algorithms.power_flow.kept_jacobian import kept_jacobian
from slots.algorithms.power_flow.levenberg_marquardt import levenberg_marquardt
from slots.algorithms.power_flow.newton_polar import newton_polar
from slots.algorithms.power_flow.newton_rectangular import iwamoto, newton_rectangular
from slots.algorithms.reactive_dispatch.interior_point import flat_voltages, interior_point, program_of
from slots.algorithms.representative_days.clustered import hierarchical, k_means, k_medoids
from slots.algorithms.representative_days.reduced import backward_reduction, forward_selection
from slots.algorithms.screening.distribution_factors import performance_index, worst_loading
from slots.algorithms.screening.one_step import one_step
from slots.algorithms.sequence.own_series import own_series
from slots.algorithms.sequence.profiles import profiles
from slots.algorithms.sequence.resampled import resampled
from slots.algorithms.snapshot.secured import secured
from slots.algorithms.state_estimation.least_absolute import least_absolute_values
from slots.algorithms.state_estimation.least_squares import bad_data_removed, huber, weighted_least_squares
from slots.algorithms.time_domain.theta import backward_euler, damped_trapezoidal, trapezoidal
from slots.algorithms.unit_commitment.guided import guided
from slots.algorithms.unit_commitment.lazy_network import lazy_network

_PROGRAMS = (
    Program("modelling", "from-source", "entities and models of the grid source", from_source),
    Program("snapshot", "secured", "AC power flow, adjusted until all criteria hold", secured),
    Program("equivalence", "ward", "shunt-free sparse Ward reduction", ward),
    Program("sequence", "profiles", "synthetic year from real load, wind, sun and water shapes", profiles),
    Program("sequence", "own-series", "the series that came with the grid", own_series),
    Program("sequence", "resampled", "days of the year drawn anew from those near them", resampled),
    Program("borders", "clustered", "monthly problem with units of a class clustered", clustered),
    Program("unit_commitment", "guided", "relaxation decides which units stay free", guided),
    Program("unit_commitment", "lazy-network", "one mixed-integer problem, exact to its gap", lazy_network),
    Program("active_dispatch", "loss-iterated", "linear dispatch with DC losses iterated", loss_iterated),
    Program("reactive_dispatch", "interior-point", "least losses by interior-point steps", interior_point, program_of),
    Program(
        "reactive_dispatch",
        "flat-voltages",
        "voltages nearest 1 p.u. by interior-point steps",
        flat_voltages,
        program_of,
    ),
    Program("n1", "lightsim", "lightsim2grid, failures confirmed by full Newton", lightsim, engine_of),
    Program(
        "n1", "batched", "compiled: one factorisation an hour, all outages as updates of it", batched, batched_engine_of
    ),
    Program("n1", "newton-each", "one full Newton power flow per outage", newton_each),
    Program(
        "adjustment",
        "successive-lp",
        "successive linear programs on AC sensitivities",
        successive_lp,
        batched_engine_of,
    ),
    Program("power_flow", "newton-polar", "Newton in polar coordinates", newton_polar),
    Program("power_flow", "newton-rectangular", "Newton in rectangular coordinates", newton_rectangular),
    Program("power_flow", "iwamoto", "Newton with steps of the best length, for ill-conditioned cases", iwamoto),
    Program("power_flow", "levenberg-marquardt", "damped least squares of the mismatches", levenberg_marquardt),
    Program("power_flow", "current-injection", "Newton on current mismatches", current_injection),
    Program("power_flow", "fast-decoupled-xb", "two constant matrices, Stott and Alsac's", fast_decoupled_xb),
    Program("power_flow", "fast-decoupled-bx", "two constant matrices, van Amerongen's", fast_decoupled_bx),
    Program("power_flow", "gauss-seidel", "bus by bus, with acceleration", gauss_seidel),
    Program("power_flow", "kept-jacobian", "Newton with few factorisations", kept_jacobian),
    Program("power_flow", "homotopy", "load grows from nothing, Newton at each step", homotopy),
    Program("power_flow", "holomorphic", "power series continued by Pade approximants; needs no start", holomorphic),
    Program("screening", "worst-loading", "highest loading by distribution factors", worst_loading),
    Program("screening", "performance-index", "powers of all loadings by distribution factors", performance_index),
    Program("screening", "one-step", "two half steps of a fast decoupled power flow; voltages too", one_step),
    Program("economic_dispatch", "merit-order", "cheapest pieces of all cost curves first", merit_order),
    Program("economic_dispatch", "lambda-iteration", "bisection of the price", lambda_iteration),
    Program("economic_dispatch", "linear-program", "pieces as columns of a linear program", linear_program),
    Program("economic_dispatch", "dynamic-program", "unit after unit; cost curves need not be convex", dynamic_program),
    Program("adequacy", "convolution", "recursive capacity outage table", convolution),
    Program("adequacy", "fourier", "product of characteristic functions", fourier),
    Program("adequacy", "state-enumeration", "the likely states; the rest bounded", state_enumeration),
    Program("adequacy", "monte-carlo", "sampled states with standard errors", monte_carlo),
    Program(
        "adequacy", "latin-hypercube", "states drawn so that each unit is out as often as it should", latin_hypercube
    ),
    Program("adequacy", "importance-sampling", "outages made likelier by cross-entropy", importance_sampling),
    Program("representative_days", "k-medoids", "greedy choice, then exchanges", k_medoids),
    Program("representative_days", "k-means", "Lloyd's method, the day nearest to each mean", k_means),
    Program("representative_days", "hierarchical", "Ward's method, the middle of each cluster", hierarchical),
    Program("representative_days", "forward-selection", "day after day by the Kantorovich distance", forward_selection),
    Program(
        "representative_days", "backward-reduction", "days given up by the Kantorovich distance", backward_reduction
    ),
    Program("maintenance", "levelled-reserve", "large units first, into the weeks left best off", levelled_reserve),
    Program("maintenance", "levelled-risk", "the same by effective load-carrying capability", levelled_risk),
    Program("maintenance", "optimal", "mixed-integer program for the most reserve in the worst week", optimal),
    Program("maintenance", "annealed", "simulated annealing from a levelled plan", annealed),
    Program("state_estimation", "weighted-least-squares", "Gauss and Newton's steps on all", weighted_least_squares),
    Program("state_estimation", "bad-data-removed", "what has the largest normalised residual goes", bad_data_removed),
    Program("state_estimation", "huber", "weights that fall with residuals", huber),
    Program("state_estimation", "least-absolute-values", "a linear program a step", least_absolute_values),
    Program("load_forecast", "last-week", "the week before, repeated", last_week),
    Program("load_forecast", "double-seasonal", "exponential smoothing of days and weeks", double_seasonal),
    Program("load_forecast", "regression", "on the calendar and waves of the year", regression),
    Program("load_forecast", "alike-days", "what followed days that were alike", alike_days),
    Program("time_domain", "trapezoidal", "second order, no damping of its own", trapezoidal),
    Program("time_domain", "backward-euler", "first order, damps all that is fast", backward_euler),
    Program("time_domain", "damped-trapezoidal", "a little beyond the trapezoidal rule", damped_trapezoidal),
    Program("loss_allocation", "pro-rata", "by size", pro_rata),
    Program("loss_allocation", "proportional-sharing", "along the flows, by tracing", proportional_sharing),
    Program("loss_allocation", "z-bus", "through the bus impedance matrix", z_bus),
    Program("loss_allocation", "incremental", "by what one more MW costs, scaled", incremental),
)


def official(slot: str | None = None) -> list[Program]:
    """Programs that come with BOS, of one slot or all."""
    return [p for p in _PROGRAMS if slot in (None, p.slot)]
