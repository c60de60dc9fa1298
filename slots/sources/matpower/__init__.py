"""MATPOWER case files (version 2): read as text, never run by anything but the small evaluator here.

`text` cuts a file into statements, `expressions` parses one, `values` and `functions` are the arithmetic, `program` carries
out what stands beside and after the matrices, `case` makes a case of the outcome.
"""

from slots.sources.matpower.case import Case, read_case

__all__ = ["Case", "read_case"]
