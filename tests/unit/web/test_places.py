"""Places: one client has a part of them at most, and who finds none is told when to come again."""

import pytest

from sitemon.web.places import Places
from sitemon.web.problems import Problem


def refused(places: Places, client: str) -> tuple[int, str]:
    with pytest.raises(Problem) as caught:
        places.take(client)
    return caught.value.status, caught.value.headers["Retry-After"]


def test_one_client_leaves_places_to_others() -> None:
    places = Places(3, 2, retry_s=10)
    for client in ("a", "a"):
        places.take(client)
    assert refused(places, "a") == (429, "10")
    places.take("b")
    assert refused(places, "c") == (503, "10")


def test_a_place_that_is_given_back_is_free_once() -> None:
    places = Places(2, 1, retry_s=10)
    place = places.take("a")
    places.take("b")
    for _ in range(2):
        place.close()
    places.take("a")
    assert refused(places, "c") == (503, "10")
    assert places._taken == {"a": 1, "b": 1}
