"""The common design: Django models, and a management command that cron starts."""
