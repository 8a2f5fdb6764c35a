"""A job of Procrastinate for each booking: the queue is in PostgreSQL."""
