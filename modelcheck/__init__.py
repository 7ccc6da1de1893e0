"""modelcheck: protocol claims proven for any number of sessions, or refuted, from one readable spec."""

__version__ = "0.1.0"
