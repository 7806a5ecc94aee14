"""What sending can end with besides success."""


class NotSent(Exception):
    """An attempt failed, for a reason that people may read: it quotes nothing that a receiver said.

    `is_final`: another attempt would fail as well. `is_away`: other messages would fail as well, so they wait.
    """

    def __init__(self, reason: str, *, is_final: bool = False, is_away: bool = True) -> None:
        super().__init__(reason)
        self.is_final, self.is_away = is_final, is_away


class NotNeeded(Exception):
    """There is nobody to tell, or they were told already."""
