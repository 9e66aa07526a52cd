"""What the units of a generator mean: dissection, and edits that show what they cause (Bau et al., ICLR 2019)."""

from dissection.dissect import dissect
from dissection.interventions import EditError, ablate, insert
from dissection.result import Dissection, DissectionError
from dissection.scoring.score import score_units

__all__ = ["Dissection", "DissectionError", "EditError", "ablate", "dissect", "insert", "score_units"]
