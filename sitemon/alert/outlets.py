"""How each kind of channel is sent on: events by HTTP, messages to people by Apprise."""

from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

from sitemon.alert.channels import Request, request_of
from sitemon.alert.events import test_event
from sitemon.alert.lasting import AlertmanagerSender
from sitemon.alert.message import Message, message_of
from sitemon.alert.post import TIMEOUT_S, post
from sitemon.alert.sender import ChannelSender, MessageSender, Sender
from sitemon.alert.verdict import Answer
from sitemon.apprise_services import Service
from sitemon.model.alerts import Channel


def sender_of(channel: Channel, file_of: Callable[[str], str]) -> ChannelSender:
    """Return what sends on a channel; `file_of` says in which file a site stands."""
    if channel.kind == "apprise":
        people = People(channel)
        return MessageSender(channel, people.tell, people.fits, file_of)
    by_http = AlertmanagerSender if channel.kind == "alertmanager" else Sender
    return by_http(channel, send, file_of)


def try_channel(channel: Channel, now: datetime) -> Answer:
    """Send a message that says it is a test, at once."""
    event = test_event(now, uuid4())
    if channel.kind == "apprise":
        return People(channel).tell(message_of([event], channel.timezone), event["data"]["id"])
    return send(request_of(channel, event, now))


def send(request: Request) -> Answer:
    """Post a request."""
    return post(request.url, request.body, request.headers)


class People:
    """Those whom a service of Apprise reaches."""

    def __init__(self, channel: Channel) -> None:
        self._service = Service(channel.url, TIMEOUT_S)

    def fits(self, message: Message) -> bool:
        """Whether a message arrives whole."""
        return self._service.fits(message.subject, message.body)

    def tell(self, message: Message, number: str) -> Answer:
        """Send a message, which has the same number when it is sent again, and return an answer as one of HTTP."""
        sent = self._service.send(message.subject, message.body, is_bad_news=message.is_bad_news, number=number)
        if sent.is_delivered:
            return Answer(200)
        if sent.status >= 400:
            return Answer(sent.status)
        return Answer(0, problem=sent.problem, may_arrive=sent.may_arrive)
