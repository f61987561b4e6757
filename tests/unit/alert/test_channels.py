"""What is sent: signed as the Standard Webhooks specification has it."""

from sitemon.alert.channels import signature, target_of
from sitemon.model.alerts import Channel


def test_the_signature_is_that_of_the_specification() -> None:
    # The example of its reference libraries: id, timestamp, body and key in base64 MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw.
    key = bytes.fromhex("31f290f6bf06298aab4f08d43c3f082cf648a362da2da4b0")
    found = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_another_address_is_another_receiver() -> None:
    one, other = (Channel(name="hook", kind="webhook", url=f"https://hooks.example/{path}") for path in "ab")
    assert target_of(one) != target_of(other)
    assert target_of(one) == target_of(Channel(name="renamed", kind="webhook", url=one.url))
