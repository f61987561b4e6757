"""Whatever files of sites say by turns: what is taken of them goes together, and each has its new or its old sites."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitemon.config import site_room
from sitemon.config.settling import Before, Settling
from sitemon.config.site_maintenance import rings
from sitemon.config.site_parts import Part, parts_of
from sitemon.model.site import DEFAULT_REGION, Site

FILES = [f"{n}.yaml" for n in range(5)]
MOST_REGIONS = 5
FEW_REGIONS = 2
TIERS = ((FEW_REGIONS / MOST_REGIONS, 1.0), (0.0, 1.4))
NAMES = [f"s{n}" for n in range(8)]


def any_part(random: Random, file: str) -> Part:
    if random.random() < 0.2:
        return Part(file, {}, {}, is_fit=False, named=random.sample(NAMES, 3))
    return Part(file, {name: any_site(random, name, file) for name in random.sample(NAMES, random.randint(0, 3))}, {})


def any_site(random: Random, name: str, file: str) -> Site:
    regions = random.choice([(DEFAULT_REGION,), (DEFAULT_REGION,), tuple(random.sample("abcdefgh", 2))])
    depends_on = random.sample(NAMES, random.choice([0, 0, 1, 2]))
    return Site(name=name, url="http://a/", file=file, regions=regions, depends_on=tuple(depends_on))


@pytest.fixture(autouse=True)
def _few_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_room, "MOST_REGIONS", MOST_REGIONS)
    monkeypatch.setattr(site_room, "_TIERS", TIERS)


@given(random=st.randoms(use_true_random=False))
def test_it_goes_together(random: Random) -> None:
    before = Before({}, {}, {}, {}, {}, ())
    for _ in range(6):
        parts = [any_part(random, file) for file in random.sample(FILES, random.randint(1, len(FILES)))]
        old = parts_of((site for name, site in before.sites.items() if name not in before.nowhere), {})
        chosen = Settling(parts, before)
        sites = chosen.sites()
        by_name = {site.name: site for site in sites}
        assert len(by_name) == len(sites)
        assert all(gateway in by_name for site in sites for gateway in site.depends_on)
        assert not [*rings({site.name: site.depends_on for site in sites if site.depends_on})]
        assert len(Part("", by_name, {}).taken.regions) <= 1.4 * MOST_REGIONS
        standing = parts_of((site for site in sites if site.name not in chosen.nowhere), {})
        regions = [part.taken.regions for part in standing.values()]
        assert len(set().union(*(one for one in regions if len(one) > FEW_REGIONS))) <= MOST_REGIONS
        for part in parts:
            expected = old.get(part.file) if part.file in chosen.kept else part
            assert expected is None or {by_name[name].file for name in expected.sites} <= {part.file}
        whole = {name: site for name, site in by_name.items() if not chosen.kept or name in before.whole}
        refused = {file: before.refused.get(file, 0) + 1 for file in chosen.kept}
        before = Before(by_name, {}, whole, refused, chosen.free, chosen.nowhere)
