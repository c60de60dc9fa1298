"""The environment of BOS's processes; set before Prefect is imported, which reads it once."""

import os

from storage.settings import Settings

SELDOM = (
    "LATE_RUNS",
    "PAUSE_EXPIRATIONS",
    "CLEANUP_RECONCILER",
    "REPOSSESSOR",
    "SCHEDULER_RECENT_DEPLOYMENTS",
    "FOREMAN",
)


def configure(settings: Settings) -> None:
    """Point Prefect in this process, and in those it starts, at BOS's own server."""
    settings.home.mkdir(parents=True, exist_ok=True)
    ours = {
        "BOS_HOME": str(settings.home),
        "PREFECT_HOME": str(settings.home / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{settings.prefect_port}/api",
        "PREFECT_SERVER_UI_API_URL": f"http://127.0.0.1:{settings.prefect_port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_CLI_PROMPT": "false",
        # The server looks every 5 s for what happens once an hour, and takes 3 % of a core for that.
        **{f"PREFECT_SERVER_SERVICES_{name}_LOOP_SECONDS": "60" for name in SELDOM},
        "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY": "PT1M",
        "DO_NOT_TRACK": "1",
        "DASK_LOGGING__DISTRIBUTED": "critical",
    }
    if settings.database_url:
        ours["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = _prefect_url(settings.database_url)
    os.environ.update(ours)
    # Errors reach the user as one sentence and the index in full; Prefect would add their tracebacks.
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")


def _prefect_url(url: str) -> str:
    """Prefect keeps its tables in the same database, through asyncpg."""
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+asyncpg://" + url.removeprefix(prefix)
    return url
