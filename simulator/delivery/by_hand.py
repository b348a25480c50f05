"""A webhook that a person puts together: its fields checked, in the reference's names. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.core.money import ZERO, parse_written
from simulator.core.suggest import did_you_mean_or_valid
from simulator.core.webhooks import Method, WebhookRequest
from simulator.errors import UsageError

TEXT_LENGTH_MAX = 255


class WebhookUnfit(UsageError):
    """The fields are no webhook."""


_FIELDS = {
    Method.DETAILS: ("method", "user_id"),
    Method.BALANCE: ("method", "user_id"),
    Method.BET: ("method", "user_id", "amount", "transaction_id", "game_id"),
    Method.WIN: ("method", "user_id", "amount", "transaction_id", "game_id"),
    Method.REFUND: ("method", "user_id", "amount", "transaction_id"),
}


def webhook_by_hand(fields: Mapping[str, object], new_id: str) -> WebhookRequest:
    """The webhook that these fields are.

    A bet or a win without transaction_id gets `new_id`. Raises WebhookUnfit for an unknown field, a missing
    one, and a value that the field cannot have.
    """
    method = _method(fields)
    known = _FIELDS[method]
    for name in fields:
        if name not in known:
            raise WebhookUnfit(f'webhook: {method} has no field "{name}"{did_you_mean_or_valid(name, known)}')
    given = {name: _text(name, value) for name, value in fields.items()}
    if method in (Method.BET, Method.WIN):
        given.setdefault("transaction_id", new_id)
    missing = [name for name in known if name not in given]
    if missing:
        raise WebhookUnfit(f"webhook: {method} needs {', '.join(missing)}; found {', '.join(given)}")
    if not method.moves_money:
        return WebhookRequest(method, given["user_id"])
    try:
        amount = parse_written(given["amount"])
    except ValueError as error:
        raise WebhookUnfit(f"webhook: amount: {error}") from None
    if amount < ZERO:
        raise WebhookUnfit(f'webhook: amount must not be negative, found "{given["amount"]}"')
    return WebhookRequest(method, given["user_id"], amount, given["transaction_id"], given.get("game_id"))


def _method(fields: Mapping[str, object]) -> Method:
    found = fields.get("method")
    if found is None:
        raise WebhookUnfit(f"webhook: it needs a method, one of {', '.join(Method)}")
    if not isinstance(found, str) or found not in set(Method):
        raise WebhookUnfit(
            f'webhook: there is no method "{found}"{did_you_mean_or_valid(str(found), Method)}'
        )
    return Method(found)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value or len(value) > TEXT_LENGTH_MAX:
        raise WebhookUnfit(
            f"webhook: {name} must be text of 1 to {TEXT_LENGTH_MAX} characters, found {value!r:.80}"
        )
    if not value.isprintable():
        raise WebhookUnfit(f"webhook: {name} has characters that cannot be printed, found {value!r:.80}")
    return value
