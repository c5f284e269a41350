"""IMS QTI 2.1, 2.2 and 3.0: content packages and single items, read by one reader.

Names are compared as ``html.plain_name`` gives them, alike in all versions (``qti-item-body`` and ``itemBody``). Choice
interactions are taken over, one as an item, several as a case; items with other interactions are counted by those.
"""

from __future__ import annotations

import contextlib
import posixpath
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from django.utils.translation import gettext as _

from zhupei.itembank.choices import ItemKind
from zhupei.itembank.rules import ItemText

from .common import FileRefused, ItemRefused, Reading, Refused, member_bytes, open_zip
from .html import Conversion, plain_name
from .shared import (
    Asked,
    Fields,
    add_draft,
    clean,
    count_item,
    feedback_note,
    fields_of,
    item_of,
    note,
    question_of,
    shares_note,
    words,
)
from .xml import MAX_NODES, head_of, nodes_in, parsed

META = "urn:zhupei:item"
"""The namespace of our own metadata in a manifest."""
EXPLANATION = "explanation"
"""The identifier of feedback that explains; of a sub-question, with its response's identifier after ``_``."""
_CUT = "\0"  # stands where a sub-question was; texts cannot hold it
_MANIFEST = "imsmanifest.xml"
MAX_ITEM_NODES = 20_000
_ABOUT = words(
    "assessmenttest assessmentsection assessmentstimulus manifest responseprocessing outcomedeclaration lom usagedata"
)
"""Files of a package that are about items and none themselves."""


_DAMAGED = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError, ValueError)


@dataclass
class _Package:
    """A package, or a single item without one."""

    zip: zipfile.ZipFile | None = None
    folder: str = ""
    """Of the manifest."""
    nodes: int = 0
    """Nodes of XML read so far."""

    def document(self, path: str) -> Any | None:
        """The root of an XML file of the package; None if it is not there. Raises ``FileRefused``."""
        data = self.get(path)
        if data is None:
            return None
        self.nodes += nodes_in(data)
        if self.nodes > MAX_NODES:  # for every further item as well
            raise FileRefused("file_bomb", _("The file unpacks to far more than items hold. It is refused."))
        return parsed(data, MAX_ITEM_NODES)

    def head(self, path: str) -> bytes:
        """The start of a file of the package."""
        if self.zip is None:
            return b""
        with contextlib.suppress(*_DAMAGED), self.zip.open(path) as stream:
            return stream.read(4096)
        return b""

    def get(self, path: str) -> bytes | None:
        if self.zip is None or path.startswith(("../", "/")) or "://" in path:
            return None
        return member_bytes(self.zip, path)


def version_of(data: bytes) -> int:
    """The major version of a package or an item; 0 if it is neither."""
    if data[:4] == b"PK\x03\x04":
        try:
            with open_zip(data) as package:
                manifest = _manifest_of(package)
                names = [manifest] if manifest else _items_in(package)[:1]
                head = (member_bytes(package, names[0]) or b"")[: 256 * 1024] if names else b""
        except FileRefused:
            return 0
        if not manifest:
            return _version_of_item(head_of(head))
        text = head.decode("utf-8", "ignore").lower()
        if "imsqti" not in text and "qti/qtiv3p0" not in text and "qti-" not in text:
            return 0
        return 3 if "v3p0" in text else 2
    return _version_of_item(head_of(data))


def _version_of_item(head: str) -> int:
    if re.search(r"<(?:\w+:)?qti-assessment-item[\s>]", head):
        return 3
    return 2 if re.search(r"<(?:\w+:)?assessmentitem[\s>]", head) else 0


def read(data: bytes, *, name: str = "") -> Reading:
    """Everything in a package or an item. Raises ``FileRefused``."""
    reading = Reading()
    if data[:4] != b"PK\x03\x04":
        root = parsed(data)
        if plain_name(root) != "assessmentitem":
            raise FileRefused("file_format", _("The file is no QTI package and no QTI item."))
        _try_item(root, _Package(), name, Fields(), reading)
        return reading
    with open_zip(data) as archive:
        if any(stat.S_ISLNK(member.external_attr >> 16) for member in archive.infolist()):
            raise FileRefused("file_paths", _("The file holds links to other files. It is refused."))
        manifest = _manifest_of(archive)
        package = _Package(archive, posixpath.dirname(manifest))
        for number, (path, fields) in enumerate(_listed(package, manifest), 1):
            count_item(number)
            _read_member(package, path, fields, reading)
    return reading


def _manifest_of(package: zipfile.ZipFile) -> str:
    found = [
        name
        for name in package.namelist()
        if posixpath.basename(name).lower() == _MANIFEST and not name.startswith("__MACOSX/")
    ]
    return min(found, key=len, default="")


def _items_in(package: zipfile.ZipFile) -> list[str]:
    return [
        name
        for name in package.namelist()
        if name.lower().endswith(".xml")
        and not name.startswith(("__MACOSX/", "["))
        and posixpath.basename(name).lower() != _MANIFEST
    ]


def _listed(package: _Package, manifest: str) -> Iterator[tuple[str, Fields]]:
    """The files that are resources, with our own fields; then items that only a test names, or nobody."""
    if package.zip is None:
        return
    seen = {manifest}
    for resource in parsed(package.get(manifest) or b"").iter("{*}resource", "resource") if manifest else ():
        files = (file.get("href") or "" for file in resource.iter("{*}file", "file"))
        href = resource.get("href") or next((one for one in files if one.lower().endswith(".xml")), "")
        path = posixpath.normpath(posixpath.join(package.folder, unquote(href).partition("?")[0]))
        if not path.lower().endswith(".xml") or path in seen:
            continue
        seen.add(path)
        fields = Fields()
        for own in resource.iter(f"{{{META}}}item"):
            fields = fields_of(
                (clean(tag.text or "") for tag in own.iter(f"{{{META}}}tag")), clean(own.get("uid") or "")
            )
        yield path, fields
    for path in _items_in(package.zip):
        if path not in seen and _version_of_item(head_of(package.head(path))):
            yield path, Fields()


def _read_member(package: _Package, path: str, fields: Fields, reading: Reading) -> None:
    data = package.get(path)
    if data is None:
        reading.refused.append(
            Refused(path, _("The manifest names this file, but it is not in the package."))
        )
        return
    try:
        root = parsed(data)
    except FileRefused as error:
        reading.refused.append(Refused(path, str(error)))
        return
    name = plain_name(root)
    if name == "assessmentitem":
        _try_item(root, package, path, fields, reading)
    elif name == "questestinterop":
        reading.unsupported["QTI 1.2"] += 1
    elif name not in _ABOUT:
        reading.unsupported[root.tag.rpartition("}")[2][:60]] += 1


def _try_item(root: Any, package: _Package, path: str, fields: Fields, reading: Reading) -> None:
    title = " ".join(clean(root.get("title") or root.get("identifier") or "").split())[:60]
    where = f"{path} ({title})" if path else title
    try:
        _Item(root, package, path, where, fields, reading).read()
    except ItemRefused as error:
        reading.refused.append(Refused(where, str(error)))


def attribute(element: Any, name: str) -> str:
    """An attribute by its name in QTI 2; QTI 3 writes ``max-choices`` for ``maxChoices``."""
    value: str | None = element.get(name) or element.get(kebab(name))
    return value or ""


def kebab(name: str) -> str:
    return re.sub("([A-Z])", lambda found: f"-{found[1].lower()}", name)


def _own_name(element: Any) -> str:
    """The name as QTI 2 writes it: ``gapMatchInteraction``."""
    first, *others = str(element.tag).rpartition("}")[2].removeprefix("qti-").split("-")
    return (first + "".join(map(str.capitalize, others)))[:60]


def _children(element: Any, name: str) -> Iterator[Any]:
    return (child for child in element if plain_name(child) == name)


@dataclass
class _Item:
    """One item while it is read."""

    root: Any
    package: _Package
    path: str
    where: str
    fields: Fields
    reading: Reading
    feedback: list[tuple[str, str]] = field(default_factory=list)
    """Feedback of the item: identifier and text."""

    def read(self) -> None:
        body = next(_children(self.root, "itembody"), None)
        if body is None:
            raise ItemRefused(_("The item has no body."))
        interactions = [one for one in body.iter() if plain_name(one).endswith("interaction")]
        others = [_own_name(one) for one in interactions if plain_name(one) != "choiceinteraction"]
        if others or not interactions:
            self.reading.unsupported[others[0] if others else "item without interaction"] += 1
            return
        if attribute(self.root, "adaptive") == "true":
            self.reading.unsupported["adaptive"] += 1
            return
        if any(True for _one in _children(self.root, "templatedeclaration")):
            self.reading.unsupported["templateDeclaration"] += 1
            return
        if len(interactions) > 20:
            raise ItemRefused(_("It has too many questions."))
        conversion = self._conversion(self._drop)
        for modal in _children(self.root, "modalfeedback"):
            self.feedback.append((modal.get("identifier") or "", conversion.element(modal)))
        asked = [self._asked(one) for one in interactions]
        text = self._single(body, asked[0]) if len(asked) == 1 else self._case(body, interactions, asked)
        add_draft(self.reading, self.where, text, self.fields)

    def _conversion(self, special: Any) -> Conversion:
        def picture(source: str) -> bytes | None:
            return self.package.get(self._path(source.partition("?")[0]))

        return Conversion(self.reading, self.where, dollars=False, picture=picture, special=special)

    def _path(self, address: str) -> str:
        """The path in the package of what the item refers to; from its root if the address starts with a slash."""
        folder = self.package.folder if address.startswith("/") else posixpath.dirname(self.path)
        return posixpath.normpath(posixpath.join(folder, address.lstrip("/")))

    def _drop(self, element: Any, name: str) -> str | None:
        """Feedback is none of an option's text; remarks for markers are none of the item's."""
        if name == "feedbackinline":
            feedback_note(self.reading, self.where)
            return ""
        if name == "feedbackblock":
            text = self._conversion(lambda one, inner: None if one is element else self._drop(one, inner))
            self.feedback.append((element.get("identifier") or "", text.element(element)))
            return ""
        if name == "rubricblock" and "candidate" not in (element.get("view") or "candidate"):
            note(self.reading, self.where, _("Remarks for markers were left out."))
            return ""
        return None

    def _stimulus(self) -> str:
        """The text that the item shares with others."""
        texts = []
        for reference in _children(self.root, "assessmentstimulusref"):
            href = unquote(reference.get("href") or "")
            try:
                root = self.package.document(self._path(href))
            except FileRefused as error:
                raise ItemRefused(str(error)) from None
            if root is None:
                raise ItemRefused(
                    _("The text %(name)s, which it refers to, is not in the file.") % {"name": href[:80]}
                )
            bodies = [one for one in root.iter() if plain_name(one) == "stimulusbody"]
            texts += [
                _Item(self.root, self.package, self._path(href), self.where, self.fields, self.reading)._body(
                    bodies
                )
            ]
        return "\n".join(texts)

    def _body(self, elements: Sequence[Any]) -> str:
        return self._conversion(self._drop).element(*elements)

    def _asked(self, interaction: Any) -> Asked:
        name = attribute(interaction, "responseIdentifier")
        declared = [
            one for one in _children(self.root, "responsedeclaration") if one.get("identifier") == name
        ]
        if not declared:
            raise ItemRefused(_("The right answer is not declared."))
        choices = list(_children(interaction, "simplechoice"))
        ids = [choice.get("identifier") or "" for choice in choices]
        prompts = list(_children(interaction, "prompt"))
        is_shuffled = attribute(interaction, "shuffle") == "true"
        conversion = self._conversion(self._drop)
        cardinality = declared[0].get("cardinality") or "single"
        if cardinality not in ("single", "multiple"):
            raise ItemRefused(_("The order of the answers counts, which an item cannot ask."))
        return Asked(
            kind=ItemKind.SINGLE if cardinality == "single" else ItemKind.MULTIPLE,
            stem=conversion.element(*prompts),
            options=[conversion.element(choice) for choice in choices[:100]],
            right=self._right(declared[0], ids),
            anchored=[n for n, one in enumerate(choices) if is_shuffled and one.get("fixed") == "true"],
            ids=ids,
        )

    def _right(self, declaration: Any, ids: Sequence[str]) -> list[int]:
        values = [
            clean(value.text or "").strip()
            for correct in _children(declaration, "correctresponse")
            for value in _children(correct, "value")
        ]
        shares: dict[str, float] = {}
        for mapping in _children(declaration, "mapping"):
            for entry in _children(mapping, "mapentry"):
                try:
                    shares[attribute(entry, "mapKey")] = float(attribute(entry, "mappedValue"))
                except ValueError:
                    raise ItemRefused(_("The share of an option is not a number.")) from None
        positive = {key: share for key, share in shares.items() if share > 0}
        if positive and (len(set(positive.values())) > 1 or (values and set(values) != set(positive))):
            shares_note(self.reading, self.where)
        right = values or list(positive)
        if not right:
            raise ItemRefused(_("The right answer is not declared."))
        if not set(right) <= set(ids):
            raise ItemRefused(_("The answer names an option that does not exist."))
        return [ids.index(one) for one in dict.fromkeys(right)]

    def _single(self, body: Any, asked: Asked) -> ItemText:
        def special(element: Any, name: str) -> str | None:
            return asked.stem if name == "choiceinteraction" else self._drop(element, name)

        stem = self._conversion(special).element(body)
        right = {asked.ids[n] for n in asked.right}
        asked.stem = f"{self._stimulus()}\n{stem}"
        asked.explanation = self._explanation(right)
        return item_of(question_of(self._told(asked), kind_told=bool(self.fields.kind)), self.fields)

    def _told(self, asked: Asked) -> Asked:
        if self.fields.kind == ItemKind.TRUE_FALSE:
            asked.kind = ItemKind.TRUE_FALSE
            asked.right = [("t", "f").index(asked.ids[n]) for n in asked.right if asked.ids[n] in ("t", "f")]
        return asked

    def _explanation(self, right: set[str]) -> str:
        """The feedback that explains: ours, or the only one, or that on the right answer."""
        told = {name: text for name, text in self.feedback if text.strip()}
        if EXPLANATION in told:
            return told[EXPLANATION]
        texts = list(
            dict.fromkeys(text for name, text in told.items() if not name.startswith(f"{EXPLANATION}_"))
        )
        if len(texts) > 1:
            note(
                self.reading,
                self.where,
                _("Of several pieces of feedback, that on the right answer was taken over."),
            )
            texts = [
                text for name, text in told.items() if name in right or name.lower() in ("correct", "right")
            ]
        return "\n".join(dict.fromkeys(texts))

    def _case(self, body: Any, interactions: Sequence[Any], asked: Sequence[Asked]) -> ItemText:
        """Several questions: what stands with one alone is its stem, what stands before the first is the case's."""
        frames = [self._frame(body, one) for one in interactions]

        def cut(element: Any, name: str) -> str | None:
            return _CUT if element in frames else self._drop(element, name)

        def prompt(element: Any, name: str) -> str | None:
            if element in interactions:
                return asked[interactions.index(element)].stem
            return self._drop(element, name)

        first, *between = self._conversion(cut).element(body).split(_CUT)
        own = [self._conversion(prompt).element(frame) for frame in frames]
        if not own[0]:  # the last line before the first options asks
            first, _newline, own[0] = first.strip().rpartition("\n")
        stems = [
            own[0],
            *(f"{text.strip()}\n{stem}".strip() for text, stem in zip(between, own[1:], strict=False)),
        ]
        stems[-1] = f"{stems[-1]}\n{between[-1].strip()}".strip()
        told = dict(self.feedback)
        children = []
        for question, stem, one in zip(asked, stems, interactions, strict=True):
            question.stem = stem
            question.explanation = told.get(f"{EXPLANATION}_{attribute(one, 'responseIdentifier')}", "")
            children.append(question_of(question))
        right = {question.ids[n] for question in asked for n in question.right}
        return ItemText(
            kind=ItemKind.CASE,
            stem=f"{self._stimulus()}\n{first}".strip(),
            level=self.fields.level,
            children=tuple(children),
            explanation=self._explanation(right),
            basis=self.fields.basis,
            difficulty=self.fields.difficulty,
            valid_to=self.fields.valid_to,
        )

    def _frame(self, body: Any, interaction: Any) -> Any:
        """The largest element that holds this interaction and no other."""
        frame = interaction
        for outer in interaction.iterancestors():
            if outer is body or sum(plain_name(one) == "choiceinteraction" for one in outer.iter()) > 1:
                break
            frame = outer
        return frame
