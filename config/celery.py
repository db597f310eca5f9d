"""The worker and the scheduler. The database is the truth; a task only makes it true sooner."""

import os
import signal

from celery import Celery
from celery.signals import worker_init, worker_process_init
from django.conf import settings

from config.local.process import end_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")

app = Celery("greenroom")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def one_connection_each(**_: object) -> None:
    """Pools are for the threads of the web. A process of a worker does one thing at a time, and
    Celery closes what it used after each task: a pool would be built and torn down every time,
    and one that was open before the fork would be shared by the processes."""
    for database in settings.DATABASES.values():
        database.get("OPTIONS", {}).pop("pool", None)


@worker_process_init.connect
def leave_with_the_worker(**_: object) -> None:
    """A worker that is killed takes its processes along, and their tasks go to the next one."""
    end_with_parent(signal.SIGKILL)
