"""Word documents as people lay out question papers, built by python-docx and not by our writer."""

from __future__ import annotations

import io
from typing import Any

from docx import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from PIL import Image

MATH = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'


def saved(document: Any) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def lines(text: str) -> Any:
    """A document with one paragraph for each line."""
    document = Document()
    for line in text.strip("\n").split("\n"):
        document.add_paragraph(line)
    return document


def picture(colour: str = "red", size: tuple[int, int] = (40, 20), kind: str = "PNG") -> io.BytesIO:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    out.seek(0)
    return out


INLINE = """
土建施工员岗位题库
一、单项选择题（每题2分，共40分）
1. 我国安全生产的方针是（ B ）。
A. 效益优先    B. 安全第一、预防为主、综合治理    C. 质量第一   D. 进度第一
解析：见《安全生产法》第三条。
难度：易
2、混凝土强度等级用（  ）表示。
A．C
B．M
C．MU
D．A、B、C都可以
答案：A
依据：GB 50204-2015  难度：0.7　程度：掌握
3．下列说法正确的是（  ）
（1）甲；
（2）乙。
A、（1）  B、（2）
C、都对  D、都错
【答案】C
【解析】都对。
第二行解析
4. 1.5m以上应（C）。A.甲B.乙C.丙D.丁
二、多项选择题
1．下列属于（ＡＢＤ）的有
Ａ．甲　Ｂ．乙　Ｃ．丙　Ｄ．丁
知识点：第三章
2．没有答案的题（ ）
A．甲
B．乙
三、判断题
1. 天是蓝的。（√）
2. 地是方的（ × ）。
（对）3. 水是湿的。
4. 火是冷的。答案：错误
四、填空题
1. 混凝土的____是____。答案：强度；好
五、简答题
1. 简述甲。
答：1. 一；
（2）二。
2. 简述乙。
六、连线题
1. 把左右连起来。
七、案例分析题
1. 某工程发生事故，经过如下。
背景资料：三人受伤。
（1）事故等级为（ ）。
A. 一般  B. 较大
答案：A
解析：小题解析
（2）（多选）应当（ ）
A. 甲
B. 乙
C. 丙
答案：AC
（3）说法正确。（×）
2. 另一工程
（1）甲（B）
A. 一  B. 二
（2）乙（A）
A. 一  B. 二
"""

ANSWERS_LAST = """
单选题
1. 甲甲（ ）
A. 一  B. 二 C. 三 D. 四
2. 乙乙（ ）
A. 一  B. 二 C. 三 D. 四
多选题
1. 丙（ ）
A. 一  B. 二 C. 三 D. 四
2. 丁（ ）
A. 一  B. 二 C. 三 D. 四
判断题
1. 戊
2. 己
案例题
案例一
背景如此。
1. 问一（ ）
A. 一  B. 二
2. 问二（ ）
A. 一  B. 二 C.三
案例二
又一背景。
3. 问三（ ）
A. 一  B. 二
4. 问四（ ）
A. 一  B. 二 C.三
参考答案
一、单选题
1-2 AB
二、多选题 1. ABC 2.AD
三、判断题
1.√ 2.×
四、案例题
1.A 2.AB 3.B 4.BC
"""

BY_CHAPTER = """
第一章 法律法规
1、甲（  ）。
A.一
B.二
2、乙（  ）。
A.一
B.二
参考答案
1.【答案】A【解析】因为一。
第二行
2.B。解析：因为二
第二章 材料
一、判断题
1、水是水。
2、火是火。
答案：1.√ 2.×
二、选择题
1. 下列（  ）
（A）甲 （B）乙 （C）丙
正确答案：B，C
2. 题（  ）
(A)甲
(B)乙
参考答案：B
考点：第三章
"""

LOOSE = """
1、（ B ）是我国的方针。
A、甲 B、乙 C、丙
2、下列正确的有（A B D）。
A、甲
B、乙
C、丙
D、丁
3、水是火。（ x ）
4、答案在下一行（ ）
A、甲
B、乙
答案：
B
解析：
下一行的解析。
5、题（ ）
A、甲；B、乙；C、丙；D、以上都对。
正确答案为：D
难易程度：中
二、案例分析题（每题10分）
（一）某工程甲，背景第一段。
背景第二段。
问题：
1.（单选题）问一（ ）。
A.一 B.二
2.（多选题）问二（ ）。
A.一 B.二 C.三
3.（判断题）问三。（ ）
答案：1.B 2.AC 3.√
案例三：
某背景
问题1：如何（ ）？
A.一 B.二
答案：A
问题2：说明理由。
答：理由是这样。
三、单项选择题
6.丁（ ）
A.一 B.二 C.三 D.四
多项选择题
7.戊（ ）
A.一 B.二 C.三 D.四
附：参考答案
单项选择题：6.A
多项选择题：7.ACD
"""


def numbered() -> Any:
    """Word's own numbering for headings, stems and options; pictures, tables, equations, raised and lowered signs."""
    document = Document()
    lists = document.part.numbering_part.element
    levels = "".join(
        f'<w:lvl w:ilvl="{n}"><w:start w:val="1"/><w:numFmt w:val="{kind}"/><w:lvlText w:val="{text}"/></w:lvl>'
        for n, (kind, text) in enumerate((("decimal", "%1."), ("upperLetter", "%2.")))
    )
    lists.insert(0, parse_xml(f'<w:abstractNum {nsdecls("w")} w:abstractNumId="91">{levels}</w:abstractNum>'))
    han = '<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="chineseCounting"/><w:lvlText w:val="%1、"/></w:lvl>'
    lists.insert(0, parse_xml(f'<w:abstractNum {nsdecls("w")} w:abstractNumId="92">{han}</w:abstractNum>'))
    again = '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride>'
    for number, shared, more in ((91, 91, ""), (92, 92, ""), (93, 91, again)):
        body = f'<w:abstractNumId w:val="{shared}"/>{more}'
        lists.append(parse_xml(f'<w:num {nsdecls("w")} w:numId="{number}">{body}</w:num>'))

    def add(text: str, number: int = 0, level: int = 0) -> Any:
        paragraph = document.add_paragraph(text)
        if number:
            properties = f'<w:ilvl w:val="{level}"/><w:numId w:val="{number}"/>'
            paragraph._p.get_or_add_pPr().append(parse_xml(f"<w:numPr {nsdecls('w')}>{properties}</w:numPr>"))
        return paragraph

    add("单项选择题", 92)
    add("甲题（A）", 91)
    add("一", 91, 1)
    add("二", 91, 1)
    add("乙题（  ）", 91)
    add("三", 91, 1)
    add("四", 91, 1)
    add("【答案】B")
    add("多项选择题（每题 2 分）", 92)
    stem = add("看图，面积 m", 93)
    stem.add_run("2").font.superscript = True
    stem.add_run("，CO")
    stem.add_run("2").font.subscript = True
    stem.add_run("，f")
    stem.add_run("混凝土").font.subscript = True
    stem.add_run(" 为（AB）")
    document.add_paragraph().add_run().add_picture(picture())
    for cell, text in zip(document.add_table(2, 2)._cells, ("甲|乙", "丙", "1", "2"), strict=True):
        cell.text = text
    for text in ("五", "六", "七"):
        add(text, 91, 1)
    add("答案解析：看图。")
    formula = add("3. 公式 ")
    formula._p.append(
        parse_xml(
            f"<m:oMath {MATH}><m:f><m:num><m:r><m:t>a+1</m:t></m:r></m:num><m:den><m:rad><m:radPr>"
            '<m:degHide m:val="1"/></m:radPr><m:deg/><m:e><m:sSup><m:e><m:r><m:t>b</m:t></m:r></m:e><m:sup><m:r><m:t>2'
            "</m:t></m:r></m:sup></m:sSup></m:e></m:rad></m:den></m:f></m:oMath>"
        )
    )
    formula.add_run("（B C）")
    for cell, text in zip(document.add_table(2, 2)._cells, ("A. 甲", "B. 乙", "C. 丙", "D. 丁"), strict=True):
        cell.text = text
    matrix = add("4. 矩阵（AB）")
    matrix._p.append(
        parse_xml(f"<m:oMath {MATH}><m:m><m:mr><m:e><m:r><m:t>a</m:t></m:r></m:e></m:mr></m:m></m:oMath>")
    )
    add("A. 一 B. 二 C. 三")
    return document


def answer_table() -> Any:
    """Kinds in brackets before the stems, letters without signs, the answers in a table at the end."""
    document = lines(
        """
1.（单选题）甲（  ）
A 一
B 二
C 三
2.【多选】乙（  ）
A 一  B 二  C 三
3.丙是丁（ ）
4.戊（ ）
A、甲；
B、乙；
C、丙。
答案"""
    )
    cells = document.add_table(2, 5)._cells
    for cell, text in zip(cells, ["题号", "1", "2", "3", "4", "答案", "B", "AC", "√", "A"], strict=True):
        cell.text = text
    return document
