"""Variants: edits applied to the syntax tree of a protocol, each found by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from modelcheck import rules
from modelcheck.diagnostics import Diagnostic, Label, did_you_mean
from modelcheck.syntax import file_tree, flow_tree

Change = Callable[[flow_tree.Statement], Iterable[flow_tree.Statement]]


class Editor:
    """Applies edits in order; what finds no target is reported in ``found``."""

    def __init__(self, protocol: file_tree.Protocol) -> None:
        """Start from a protocol's tree."""
        self.statements = protocol.statements
        self.declarations = protocol.declarations
        self.found: list[Diagnostic] = []

    def apply(self, edit: file_tree.Edit) -> None:
        """Apply one edit."""
        match edit:
            case file_tree.ReplaceMessage(message):
                target = message.label.text if message.label is not None else message.name.text
                name = message.label or message.name
                self._message(flow_tree.Name(target, name.span), lambda old: replace(
                    old, fields=message.fields, contents=message.contents, span=message.span))  # fmt: skip
            case file_tree.ReplaceField(target, new):
                self._field(target, lambda fields, at: (*fields[:at], new, *fields[at + 1 :]))
            case file_tree.AddField(target, new):
                self._add_field(target, new)
            case file_tree.Drop(target):
                self._drop(target)
            case file_tree.DropStatement(statement):
                self._change(lambda s: () if s == statement else (s,), statement, "nothing like this is in the flow")
            case file_tree.AddStatement(where, target, statement):
                self._insert(where, target, statement)
            case file_tree.ReplaceStatement(statement):
                self._replace(statement)
            case file_tree.AddDeclaration(declaration):
                self.declarations = (*self.declarations, declaration)

    # -------------------------------------------------------------------------------- helpers

    def _change(
        self, change: Change, at: flow_tree.Statement | flow_tree.Name, complaint: str, hint: str | None = None
    ) -> None:
        """Rewrite the statements; report that the edit has no target if nothing changed."""
        rewritten = _rewrite(self.statements, change)
        if rewritten == self.statements and not _same_objects(rewritten, self.statements):
            self.statements = rewritten
        elif rewritten == self.statements:
            self.found.append(Diagnostic(rules.EDIT_WITHOUT_TARGET, complaint, Label(at.span), (), hint or
                                         "quote the statement as the base has it"))  # fmt: skip
        self.statements = rewritten

    def _no_target(self, name: flow_tree.Name, candidates: Iterable[str]) -> None:
        self.found.append(Diagnostic(
            rules.EDIT_WITHOUT_TARGET, f"the base has no `{name.text}` to edit", Label(name.span), (),
            did_you_mean(name.text, candidates) or "edits find messages, fields, lets, keys and roles by name"))  # fmt: skip

    def _messages(self) -> Iterator[str]:
        for message, sender in _all_messages(self.statements):
            yield _label(message)
            yield f"{sender}.{_label(message)}"

    def _message(self, target: flow_tree.Name, change: Callable[[flow_tree.Message], flow_tree.Message | None]) -> None:
        """Change the one message called ``target``."""
        hits = [s for m, s in _all_messages(self.statements) if target.text in (_label(m), f"{s}.{_label(m)}")]
        if not hits:
            self._no_target(target, self._messages())
        elif len(set(hits)) > 1:
            choices = ", ".join(f"`{sender}.{target.text}`" for sender in dict.fromkeys(hits))
            self.found.append(Diagnostic(rules.AMBIGUOUS_MESSAGE, f"`{target.text}` is sent by more than one role",
                                         Label(target.span), (), f"write one of {choices}"))  # fmt: skip
        else:
            self.statements = _map_messages(self.statements, target.text, change)

    def _field(
        self, target: flow_tree.Name, change: Callable[[tuple[flow_tree.Field, ...], int], tuple[flow_tree.Field, ...]]
    ) -> None:
        whole, _, part = target.text.rpartition(".")
        changed = False

        def edit(message: flow_tree.Message) -> flow_tree.Message:
            nonlocal changed
            for index, item in enumerate(message.fields):
                if item.name.text == part:
                    changed = True
                    return replace(message, fields=change(message.fields, index))
            return message

        if any(whole in (_label(m), f"{s}.{_label(m)}") for m, s in _all_messages(self.statements)):
            self._message(flow_tree.Name(whole, target.span), edit)
            if not changed:
                fields = (f"{whole}.{f.name.text}" for m, _ in _all_messages(self.statements) for f in m.fields)
                self._no_target(target, fields)
        elif not self._let_in_branch(whole, part, target, change):
            self._no_target(target, self._messages())

    def _let_in_branch(self, label: str, name: str, target: flow_tree.Name, change: object) -> bool:
        """``replace accepted.shared: t`` edits the let of that name in the branch of that label."""
        del target
        done = False

        def edit(statements: tuple[flow_tree.Statement, ...]) -> tuple[flow_tree.Statement, ...]:
            nonlocal done
            result: list[flow_tree.Statement] = []
            for statement in statements:
                if isinstance(statement, flow_tree.Let) and statement.name.text == name:
                    done = True
                    assert callable(change)
                    dummy = flow_tree.Field(statement.name, statement.value, None, None, None, statement.span)
                    after = change((dummy,), 0)
                    result.extend(replace(statement, value=f.value, when=None, otherwise=None) for f in after)
                else:
                    result.append(statement)
            return tuple(result)

        self.statements = _map_branches(self.statements, label, edit)
        return done

    def _add_field(self, target: flow_tree.Name, new: flow_tree.Field) -> None:
        whole = target.text.rpartition(".")[0]

        def add(message: flow_tree.Message) -> flow_tree.Message:
            if message.contents:
                self.found.append(Diagnostic(
                    rules.EDIT_WITHOUT_TARGET, f"the contents of `{whole}` have no names, so none can be added",
                    Label(target.span), (), f"replace the message: `replace {whole} {{ ... }}`"))  # fmt: skip
            return replace(message, fields=(*message.fields, new))

        self._message(flow_tree.Name(whole, target.span), add)

    def _drop(self, target: flow_tree.Name) -> None:
        text = target.text
        if any(text in (_label(m), f"{s}.{_label(m)}") for m, s in _all_messages(self.statements)):
            self._message(target, lambda _: None)
            return
        if "." in text:
            self._field(target, lambda fields, at: (*fields[:at], *fields[at + 1 :]))
            return
        rewritten = _rewrite(self.statements, lambda s: _without_name(s, text))
        declarations = tuple(d for d in self.declarations if d.name.text != text)
        if rewritten == self.statements and declarations == self.declarations:
            self._no_target(target, (*self._messages(), *(d.name.text for d in self.declarations)))
        self.statements, self.declarations = rewritten, declarations

    def _insert(self, where: str, target: flow_tree.Name, statement: flow_tree.Statement) -> None:
        hits = 0

        def change(one: flow_tree.Statement) -> tuple[flow_tree.Statement, ...]:
            nonlocal hits
            if hits or not _mentions(one, target.text):
                return (one,)
            hits += 1
            return (statement, one) if where == "before" else (one, statement)

        self.statements = _rewrite(self.statements, change)
        if not hits:
            self._no_target(target, self._messages())

    def _replace(
        self,
        new: flow_tree.Let
        | flow_tree.Stage
        | flow_tree.Send
        | flow_tree.Forward
        | file_tree.Key
        | file_tree.Role
        | file_tree.Define,
    ) -> None:
        if isinstance(new, file_tree.Key | file_tree.Role | file_tree.Define):
            names = [d.name.text for d in self.declarations]
            if new.name.text not in names:
                self._no_target(new.name, names)
            self.declarations = tuple(new if d.name.text == new.name.text and type(d) is type(new) else d
                                      for d in self.declarations)  # fmt: skip
            return
        hits = 0

        def change(one: flow_tree.Statement) -> tuple[flow_tree.Statement, ...]:
            nonlocal hits
            if _same_place(one, new):
                hits += 1
                return (new,)
            return (one,)

        self.statements = _rewrite(self.statements, change)
        if not hits:
            name = new.name if isinstance(new, flow_tree.Let | flow_tree.Stage) else new.sender
            self._no_target(
                name, (s.name.text for s in _flat(self.statements) if isinstance(s, flow_tree.Let | flow_tree.Stage))
            )


def _same_objects(left: tuple[flow_tree.Statement, ...], right: tuple[flow_tree.Statement, ...]) -> bool:
    return len(left) == len(right)


def _label(message: flow_tree.Message) -> str:
    return message.label.text if message.label is not None else message.name.text


def _flat(statements: Iterable[flow_tree.Statement]) -> Iterator[flow_tree.Statement]:
    for statement in statements:
        yield statement
        if isinstance(statement, flow_tree.Alt):
            yield from _flat(statement.body)
            yield from _flat(statement.otherwise or ())


def _all_messages(statements: Iterable[flow_tree.Statement]) -> Iterator[tuple[flow_tree.Message, str]]:
    """Yield every message with its sender, messages inside fields included."""
    for statement in _flat(statements):
        if isinstance(statement, flow_tree.Send):
            for item in statement.messages:
                parts = [item] if isinstance(item, flow_tree.Message) else [part.message for part in item.parts]
                for message in parts:
                    yield message, statement.sender.text
                    for nested in _nested(message):
                        yield nested, statement.sender.text


def _nested(message: flow_tree.Message) -> Iterator[flow_tree.Message]:
    for expression in (*(f.value for f in message.fields), *message.contents):
        for inner in _literals(expression):
            yield inner
            yield from _nested(inner)


def _literals(expression: flow_tree.Expression) -> Iterator[flow_tree.Message]:
    match expression:
        case flow_tree.MessageLiteral(message):
            yield message
        case flow_tree.Call(_, arguments):
            for argument in arguments:
                yield from _literals(argument.value)
        case flow_tree.TupleOf(items):
            for item in items:
                yield from _literals(item)
        case _:
            pass


def _rewrite(statements: tuple[flow_tree.Statement, ...], change: Change) -> tuple[flow_tree.Statement, ...]:
    result: list[flow_tree.Statement] = []
    for statement in statements:
        for one in change(statement):
            if isinstance(one, flow_tree.Alt) and one is statement:
                body = _rewrite(one.body, change)
                otherwise = None if one.otherwise is None else _rewrite(one.otherwise, change)
                result.append(replace(one, body=body, otherwise=otherwise))
            else:
                result.append(one)
    return tuple(result)


def _map_branches(
    statements: tuple[flow_tree.Statement, ...], label: str,
    change: Callable[[tuple[flow_tree.Statement, ...]], tuple[flow_tree.Statement, ...]],
) -> tuple[flow_tree.Statement, ...]:  # fmt: skip
    result: list[flow_tree.Statement] = []
    for statement in statements:
        if isinstance(statement, flow_tree.Alt):
            body, otherwise = statement.body, statement.otherwise
            if statement.label is not None and statement.label.text == label:
                body = change(body)
            if otherwise is not None and statement.otherwise_label is not None \
                    and statement.otherwise_label.text == label:  # fmt: skip
                otherwise = change(otherwise)
            body = _map_branches(body, label, change)
            otherwise = None if otherwise is None else _map_branches(otherwise, label, change)
            result.append(replace(statement, body=body, otherwise=otherwise))
        else:
            result.append(statement)
    return tuple(result)


def _map_messages(
    statements: tuple[flow_tree.Statement, ...],
    target: str,
    change: Callable[[flow_tree.Message], flow_tree.Message | None],
) -> tuple[flow_tree.Statement, ...]:
    def one(statement: flow_tree.Statement) -> tuple[flow_tree.Statement, ...]:
        if not isinstance(statement, flow_tree.Send):
            return (statement,)
        sender = statement.sender.text
        items: list[flow_tree.Message | flow_tree.Protected] = []
        for item in statement.messages:
            if isinstance(item, flow_tree.Message):
                new = _map_message(item, sender, target, change)
                if new is not None:
                    items.append(new)
                continue
            parts = tuple(replace(part, message=new) for part in item.parts
                          if (new := _map_message(part.message, sender, target, change)) is not None)  # fmt: skip
            if parts or item.contents or not item.parts:
                items.append(replace(item, parts=parts))
        return (replace(statement, messages=tuple(items)),) if items else ()

    return _rewrite(statements, one)


def _map_message(
    message: flow_tree.Message,
    sender: str,
    target: str,
    change: Callable[[flow_tree.Message], flow_tree.Message | None],
) -> flow_tree.Message | None:
    if target in (_label(message), f"{sender}.{_label(message)}"):
        return change(message)
    fields = tuple(replace(f, value=_map_expression(f.value, sender, target, change)) for f in message.fields)
    contents = tuple(_map_expression(e, sender, target, change) for e in message.contents)
    return replace(message, fields=fields, contents=contents)


def _map_expression(
    expression: flow_tree.Expression,
    sender: str,
    target: str,
    change: Callable[[flow_tree.Message], flow_tree.Message | None],
) -> flow_tree.Expression:
    match expression:
        case flow_tree.MessageLiteral(message):
            new = _map_message(message, sender, target, change)
            return expression if new is None else replace(expression, message=new)
        case flow_tree.Call(_, arguments):
            return replace(expression, arguments=tuple(
                replace(a, value=_map_expression(a.value, sender, target, change)) for a in arguments))  # fmt: skip
        case flow_tree.TupleOf(items):
            return replace(expression, items=tuple(_map_expression(i, sender, target, change) for i in items))
        case _:
            return expression


def _mentions(statement: flow_tree.Statement, name: str) -> bool:
    """Return whether a statement sends the message, or makes the value, of this name."""
    match statement:
        case flow_tree.Send():
            return any(name in (_label(m), f"{s}.{_label(m)}") for m, s in _all_messages([statement])) or any(
                isinstance(item, flow_tree.Protected) and item.label is not None and item.label.text == name
                for item in statement.messages
            )  # fmt: skip
        case flow_tree.Let() | flow_tree.Stage() | flow_tree.Picks() | flow_tree.PicksIn():
            return statement.name.text == name
        case flow_tree.Creates(_, values):
            return any(fresh.name.text == name for fresh in values)
        case _:
            return False


def _without_name(statement: flow_tree.Statement, name: str) -> tuple[flow_tree.Statement, ...]:
    match statement:
        case flow_tree.Let() | flow_tree.Stage() | flow_tree.Picks() | flow_tree.PicksIn() if (
            statement.name.text == name
        ):
            return ()
        case flow_tree.Creates(_, values) if any(fresh.name.text == name for fresh in values):
            left = tuple(fresh for fresh in values if fresh.name.text != name)
            return (replace(statement, values=left),) if left else ()
        case _:
            return (statement,)


def _same_place(old: flow_tree.Statement, new: flow_tree.Statement) -> bool:
    """Return whether an edit's statement takes this statement's place: same let, or same messages between the same roles."""
    match new:
        case flow_tree.Let() | flow_tree.Stage():
            return isinstance(old, flow_tree.Let | flow_tree.Stage) and old.name.text == new.name.text
        case flow_tree.Send():
            return (
                isinstance(old, flow_tree.Send)
                and (old.sender, old.receiver) == (new.sender, new.receiver)
                and _sent_labels(old) == _sent_labels(new)
            )
        case flow_tree.Forward():
            return isinstance(old, flow_tree.Forward) and (old.sender, old.receiver, old.names) == (
                new.sender, new.receiver, new.names)  # fmt: skip
        case _:
            return False


def _sent_labels(send: flow_tree.Send) -> list[str]:
    return [
        _label(item) if isinstance(item, flow_tree.Message) else
        (item.label.text if item.label is not None else ",".join(_label(part.message) for part in item.parts))
        for item in send.messages
    ]  # fmt: skip
