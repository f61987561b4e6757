"""Of the cookies of a request those that we set are left."""

import pytest

from sitemon.web.cookies import ours


@pytest.mark.parametrize(
    ("sent", "left"),
    [
        (b"sitemon_session=1.x.anna", b"sitemon_session=1.x.anna"),
        (
            b'theme="dark"; sitemon_session="1.x.anna@example.org";__Host-sitemon_session=2.y.ben',
            b'sitemon_session="1.x.anna@example.org"; __Host-sitemon_session=2.y.ben',
        ),
        (b"a=sitemon_session; sitemon_sessions=1; sitemon_session", b"sitemon_session"),
        (b'sitemon_session="' + b"\\a" * 300 + b'"', b""),
        (b'a="' + b"\\a" * 30_000 + b'"', b""),
        (b";" * 60_000, b""),
        (b"sitemon_session=1; sitemon_session=2 ;sitemon_session=" + b"x" * 600, b"sitemon_session=2"),
        (b"sitemon_session;" * 4_000, b"sitemon_session"),
        (b"sitemon_session =x;sitemon_session-of-others=y", b"sitemon_session =x"),
        (b"theme=dark __Host-sitemon_session=1.x.eve", b""),
        (b"theme=dark\tsitemon_session=1.x.eve; a sitemon_session=2.x.eve", b""),
        (b" \tsitemon_session=1.x.anna", b"sitemon_session=1.x.anna"),
        (b" " * 60_000, b""),
        (b"", b""),
    ],
)
def test_it_has_ours_alone(sent: bytes, left: bytes) -> None:
    assert ours(sent) == left
