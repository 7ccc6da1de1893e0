"""The index of the packaged specs: run `python benchmarks/specs_index.py > specs/README.md` after changing them."""

from __future__ import annotations

from modelcheck.pipeline import open_library, select_claims
from modelcheck.resources import specs_folder
from modelcheck.spec_paths import find_specs

HEAD = """\
# Specs

Each flawed variant stands beside the repaired protocol; `modelcheck check specs` comes out as every claim expects.
Ids are those of published verdicts that a claim reproduces.

| protocol | file | source | hold | attack | ids |
|---|---|---|---|---|---|"""


def main() -> None:
    folder = specs_folder()
    print(HEAD)
    protocols, holding, attacked = 0, 0, 0
    for path in find_specs([folder]):
        library = open_library([path])
        name = path.relative_to(folder).as_posix()
        for protocol in library.protocols:
            claims = [task.what for task in select_claims(library, [path]) if task.owner is protocol]
            if not claims:
                continue
            attacks = sum(claim.expected == "attack" for claim in claims)
            ids = ", ".join(dict.fromkeys(one for claim in claims for one in claim.ids))
            sources = ", ".join(" ".join(source) for source in protocol.sources)
            print(f"| `{protocol.name}` | [{name}]({name}) | {sources} | {len(claims) - attacks} | {attacks} | {ids} |")
            protocols, holding, attacked = protocols + 1, holding + len(claims) - attacks, attacked + attacks
    print(f"\n{holding + attacked} claims in {protocols} protocols: {holding} hold for any number of sessions, "
          f"{attacked} expect an attack.")  # fmt: skip


if __name__ == "__main__":
    main()
