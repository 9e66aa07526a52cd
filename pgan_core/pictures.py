"""The edge where floats become pictures: the one place that clamps and quantizes, and the files made from it.

Inside, images are float32 N x C x H x W in [-1, 1], unclamped. Out here they are uint8 arrays of H x W x 3.
"""

import io
import json
import subprocess
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

Frames = np.ndarray | Sequence[np.ndarray]  # of a film: uint8 N x H x W x 3, or N of H x W x 3


def to_uint8(images) -> np.ndarray:
    """Float N x C x H x W (tensor or array, C 1 or 3) in [-1, 1] to uint8 N x H x W x 3, clamped and rounded."""
    values = torch.as_tensor(images).detach().cpu().float().numpy()
    pixels = np.rint(values * 127.5 + 127.5).clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1)
    return pixels if pixels.shape[-1] == 3 else pixels.repeat(3, axis=-1)


def to_floats(pictures: np.ndarray) -> torch.Tensor:
    """uint8 N x H x W x 3 to floats N x 3 x H x W in [-1, 1]."""
    writable = np.require(pictures, requirements="W")  # torch warns of what is not
    return torch.from_numpy(writable).permute(0, 3, 1, 2).float() / 127.5 - 1


def enlarge(images: np.ndarray, size: int) -> np.ndarray:
    """... x H x W x C repeated (nearest neighbour) to `size`; returned as it is where it has that size or more.

    Browsers blur small pictures when they enlarge them, so this happens before they are sent.
    """
    factor = max(1, size // images.shape[-2])
    return images if factor == 1 else images.repeat(factor, axis=-3).repeat(factor, axis=-2)


def contact_sheet(images: np.ndarray, columns: int, gap: int = 0, background: int = 128) -> np.ndarray:
    """uint8 N x H x W x 3 side by side, row after row, as one uint8 picture; missing ones are left blank."""
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, channels), background, np.uint8)
    for i, image in enumerate(images):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


def encode(picture: np.ndarray, kind: str = "PNG", **options) -> bytes:
    """One uint8 H x W x 3 (or H x W) picture as the bytes of a file that Pillow can write: PNG, WEBP, JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, **options)
    return buffer.getvalue()


def encode_png(picture: np.ndarray, settings: dict) -> bytes:
    """One uint8 picture as PNG that carries the settings that made it, as JSON in its text `settings`."""
    text = PngInfo()
    text.add_text("settings", json.dumps(settings))
    return encode(picture, "PNG", pnginfo=text)


def encode_gif(frames: Frames, fps: float = 12, comment: str = "") -> bytes:
    """uint8 frames of one size as an endlessly repeated GIF, with one palette of 256 colours for all of them."""
    pictures = [Image.fromarray(frame) for frame in frames]
    palette = Image.fromarray(np.concatenate(list(frames)[:: max(1, len(frames) // 8)])).quantize(256)
    indexed = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    buffer = io.BytesIO()
    indexed[0].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=indexed[1:],
        duration=round(1000 / fps),
        loop=0,
        optimize=False,
        comment=comment.encode(),
    )
    return buffer.getvalue()


def encode_mp4(frames: Frames, fps: float = 12, comment: str = "") -> bytes:
    """uint8 frames of one size as H.264 in MP4. Odd sizes lose their last row or column, which H.264 cannot hold."""
    # fragmented MP4 can be written to a pipe, so no temporary file is needed
    options = ["-c:v", "libx264", "-crf", "16", "-movflags", "frag_keyframe+empty_moov", "-f", "mp4"]
    return _film(frames, fps, comment, options)


def encode_webm(frames: Frames, fps: float = 12, comment: str = "") -> bytes:
    """uint8 frames of one size as VP9 in WebM, which every browser plays; odd sizes as in `encode_mp4`."""
    options = ["-c:v", "libvpx-vp9", "-crf", "18", "-b:v", "0", "-deadline", "realtime", "-cpu-used", "6", "-f", "webm"]
    return _film(frames, fps, comment, options)


def _film(frames: Frames, fps: float, comment: str, options: list[str]) -> bytes:
    """Frames through the ffmpeg program that imageio-ffmpeg carries. Raises ValueError where it refuses."""
    import imageio_ffmpeg  # only here: looking for the program takes a moment

    height, width = (side // 2 * 2 for side in frames[0].shape[:2])
    pixels = b"".join(frame[:height, :width].tobytes() for frame in frames)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{width}x{height}", "-r", str(fps), "-i", "-", "-metadata", f"comment={comment}"]
    done = subprocess.run([*command, "-pix_fmt", "yuv420p", *options, "-"], input=pixels, capture_output=True)
    if done.returncode:
        raise ValueError(f"ffmpeg could not write the video: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
