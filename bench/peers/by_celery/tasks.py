"""The task. It is acknowledged after its transaction, so that a worker's death loses nothing."""

import os

import django
from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.peers.by_django.settings")
django.setup()

from bench.peers.by_django.models import OPEN, Booking  # noqa: E402 - models exist once Django is set up

app = Celery("bench", broker=os.environ.get("BENCH_VALKEY"))
app.conf.update(task_ignore_result=True, task_acks_late=True, worker_hijack_root_logger=False, broker_connection_retry_on_startup=True)


@app.task
def cancel(booking_id: int) -> None:
    """Cancel one booking if it is still open."""
    booking = Booking.objects.get(id=booking_id)
    if booking.status in OPEN:
        booking.cancel()
