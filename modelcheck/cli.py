"""The command line. Everything heavy is imported when a command needs it, so that `--version` answers at once."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import click

from modelcheck import __version__
from modelcheck.options import FORMATS, DiagramFormat

if TYPE_CHECKING:
    from modelcheck.cache import VerdictCache
    from modelcheck.diagram import Kind
    from modelcheck.render.report import Style

REJECTED, NOTHING_FOUND, INTERNAL_ERROR, INTERRUPTED = 2, 5, 101, 130
PATH = click.Path(path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="modelcheck")
def main() -> None:
    """Check what a handshake promises: write it as a .flow spec, learn whether its claims hold.

    \b
    Start with:   modelcheck new my_protocol
                  modelcheck check my_protocol.flow
    """  # noqa: D301 (click keeps the lines of a paragraph that starts with this control character)


class Configured(click.Command):
    """A command whose options `[tool.modelcheck]` in a pyproject.toml presets."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Return the arguments that are left over; raise SpecRejected for settings that cannot be understood."""
        if not set(args) & set(ctx.help_option_names):
            from modelcheck.configuration import find_settings

            found = asdict(find_settings(Path.cwd()))
            ctx.default_map = {key: value for key, value in found.items() if value is not None}
        return super().parse_args(ctx, args)


@main.command(cls=Configured)
@click.argument("paths", nargs=-1, type=PATH)
@click.option("--claim", "claims", metavar="NAME", multiple=True,
              help="Check only claims of this label, or `protocol.label`; may be given several times.")  # fmt: skip
@click.option("--format", type=click.Choice(FORMATS), default="text", help="How to report.")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write the report to a file, and show the text in the terminal; `-` is standard output.")  # fmt: skip
@click.option("--budget", type=click.IntRange(min=1), default=20_000_000, show_default=True,
              help="Work units per claim; the same budget gives the same verdict everywhere.")  # fmt: skip
@click.option("--sessions", type=click.IntRange(1, 64), default=4, show_default=True,
              help="Sessions of each role up to which an attack is searched.")  # fmt: skip
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS",
              help="Leave undecided what has not been decided by then.")  # fmt: skip
@click.option("--memory", type=click.IntRange(min=128), metavar="MIB",
              help="Leave undecided what needs more memory than that.")  # fmt: skip
@click.option("--audit/--no-audit", default=True,
              help="Whether to re-check proofs; without it they are reported as not audited.")  # fmt: skip
@click.option("--jobs", "-j", default="1", show_default=True, metavar="N",
              help="Check in so many processes; `auto` for one per processor.")  # fmt: skip
@click.option("--cache/--no-cache", default=True, help="Whether to use and keep verdicts of other runs.")
@click.option("--save-evidence", type=PATH, metavar="DIR", help="Write one evidence file per proven claim.")
@click.option("--verbose/--no-verbose", "-v", default=False,
              help="Show sentences, steps and audit figures of every claim.")  # fmt: skip
@click.pass_context
def check(
    context: click.Context, paths: tuple[Path, ...], claims: tuple[str, ...], format: Literal["text"] | Style,
    output: Path | None, budget: int, sessions: int, timeout: float | None, memory: int | None, audit: bool,
    jobs: str, cache: bool, save_evidence: Path | None, verbose: bool,
) -> None:  # fmt: skip
    """Check the claims of spec files or folders (default: this folder).

    \b
    Exit code: 0 every claim as expected     1 some claim not as expected
               2 spec or setting rejected    3 something is undecided
               5 no claims were found      101 internal error, 130 interrupted

    \b
    Examples:  modelcheck check specs
               modelcheck check handshake.flow --claim server_auth --verbose
               modelcheck check specs --format json > report.json
               modelcheck check specs --format sarif --output report.sarif
               modelcheck check specs --save-evidence evidence
    """  # noqa: D301 (as above)
    from modelcheck.check_command import Run, report
    from modelcheck.options import Options
    from modelcheck.spec_paths import find_specs
    from modelcheck.verdict import exit_code

    files = find_specs(paths or context.lookup_default("paths") or (Path("."),))
    if memory is not None and find_spec("resource") is None:
        raise click.UsageError("--memory: this system does not limit the memory of a process")
    options = Options(budget=budget, audit=audit, timeout=timeout, sessions=sessions)
    run = Run(files, claims, options, _workers(jobs), _cache() if cache else None, save_evidence, memory)
    complete = report(run, format, None if output == Path("-") else output, verbose=verbose)
    sys.exit(exit_code(run.done) if complete else INTERRUPTED)


def _workers(jobs: str) -> int:
    """Return the number of processes that ``--jobs`` asks for."""
    if jobs == "auto":
        # A container may give this process fewer processors than the machine has.
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not jobs.isdecimal() or int(jobs) < 1:
        raise click.UsageError(f"`{jobs}` is no number of processes: write a number, or `auto`")
    return int(jobs)


def _cache() -> VerdictCache | None:
    """Return the user's cache of verdicts."""
    from modelcheck.cache import user_cache

    return user_cache()


@main.command()
@click.argument("spec", type=PATH)
@click.argument("claim")
@click.option("--sessions", type=click.IntRange(1, 64), default=4, show_default=True,
              help="Sessions of each role up to which an attack is searched.")  # fmt: skip
@click.option("--messages", "-m", is_flag=True, help="Show the messages of every step in full.")
def attack(spec: Path, claim: str, sessions: int, messages: bool) -> None:
    """Print an attack on a claim (LABEL, or PROTOCOL.LABEL) of a spec, executed step by step; exit 1 if none is found."""
    from modelcheck.check_command import say_unknown_claim
    from modelcheck.options import Options
    from modelcheck.pipeline import attack_on, open_library, select_claims
    from modelcheck.render.text import attack_lines
    from modelcheck.spec_paths import find_specs
    from modelcheck.verdict import Attack

    files = find_specs((spec,))
    library = open_library(files)
    tasks = select_claims(library, files, claim)
    if not tasks:
        say_unknown_claim(claim, select_claims(library, files, None))
        sys.exit(NOTHING_FOUND)
    found = False
    for task in tasks:
        result = attack_on(task, Options(sessions=sessions))
        click.echo(f"{task.protocol}.{task.claim}: {task.what.text}")
        if isinstance(result, Attack):
            found = True
            click.echo("\n".join(attack_lines(result, messages=messages)))
        else:
            click.echo(f"  {result}")
    sys.exit(0 if found else 1)


@main.command()
@click.argument("paths", nargs=-1, type=PATH, required=True)
@click.option(
    "--errors", is_flag=True, help="Also show where a role fails: each check in order, with an edge to `error`."
)
def machine(paths: tuple[Path, ...], errors: bool) -> None:
    """Print the state machine of each role: states, what it receives, checks and sends."""
    from modelcheck.pipeline import machines, open_library
    from modelcheck.render.machine import render_machine
    from modelcheck.spec_paths import find_specs

    files = find_specs(paths)
    library = open_library(files)
    click.echo("\n\n".join(render_machine(one, errors=errors) for one in machines(library, files)))


@main.command()
@click.argument("spec", type=PATH)
@click.option("--kind", type=click.Choice(["ladder", "machine", "keys", "attack"]), default="ladder",
              show_default=True, help="The message flow, the state machines of the roles, the key schedule, or an attack.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(get_args(DiagramFormat)),
              help="How to draw it; text unless the ending of FILE says otherwise.")  # fmt: skip
@click.option("--protocol", metavar="NAME", help="Which protocol of the spec (default: the first).")
@click.option("--role", metavar="NAME", help="With --kind machine: only this role.")
@click.option("--errors", is_flag=True, help="With --kind machine: also where a role fails, and by which check.")
@click.option(
    "--claim", metavar="NAME", help="With --kind attack: the claim that it breaks, a label or `protocol.label`."
)
@click.option("--output", "-o", type=PATH, metavar="FILE", help="Write to a file instead of standard output.")
def diagram(
    spec: Path, kind: Kind | Literal["attack"], form: DiagramFormat | None, protocol: str | None,
    role: str | None, errors: bool, claim: str | None, output: Path | None,
) -> None:  # fmt: skip
    """Draw the message flow, the role machines or the key schedule of a protocol, or an attack on a claim.

    Text needs nothing else; SVG, PNG, PDF, DOT and TikZ need `pip install 'modelcheck[pictures]'`.

    \b
    Examples:  modelcheck diagram handshake.flow
               modelcheck diagram handshake.flow -o handshake.svg
               modelcheck diagram handshake.flow --kind machine --role Client -o client.pdf
               modelcheck diagram handshake.flow --kind attack --claim server_auth
    """  # noqa: D301 (as above)
    from modelcheck.diagram import NoDiagram, open_spec
    from modelcheck.files import write_atomically
    from modelcheck.render.picture import MissingExtra

    found = open_spec(spec)
    chosen = form or _form_of(output)
    try:
        drawn = found.diagram(kind, protocol, role, claim, errors=errors).render(chosen)
    except (NoDiagram, MissingExtra) as problem:
        raise click.ClickException(str(problem)) from None
    if output is not None:
        write_atomically(output, drawn)
    elif chosen in ("png", "pdf") and sys.stdout.isatty():
        raise click.UsageError(f"a terminal cannot show {chosen.upper()}: give a file with -o")
    else:
        click.echo(drawn, nl=False)
    others = [one.name for one in found.protocols[1:]]
    if protocol is None and claim is None and others:
        click.echo(f"drawn: {found.protocols[0].name}; with --protocol also {', '.join(others)}", err=True)


def _form_of(output: Path | None) -> DiagramFormat:
    """Return the format that a file's ending stands for; text for standard output."""
    match output.suffix.lower() if output is not None else ".txt":
        case ".txt" | "":
            return "text"
        case ".svg":
            return "svg"
        case ".png":
            return "png"
        case ".pdf":
            return "pdf"
        case ".dot" | ".gv":
            return "dot"
        case ".tex":
            return "tikz"
        case other:
            raise click.UsageError(f"there is no format for files that end in `{other}`; use --format")


@main.command()
@click.argument("paths", nargs=-1, type=PATH, required=True)
@click.option("--check", "only_check", is_flag=True, help="Change nothing; exit 1 if a file is not formatted.")
def fmt(paths: tuple[Path, ...], only_check: bool) -> None:
    """Rewrite spec files in the canonical layout; comments stay where they are."""
    from modelcheck.files import write_atomically
    from modelcheck.spec_paths import find_specs
    from modelcheck.syntax.load import parse, read_source
    from modelcheck.syntax.printer import format_text

    changed = []
    for path in find_specs(paths):
        source = read_source(path)
        parse(source)
        text = format_text(source)
        if text != source.text:
            changed.append(path)
            if not only_check:
                write_atomically(path, text)
    for path in changed:
        click.echo(f"{'would change' if only_check else 'changed'} {path}")
    sys.exit(1 if changed and only_check else 0)


@main.command()
@click.argument("code", required=False)
def explain(code: str | None) -> None:
    """Explain a diagnostic by its code or name; without one, list them all."""
    from modelcheck import rules
    from modelcheck.diagnostics import did_you_mean

    if code is None:
        for rule in rules.ALL:
            click.echo(f"{rule.code}  {rule.name:<24} {rule.title}")
        return
    found = rules.find(code)
    if found is None:
        names = [word for rule in rules.ALL for word in (rule.code, rule.name)]
        raise click.UsageError(
            f"there is no diagnostic `{code}`; {did_you_mean(code, names) or 'run `modelcheck explain`'}"
        )
    click.echo(f"{found.code} {found.name}: {found.title}\n\n{found.explanation}")


@main.command()
@click.argument("name")
def new(name: str) -> None:
    """Write NAME.flow, a commented spec to start from, in this folder."""
    from modelcheck.files import write_atomically
    from modelcheck.starter import starting_spec

    stem = name.removesuffix(".flow")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", stem):
        raise click.UsageError(f"`{stem}` is no name for a protocol: use letters, digits and `_`")
    path = Path(f"{stem}.flow")
    if path.exists():
        raise click.UsageError(f"`{path}` exists; choose another name")
    write_atomically(path, starting_spec(stem))
    click.echo(f"wrote {path}\nnow run: modelcheck check {path}")


@main.command()
@click.argument("files", nargs=-1, type=PATH, required=True)
def audit(files: tuple[Path, ...]) -> None:
    """Re-check evidence files that `check --save-evidence` wrote, with the solver alone."""
    from modelcheck.pipeline import audit_file

    for path in files:
        if not path.exists() or path.is_dir():
            what = f"`{path}` is a folder; name the files in it" if path.exists() else f"there is no file `{path}`"
            raise click.UsageError(
                f"{what}. `modelcheck check SPEC --save-evidence DIR` writes DIR/PROTOCOL.CLAIM.json"
            )
    failed = False
    for path in files:
        confirmed, sentence = audit_file(path)
        failed |= not confirmed
        click.echo(f"{'ok  ' if confirmed else 'FAIL'}  {path}: {sentence}")
    sys.exit(1 if failed else 0)


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 2 for rejected specs, 130 when interrupted, 101 for a mistake of ours."""
    from modelcheck.diagnostics import SpecRejected, render_diagnostic

    for name in ("stdout", "stderr"):  # None where the caller has closed them
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (it stays open to the end)
    try:
        main(list(arguments) if arguments is not None else None, standalone_mode=False)
    except SpecRejected as rejected:
        for diagnostic in rejected.diagnostics:
            click.echo(render_diagnostic(diagnostic) + "\n", err=True)
        count = len(rejected.diagnostics)
        click.echo(f"{count} error{'s' if count != 1 else ''}; `modelcheck explain CODE` tells more", err=True)
        sys.exit(REJECTED)
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except click.ClickException as problem:
        problem.show()
        sys.exit(REJECTED)
    except BrokenPipeError:
        # Whoever read the output has stopped; without this the interpreter complains when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(INTERRUPTED)
    except OSError as problem:
        click.echo(
            f"error: {problem.strerror or problem}{f': {problem.filename}' if problem.filename else ''}", err=True
        )
        sys.exit(REJECTED)
    except Exception:  # noqa: BLE001 (the last resort: whatever went wrong is saved and reported as our mistake)
        _crash()
        sys.exit(INTERNAL_ERROR)


@main.group("cache")
def cache_group() -> None:
    """Verdicts of earlier runs, kept so that what has not changed is not checked again."""


@cache_group.command("path")
def cache_path() -> None:
    """Print the folder of the cache."""
    found = _cache()
    click.echo("there is none: this user has no home" if found is None else str(found.folder))


@cache_group.command("clear")
def cache_clear() -> None:
    """Delete all kept verdicts."""
    found = _cache()
    count = 0 if found is None else found.clear()
    click.echo(f"deleted {count} file{'' if count == 1 else 's'}")


def _crash() -> None:
    from modelcheck.crash import write_crash

    path = write_crash(traceback.format_exc())
    click.echo(
        f"internal error: this is a mistake in modelcheck, not in your spec.\n"
        f"Please report it with the spec and the file {path}", err=True)  # fmt: skip
