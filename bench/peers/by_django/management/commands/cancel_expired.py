"""The common design: every expired booking is saved by itself, in a transaction with its audit entry and its notification."""

import json
import time

from django.core.management.base import BaseCommand

from bench.peers.by_django.models import Booking


class Command(BaseCommand):
    """Cancel the expired bookings one after the other."""

    def handle(self, **_: object) -> None:
        """Print how long it took."""
        Booking.objects.exists()  # the connection is open before the clock runs
        began = time.perf_counter()
        for booking in Booking.expired().iterator():
            booking.cancel()
        self.stdout.write(json.dumps({"seconds": time.perf_counter() - began}))
