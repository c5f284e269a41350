"""What people and units of the demonstration bring along: names, numbers, pictures. All of it invented."""

from __future__ import annotations

import io
import random
from functools import cache

from PIL import Image, ImageDraw

from zhupei.kernel import uscc

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许韩冯邓曹彭曾萧田"
    "董潘袁蔡蒋余于杜叶程苏魏吕丁任卢姚沈钟姜崔谭陆范汪廖"
)
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英华玉兰建国志红梅春生海燕晓东学文永康德福家豪思远子涵雨欣浩然宇轩佳怡俊峰立新"
EMPLOYERS = (
    "渝建示范建工第一分公司",
    "渝建示范建工第三分公司",
    "山城示范市政工程公司",
    "巴渝示范装饰工程公司",
    "江州示范劳务公司",
    "",
)
EDUCATION = ("secondary_vocational",) * 3 + ("college",) * 4 + ("bachelor",) * 2 + ("senior",)
# names that a platform must bear: a character of extension A, one of extension B, minority names, a foreign one
RARE_NAMES = ("李㛃", "王𠮷祥", "阿依努尔·买买提", "吉克·阿呷", "向·龙山")


def rng(*names: object) -> random.Random:
    """Chance of the demonstration, the same at every run for the same names."""
    return random.Random("zhupei-demo:" + ":".join(map(str, names)))  # noqa: S311 - invented people, no secret


def person_name(index: int) -> str:
    """The name of the ``index``-th person."""
    dice = rng("name", index)
    return dice.choice(SURNAMES) + "".join(dice.sample(GIVEN, dice.choice((1, 2, 2, 2))))


def mobile(index: int) -> str:
    """The ``index``-th mobile number, right in form and given to nobody."""
    return f"1990{index:07d}"


def credit_code(kind: str, division: str, index: int) -> str:
    """A unified social credit code with right check characters (GB 32100, GB 11714) for an invented unit."""
    body = f"DEMO{index:04d}".replace("O", "0")
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(w * int(c, 36) for w, c in zip(weights, body, strict=True))
    own = "0123456789X"[(11 - total % 11) % 11]
    code = f"{kind}{division}{body}{own}"
    return code + uscc.check_character(code)


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


@cache
def seal() -> bytes:
    """A round red stamp without words."""
    image = Image.new("RGBA", (240, 240), (255, 255, 255, 0))
    draw = ImageDraw.Draw(image)
    draw.ellipse((8, 8, 232, 232), outline=(196, 30, 30, 255), width=8)
    star = (
        (120, 70),
        (132, 108),
        (170, 108),
        (140, 131),
        (151, 168),
        (120, 146),
        (89, 168),
        (100, 131),
        (70, 108),
        (108, 108),
    )
    draw.polygon(star, fill=(196, 30, 30, 255))
    return _png(image)


@cache
def signature() -> bytes:
    """A stroke of the pen."""
    image = Image.new("RGBA", (320, 110), (255, 255, 255, 0))
    dice = rng("signature")
    points = [(20 + n * 14, 55 + dice.randint(-32, 32)) for n in range(21)]
    ImageDraw.Draw(image).line(points, fill=(20, 30, 80, 255), width=4, joint="curve")
    return _png(image)


@cache
def scan() -> bytes:
    """A certificate as a scanner sees it: a frame, grey lines, a stamp."""
    image = Image.new("RGB", (620, 440), (250, 248, 240))
    draw = ImageDraw.Draw(image)
    draw.rectangle((14, 14, 606, 426), outline=(150, 120, 60), width=4)
    for n in range(9):
        draw.rectangle((60, 90 + n * 30, 300 + n * 37 % 220, 98 + n * 30), fill=(200, 200, 200))
    image.paste(Image.open(io.BytesIO(seal())).convert("RGB").resize((110, 110)), (460, 290))
    return _png(image)


SKIN = ((236, 202, 172), (224, 186, 150), (243, 213, 186))
HAIR = ((28, 26, 28), (52, 40, 34), (82, 80, 80))
COAT = ((60, 68, 84), (96, 84, 72), (70, 92, 84), (110, 62, 66), (48, 78, 118))


@cache
def portrait(index: int) -> bytes:
    """A neutral figure before a blue ground, JPEG; thirty of them."""
    index %= 30
    image = Image.new("RGB", (295, 413), (67, 142, 219))
    draw = ImageDraw.Draw(image)
    skin, hair, coat = SKIN[index % 3], HAIR[index // 3 % 3], COAT[index % 5]
    wide = 86 + index % 4 * 4
    draw.ellipse((20, 285, 275, 560), fill=coat)
    draw.rectangle((122, 235, 173, 310), fill=skin)
    draw.ellipse((147 - wide, 78, 147 + wide, 200 + wide), fill=hair)
    draw.ellipse((147 - wide + 18, 108, 147 + wide - 18, 268), fill=skin)
    if index % 2:
        draw.rectangle((147 - wide, 150, 147 - wide + 20, 280), fill=hair)
        draw.rectangle((147 + wide - 20, 150, 147 + wide, 280), fill=hair)
    draw.polygon(((120, 300), (147, 345), (174, 300)), fill=(245, 245, 245))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()
