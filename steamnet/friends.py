"""Friends: who else is there, and what they and we are called."""

from .engine import Engine, Uncopyable
from .identity import Identity
from .lobbies import Lobbies
from .lobby_backend import MAX_PRESENCE, MAX_PRESENCE_KEY, Friend, text_within


class Friends(Uncopyable):
    """``ISteamFriends``: names, and who is there. `Steam.friends` is one.

    On gns and loopback friends are the users of the same rendezvous that use lobbies or friends.
    """

    def __init__(self, engine: Engine, lobbies: Lobbies) -> None:
        """Ask the back end of the lobbies."""
        self._engine = engine
        self._lobbies = lobbies

    @property
    def name(self) -> str:
        """What others see of us: Steam's name, elsewhere what ``init(name=...)`` gave.

        ``ISteamFriends::GetPersonaName``
        """
        self._engine.check()
        return self._lobbies._backend.name()

    def friends(self) -> list[Friend]:
        """Those who are there, as far as they are known by now; the first call may find nobody.

        ``ISteamFriends::GetFriendCount``, ``GetFriendByIndex``
        """
        self._engine.check()
        return self._lobbies._backend.friends()

    def name_of(self, user: str | int | Identity) -> str:
        """The name of a user; its identity while the name is not known.

        ``ISteamFriends::GetFriendPersonaName``
        """
        self._engine.check()
        who = Identity.parse(user)
        return self._lobbies._backend.name_of(who) or str(who)

    def set_rich_presence(self, key: str, value: str) -> bool:
        """Let others see a text under a ``key``; "" removes it. False if it is refused.

        On Steam "connect" is what a friend's "Join game" gives to the game, and "steam_display" is
        shown; elsewhere nothing shows it. Keys have at most 63 bytes, values 255.
        ``ISteamFriends::SetRichPresence``
        """
        self._engine.check()
        text_within(key, "a key", MAX_PRESENCE_KEY, 1)
        text_within(value, "a value", MAX_PRESENCE)
        return self._lobbies._backend.set_rich_presence(key, value)
