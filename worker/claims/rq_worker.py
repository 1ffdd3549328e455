"""The worker as RQ's tools see it: `rq info` and dashboards list it with its state and current job."""

from __future__ import annotations

import os
import secrets
import socket

import redis
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import SimpleWorker

HEARTBEAT_EVERY_S = 5.0

#: How long RQ's tools list a worker without heartbeats, and its jobs as running.
HEARTBEAT_TTL_S = 20


class RqWorker(SimpleWorker):
    """An entry in RQ's list of workers, with RQ's bookkeeping of executions; it never takes or runs a job itself."""

    def __init__(self, connection: redis.Redis) -> None:
        host = socket.gethostname().split(".")[0]
        super().__init__(
            [],
            name=f"{host}-{os.getpid()}-{secrets.token_hex(3)}",
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=HEARTBEAT_TTL_S,
            job_monitoring_interval=int(HEARTBEAT_EVERY_S),
        )

    def _set_connection(self, connection: redis.Redis) -> redis.Redis:
        """Return the connection as it is: RQ would raise its time-out to 15 s, for commands that wait in Redis."""
        return connection

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:  # noqa: ARG002
        """Return how long RQ lists a job as running without heartbeats, s."""
        return HEARTBEAT_TTL_S
