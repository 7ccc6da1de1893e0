"""``python -m modelcheck``."""

from modelcheck.cli import run

if __name__ == "__main__":
    run()
