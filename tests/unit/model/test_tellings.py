"""What complete tellings say of a site that they do not name, against what each of them says."""

import time
from collections.abc import Sequence

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sitemon.model.stretches import Edit, stretches_of
from sitemon.model.tellings import Telling, Tellings

_edits = st.builds(
    lambda token, sequence, at_ms, from_ms: Edit(token, sequence, at_ms, from_ms, 0 if from_ms is None else 3, 5),
    token=st.integers(1, 2),
    sequence=st.integers(1, 9),
    at_ms=st.integers(1, 40),
    from_ms=st.none() | st.integers(1, 60),
)
_tellings = st.builds(
    lambda token, first, more, at_ms: Telling(token, first, first + more, at_ms),
    token=st.integers(1, 3),
    first=st.integers(1, 8),
    more=st.integers(0, 4),
    at_ms=st.integers(1, 40),
)
_OVERLAPPING = [Telling(1, 1, 4, 10), Telling(1, 2, 6, 20)]


def each_of(told: Sequence[Telling], own: Sequence[Edit]) -> list[Edit]:
    """An edit for each telling of whose own numbers no event of the site has one."""
    found = []
    after = {one: one.first - 1 for one in told}
    for one in told:
        for other in told:
            if other.token == one.token and other.sequence < one.sequence:
                after[one] = max(after[one], other.sequence)
        if not any(edit.token == one.token and after[one] < edit.sequence <= one.sequence for edit in own):
            found.append(Edit(one.token, one.sequence, one.at_ms))
    return found


@given(
    told=st.lists(_tellings, max_size=8, unique_by=lambda one: (one.token, one.sequence)),
    own=st.lists(_edits, max_size=6),
    is_all=st.booleans(),
)
@example(told=_OVERLAPPING, own=[Edit(1, 3, 5, 1, 3, 5)], is_all=True)
@example(told=_OVERLAPPING, own=[Edit(1, 4, 5, 1, 3, 5)], is_all=True)
@settings(max_examples=300)
def test_one_edit_between_two_of_a_site_means_what_each_telling_means(
    *, told: list[Telling], own: list[Edit], is_all: bool
) -> None:
    told.sort(key=lambda one: (one.token, one.sequence))
    found = list(Tellings(told).unnamed(own, is_all=is_all))
    base = (0, 0) if is_all else min((edit[:2] for edit in own), default=(9, 9))
    each = [edit for edit in each_of(told, own) if edit[:2] > base]
    assert len(found) <= len(own) + 1
    assert stretches_of([*own, *found]) == stretches_of([*own, *each])
    assert max((edit[:2] for edit in found), default=None) == max((edit[:2] for edit in each), default=None)


def test_time_grows_with_sites_and_tellings_and_not_with_their_product() -> None:
    """Each site has an event among the tellings, which name nobody: between any two lies another part of them."""
    began_s = time.process_time()
    tellings = Tellings(Telling(2, 2 * number, 2 * number, 1_000_000 - number) for number in range(100_000))
    found = [
        list(tellings.unnamed([Edit(1, 1, 0, 1, 1, 1), Edit(2, 20 * site + 1, 0, 1, 1, 1)], is_all=True))
        for site in range(10_000)
    ]
    assert {len(edits) for edits in found} == {2}
    assert time.process_time() - began_s < 10
