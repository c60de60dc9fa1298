"""Measured data accesses in the index."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bos_core.index.statements import execute
from bos_core.index.tables import AccessMeasure

KEPT = 400  # newest per route

Measure = tuple[tuple[float, ...], float]


async def load(db: AsyncSession) -> dict[str, list[Measure]]:
    """(features, seconds) of the newest accesses, oldest first, per route."""
    out: dict[str, list[Measure]] = {}
    for row in (await db.exec(select(AccessMeasure).order_by(col(AccessMeasure.id)))).all():
        out.setdefault(row.route, []).append((tuple(row.features), row.seconds))
    return {route: kept[-KEPT:] for route, kept in out.items()}


async def keep(db: AsyncSession, measured: Mapping[str, Sequence[Measure]]) -> None:
    """Add accesses and forget the oldest ones beyond KEPT per route."""
    for route, kept in measured.items():
        for features, seconds in kept:
            db.add(AccessMeasure(route=route, features=list(features), seconds=seconds))
        await db.flush()
        newest = select(AccessMeasure.id).where(AccessMeasure.route == route)
        newest = newest.order_by(col(AccessMeasure.id).desc()).limit(KEPT)
        old = delete(AccessMeasure).where(col(AccessMeasure.route) == route, col(AccessMeasure.id).not_in(newest))
        await execute(db, old)
