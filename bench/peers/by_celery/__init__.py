"""A task of Celery for each booking, on the models of the common design; Valkey is the broker."""
