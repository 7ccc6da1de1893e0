"""Every kind of picture as text and as the graph that Graphviz draws, whole.

`python -m tests.render.test_golden_pictures` writes the files anew; look at what has changed before you keep it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modelcheck.diagram import KINDS, Diagram, draw, draw_attack
from tests.render.flows import POLL
from tests.render.golden_files import FOLDER, golden
from tests.support import SIGNED, library, results

TEXT = SIGNED + "  lost: secret k at Client despite leak of x expect attack\n"
FORMS = (("text", "txt"), ("dot", "dot"))


def pictures() -> Iterator[tuple[str, Diagram]]:
    """Yield a picture of each kind, and role machines with the ways in which they fail, each with its name."""
    found = library(TEXT)
    yield from ((f"signed.{kind}", draw(found, found.protocols[0], kind)) for kind in KINDS)
    yield "signed.errors", draw(found, found.protocols[0], "machine", errors=True)
    yield "signed.attack", draw_attack(results(TEXT)["p.lost"])
    poll = results(POLL)
    yield "poll.active", draw_attack(poll["poll.active"])
    yield "poll.passive", draw_attack(poll["poll.passive"])


@pytest.mark.parametrize(("form", "ending"), FORMS)
def test_pictures_are_drawn_as_they_are_kept(form: str, ending: str) -> None:
    for name, picture in pictures():
        assert picture.render(form).decode() == golden(f"{name}.{ending}")  # type: ignore[arg-type]


if __name__ == "__main__":
    for name, picture in pictures():
        for form, ending in FORMS:
            (FOLDER / f"{name}.{ending}").write_bytes(picture.render(form))  # type: ignore[arg-type]
