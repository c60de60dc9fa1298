"""What PowSyBl tells in its log while it reads a file: the reason of a refusal is there, not in its exception."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

_FAULT = ("Unexpected", "ignored", "discarded", "Multiple ", "not unique", "defined multiple times")
_JAVA = re.compile(r"(?:Caused by: )?\b(?:\w+\.)+\w*(?:Exception|Error)(?:[:;] ?|$)")  # names of PowSyBl's own errors
_PLACE = re.compile(r"ParseError at \[row,col\]:\[(\d+),(\d+)\] Message: ")
_VAGUE = ("Parsing error", "not a valid case", "Unsupported file format", "no reason")  # reasons that tell nothing
LONGEST = 160  # characters of a reason


def plain(text: str) -> str:
    """A reason on one line, without the names of Java's classes."""
    return _PLACE.sub(r"line \1, column \2: ", _JAVA.sub("", " ".join(text.split())))[:LONGEST]


def told(error: Exception, faults: list[str]) -> tuple[str, bool]:
    """The reason of a refusal, and whether it comes from the log, as it does where the exception tells nothing."""
    reason = plain(str(error)) or "PowSyBl gives no reason"
    if faults and any(word in reason for word in _VAGUE):
        return f"{reason}; {faults[0]}", True
    return reason, False


class _Keeper(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.faults: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        lines = record.getMessage().splitlines() or [""]
        causes = [line for line in lines if line.startswith("Caused by: ")]
        fault = plain(causes[-1] if causes else lines[0])
        if causes or any(word in fault for word in _FAULT):
            self.faults.append(fault)


@contextmanager
def heard() -> Iterator[list[str]]:
    """Faults of the file that PowSyBl names while the block runs; nothing of it is printed."""
    logger, keeper = logging.getLogger("powsybl"), _Keeper()
    level, propagate = logger.level, logger.propagate
    logger.addHandler(keeper)
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    try:
        yield keeper.faults
    finally:
        logger.removeHandler(keeper)
        logger.setLevel(level)
        logger.propagate = propagate
