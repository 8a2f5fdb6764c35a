"""What crosses Kafka and nothing else: messages, topics, ids, money. Imports the standard library and pydantic only."""
