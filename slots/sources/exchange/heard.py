"""What PowSyBl tells in its log while it reads a file: the reason of a refusal is there, not in its exception."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_FAULT = ("Unexpected", "ignored", "discarded", "Multiple ", "not unique", "defined multiple times")


class _Keeper(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.faults: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        told = (record.getMessage().splitlines() or [""])[0][:160]
        if any(word in told for word in _FAULT):
            self.faults.append(told)


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
