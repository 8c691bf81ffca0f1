"""ISteamNetworkingMessages: messages to users by identity; sessions come and go by themselves."""

import threading
from typing import Any

import pytest
from topologies import ALICE, BOB, Route

import steamnet
from steamnet import ConfigValue, ConnectionState, EResult, Identity, SendFlags

CAROL = "76561198000000003"


class Chat:
    """Two users who write to each other without connections."""

    def __init__(self, route: Route) -> None:
        """Take the users from a route."""
        self.route = route
        self.alice, self.bob = route.caller.networking_messages, route.host.networking_messages
        self.until = route.until

    def wait(self, messages: Any, channel: int = 0, count: int = 1) -> list[Any]:
        """Wait for so many messages on a channel."""
        got: list[Any] = []

        def enough() -> bool:
            got.extend(messages.receive_messages_on_channel(channel))
            return len(got) >= count

        self.until(enough, what=f"{count} messages on channel {channel}")
        return got

    def requests(self, messages: Any, who: str) -> None:
        """Wait for a user to ask for a session."""
        seen: list[Identity] = []

        def asked() -> bool:
            seen.extend(messages.session_requests())
            return bool(seen)

        self.until(asked, what=f"a session request of {who}")
        assert [str(identity) for identity in seen] == [who]

    def open(self) -> None:
        """Have Alice write and Bob accept."""
        assert self.alice.send_message_to_user(BOB, b"hello") == EResult.OK
        self.requests(self.bob, ALICE)
        assert self.bob.accept_session_with_user(ALICE)
        assert [m.data for m in self.wait(self.bob)] == [b"hello"]


@pytest.fixture
def chat(route: Route) -> Chat:
    """Alice and Bob."""
    return Chat(route)


BY_ADDRESS = pytest.mark.not_on("gns-ip", "loopback-ip", why="messages go to identities")


@BY_ADDRESS
def test_nothing_is_received_before_acceptance(chat: Chat) -> None:
    """Messages wait until the receiver accepts; then they are there in order, once."""
    for number in range(5):
        assert chat.alice.send_message_to_user(BOB, f"no. {number}") == EResult.OK
    chat.requests(chat.bob, ALICE)
    chat.route.pump_for(0.2)
    assert chat.bob.receive_messages_on_channel(0) == []
    assert chat.bob.accept_session_with_user(ALICE)
    got = chat.wait(chat.bob, count=5)
    assert [m.decode() for m in got] == [f"no. {number}" for number in range(5)]
    chat.route.pump_for(0.05)
    assert chat.bob.session_requests() == []


@BY_ADDRESS
def test_answering_accepts(chat: Chat) -> None:
    """Writing back is as good as accepting."""
    chat.alice.send_message_to_user(BOB, b"hello")
    chat.requests(chat.bob, ALICE)
    assert chat.bob.send_message_to_user(ALICE, b"hello yourself") == EResult.OK
    assert [m.data for m in chat.wait(chat.bob)] == [b"hello"]
    (answer,) = chat.wait(chat.alice)
    assert answer.data == b"hello yourself"
    assert answer.identity == BOB
    assert answer.connection == 0


@BY_ADDRESS
def test_channels_are_queues_of_their_own(chat: Chat) -> None:
    """A channel's messages are received on it alone, and say so; numbers may be negative."""
    chat.open()
    for channel in (0, 1, 77, -3):
        assert chat.alice.send_message_to_user(BOB, f"on {channel}", 8, channel) == EResult.OK
    for channel in (77, -3, 1, 0):
        (message,) = chat.wait(chat.bob, channel)
        assert message.decode() == f"on {channel}"
        assert message.channel == channel
    assert chat.bob.receive_messages_on_channel(5) == []


@BY_ADDRESS
def test_both_begin_at_once(chat: Chat) -> None:
    """Two who write to each other at once have agreed: one session, all messages arrive."""
    assert chat.alice.send_message_to_user(BOB, b"from alice") == EResult.OK
    assert chat.bob.send_message_to_user(ALICE, b"from bob") == EResult.OK
    assert [m.data for m in chat.wait(chat.alice)] == [b"from bob"]
    assert [m.data for m in chat.wait(chat.bob)] == [b"from alice"]


@BY_ADDRESS
def test_session_info(chat: Chat) -> None:
    """What is known of a session is what is known of a connection; of none, nothing."""
    assert chat.alice.get_session_connection_info(BOB) is None
    assert chat.alice.get_session_status(BOB) is None
    chat.open()
    info = chat.alice.get_session_connection_info(BOB)
    assert info.state == ConnectionState.CONNECTED
    assert info.identity_remote == BOB
    assert chat.alice.get_session_status(BOB).state == ConnectionState.CONNECTED
    assert chat.alice.get_session_connection_info(CAROL) is None


@BY_ADDRESS
def test_closing_a_session(chat: Chat) -> None:
    """A session is closed once; a new message makes a new one, with a new request."""
    chat.open()
    assert chat.bob.send_message_to_user(ALICE, b"heard you") == EResult.OK
    chat.wait(chat.alice)
    assert chat.alice.close_session_with_user(BOB)
    assert not chat.alice.close_session_with_user(BOB)
    assert chat.alice.get_session_connection_info(BOB) is None

    def ended() -> bool:
        chat.bob.send_message_to_user(ALICE, b"are you there?")  # P2P must be spoken to
        return bool(chat.alice.session_requests())

    chat.until(ended, what="a fresh request after the close")
    assert chat.alice.accept_session_with_user(BOB)
    assert chat.wait(chat.alice)[0].data == b"are you there?"


@BY_ADDRESS
def test_closing_a_channel(chat: Chat) -> None:
    """The last channel that is closed takes the session with it; an unused one is none."""
    chat.open()
    assert not chat.bob.close_channel_with_user(ALICE, 9)
    assert chat.bob.close_channel_with_user(ALICE, 0)
    chat.until(
        lambda: chat.bob.get_session_connection_info(ALICE) is None, what="the session to end"
    )


@BY_ADDRESS
@pytest.mark.real_clock("on a virtual one, who is in another process is refused at once")
def test_nobody_answers(chat: Chat) -> None:
    """A session nobody accepts fails with a timeout; then sending needs the restart flag."""
    chat.route.set(ConfigValue.TIMEOUT_INITIAL, 300)
    assert chat.alice.send_message_to_user(CAROL, b"hello?") == EResult.OK
    failures: list[Any] = []

    def failed() -> bool:
        failures.extend(chat.alice.session_failures())
        return bool(failures)

    chat.until(failed, what="the failure")
    assert failures[0].identity_remote == CAROL
    assert failures[0].end_reason == 5003
    assert chat.alice.send_message_to_user(CAROL, b"again") == EResult.CONNECT_FAILED
    flags = SendFlags.RELIABLE | SendFlags.AUTO_RESTART_BROKEN_SESSION
    assert chat.alice.send_message_to_user(CAROL, b"again", flags) == EResult.OK


@BY_ADDRESS
@pytest.mark.parametrize("answer", ["accept", "reject"])
def test_connection_events_of_a_session(chat: Chat, answer: str) -> None:
    """Of a session's connection only the initiator is told, and only that it is connecting."""
    assert chat.alice.send_message_to_user(BOB, b"hello") == EResult.OK
    chat.requests(chat.bob, ALICE)
    if answer == "accept":
        assert chat.bob.send_message_to_user(ALICE, b"welcome") == EResult.OK
        chat.wait(chat.alice)
        assert chat.alice.close_session_with_user(BOB)
    else:
        assert chat.bob.close_session_with_user(ALICE)
        chat.until(chat.alice.session_failures, what="the rejection")
    chat.route.pump_for(0.2)
    (event,) = chat.route.events
    assert (event.old_state, event.state) == (ConnectionState.NONE, ConnectionState.CONNECTING)
    assert event.info.identity_remote == BOB
    assert not event.is_incoming_request


@BY_ADDRESS
@pytest.mark.parametrize("messages", [1, 3])
def test_a_rejected_session_fails(chat: Chat, messages: int) -> None:
    """Closing a session that was not accepted is a failure at the caller, who may ask again."""
    for _ in range(messages):
        assert chat.alice.send_message_to_user(BOB, b"hello?") == EResult.OK
    chat.requests(chat.bob, ALICE)
    assert chat.bob.close_session_with_user(ALICE)
    failures: list[Any] = []

    def failed() -> bool:
        failures.extend(chat.alice.session_failures())
        return bool(failures)

    chat.until(failed, what="the rejection, long before the timeout")
    assert [f.identity_remote for f in failures] == [BOB]
    assert failures[0].state == ConnectionState.CLOSED_BY_PEER
    assert failures[0].end_reason == 1001
    assert chat.alice.send_message_to_user(BOB, b"again") == EResult.CONNECT_FAILED
    flags = SendFlags.RELIABLE | SendFlags.AUTO_RESTART_BROKEN_SESSION
    assert chat.alice.send_message_to_user(BOB, b"again", flags) == EResult.OK
    chat.requests(chat.bob, ALICE)


@BY_ADDRESS
def test_accepting_nobody(chat: Chat) -> None:
    """Nobody asked: there is nothing to accept or close."""
    assert not chat.alice.accept_session_with_user(CAROL)
    assert not chat.alice.close_session_with_user(CAROL)


@BY_ADDRESS
@pytest.mark.not_on("gns-processes", "loopback-processes", why="handlers are called where they are")
def test_handlers_hear_of_sessions(chat: Chat) -> None:
    """Handlers get what would otherwise be drained; a request can be accepted in one."""
    heard: list[str] = []

    @chat.bob.on_session_request
    def accept(identity: Identity) -> None:
        heard.append(str(identity))
        assert chat.bob.accept_session_with_user(identity)

    chat.alice.on_session_failed(lambda info: heard.append(info.identity_remote))
    chat.alice.send_message_to_user(BOB, b"hello")
    assert chat.wait(chat.bob)[0].data == b"hello"
    chat.route.set(ConfigValue.TIMEOUT_INITIAL, 300)
    chat.alice.send_message_to_user(CAROL, b"hello?")
    chat.until(lambda: CAROL in heard, what="the failure")
    assert heard == [ALICE, CAROL]
    assert chat.bob.session_requests() == chat.alice.session_failures() == []


@BY_ADDRESS
def test_sizes_and_lots(chat: Chat) -> None:
    """Messages of all sizes, and many of them, both ways."""
    chat.open()
    sizes = [0, 1, 1200, 5000, 100_000]
    for size in sizes:
        assert chat.alice.send_message_to_user(BOB, bytes(size), 8, 2) == EResult.OK
    assert [m.size for m in chat.wait(chat.bob, 2, len(sizes))] == sizes
    for number in range(200):
        assert chat.bob.send_message_to_user(ALICE, bytes([number]), 8, 3) == EResult.OK
    assert [m.data[0] for m in chat.wait(chat.alice, 3, 200)] == list(range(200))


def test_what_cannot_be_meant(steam: steamnet.Steam) -> None:
    """Arguments that name nobody, or hold too much, raise before anything is sent."""
    messages = steam.networking_messages
    with pytest.raises(ValueError, match="identity"):
        messages.send_message_to_user("nobody", b"x")
    with pytest.raises(ValueError, match="512 KiB"):
        messages.send_message_to_user(BOB, bytes(524289))
    with pytest.raises(TypeError):
        messages.send_message_to_user(BOB, 5)
    with pytest.raises(TypeError):
        messages.send_message_to_user(BOB, b"x", 8, 0.5)
    with pytest.raises(ValueError, match="max_messages"):
        messages.receive_messages_on_channel(0, 0)


@BY_ADDRESS
@pytest.mark.real_clock("one user waits in a thread of its own")
def test_shutdown_lets_sessions_drain(chat: Chat) -> None:
    """With time to linger what was sent arrives, also before the session is accepted."""
    for number in range(50):
        assert chat.alice.send_message_to_user(BOB, bytes([number]) * 1000) == EResult.OK
    chat.route.steams.remove(chat.route.caller)
    ending = threading.Thread(target=chat.route.caller.shutdown, args=(20.0,))
    ending.start()
    chat.requests(chat.bob, ALICE)
    assert chat.bob.accept_session_with_user(ALICE)
    assert [m.data[0] for m in chat.wait(chat.bob, count=50)] == list(range(50))
    ending.join()


def test_after_shutdown(engine: str) -> None:
    """Every call raises ClosedError."""
    steam = steamnet.init(engine=engine)
    messages = steam.networking_messages
    steam.shutdown()
    for call in (
        lambda: messages.send_message_to_user(BOB, b"x"),
        lambda: messages.receive_messages_on_channel(0),
        lambda: messages.accept_session_with_user(BOB),
        lambda: messages.close_session_with_user(BOB),
        lambda: messages.close_channel_with_user(BOB, 0),
        lambda: messages.get_session_connection_info(BOB),
        lambda: messages.get_session_status(BOB),
        messages.session_requests,
        messages.session_failures,
    ):
        with pytest.raises(steamnet.ClosedError):
            call()
