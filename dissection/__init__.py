"""What the units of a generator mean: dissection, and edits that show what they cause (Bau et al., ICLR 2019)."""

from dissection.score import score_units

__all__ = ["score_units"]
