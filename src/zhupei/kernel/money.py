"""Amounts in yuan, always ``Decimal`` with two places, up to 999,999,999,999.99; never float."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

LIMIT = Decimal(10) ** 12

_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_UNITS = ("", "拾", "佰", "仟")
_GROUPS = ("", "万", "亿")
_AMOUNT = re.compile(r"(-?)¥?([0-9]{1,12}|[0-9]{1,3}(?:,[0-9]{3}){1,3})(\.[0-9]{1,2})?(?:元|圆)?(?:整|正)?")


class BadAmount(ValueError):
    """Not an amount in yuan. ``code``: ``bad_amount`` (text that is none), ``too_precise`` (below one fen),
    ``out_of_range``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def parse(text: str) -> Decimal:
    """Read ``1,234.5``, ``￥1234.50``, ``1234.5元`` (full-width too); two places. Raises ``BadAmount``."""
    compact = "".join(unicodedata.normalize("NFKC", text).split())
    match = _AMOUNT.fullmatch(compact)
    if match is None:
        raise BadAmount("bad_amount")
    sign, whole, cents = match.groups()
    return exact(Decimal(f"{sign}{whole.replace(',', '')}{cents or ''}"))


def exact(amount: Decimal) -> Decimal:
    """``amount`` with exactly two places. Raises ``BadAmount`` if it is not whole fen, not finite or too
    large."""
    if not amount.is_finite() or abs(amount) >= LIMIT:
        raise BadAmount("out_of_range")
    rounded = amount.quantize(Decimal("0.01"))
    if rounded != amount:
        raise BadAmount("too_precise")
    return rounded or Decimal("0.00")


def yuan(amount: Decimal) -> str:
    """``1,234.50``. Raises ``BadAmount``."""
    return f"{exact(amount):,.2f}"


def capitals(amount: Decimal) -> str:
    """``amount`` in capital numerals 大写, by 支付结算办法 附件一: ``壹仟贰佰叁拾肆圆伍角整``.

    整 closes an amount without fen; 零 stands for one or more zeros inside, also where jiao is zero before
    fen; a negative amount begins with 负. Raises ``BadAmount``.
    """
    amount = exact(amount)
    fen_total = int(abs(amount) * 100)
    whole, jiao, fen = fen_total // 100, fen_total // 10 % 10, fen_total % 10
    text = f"{_integer(whole)}圆" if whole or not fen_total else ""
    if jiao:
        text += f"{_DIGITS[jiao]}角"
    elif fen and whole:
        text += "零"
    text += f"{_DIGITS[fen]}分" if fen else "整"
    return f"负{text}" if amount < 0 else text


def _integer(number: int) -> str:
    """A whole number below 10^12 in capitals: groups of four digits, each with its unit."""
    if number == 0:
        return "零"
    text, zero_due = "", False
    for power in range(11, -1, -1):
        digit = number // 10**power % 10
        group, place = divmod(power, 4)
        if digit:
            text += ("零" if zero_due else "") + _DIGITS[digit] + _UNITS[place]
            zero_due = False
        elif text:
            zero_due = True
        if place == 0 and number // 10**power % 10**4:
            text += _GROUPS[group]
    return text
