"""The one error that a broken, foreign or hostile checkpoint raises."""


class CheckpointError(ValueError):
    """A file that cannot be opened: one sentence with the layout it was taken for and what did not fit."""


def brief(value: object) -> str:
    """A value out of a file, short enough for an error's sentence; of nested values, which may be endless, the kind."""
    if isinstance(value, str | int | float | None):
        text = repr(value[:60] if isinstance(value, str) else value)
        return text if len(text) <= 60 else f"{text[:57]}..."
    return f"a {type(value).__name__}"
