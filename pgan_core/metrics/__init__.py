"""How good and how varied: sliced Wasserstein distance, MS-SSIM and inception score (PGGAN, section 5)."""

from pgan_core.metrics.inception import inception_score
from pgan_core.metrics.pyramid import laplacian_pyramid
from pgan_core.metrics.registry import METRICS, Measured, Metric, Sets, measure, metric
from pgan_core.metrics.similarity import ms_ssim, ms_ssim_of_pairs
from pgan_core.metrics.stored import Evaluation
from pgan_core.metrics.swd import sliced_wasserstein, swd_with_floor

__all__ = [
    "METRICS",
    "Evaluation",
    "Measured",
    "Metric",
    "Sets",
    "inception_score",
    "laplacian_pyramid",
    "measure",
    "metric",
    "ms_ssim",
    "ms_ssim_of_pairs",
    "sliced_wasserstein",
    "swd_with_floor",
]
