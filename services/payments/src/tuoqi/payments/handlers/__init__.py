"""What commands and events do to payments' aggregates: one function each, the state before in, the state after out."""

from tuoqi.payments.handlers.cycle import (
    ACTS,
    Approve,
    Cancel,
    Close,
    Compute,
    DecideLines,
    DecideObjection,
    Instruct,
    Open,
    Post,
    RaiseObjection,
    ReturnInstruction,
    Review,
    Settle,
    SettleInstruction,
    ref,
)

__all__ = [
    "ACTS",
    "Approve",
    "Cancel",
    "Close",
    "Compute",
    "DecideLines",
    "DecideObjection",
    "Instruct",
    "Open",
    "Post",
    "RaiseObjection",
    "ReturnInstruction",
    "Review",
    "Settle",
    "SettleInstruction",
    "ref",
]
