"""Pictures and their label maps on one sheet, with a legend: to look at data and at segmenters."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont


def label_sheet(
    images: np.ndarray,
    labels: np.ndarray,
    names: tuple[str, ...],
    palette: np.ndarray,
    columns: int = 8,
    zoom: int = 2,
) -> Image.Image:
    """A sheet of N pictures (uint8 N x 3 x H x W), each beside its label map (N x H x W, indices of `names`).

    palette: uint8, a row of red, green and blue for each name. Name 0 means "no label" and is not in the legend.
    """
    pairs = np.concatenate([images.transpose(0, 2, 3, 1), palette[labels]], axis=2)  # N x H x 2W x 3
    pairs = pairs.repeat(zoom, axis=1).repeat(zoom, axis=2)
    gap, row_height, swatch = 6, 24, 150
    height, width = pairs.shape[1] + gap, pairs.shape[2] + gap
    rows = -(-len(pairs) // columns)
    sheet_width = gap + width * min(columns, len(pairs))
    per_row = max(1, sheet_width // swatch)
    legend_rows = -(-(len(names) - 1) // per_row)
    sheet = Image.new("RGB", (sheet_width, gap + height * rows + row_height * legend_rows), (250, 250, 250))
    for i, pair in enumerate(pairs):
        sheet.paste(Image.fromarray(pair), (gap + i % columns * width, gap + i // columns * height))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=14)
    for i, name in enumerate(names[1:]):
        x, y = gap + i % per_row * swatch, gap + height * rows + i // per_row * row_height
        draw.rectangle((x, y, x + 16, y + 16), fill=tuple(map(int, palette[i + 1])), outline=(60, 60, 60))
        draw.text((x + 24, y - 1), name, fill=(30, 30, 30), font=font)
    return sheet
