"""Results and events name only regions that a configuration may have."""

import pytest
from msgspec import structs

from sitemon.config.values import UnfitError, region_name
from sitemon.model.errors import PoisonError
from sitemon.model.result import decode, encode
from sitemon.model.schedule import Away, Ended, ScheduleEvent, Started, decode_event, encode_event
from tests.results import a_result

RESULT = a_result()
EVENTS: list[ScheduleEvent] = [
    Started(site="shop", region="eu", at_ms=1, interval_ms=1_000, from_slot_ms=2),
    Ended(site="shop", region="eu", at_ms=2),
    Away(region="eu", from_ms=1, until_ms=2),
]


@pytest.mark.parametrize("name", ["eu", "EU-west_1", "-", "r" * 64])
def test_one_that_a_configuration_may_have_is_read(name: str) -> None:
    result = structs.replace(RESULT, region=name)
    events = [structs.replace(event, region=name) for event in EVENTS]
    assert region_name(name) == name
    assert decode(encode(result)) == result
    assert [decode_event(encode_event(event)) for event in events] == events


@pytest.mark.parametrize("name", ["", "r" * 65, "e u", "eu\n", "eü", "eu.west", "eu:shop", "\u202e", '"'])
def test_no_other_is(name: str) -> None:
    with pytest.raises(UnfitError):
        region_name(name)
    with pytest.raises(PoisonError, match="not_a_result: the region has a name that no configuration can have"):
        decode(encode(structs.replace(RESULT, region=name)))
    for event in EVENTS:
        with pytest.raises(PoisonError, match="not_a_schedule_event: the region has a name that no configuration can"):
            decode_event(encode_event(structs.replace(event, region=name)))
