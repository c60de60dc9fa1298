"""A synchronous door to the asynchronous index: one event loop in one thread, one connection pool."""

import asyncio
import hashlib
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from bos_core.objects.errors import BusyError, ServiceError
from storage.postgres import EmbeddedPostgres
from storage.settings import Settings

T = TypeVar("T")


def database_url(settings: Settings) -> str:
    """The URL of the index database, through asyncpg."""
    url = settings.database_url
    if not url:
        return EmbeddedPostgres(settings).url
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+asyncpg://" + url.removeprefix(prefix)
    if not url.startswith("postgresql+asyncpg://"):
        raise ServiceError("BOS_DATABASE_URL does not name a Postgres database", "use postgresql://user@host/name")
    return url


class Index:
    """The index database.

    Raises on first use:
        ServiceError: the database cannot be reached.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bos-index", daemon=True)
        self._thread.start()
        self._engine: AsyncEngine = create_async_engine(
            database_url(settings), pool_size=8, max_overflow=8, connect_args={"timeout": 20}
        )
        self._lock: AsyncConnection | None = None

    def open(self) -> "Index":
        """Connect and bring the schema up to date."""
        from bos_core.index.migrations.upgrade import upgrade

        try:
            self.wait(upgrade(self._engine))
        except (OSError, DBAPIError, TimeoutError) as error:
            place = "the embedded Postgres" if not self.settings.database_url else "the database of BOS_DATABASE_URL"
            reason = str(getattr(error, "orig", error)).split("\n")[0][:120]
            raise ServiceError(f"{place} cannot be reached ({reason})", "start it, or mend the URL") from None
        return self

    def wait(self, work: Awaitable[T]) -> T:
        """Run a coroutine on the index's loop and return its result."""

        async def call() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result()

    def call(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """Run `work(session)` in one transaction."""

        async def transaction() -> T:
            async with AsyncSession(self._engine, expire_on_commit=False) as session, session.begin():
                return await work(session)

        return self.wait(transaction())

    def hold_lock(self, set_id: str) -> None:
        """Take a task set's lock, that only one run holds; the database frees it should this process die.

        Raises:
            BusyError: another run holds it.
        """
        key = int.from_bytes(hashlib.sha256(set_id.encode()).digest()[:8], "big", signed=True)

        async def take() -> bool:
            self._lock = await self._engine.connect()
            got = await self._lock.execute(text(f"select pg_try_advisory_lock({key})"))
            held = bool(got.scalar())
            await self._lock.commit()
            return held

        if not self.wait(take()):
            raise BusyError(f"task set {set_id} is under way", "wait for it, or stop it with `bos cancel`")

    def release_lock(self) -> None:
        """Free the lock."""

        async def free() -> None:
            if self._lock is not None:
                await self._lock.invalidate()  # the connection's end frees it
                await self._lock.close()
                self._lock = None

        self.wait(free())

    def close(self) -> None:
        """Free the lock and the connections."""

        async def end() -> None:
            await self._engine.dispose()

        self.release_lock()
        self.wait(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)

    def __enter__(self) -> "Index":
        return self.open()

    def __exit__(self, *_: Any) -> None:
        self.close()
