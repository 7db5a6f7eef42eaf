"""How large a number in a record may be: beyond, sums and pages would overflow."""

from benchmark.result import Record

#: Largest whole number, or seconds: more than all bytes of all machines.
MOST = 10**18
#: Largest metric or standard error.
LARGEST = 1e9


def within(record: Record) -> bool:
    """Whether a record's numbers are such that tables can be made of them."""
    cost = record.cost
    counts = (
        *(cost.image_visits, cost.optimiser_steps, cost.stored_bytes, cost.extra_parameters),
        *(cost.peak_memory_bytes, cost.seconds, record.stream.chunks_seen),
        *(record.seeds.replicate, record.environment.threads),
    )
    return max(counts) <= MOST and all(
        abs(metric.value) <= LARGEST
        and (metric.standard_error or 0.0) <= LARGEST
        and metric.n <= MOST
        for metric in record.metrics.values()
    )
