"""QTI packages of our items: the same elements for 2.1 and 3.0, named as each version names them."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape

from zhupei.itembank.choices import ItemKind
from zhupei.itembank.rules import ItemText, Question

from .common import Outgoing
from .html import to_xhtml
from .qti_read import EXPLANATION, META, kebab
from .shared import clean, tags_of

_RESPONSE = "RESPONSE"


@dataclass(frozen=True)
class Version:
    """What a version calls itself and its parts."""

    namespace: str
    schema: str
    manifest: str
    resource: str
    template: str
    number: str
    is_prefixed: bool
    """Elements are ``qti-…``, attributes and elements in small letters with hyphens."""

    def element(self, name: str, inner: str = "", **attributes: str) -> str:
        tag = f"qti-{kebab(name)}" if self.is_prefixed else name
        said = "".join(
            f' {kebab(key) if self.is_prefixed else key}="{escape(clean(value))}"'
            for key, value in attributes.items()
        )
        return f"<{tag}{said}>{inner}</{tag}>"


QTI_21 = Version(
    namespace="http://www.imsglobal.org/xsd/imsqti_v2p1",
    schema="http://www.imsglobal.org/xsd/qti/qtiv2p1/imsqti_v2p1.xsd",
    manifest="http://www.imsglobal.org/xsd/imscp_v1p1",
    resource="imsqti_item_xmlv2p1",
    template="http://www.imsglobal.org/question/qti_v2p1/rptemplates/match_correct",
    number="2.1",
    is_prefixed=False,
)
QTI_30 = Version(
    namespace="http://www.imsglobal.org/xsd/imsqtiasi_v3p0",
    schema="https://purl.imsglobal.org/spec/qti/v3p0/schema/xsd/imsqti_asiv3p0_v1p0.xsd",
    manifest="http://www.imsglobal.org/xsd/qti/qtiv3p0/imscp_v1p1",
    resource="imsqti_item_xmlv3p0",
    template="https://purl.imsglobal.org/spec/qti/v3p0/rptemplates/match_correct.xml",
    number="3.0.0",
    is_prefixed=True,
)


def package(items: Iterable[Outgoing], version: Version) -> bytes:
    """All items in one package; pictures stand in ``media/``, each once."""
    out = io.BytesIO()
    resources: list[str] = []
    media: dict[str, str] = {}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, item in enumerate(items, 1):
            writer = _Writer(item, version, _identifier(item, number))
            path = f"items/{writer.identifier}.xml"
            _add(archive, path, writer.document().encode())
            for digest, file in writer.media.items():
                if digest not in media:
                    media[digest] = file
                    _add(archive, f"media/{file}", item.media[digest][1])
            resources.append(_resource(writer, path))
        _add(archive, "imsmanifest.xml", _manifest(resources, version).encode())
    return out.getvalue()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)


def _identifier(item: Outgoing, number: int) -> str:
    return f"I{number:05d}-" + (re.sub(r"[^A-Za-z0-9_.-]", "_", item.uid)[:60] or "item")


def _resource(writer: _Writer, path: str) -> str:
    item = writer.item
    tags = "".join(f"<zp:tag>{escape(clean(tag))}</zp:tag>" for tag in tags_of(item))
    files = "".join(
        f'<file href="{name}"/>' for name in (path, *(f"media/{one}" for one in writer.media.values()))
    )
    return (
        f'<resource identifier="{writer.identifier}" type="{writer.version.resource}" href="{path}"><metadata>'
        f'<zp:item xmlns:zp="{META}" uid="{escape(clean(item.uid))}">{tags}</zp:item></metadata>{files}</resource>'
    )


def _manifest(resources: list[str], version: Version) -> str:
    schema = "QTI Package" if version.is_prefixed else "QTIv2.1 Package"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<manifest xmlns="{version.manifest}" identifier="MANIFEST-zhupei">'
        f"<metadata><schema>{schema}</schema><schemaversion>{version.number}</schemaversion></metadata>"
        f"<organizations/><resources>\n{chr(10).join(resources)}\n</resources></manifest>\n"
    )


@dataclass
class _Writer:
    """One item while it is written."""

    item: Outgoing
    version: Version
    identifier: str
    media: dict[str, str] = field(default_factory=dict)
    """The files of the pictures that the item shows, by digest."""

    def document(self) -> str:
        text, element = self.item.text, self.version.element
        questions: list[tuple[str, ItemText | Question]] = (
            [(f"{_RESPONSE}_{no}", child) for no, child in enumerate(text.children, 1)]
            if text.is_case
            else [(_RESPONSE, text)]
        )
        told = [(EXPLANATION, text.explanation)]
        told += [(f"{EXPLANATION}_{name}", one.explanation) for name, one in questions if text.is_case]
        told = [(name, words) for name, words in told if words]
        body = self._html(text.stem)
        for name, question in questions:
            interaction = self._interaction(name, question)
            body += f"<div>{self._html(question.stem)}{interaction}</div>" if text.is_case else interaction
        inner = "".join(
            [
                *(self._declaration(name, question) for name, question in questions),
                self._outcomes(told),
                element("itemBody", body),
                self._processing([name for name, _question in questions]),
                *(self._feedback(name, words) for name, words in told),
            ]
        )
        root = element(
            "assessmentItem",
            inner,
            identifier=self.identifier,
            title=self.item.uid or text.stem[:60],
            adaptive="false",
            timeDependent="false",
        )
        where = (
            f' xmlns="{self.version.namespace}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
            f' xsi:schemaLocation="{self.version.namespace} {self.version.schema}"'
        )
        return '<?xml version="1.0" encoding="UTF-8"?>\n' + root.replace(" ", f"{where} ", 1) + "\n"

    def _html(self, text: str, *, inline: bool = False) -> str:
        def source(digest: str) -> str:
            self.media[digest] = f"{digest}.{'png' if self.item.media[digest][0] == 'image/png' else 'jpg'}"
            return f"../media/{self.media[digest]}"

        return to_xhtml(text, source, mathml=True, inline=inline)

    def _values(self, name: str, values: Iterable[str]) -> str:
        element = self.version.element
        return element(name, "".join(element("value", escape(clean(value))) for value in values))

    def _declaration(self, name: str, question: ItemText | Question) -> str:
        return self.version.element(
            "responseDeclaration",
            self._values("correctResponse", question.answer),
            identifier=name,
            cardinality="multiple" if question.kind == ItemKind.MULTIPLE else "single",
            baseType="identifier",
        )

    def _outcomes(self, told: list[tuple[str, str]]) -> str:
        element = self.version.element
        score = element(
            "outcomeDeclaration",
            self._values("defaultValue", ["0"]),
            identifier="SCORE",
            cardinality="single",
            baseType="float",
        )
        if not told:
            return score
        shown = self._values("defaultValue", [name for name, _words in told])
        return score + element(
            "outcomeDeclaration", shown, identifier="FEEDBACK", cardinality="multiple", baseType="identifier"
        )

    def _interaction(self, name: str, question: ItemText | Question) -> str:
        element = self.version.element
        is_fixed = question.kind == ItemKind.TRUE_FALSE
        choices = "".join(
            element(
                "simpleChoice",
                self._html(text, inline=True),
                identifier=id_,
                **({"fixed": "true"} if id_ in question.anchored else {}),
            )
            for id_, text in question.options
        )
        return element(
            "choiceInteraction",
            choices,
            responseIdentifier=name,
            shuffle="false" if is_fixed else "true",
            maxChoices="0" if question.kind == ItemKind.MULTIPLE else "1",
        )

    def _processing(self, names: list[str]) -> str:
        element = self.version.element
        if names == [_RESPONSE]:
            return element("responseProcessing", template=self.version.template)
        rules = ""
        for name in names:  # a mark a sub-question, all or nothing
            match = element(
                "match", element("variable", identifier=name) + element("correct", identifier=name)
            )
            one = element("baseValue", "1", baseType="float")
            total = element("sum", element("variable", identifier="SCORE") + one)
            rules += element(
                "responseCondition",
                element("responseIf", match + element("setOutcomeValue", total, identifier="SCORE")),
            )
        return element("responseProcessing", rules)

    def _feedback(self, name: str, words: str) -> str:
        html = self._html(words)
        inner = self.version.element("contentBody", html) if self.version.is_prefixed else html
        return self.version.element(
            "modalFeedback", inner, outcomeIdentifier="FEEDBACK", showHide="show", identifier=name
        )
