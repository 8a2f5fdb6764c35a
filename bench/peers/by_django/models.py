"""The models on the tables of `schema.sql`, and what is done to one booking."""

from datetime import datetime, timedelta

from django.db import models, transaction
from django.utils import timezone

GRACE = timedelta(hours=24)
OPEN = ("pending", "confirmed")


class Booking(models.Model):
    """A booking."""

    customer_id = models.BigIntegerField()
    provider_id = models.BigIntegerField()
    service_id = models.BigIntegerField()
    category = models.CharField(max_length=50)
    status = models.CharField(max_length=30)
    booking_date = models.DateTimeField()
    duration_minutes = models.IntegerField()
    total_amount = models.DecimalField(max_digits=10, decimal_places=2)
    currency = models.CharField(max_length=3)
    auto_cancelled = models.BooleanField(default=False)
    cancellation_reason = models.CharField(max_length=50, default="")
    cancelled_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        """Where it is."""

        managed = False
        db_table = "booking"

    @classmethod
    def expired(cls) -> "models.QuerySet[Booking]":
        """Return the open bookings whose grace period is over."""
        return cls.objects.filter(status__in=OPEN, booking_date__lt=timezone.now() - GRACE)

    def details(self, now: datetime) -> dict[str, str]:
        """Return what the audit says of the cancellation."""
        return {
            "previous_status": self.status,
            "reason": "expired",
            "booking_date": self.booking_date.isoformat(),
            "cancelled_at": now.isoformat(),
        }

    @transaction.atomic
    def cancel(self) -> None:
        """Cancel the booking, note it and tell the customer, in one transaction."""
        now = timezone.now()
        AuditEntry.of(self, now).save()
        Notification.of(self, now).save()
        self.status, self.auto_cancelled, self.cancellation_reason, self.cancelled_at = "cancelled", True, "expired", now
        self.save()


class AuditEntry(models.Model):
    """What happened to a booking."""

    booking = models.ForeignKey(Booking, on_delete=models.PROTECT)
    action = models.CharField(max_length=30)
    actor = models.CharField(max_length=100)
    details = models.JSONField()
    at = models.DateTimeField()

    class Meta:
        """Where it is."""

        managed = False
        db_table = "audit_entry"

    @classmethod
    def of(cls, booking: Booking, now: datetime) -> "AuditEntry":
        """Return the entry of a booking about to be cancelled, unsaved."""
        return cls(booking=booking, action="cancelled", actor="system:expiry", details=booking.details(now), at=now)


class Notification(models.Model):
    """Who is told what."""

    booking = models.ForeignKey(Booking, on_delete=models.PROTECT)
    recipient_id = models.BigIntegerField()
    template = models.CharField(max_length=50)
    channel = models.CharField(max_length=20)
    status = models.CharField(max_length=20)
    created_at = models.DateTimeField()

    class Meta:
        """Where it is."""

        managed = False
        db_table = "notification"

    @classmethod
    def of(cls, booking: Booking, now: datetime) -> "Notification":
        """Return the customer's letter about a booking about to be cancelled, unsaved."""
        return cls(
            booking=booking,
            recipient_id=booking.customer_id,
            template="expired-customer",
            channel="in_app",
            status="sent",
            created_at=now,
        )
