"""What a bank's answer does to the money behind an instruction, whatever was answered before. Pure.

A piece of money has an amount that is due. The instructions that carry it and are under way or paid are live. Where live
ones carry more than is due, the person has or gets too much, and the excess is owed: a recovery case. Where none is
live, what is due is held and goes out again. So each answer is weighed by what it changes, in whatever order they come.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of money as an answer about one of its instructions finds it, in fen.

    `carried_fen` is what that instruction carries of it, `others_fen` what all other live ones carry together.
    """

    due_fen: int
    carried_fen: int
    others_fen: int


@dataclass(frozen=True, slots=True)
class Weighed:
    """What an answer comes to: `sent_fen` of the piece is out, `held_fen` is not, the excess changes by `excess_fen`."""

    sent_fen: int
    held_fen: int
    excess_fen: int


def becomes_live(piece: Piece) -> Weighed:
    """The instruction was paid after all: more is out than before, perhaps more than is due."""
    return _weigh(piece, piece.others_fen, piece.others_fen + piece.carried_fen)


def comes_back(piece: Piece) -> Weighed:
    """The money of a live instruction came back, or the instruction was stopped."""
    return _weigh(piece, piece.others_fen + piece.carried_fen, piece.others_fen)


def _weigh(piece: Piece, before_fen: int, after_fen: int) -> Weighed:
    return Weighed(
        sent_fen=min(piece.due_fen, after_fen),
        held_fen=max(piece.due_fen - after_fen, 0),
        excess_fen=max(after_fen - piece.due_fen, 0) - max(before_fen - piece.due_fen, 0),
    )


def settle_excess(excess_fen: int, open_case_fen: int) -> tuple[int, int]:
    """How a change of excess reaches the person's case: (change of the case, given back to the person), in fen.

    An excess that shrinks reduces the case; what the person has repaid of it meanwhile is given back.
    """
    if excess_fen >= 0:
        return excess_fen, 0
    reduced = min(-excess_fen, open_case_fen)
    return -reduced, -excess_fen - reduced
