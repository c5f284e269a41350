from django.apps import AppConfig
from django.utils.translation import gettext as _


def send_code(phone: str, code: str) -> None:
    """Send a one-time code; the record keeps the message without it."""
    from .actions import send_message

    text = _("Zhupei: your code is %(code)s. It serves for 10 minutes. Give it to nobody.")
    send_message(phone, text % {"code": code}, kept_text=text % {"code": "******"})


class NoticesConfig(AppConfig):
    name = "zhupei.notices"

    def ready(self) -> None:
        from zhupei.accounts.api import code_senders

        code_senders.append(send_code)
