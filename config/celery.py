"""The worker and the scheduler. The database is the truth; a task only makes it true sooner."""

import os
import signal

from celery import Celery
from celery.signals import worker_process_init

from config.local.process import end_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")

app = Celery("greenroom")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_process_init.connect
def leave_with_the_worker(**_: object) -> None:
    """A worker that is killed takes its processes along, and their tasks go to the next one."""
    end_with_parent(signal.SIGKILL)
