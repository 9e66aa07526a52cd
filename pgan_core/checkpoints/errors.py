"""The one error that a broken, foreign or hostile checkpoint raises."""


class CheckpointError(ValueError):
    """A file that cannot be opened: one sentence with the layout it was taken for and what did not fit."""
