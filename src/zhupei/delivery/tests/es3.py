"""Whether a script keeps to what the oldest browsers of the halls understand: ES3 syntax, and the names they know.

``faults(source)`` parses with esprima and walks the tree. It allows the node types of ECMA-262, 3rd edition, its literals and
its reserved words; the globals of Internet Explorer 8 (all others, ``fetch`` or ``Promise`` or a forgotten ``var``, are
faults); and no method that came later, unless it is asked for first (``if (x.method) { x.method() }``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import esprima


def words(text: str) -> frozenset[str]:
    """The words of ``text``."""
    return frozenset(text.split())


STATEMENTS = {
    "Program", "ExpressionStatement", "Directive", "BlockStatement", "EmptyStatement", "ReturnStatement", "BreakStatement",
    "ContinueStatement", "LabeledStatement", "IfStatement", "SwitchStatement", "SwitchCase", "ThrowStatement", "TryStatement",
    "CatchClause", "WhileStatement", "DoWhileStatement", "ForStatement", "ForInStatement",
    "VariableDeclaration", "VariableDeclarator", "FunctionDeclaration",
}  # fmt: skip
EXPRESSIONS = {
    "FunctionExpression", "Identifier", "Literal", "MemberExpression", "StaticMemberExpression", "ComputedMemberExpression",
    "CallExpression", "NewExpression", "ObjectExpression", "Property", "ArrayExpression", "ThisExpression", "UnaryExpression",
    "BinaryExpression", "LogicalExpression", "AssignmentExpression", "UpdateExpression", "ConditionalExpression",
    "SequenceExpression",
}  # fmt: skip
OPERATORS = words("+ - * / % << >> >>> & | ^ && || == != === !== < > <= >= in instanceof")
ASSIGNMENTS = words("= += -= *= /= %= <<= >>= >>>= &= |= ^=")
RESERVED = words("""
    break case catch continue default delete do else finally for function if in instanceof new return switch this
    throw try typeof var void while with abstract boolean byte char class const debugger double enum export
    extends final float goto implements import int interface long native package private protected public short
    static super synchronized throws transient volatile null true false
""")
GLOBALS = words("""
    window document location history navigator screen Image XMLHttpRequest JSON Math Date String Number Boolean
    Array Object RegExp Error Function parseInt parseFloat isNaN isFinite encodeURIComponent decodeURIComponent
    setTimeout clearTimeout setInterval clearInterval undefined NaN Infinity arguments performance
""")
"""Of Internet Explorer 8; ``performance`` is asked for first."""
ASKED_FIRST = {
    "addEventListener", "removeEventListener", "preventDefault", "stopPropagation", "replaceState", "pushState",
    "scrollIntoView", "now",
}  # fmt: skip
"""Methods that old browsers lack: only inside something that asks for them by name."""
LATER = words("""
    forEach map filter reduce reduceRight some every find findIndex fill includes flat flatMap from of entries
    values keys assign create defineProperty freeze getPrototypeOf isArray startsWith endsWith repeat padStart
    padEnd trim trimStart trimEnd matchAll replaceAll codePointAt normalize bind toISOString classList dataset
    closest matches querySelector querySelectorAll getElementsByClassName append prepend remove replaceWith
    before after textContent firstElementChild children nextElementSibling previousElementSibling
    requestAnimationFrame then finally sendBeacon crypto
""")


def faults(source: str) -> list[str]:
    """One line for everything that an old browser would not understand; empty if all is well."""
    try:
        tree = esprima.parseScript(source, {"loc": True, "tokens": True})
    except esprima.Error as problem:
        return [str(problem)]
    found: list[str] = []
    _walk(tree, [], [set()], found)
    tokens = tree.tokens
    for at, token in enumerate(tokens[:-1]):
        if token.type == "Punctuator" and token.value == "," and tokens[at + 1].value in ("]", "}", ")"):
            found.append("a comma before a closing bracket")
        if token.type in ("Identifier", "Keyword") and "\\" in token.value:
            found.append("an escape in a name")
    return found


def _children(node: Any) -> Iterator[Any]:
    for name, value in vars(node).items():
        if name in ("loc", "range", "tokens", "comments", "errors", "regex"):
            continue
        for one in value if isinstance(value, list) else [value]:
            if hasattr(one, "type") and isinstance(getattr(one, "type", None), str):
                yield one
            elif one is None and name == "elements":
                continue


def _walk(node: Any, above: list[Any], scopes: list[set[str]], found: list[str]) -> None:
    line = f"line {node.loc.start.line}: " if getattr(node, "loc", None) else ""
    for fault in _check(node, above, scopes):
        found.append(line + fault)
    inner = scopes
    if node.type in ("Program", "FunctionDeclaration", "FunctionExpression"):
        own = {one.name for one in getattr(node, "params", None) or [] if one.type == "Identifier"}
        if node.type == "FunctionExpression" and node.id:
            own.add(node.id.name)
        own |= set(_declared(node.body))
        inner = [*scopes, own]
    elif node.type == "CatchClause" and node.param is not None:
        inner = [*scopes, {node.param.name}]
    for child in _children(node):
        _walk(child, [*above, node], inner, found)


def _declared(node: Any) -> Iterator[str]:
    """Names of ``var`` and ``function`` within a function's body, not within functions in it."""
    if isinstance(node, list):
        for one in node:
            yield from _declared(one)
        return
    if node.type == "VariableDeclarator" and node.id.type == "Identifier":
        yield node.id.name
    if node.type in ("FunctionDeclaration", "FunctionExpression"):
        if node.type == "FunctionDeclaration" and node.id:
            yield node.id.name
        return
    for child in _children(node):
        yield from _declared(child)


def _check(node: Any, above: list[Any], scopes: list[set[str]]) -> Iterator[str]:
    kind = node.type
    if kind not in STATEMENTS | EXPRESSIONS:
        yield f"{kind} is not in ES3"
        return
    parent = above[-1] if above else None
    if kind == "VariableDeclaration" and node.kind != "var":
        yield f"{node.kind} is not in ES3"
    if kind in ("FunctionDeclaration", "FunctionExpression"):
        if node.generator or getattr(node, "isAsync", False):
            yield "a generator or async function"
        if kind == "FunctionDeclaration" and parent is not None and parent.type != "Program":
            outer = above[-2].type if len(above) > 1 else ""
            if parent.type != "BlockStatement" or outer not in ("FunctionDeclaration", "FunctionExpression"):
                yield f"function {node.id.name} declared inside a block"
    if kind == "CatchClause" and (node.param is None or node.param.type != "Identifier"):
        yield "catch without a plain name"
    if kind == "Property":
        if node.kind != "init" or node.method or node.shorthand or node.computed:
            yield "a property that is not name: value"
        if node.key.type == "Identifier" and node.key.name in RESERVED:
            yield f"the reserved word {node.key.name} as a property's name"
    if kind in ("BinaryExpression", "LogicalExpression") and node.operator not in OPERATORS:
        yield f"the operator {node.operator}"
    if kind == "AssignmentExpression" and node.operator not in ASSIGNMENTS:
        yield f"the operator {node.operator}"
    if kind == "Literal":
        yield from _literal(node)
    if kind.endswith("MemberExpression") and not node.computed:
        yield from _member(node, above)
    if kind == "Identifier" and _is_variable(node, parent):
        if node.name in RESERVED:
            yield f"the reserved word {node.name} as a name"
        elif node.name not in GLOBALS and not any(node.name in scope for scope in scopes):
            yield f"{node.name} is not known to old browsers"
        elif node.name == "performance" and not _asked("performance", node, above):
            yield "performance without asking whether it is there"


def _is_variable(node: Any, parent: Any) -> bool:
    if parent.type.endswith("MemberExpression"):
        return parent.computed or parent.object is node
    if parent.type == "Property":
        return parent.value is node
    return parent.type not in ("LabeledStatement", "BreakStatement", "ContinueStatement")


def _literal(node: Any) -> Iterator[str]:
    raw = node.raw or ""
    if getattr(node, "regex", None):
        if set(node.regex.flags) - set("gim"):
            yield f"the flags of {raw}"
        if re.search(r"\(\?(?![:=!])|\\[pPk][{<]|\\u\{", node.regex.pattern):
            yield f"a newer pattern: {raw}"
    elif isinstance(node.value, str):
        if re.search(r"\\u\{|\\\r?\n", raw):
            yield "an escape of later strings"
    elif re.match(r"0[bBoO]|.*[n_]$", raw) and raw != "null":
        yield f"the number {raw}"


def _member(node: Any, above: list[Any]) -> Iterator[str]:
    name = node.property.name
    if name in RESERVED:
        yield f"the reserved word {name} as a property's name"
    if name in LATER:
        yield f".{name} came later"
    if name in ASKED_FIRST and not _asked(name, node, above):
        yield f".{name} without asking whether it is there"


def _asked(name: str, node: Any, above: list[Any]) -> bool:
    """True within a condition, or under one, that names ``name``."""
    for place, one in enumerate(above):
        inside = above[place + 1] if place + 1 < len(above) else node
        if one.type in ("IfStatement", "ConditionalExpression") and (
            inside is one.test or name in set(_names(one.test))
        ):
            return True
        if (
            one.type == "LogicalExpression"
            and one.operator == "&&"
            and inside is one.right
            and name in _names(one.left)
        ):
            return True
    return False


def _names(node: Any) -> Iterator[str]:
    if node.type == "Identifier":
        yield node.name
    for child in _children(node):
        yield from _names(child)
