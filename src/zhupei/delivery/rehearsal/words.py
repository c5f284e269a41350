"""Words of the rehearsal's page, Chinese and English, as ``delivery.texts`` keeps those of the test."""

from __future__ import annotations

from typing import Any

ZH: dict[str, str] = {
    "title": "考场演练",
    "lead": "本机将自动扮演一名虚构考生，用来检查考场服务器和网络。不会用到任何真实考生或试题，成绩无效。",
    "seat": "本机座位号",
    "seat.help": "写在演练名单上的号码，每台机器一个号，例如 15",
    "code": "演练代码",
    "code.help": "考场技术负责人页面上显示的 8 位代码",
    "join": "参加演练",
    "none.title": "还没有准备演练",
    "none": "请考场技术负责人先在“考场 → 演练”页面准备一次演练，再刷新本页。",
    "noscript": "本页需要浏览器启用 JavaScript；正式测试不需要。",
    "state.joining": "正在登录……",
    "state.waiting": "已登录，等待统一开始。请不要关闭本页。",
    "state.soon": "{s} 秒后开始",
    "state.starting": "正在取卷……",
    "state.answering": "正在自动答题，还剩 {s} 秒。请不要关闭本页。",
    "state.handing": "正在交卷……",
    "state.done": "演练完成，结果已交给考场服务器。可以关闭本页。",
    "state.failed": "本机演练没有完成",
    "state.retry": "连不上服务器，正在重试……",
    "row.start": "从按开始到看到试卷",
    "row.saves": "已保存的答案",
    "row.save": "保存一个答案（多数 / 最慢）",
    "row.submit": "从按交卷到看到成绩",
    "row.lost": "没有保住的答案",
    "ms": "{n} 毫秒",
    "told.bad": "结果没有交上去，请记下本页的数字告诉技术负责人。",
    "error.rehearsal_none": "这台服务器上还没有准备演练。",
    "error.rehearsal_test": "这台服务器上正在考试，考试结束后再演练。",
    "error.rehearsal_wait": "错误的代码太多，请一分钟后再试。",
    "error.rehearsal_code": "演练代码不对，请看技术负责人页面上的代码。",
    "error.rehearsal_seat": "没有这个座位号，请看演练名单。",
    "error.taken": "这个座位号已经有别的机器用了，请换一个号码。",
    "error.bad_request": "内容不完整，请重新填写。",
    "error.method": "不能这样打开这个地址。",
    "error.too_large": "内容太大，没有保存。",
    "error.journal_failed": "服务器暂时无法保存，请稍后再试。",
    "error.not_ready": "演练正在准备，请稍后再试。",
    "error.failed": "程序出错，已记录。请稍后再试。",
}

EN: dict[str, str] = {
    "title": "Rehearsal of the hall",
    "lead": (
        "This computer will play an invented candidate by itself, to check the hall's server and network. No real candidate "
        "and no real item is used; the scores mean nothing."
    ),
    "seat": "Seat number of this computer",
    "seat.help": "As on the rehearsal's list, another one for each computer, such as 15",
    "code": "Rehearsal code",
    "code.help": "The 8 characters shown on the technical head's page",
    "join": "Take part",
    "none.title": "No rehearsal is prepared",
    "none": "The hall's technical head has to prepare one first, under “Hall → Rehearsal”. Then load this page again.",
    "noscript": "This page needs JavaScript; a real test does not.",
    "state.joining": "Signing in…",
    "state.waiting": "Signed in; waiting for the common start. Keep this page open.",
    "state.soon": "Starts in {s} seconds",
    "state.starting": "Fetching the paper…",
    "state.answering": "Answering by itself, {s} seconds left. Keep this page open.",
    "state.handing": "Handing in…",
    "state.done": "Done; the hall's server has the result. You may close this page.",
    "state.failed": "This computer did not finish the rehearsal",
    "state.retry": "The server cannot be reached; trying again…",
    "row.start": "From pressing start to seeing the paper",
    "row.saves": "Answers saved",
    "row.save": "Saving one answer (usual / slowest)",
    "row.submit": "From pressing hand-in to seeing the scores",
    "row.lost": "Answers that were not kept",
    "ms": "{n} ms",
    "told.bad": "The result could not be handed over. Note the figures of this page for the technical head.",
    "error.rehearsal_none": "No rehearsal is prepared on this server.",
    "error.rehearsal_test": "A test is being sat on this server. Rehearse when it is over.",
    "error.rehearsal_wait": "Too many wrong codes. Try again in a minute.",
    "error.rehearsal_code": "The code is wrong. It stands on the technical head's page.",
    "error.rehearsal_seat": "There is no such seat. See the rehearsal's list.",
    "error.taken": "Another computer plays this seat already. Take another number.",
    "error.bad_request": "Something is missing. Fill it in again.",
    "error.method": "This address cannot be opened like that.",
    "error.too_large": "Too large; it was not kept.",
    "error.journal_failed": "The server cannot save at the moment. Try again shortly.",
    "error.not_ready": "The rehearsal is being prepared. Try again shortly.",
    "error.failed": "The program failed; this was recorded. Try again shortly.",
}

CATALOGUES = {"zh": ZH, "en": EN}


def say(lang: str, key: str, **values: Any) -> str:
    """The words for ``key`` in ``lang`` with ``{names}`` filled in."""
    words = CATALOGUES.get(lang, ZH)[key]
    return words.format(**values) if values else words


def has(key: str) -> bool:
    """True if there are words for ``key``."""
    return key in ZH
