"""The Sphinx extension: a domain ``flow`` with directives that show protocols, and roles that link to them.

``{flow:spec} path`` names the spec of the directives below it; ``:file:`` names another for one of them. Specs, with all
that they include, are dependencies of their page. A verdict that the spec does not expect is a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.domains import Domain, ObjType
from sphinx.roles import XRefRole
from sphinx.util.docutils import SphinxDirective
from sphinx.util.logging import getLogger
from sphinx.util.nodes import make_id, make_refnode

from modelcheck import __version__
from modelcheck.cache import user_cache
from modelcheck.checking import Request, check_all, prepare_protocol
from modelcheck.diagnostics import SpecRejected, did_you_mean, render_diagnostic
from modelcheck.diagram import Diagram, Kind, NoDiagram, Spec, draw, draw_attack, open_spec
from modelcheck.files import resolved
from modelcheck.options import Options
from modelcheck.protocol.model import Protocol
from modelcheck.pygments_lexer import FlowLexer
from modelcheck.render.key_schedule import key_schedule
from modelcheck.render.ladder_rows import message_names
from modelcheck.render.picture import MissingExtra, Picture
from modelcheck.syntax import file_tree
from modelcheck.syntax.load import parse, read_source
from modelcheck.verdict import (
    Attack,
    BoundedSearch,
    ClaimResult,
    NotSupported,
    PossibleDifference,
    Undecided,
    Vacuous,
    verdict_word,
)

if TYPE_CHECKING:
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.builders import Builder
    from sphinx.environment import BuildEnvironment
    from sphinx.util.typing import ExtensionMetadata

logger = getLogger(__name__)


def verdicts(spec: Spec, protocol: Protocol, *, audit: bool, budget: int) -> tuple[ClaimResult, ...]:
    """Return the result of each claim of a protocol, those that the user's cache has from there."""
    request = Request(Options(audit=audit, budget=budget), cache=user_cache())
    return tuple(check_all(prepare_protocol(spec.library, protocol, request), request))


class diagram(nodes.General, nodes.Element):  # noqa: N801 (docutils names nodes like this)
    """A diagram: its text, and its picture if Graphviz is installed."""


# ------------------------------------------------------------------------------------------------ directives


class _FlowDirective(SphinxDirective):
    """A directive about one protocol of a spec."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {"file": directives.unchanged_required, "no-index": directives.flag}

    def run(self) -> list[nodes.Node]:
        """Return what the directive shows; whatever is wrong with the spec is an error at its place."""
        try:
            spec = self._spec()
            return list(self.show(spec, spec.protocol(self.arguments[0])))
        except SpecRejected as rejected:
            raise self.error("\n\n".join(map(render_diagnostic, rejected.diagnostics))) from None
        except NoDiagram as problem:
            raise self.error(str(problem)) from None

    def _spec(self) -> Spec:
        name = self.options.get("file") or self.env.ref_context.get("flow:spec")
        if name is None:
            raise self.error("name the spec: `:file: path` here, or `{flow:spec} path` above")
        _, path = self.env.relfn2path(name)
        self.env.note_dependency(path)
        known = cast("dict[str, Spec]", self.env.temp_data.setdefault("flow:specs", {}))
        try:
            if path not in known:
                known[path] = open_spec(path)
        except SpecRejected:
            self.env.note_reread()  # the repair may be in any of the files that it includes
            raise
        for source in known[path].library.sources:
            self.env.note_dependency(str(resolved(source.path)))
        return known[path]

    @property
    def domain_(self) -> FlowDomain:
        """The domain's data."""
        domain = self.env.get_domain("flow")
        assert isinstance(domain, FlowDomain)
        return domain

    def show(self, spec: Spec, protocol: Protocol) -> Iterator[nodes.Node]:
        """Yield the nodes of the directive."""
        raise NotImplementedError

    def target(self, kind: str, name: str) -> tuple[nodes.Node, ...]:
        """Return a target that roles can link to, nothing if the directive says ``:no-index:``."""
        if "no-index" in self.options:
            return ()
        identifier = make_id(self.env, self.state.document, f"flow-{kind}", name)
        node = nodes.target("", "", ids=[identifier])
        self.state.document.note_explicit_target(node)
        self.domain_.note(kind, name, identifier, self.get_location())
        return (node,)

    def diagram(self, spec: Spec, protocol: Protocol, kind: Kind, role: str | None = None) -> nodes.Node:
        """Return the node of a diagram."""
        return self.node(draw(spec.library, protocol, kind, role))

    def node(self, drawn: Diagram) -> nodes.Node:
        """Return the node of what was drawn."""
        node = diagram(text=drawn.text, picture=self._picture(drawn))
        self.set_source_info(node)
        return node

    def _picture(self, drawn: Diagram) -> Picture | None:
        try:
            return drawn.picture()
        except MissingExtra as missing:
            logger.warning("%s; showing text", missing, location=self.get_location(), type="flow", subtype="pictures")
            return None

    def claims(self, spec: Spec, protocol: Protocol) -> Iterator[nodes.Node]:
        """Yield a table of a protocol's claims, every claim a target; warn of those not as expected."""
        config = self.env.config
        rows: list[list[list[nodes.Node]]] = []
        attacks: list[nodes.Node] = []
        for result in verdicts(spec, protocol, audit=config.flow_audit, budget=config.flow_budget):
            if not result.ok:
                logger.warning("%s.%s: the verdict is %s; the spec expects %s", result.protocol, result.claim,
                               verdict_word(result.verdict), _expected(result), location=self.get_location(),
                               type="flow", subtype="verdict")  # fmt: skip
            target = self.target("claim", f"{protocol.name}.{result.claim}")
            text = " ".join(result.text.split())
            rows.append([
                [_paragraph(*target, nodes.strong("", result.claim))],
                [_paragraph(nodes.literal(text, text)), *_because(result)],
                [_paragraph(nodes.inline("", verdict_word(result.verdict), classes=[f"flow-{_mark(result)}"]))],
                [_paragraph(nodes.Text(", ".join(result.sources)))],
            ])  # fmt: skip
            attacks += self.unfolded(result)
        if rows:
            yield _table(("claim", "statement", "verdict", "reproduces"), (18, 50, 18, 14), rows)
        yield from attacks

    def unfolded(self, result: ClaimResult) -> Iterator[nodes.Node]:
        """Yield an attack with its steps; HTML shows them when the reader asks for them."""
        if not isinstance(result.verdict, Attack):
            return
        title = f"Attack on {result.claim}"
        yield nodes.raw("", f'<details class="flow-steps"><summary>{title}</summary>', format="html")
        yield addnodes.only("", _paragraph(nodes.strong("", title)), expr="not html")
        yield self.node(draw_attack(result))
        yield _steps(result.verdict)
        yield _paragraph(*_words(result.verdict.conclusion))
        yield nodes.raw("", "</details>", format="html")


class SpecDirective(SphinxDirective):
    """``flow:spec``: the spec of the directives below it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return nothing; remember the file."""
        self.env.ref_context["flow:spec"] = self.arguments[0]
        return []


class LadderDirective(_FlowDirective):
    """``flow:ladder``: the message flow."""

    def show(self, spec: Spec, protocol: Protocol) -> Iterator[nodes.Node]:
        """Yield the ladder."""
        yield self.diagram(spec, protocol, "ladder")


class MachineDirective(_FlowDirective):
    """``flow:machine``: the state machines of all roles, or of one."""

    option_spec: ClassVar[dict[str, Any]] = {
        **_FlowDirective.option_spec, "role": directives.unchanged_required, "errors": directives.flag,
    }  # fmt: skip

    def show(self, spec: Spec, protocol: Protocol) -> Iterator[nodes.Node]:
        """Yield one machine after the other: side by side they would be too wide for a page."""
        roles = [self.options["role"]] if "role" in self.options else [role.name for role in protocol.roles]
        errors = "errors" in self.options
        yield from (self.node(draw(spec.library, protocol, "machine", role, errors=errors)) for role in roles)


class KeysDirective(_FlowDirective):
    """``flow:keys``: the key schedule."""

    def show(self, spec: Spec, protocol: Protocol) -> Iterator[nodes.Node]:
        """Yield the key schedule."""
        yield self.diagram(spec, protocol, "keys")


class AttackDirective(_FlowDirective):
    """``flow:attack``: the attack on a claim, which is named as ``protocol.label``."""

    def run(self) -> list[nodes.Node]:
        """Return the attack; a claim that is not refuted is an error."""
        protocol, _, claim = self.arguments[0].rpartition(".")
        try:
            return [self.node(self._spec().attack(claim, protocol))]
        except SpecRejected as rejected:
            raise self.error("\n\n".join(map(render_diagnostic, rejected.diagnostics))) from None
        except NoDiagram as problem:
            raise self.error(str(problem)) from None


class SourceDirective(_FlowDirective):
    """``flow:source``: the protocol's own lines."""

    def show(self, spec: Spec, protocol: Protocol) -> Iterator[nodes.Node]:
        """Yield the lines as code."""
        yield _code(protocol)


class ClaimsDirective(_FlowDirective):
    """``flow:claims``: a table of the claims with their verdicts."""

    def show(self, spec: Spec, protocol: Protocol) -> Iterator[nodes.Node]:
        """Yield the table."""
        yield from self.claims(spec, protocol)


class ProtocolDirective(_FlowDirective):
    """``flow:protocol``: everything about a protocol."""

    def show(self, spec: Spec, protocol: Protocol) -> Iterator[nodes.Node]:
        """Yield title, sources, lines, pictures and claims of a protocol."""
        yield from self.target("protocol", protocol.name)
        if "no-index" not in self.options:
            place = self.domain_.id_of(protocol.name)
            yield addnodes.index(entries=[("single", f"{protocol.name} (protocol)", place, "", None)])
        for kind, names in (("role", [role.name for role in protocol.roles]), ("message", message_names(protocol))):
            for name in names:
                yield from self.target(kind, f"{protocol.name}.{name}")
        if protocol.title:
            yield _paragraph(nodes.emphasis("", protocol.title))
        if protocol.sources:
            yield _paragraph(nodes.Text("After " + "; ".join(", ".join(source) for source in protocol.sources) + "."))
        yield nodes.rubric("", "Specification")
        yield _code(protocol)
        if protocol.written:
            yield nodes.rubric("", "Message flow")
            yield self.diagram(spec, protocol, "ladder")
            yield nodes.rubric("", "Role machines")
            yield from (self.diagram(spec, protocol, "machine", role.name) for role in protocol.roles)
        if key_schedule(protocol):
            yield nodes.rubric("", "Key schedule")
            yield self.diagram(spec, protocol, "keys")
        if protocol.claims:
            yield nodes.rubric("", "Claims")
            yield from self.claims(spec, protocol)


def _code(protocol: Protocol) -> nodes.literal_block:
    text = source_text(protocol)
    return nodes.literal_block(text, text, language="flow")


def source_text(protocol: Protocol) -> str:
    """Return a protocol's own lines as its file has them."""
    file = parse(read_source(Path(protocol.span.source.path)))
    for item in file.items:
        if not isinstance(item, file_tree.Include) and item.name.text == protocol.name:
            return item.span.text.rstrip()
    raise AssertionError(protocol.name)


def _mark(result: ClaimResult) -> str:
    return verdict_word(result.verdict).split(" (")[0].replace(" ", "-") if result.ok else "unexpected"


def _expected(result: ClaimResult) -> str:
    return "an attack" if result.expected == "attack" else "that it holds"


def _because(result: ClaimResult) -> Iterator[nodes.Node]:
    """Yield what a verdict needs to be understood, in a sentence."""
    match result.verdict:
        case Attack() if result.reason:
            yield _paragraph(nodes.Text(f"Attack: {result.reason}."))
        case PossibleDifference(_, conclusion):
            yield _paragraph(nodes.Text(f"A difference that no run shows: {result.reason or conclusion}."))
        case BoundedSearch(sessions, _, conclusion):
            yield _paragraph(
                nodes.Text(f"No attack with up to {sessions} sessions of each role; not excluded: {conclusion}")
            )
        case Undecided(reason) | Vacuous(reason):
            yield _paragraph(nodes.Text(reason))
        case NotSupported(construct):
            yield _paragraph(nodes.Text(f"{construct} is not decided by this version"))
        case _:
            return


def _words(text: str) -> Iterator[nodes.Node]:
    """Yield a sentence, what stands in backquotes as code."""
    for index, part in enumerate(text.split("`")):
        if part:
            yield nodes.literal(part, part) if index % 2 else nodes.Text(part)


def _paragraph(*children: nodes.Node) -> nodes.paragraph:
    """Return a paragraph whose quotes stay as they are: they may belong to terms."""
    return nodes.paragraph("", "", *children, support_smartquotes=False)


def _table(heads: Sequence[str], widths: Sequence[int], rows: Iterable[Sequence[Sequence[nodes.Node]]]) -> nodes.table:
    group = nodes.tgroup("", *(nodes.colspec(colwidth=width) for width in widths), cols=len(widths))
    group += nodes.thead("", _row([[_paragraph(nodes.Text(head))] for head in heads]))
    group += nodes.tbody("", *(_row(row) for row in rows))
    return nodes.table("", group, classes=["flow-claims"])


def _steps(attack: Attack) -> nodes.Node:
    """Return the steps of an attack: a list, or a table with a column for each of two systems."""
    if not attack.sides[0]:
        items = [nodes.list_item("", _paragraph(*_words(step.text))) for step in attack.steps]
        return nodes.enumerated_list("", *items, enumtype="arabic", prefix="", suffix=".")
    rows = []
    for number, step in enumerate(attack.steps, 1):
        texts = [[*_words(text)] for text in (step.text, step.right or step.text)]
        if number == len(attack.steps):
            texts = [[nodes.strong("", "", *words)] for words in texts]
        rows.append([[_paragraph(nodes.Text(f"{number}"))], *([_paragraph(*words)] for words in texts)])
    return _table(("", *(side.replace("`", "") for side in attack.sides)), (6, 47, 47), rows)


def _row(cells: Sequence[Sequence[nodes.Node]]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", *cell) for cell in cells))


# ------------------------------------------------------------------------------------------------ pictures


def draw_diagrams(app: Sphinx, document: nodes.document, _: str) -> None:
    """Turn diagrams into what the builder can show: SVG in HTML, PDF in LaTeX, text elsewhere."""
    for node in list(document.findall(diagram)):
        node.replace_self(_drawn(app.builder, node))


def _drawn(builder: Builder, node: diagram) -> nodes.Node:
    picture: Picture | None = node["picture"]
    if picture is not None and builder.format == "html":
        return nodes.raw("", f'<div class="flow-diagram" tabindex="0">{picture.svg()}</div>', format="html")
    if picture is not None and builder.format == "latex":
        data = picture.render("pdf")
        name = f"flow-{sha256(data).hexdigest()[:16]}"
        (Path(builder.outdir) / f"{name}.pdf").write_bytes(data)
        return nodes.raw(
            "", f"\\begin{{center}}\\sphinxincludegraphics{{{{{name}}}.pdf}}\\end{{center}}", format="latex"
        )
    return nodes.literal_block(node["text"], node["text"], language="text")


# ------------------------------------------------------------------------------------------------ the domain


class FlowDomain(Domain):
    """Protocols, roles, messages and claims, each by its name or ``protocol.name``."""

    name = "flow"
    label = "flow"
    object_types: ClassVar[dict[str, ObjType]] = {
        kind: ObjType(kind, kind) for kind in ("protocol", "role", "message", "claim")
    }
    directives: ClassVar[dict[str, Any]] = {
        "spec": SpecDirective, "protocol": ProtocolDirective, "ladder": LadderDirective, "machine": MachineDirective,
        "keys": KeysDirective, "attack": AttackDirective, "source": SourceDirective, "claims": ClaimsDirective,
    }  # fmt: skip
    roles: ClassVar[dict[str, Any]] = {kind: XRefRole(warn_dangling=True) for kind in object_types}
    initial_data: ClassVar[dict[str, Any]] = {"objects": {}}
    data_version = 1
    dangling_warnings: ClassVar[dict[str, str]] = {
        kind: f"there is no {kind} `%(target)s` in these pages" for kind in object_types
    }

    @property
    def objects(self) -> dict[tuple[str, str], tuple[str, str]]:
        """Page and anchor of each thing, by kind and name."""
        return self.data["objects"]  # type: ignore[no-any-return]

    def note(self, kind: str, name: str, identifier: str, location: Any) -> None:
        """Remember where something is described; warn if that is in two places."""
        known = self.objects.get((kind, name))
        if known is not None:
            logger.warning("%s `%s` is described in %s too", kind, name, known[0], location=location, type="flow")
        self.objects[kind, name] = self.env.docname, identifier

    def id_of(self, protocol: str) -> str:
        """Return the anchor of a protocol."""
        return self.objects["protocol", protocol][1]

    def clear_doc(self, docname: str) -> None:
        """Forget what a page describes."""
        for key, (page, _) in list(self.objects.items()):
            if page == docname:
                del self.objects[key]

    def merge_domaindata(self, docnames: AbstractSet[str], otherdata: dict[str, Any]) -> None:
        """Take over what another process found in some pages."""
        self.objects.update({k: place for k, place in otherdata["objects"].items() if place[0] in docnames})

    def resolve_xref(
        self, env: BuildEnvironment, fromdocname: str, builder: Builder, typ: str, target: str, node: pending_xref,
        contnode: nodes.Element,
    ) -> nodes.reference | None:  # fmt: skip
        """Return the link of a role, None if nothing has that name."""
        place = self.objects.get((typ, target))
        if place is None:
            hint = did_you_mean(target, [name for kind, name in self.objects if kind == typ])
            if hint:
                logger.warning("there is no %s `%s`; %s", typ, target, hint, location=node, type="flow", subtype="ref")
            return None
        return make_refnode(builder, fromdocname, place[0], place[1], contnode, target)

    def resolve_any_xref(
        self, env: BuildEnvironment, fromdocname: str, builder: Builder, target: str, node: pending_xref,
        contnode: nodes.Element,
    ) -> list[tuple[str, nodes.reference]]:  # fmt: skip
        """Return the links of the role ``any``."""
        return [(f"flow:{kind}", make_refnode(builder, fromdocname, *place, contnode, target))
                for (kind, name), place in self.objects.items() if name == target]  # fmt: skip

    def get_objects(self) -> Iterator[tuple[str, str, str, str, str, int]]:
        """Yield everything for the search index and for other projects."""
        for (kind, name), (page, identifier) in self.objects.items():
            yield name, name, kind, page, identifier, 1


def add_styles(app: Sphinx) -> None:
    """Let HTML pages have the styles of diagrams and verdicts."""
    app.config.html_static_path.append(str(Path(__file__).parent / "static"))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Connect the domain, the lexer and the drawing of diagrams."""
    app.add_domain(FlowDomain)
    app.add_node(diagram)
    app.add_css_file("flow.css")
    app.connect("builder-inited", add_styles)
    app.connect("doctree-resolved", draw_diagrams)
    app.add_lexer("flow", FlowLexer)
    app.add_config_value("flow_audit", False, "env", types=frozenset({bool}))
    app.add_config_value("flow_budget", Options().budget, "env", types=frozenset({int}))
    return {"version": __version__, "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
