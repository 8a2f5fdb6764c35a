"""The services, which meet on Kafka and in contracts, and never import each other."""
