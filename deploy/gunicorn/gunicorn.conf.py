"""Configures gunicorn in the image. gunicorn itself reads the number of processes from WEB_CONCURRENCY."""

from cortex.monitoring import logs

bind = "0.0.0.0:8000"
wsgi_app = "cortex.wsgi"
# A thread mostly waits for the database. Each one is one of PgBouncer's 1,000 clients.
worker_class = "gthread"
threads = 16
# Nobody waits for longer. nginx gives up after 35 seconds, PgBouncer's queue after 15.
timeout = 30
graceful_timeout = 30
keepalive = 5
# Restarts limit memory leaks; the jitter keeps processes from restarting at the same moment.
max_requests = 20_000
max_requests_jitter = 2_000
# The heartbeat's file: on disk it may block for seconds.
worker_tmp_dir = "/dev/shm"  # noqa: S108 (gunicorn picks a private name in there)
# More requests than nginx ever keeps waiting here.
backlog = 2_048
# The control socket would be in the volume that all containers of the site share, and nobody uses it.
control_socket_disable = True
logconfig_dict = logs.configuration(as_json=True) | {
    "loggers": {"gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True}},
}
