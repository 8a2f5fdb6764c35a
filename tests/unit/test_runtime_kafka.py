"""Where a record goes: to the partition that every other client of Apache Kafka puts its key in."""

import pytest
from aiokafka.partitioner import DefaultPartitioner

from contracts.ids import new_id
from services.runtime.kafka import partition_for

KEYS = [b"k", "सेवा".encode(), *(str(new_id()).encode() for _ in range(200))]


@pytest.mark.parametrize("number", [1, 3, 12])
def test_a_key_goes_where_every_client_puts_it(number: int) -> None:
    partitions = list(range(number))
    usual = [DefaultPartitioner()(key, partitions, partitions) for key in KEYS]
    assert [partition_for(key, partitions, partitions) for key in KEYS * 2] == usual * 2


def test_a_key_follows_a_topic_that_has_more_partitions_meanwhile() -> None:
    for number in (3, 5):
        partitions = list(range(number))
        assert {partition_for(key, partitions, partitions) for key in KEYS} == set(partitions)


def test_a_record_without_a_key_goes_to_a_partition_that_is_there() -> None:
    assert partition_for(None, [0, 1, 2], [1]) == 1
