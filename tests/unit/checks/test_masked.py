"""What a server sent, without our secrets, in whatever form it sends them back."""

import base64
import html
import json
import sys
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitemon.checks.judge.masked import Mask, masked_certificates, masked_name, masked_url
from sitemon.checks.judge.spellings import Needle, Reading, TooMuchWorkError, Work, places_of, sought_for
from sitemon.clock import thread_cpu_s
from sitemon.model.result import Certificate
from sitemon.model.site import Body, Header, Proxy, Site


def site(url: str = "http://shop.test/", **fields: Any) -> Site:
    return Site(name="shop", url=url, **fields)


def masked(watched: Site, text: str, first: int = 0, last: int | None = None) -> str:
    return Mask(watched, at_once=False).masked(text, first, last)


@pytest.mark.parametrize(
    "watched",
    [
        site(headers=(Header("X-Key", "hunter2", is_secret=True),)),
        site(headers=(Header("X-Key", "Token hunter2", is_secret=True),)),
        site(headers=(Header("X-Key", "v=1;key=hunter2;", is_secret=True, secrets=("hunter2",)),)),
        site(headers=(Header("Authorization", "Bearer hunter2"),)),
        site(headers=(Header("Authorization", "Basic bWU6aHVudGVyMg==", is_secret=True),)),
        site(headers=(Header("Cookie", "hunter2"),)),
        site("http://me:hunter2@shop.test/"),
        site("http://me:h%75nter2@shop.test/"),
        site("http://shop.test/?a=b&token=hunter2"),
        site("http://shop.test/?a=b&token=h%75nter2"),
        site("http://shop.test/?hunter2"),
        site(body=Body(b"", None, ("hunter2",))),
        site(proxy=Proxy("proxy.test", 3128, "Basic bWU6aHVudGVyMg==")),
    ],
)
def test_a_secret_that_is_echoed_is_masked(watched: Site) -> None:
    assert masked(watched, "the key hunter2 is wrong") == "the key *** is wrong"
    assert masked(watched, "http://HUNTER2.shop.test/") == "http://***.shop.test/"


@pytest.mark.parametrize("credentials", ["hünter2", "bWU6aHVudGVyMg", "//8="])
def test_credentials_that_are_no_base64_of_text_are_masked_as_they_are(credentials: str) -> None:
    watched = site(headers=(Header("Authorization", f"Basic {credentials}", is_secret=True),))
    assert masked(watched, f"the key {credentials} is wrong") == "the key *** is wrong"


def test_credentials_of_the_url_are_masked_also_as_they_are_sent() -> None:
    assert masked(site("http://me:hunter2@shop.test/"), "Authorization: Basic bWU6aHVudGVyMg==") == (
        "Authorization: Basic ***"
    )


SECRETS = [
    "hunt/er&2",
    "a b+c%d",
    'say "no" \\ <b>',
    "pässwörd",
    "ключ and key",
    "a%41\\u0042&amp;/c",
    "🔑" * 9,
    "".join(map(hex, range(99))),
]
FORMS = {
    "as it is": str,
    "in a path": lambda secret: quote(secret, safe=""),
    "in a query": quote_plus,
    "with small hex digits": lambda secret: quote(secret, safe="").lower(),
    "in JSON": lambda secret: json.dumps(secret)[1:-1],
    "in JSON beyond ASCII": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    "in JSON in JSON": lambda secret: json.dumps(json.dumps(secret)[1:-1])[1:-1],
    "in HTML": html.escape,
    "in JSON in a path": lambda secret: quote(json.dumps(secret)[1:-1], safe=""),
    "read as latin-1": lambda secret: secret.encode().decode("latin-1"),
    "in JSON as PHP writes it": lambda secret: json.dumps(secret)[1:-1].replace("/", "\\/"),
    "in JSON as Go writes it": lambda secret: json.dumps(secret)[1:-1].replace("&", "\\u0026").replace("<", "\\u003c"),
    "each character in JSON": lambda secret: in_units(secret, "\\u"),
    "each character in HTML": lambda secret: "".join(f"&#{ord(char)};" for char in secret),
    "each character in HTML, in hex": lambda secret: "".join(f"&#x{ord(char):06X};" for char in secret),
    "each character in HTML in JSON": lambda secret: "".join(f"\\u0026#{ord(char)};" for char in secret),
    "each byte in a path": lambda secret: "".join(f"%{byte:02x}" for byte in secret.encode()),
    "some bytes in a path": quote,
    "some characters as browsers quote them": lambda secret: quote(secret, safe=";,/?:@&=+$-_.!~*'()#"),
    "twice in a path": lambda secret: quote(quote(secret), safe=""),
    "in HTML in a path in JSON": lambda secret: json.dumps(quote(html.escape(secret), safe=""))[1:-1],
    "in a path in HTML": lambda secret: html.escape(quote(secret).replace("%", "&#37;")),
    "as escape() has it": lambda secret: in_units(secret, "%u"),
    "in Python": lambda secret: repr(secret.encode())[2:-1],
    "in octal": lambda secret: "".join(f"\\{byte:03o}" for byte in secret.encode()),
    "in base64": lambda secret: base64.b64encode(secret.encode()).decode().rstrip("="),
    "in base64 in a path": lambda secret: quote(base64.b64encode(secret.encode()).decode().rstrip("="), safe=""),
    "in base64 for URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
    "in base64 as mail has it": lambda secret: base64.encodebytes(secret.encode()).decode().rstrip("=\n"),
    "in hex": lambda secret: secret.encode().hex(),
    "in hex with colons": lambda secret: secret.encode().hex(":").upper(),
}


def in_units(secret: str, prefix: str) -> str:
    units = secret.encode("utf-16-be")
    return "".join(f"{prefix}{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_secret_is_masked_in_whatever_form_it_is_echoed(secret: str, form: Any) -> None:
    watched = site(headers=(Header("X-Key", f"v1;{secret}", is_secret=True, secrets=(secret,)),))
    assert masked(watched, f"[{form(secret)}]") == "[***]"


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("before", ["", "a", "ab", "{'key': "])
def test_a_secret_within_what_is_in_base64_is_masked(before: str, secret: str) -> None:
    watched = site(headers=(Header("X-Key", secret, is_secret=True),))
    encoded = base64.b64encode(f"{before}{secret}, and more".encode()).decode()
    first_bit = 8 * len(before)
    first, last = first_bit // 6, -(-(first_bit + 8 * len(secret.encode())) // 6)
    assert masked(watched, encoded) == f"{encoded[:first]}***{encoded[last:]}"


def test_what_is_quoted_more_often_than_anybody_does_is_not_shown() -> None:
    watched = site(headers=(Header("X-Key", "hunter2", is_secret=True),))
    assert masked(watched, "a %25252541 b") == "a %25252541 b"
    assert masked(watched, f"a %{'25' * 40}41 b") == "***"
    assert masked(site(), f"a %{'25' * 40}41 b") == f"a %{'25' * 40}41 b"


@pytest.mark.parametrize("text", ["%41", "%252525252541", "\\u0041", "\\", "&#43;", "&#" + "0" * 99, "a", "aA/+ \n"])
def test_to_mask_takes_little_however_long_the_secret_and_the_text_are(text: str) -> None:
    watched = site(headers=(Header("X-Key", "a" * 4_000, is_secret=True),))
    began_s = thread_cpu_s()
    masked(watched, text * (1_000_000 // len(text)), 500_000, 500_260)
    assert thread_cpu_s() - began_s < 0.2


@pytest.mark.parametrize("needle", [Needle("a"), Needle("aa"), Needle("aba"), Needle("aab", True, 1, 1)])
@given(text=st.text(alphabet="ab ", max_size=40))
def test_places_that_overlap_or_touch_are_one_and_none_is_left_out(needle: Needle, text: str) -> None:
    places = list(places_of(sought_for([needle]), Reading(text, range(len(text) + 1)), Work(1_000_000)))
    kept = [place for place, character in enumerate(text) if not needle.is_encoded or character != " "]
    folded, ends = "".join(text[place] for place in kept).replace(" ", "+"), [*kept, len(text)]
    starts = [first for first in range(len(folded)) if folded.startswith(needle.text, first)]
    each = [
        range(ends[max(0, first - needle.before)], ends[min(len(folded), first + len(needle.text) + needle.after)])
        for first in starts
    ]
    assert {at for place in places for at in range(*place)} == {at for one in each for at in one}
    assert len(places) <= len(text) // len(needle.text)


MANY_LENGTHS = site("http://shop.test/?" + "&".join("x=" + "a" * length for length in range(4, 48)))
ALIKE = site(
    headers=(Header("X-Key", "".join(f"{'a' * (43 - at)}b{'a' * (4 + at)}" for at in range(40)), is_secret=True),)
)
USUAL = site(headers=(Header("X-Key", "hunter2", is_secret=True),))
ESCAPES = site(headers=(Header("Cookie", "%2541&amp;amp;%5c%5cu0041" * 160),))
QUOTED = "%252541&amp;amp;amp;"


@pytest.mark.parametrize(
    ("watched", "text", "expected"),
    [
        (MANY_LENGTHS, f"{'a' * 1_200}{QUOTED}{'a' * 1_300}", "***&amp;amp;amp;***"),
        (MANY_LENGTHS, f"{'a' * 60}{QUOTED}" * 40, "***&amp;amp;amp;***"),
        (ALIKE, f"{'a' * 1_200}{QUOTED}{'a' * 1_300}", f"{'a' * 60}{QUOTED}{'a' * 40}"),
        (USUAL, QUOTED * 135, (QUOTED * 135)[1_140:1_260]),
        (ESCAPES, "a", ""),
    ],
)
def test_of_what_takes_long_to_mask_nothing_is_shown_at_once_but_apart(watched: Site, text: str, expected: str) -> None:
    at_once, apart = Mask(watched, at_once=True), Mask(watched, at_once=False)
    assert at_once.masked(text, 1_140, 1_260) == "***"
    assert at_once.masked("b") == "***", "no more is done then"
    assert apart.masked(text, 1_140, 1_260) == expected
    assert (at_once.is_over, apart.is_over) == (True, False)


def test_all_that_is_shown_of_a_response_is_masked_at_once_where_that_is_little() -> None:
    mask = Mask(MANY_LENGTHS, at_once=True)
    assert [mask.masked(f"{'b' * 300}aaaa&amp;", 250) for _ in range(5)] == [f"{'b' * 50}***&amp;"] * 5
    assert not mask.is_over


@pytest.mark.parametrize(
    ("needles", "text", "at_least"),
    [
        ([Needle(f"{'a' * 44}baaa")], "a" * 2_400, 2_400 * 48),
        ([Needle("a" * length) for length in range(4, 48)], "a" * 2_400, 2_400 * sum(range(4, 48))),
        ([Needle("a")], "ab" * 1_200, 1_200 * 1_000),
        ([Needle("xyz")] * 600, "a" * 2_400, 2_400 * 600),
        ([Needle("xyz")], "é" * 2_400, 2_400 * 50),
    ],
)
def test_whatever_makes_it_take_long_to_find_a_place_counts_as_work(
    needles: list[Needle], text: str, at_least: int
) -> None:
    """That is characters compared, places, needles times the text, or letters beyond ASCII."""
    with pytest.raises(TooMuchWorkError):
        list(places_of(sought_for(needles), Reading(text, range(len(text) + 1)), Work(at_least)))
    list(places_of(sought_for([Needle("xyz")]), Reading("a" * 2_400, range(2_401)), Work(2_400 * 20)))


def test_a_long_token_is_masked_in_a_page_of_some_escapes() -> None:
    token = base64.b64encode(bytes(range(256)) * 10).decode()
    watched = site(headers=(Header("X-Key", token, is_secret=True),))
    text = f"{'x' * 1_200}&lt;b&gt;{token}&lt;/b&gt;{'x' * 1_200}"
    assert masked(watched, text, 1_190, 1_200 + len("&lt;b&gt;") + 200) == "xxxxxxxxxx&lt;b&gt;***"


@given(text=st.text(alphabet="&#x0123;\\uU%aAfnm İ\ud800é"), first=st.integers(0, 30))
def test_whatever_a_server_sends_is_masked(text: str, first: int) -> None:
    watched = site(headers=(Header("X-Key", "a&1", is_secret=True),))
    assert len(masked(watched, text, first)) <= max(3, len(text[first:]))
    assert "a&1" not in masked(watched, text, first).lower()


def test_a_header_of_latin_1_that_is_read_as_utf_8_is_masked() -> None:
    watched = site(headers=(Header("X-Key", "pässwörd", is_secret=True),))
    assert masked(watched, "pässwörd".encode("latin-1").decode(errors="replace")) == "***"


def test_upper_and_lower_case_are_one_in_any_script() -> None:
    assert masked(site(headers=(Header("X-Key", "ΟΔΟΣ", is_secret=True),)), "οδοςΟΔΟΣοδοσé İΟΔΟΣ") == "***é İ***"
    assert [number for number in range(sys.maxunicode + 1) if len(chr(number).lower()) > 1] == [ord("İ")]


def test_no_half_of_a_secret_is_left_at_an_end() -> None:
    secret = "0123456789" * 30
    watched = site(headers=(Header("X-Key", secret, is_secret=True),))
    for text in ("a" * 55 + secret, "a" * 40 + secret + "b" * 40):
        for start in range(0, len(text), 7):
            for end in (start + 3, start + 100, None):
                assert not set(masked(watched, text, start, end)) & set("0123456789")


def test_only_the_piece_that_was_asked_for_comes_back() -> None:
    assert masked(site(), "0123456789", 3, 6) == "345"
    watched = site(headers=(Header("X-Key", "45", is_secret=True),))
    assert masked(watched, "0123456789", 3, 6) == "3**"
    assert masked(watched, "", 0, 60) == ""


def test_what_is_no_secret_stays() -> None:
    watched = site("http://shop.test/?v=12&q=", headers=(Header("X-Team", "web"),))
    assert masked(watched, "web 12 q") == "web 12 q"


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("times", [0, 1, 2, 5, 20])
def test_no_secret_is_in_a_url_however_often_it_is_quoted(secret: str, times: int) -> None:
    echo = secret if times else secret.replace("/", "-").replace("?", "")
    watched = site(headers=(Header("X-Key", echo, is_secret=True),))
    for _ in range(times):
        echo = quote(echo, safe="")
    shown = masked_url(watched, f"https://me:pw@shop.test:8443/login/{echo}?next={echo}")
    assert shown in ("https://shop.test:8443/login/***", "https://shop.test:8443/***")


def test_a_url_without_secrets_stays() -> None:
    watched = site(headers=(Header("X-Key", "hunter2", is_secret=True),))
    assert masked_url(watched, "https://shop.test/a%2520b/") == "https://shop.test/a%2520b/"


@pytest.mark.parametrize(
    "watched",
    [
        site("http://shop.test/?" + "&".join(f"a={number:04}" for number in range(550))),
        site("http://shop.test/?" + "&".join(f"a={number:04}" for number in range(150))),
        site(
            headers=(Header("X-Key", "abcd", is_secret=True, secrets=tuple(f"{number:04}" for number in range(1000))),)
        ),
        site(headers=(Header("Cookie", "%2526amp;" * 400),)),
        site(headers=(Header("Cookie", f"{'a' * 24}b{'a' * 23}" * 80),)),
        site(headers=(Header("Cookie", "a" * 4_000),)),
        site(headers=(Header("Cookie", "a"),)),
    ],
)
@pytest.mark.parametrize("text", ["a", "%2541", "%25252541&amp;\\u0041", "%25252525252541&amp;amp;"])
def test_to_mask_the_urls_of_50_redirects_takes_little(watched: Site, text: str) -> None:
    urls = [f"https://other.test/{number}{text * (1_980 // len(text))}" for number in range(50)]
    began_s = thread_cpu_s()
    for url in urls:
        masked_url(watched, url)
    assert thread_cpu_s() - began_s < 1.0


def test_where_there_is_much_to_look_for_little_is_shown_of_a_long_url() -> None:
    many = tuple(f"hunter{number:03}" for number in range(150))
    watched = site(headers=(Header("X-Key", "a", is_secret=True, secrets=many),))
    assert masked_url(watched, "https://a.hunter007.test/b") == "https://*.***.test/b"
    assert masked_url(watched, f"https://a.hunter007.test/{'b' * 1_900}") == "https://*.***.test/***"
    assert masked_url(watched, f"https://{'b.hunter007.' * 100}test/") == "https://***/"


def test_of_a_name_the_beginning_is_shown_without_half_a_secret() -> None:
    watched = site(headers=(Header("X-Key", "hunter2", is_secret=True),))
    assert masked_name(watched, "CN=hunter2,O=" + "a" * 300) == "CN=***,O=" + "a" * 243
    assert masked_name(watched, "a" * 252 + "hunter2") == "a" * 252 + "***"


def test_nothing_is_shown_of_it_where_there_is_very_much_to_look_for() -> None:
    many = tuple(f"hunter{number:03}" for number in range(300))
    few, very_many = (site(headers=(Header("X-Key", "a", is_secret=True, secrets=one),)) for one in (many[:100], many))
    assert (masked_name(few, "CN=shop"), masked_name(very_many, "CN=shop")) == ("CN=shop", "***")


@pytest.mark.parametrize("cookie", ["a", "a" * 4_000, f"{'a' * 24}b{'a' * 23}" * 80])
@pytest.mark.parametrize("text", ["a", "%2541", "%25252541&amp;\\u0041"])
def test_to_mask_the_names_of_certificates_takes_little(cookie: str, text: str) -> None:
    watched = site(headers=(Header("Cookie", cookie),))
    began_s = thread_cpu_s()
    for number in range(50):
        masked_name(watched, f"{number}{text * (256 // len(text))}")
    assert thread_cpu_s() - began_s < 1.0


def a_chain(*names: str) -> list[Certificate]:
    """Return certificates of these names, each issued by the next."""
    moment = datetime(2026, 11, 30, tzinfo=UTC)
    return [
        Certificate(subject=subject, issuer=issuer, begins_at=moment, expires_at=moment)
        for subject, issuer in zip(names, (*names[1:], names[-1]), strict=True)
    ]


def names_shown(watched: Site, *names: str) -> list[str]:
    return [one.subject for one in masked_certificates(watched, a_chain(*names)) if one is not None]


@pytest.mark.parametrize("text", ["%41%2541%252541", "&#65;%41\\u0041"])
def test_to_mask_the_names_of_a_chain_takes_little(text: str) -> None:
    watched = site(headers=(Header("Cookie", "hunter2"),))
    names = [f"CN={number}{text * (1_200 // len(text))}" for number in range(9)]

    def spent_s(*shown: str) -> float:
        began_s = thread_cpu_s()
        for _ in range(20):
            names_shown(watched, *shown)
        return thread_cpu_s() - began_s

    assert min(spent_s(*names) for _ in range(3)) < 6 * min(spent_s(names[0]) for _ in range(3))


@pytest.mark.parametrize("others", [[f"hunter{number:03}" for number in range(20)], ["".join(map(str, range(700)))]])
def test_the_names_of_a_usual_chain_are_shown_to_a_site_of_long_secrets(others: list[str]) -> None:
    secrets = ("hunter007", *others)
    watched = site(headers=(Header("X-Key", secrets[0], is_secret=True, secrets=secrets),))
    names = [f"CN=hunter007 authority {number},O=An Authority Limited,C=GB" for number in range(4)]
    assert names_shown(watched, *names) == [name.replace("hunter007", "***") for name in names]


def test_a_very_long_path_is_not_shown() -> None:
    watched = site(headers=(Header("X-Key", "hunter2", is_secret=True),))
    assert masked_url(watched, "https://hunter2.test/%" + "25" * 32_000) == "https://***.test/***"
