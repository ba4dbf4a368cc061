"""The crop of a plate: a small JPEG, decoded and encoded anew, so that only its pixels are kept.

What a camera writes into a picture (place, time, device, a thumbnail of more than the plate, whatever was
appended) ends here. Width and height are read from the header and compared before a pixel is decoded; a
progressive picture of thousands of scans is refused by counting them.
"""

import io

from PIL import Image, JpegImagePlugin

from alerts.media.refusing import refused

MAX_BYTES = 100_000
MAX_WIDTH, MAX_HEIGHT = 640, 320
#: An ordinary progressive picture has ten; each scan is a pass over every pixel.
MAX_SCANS = 24
QUALITY = 90
_SCAN = b"\xff\xda"
_MODES = ("RGB", "L", "CMYK")


def clean(body: bytes, width: int, height: int) -> bytes:
    """Return the picture encoded anew; it must have the announced width and height, in pixels.

    Errors: Refused 422 ``crop-format``, ``crop-size``, ``crop-broken``.
    """
    if not body.startswith(b"\xff\xd8\xff") or body.count(_SCAN) > MAX_SCANS:
        raise refused("crop-format")
    try:
        # The class itself, not Image.open: no other format's reader ever sees these bytes.
        picture = JpegImagePlugin.JpegImageFile(io.BytesIO(body))
    except Exception:
        raise refused("crop-broken") from None
    if picture.mode not in _MODES:
        raise refused("crop-format")
    if picture.size != (width, height) or width > MAX_WIDTH or height > MAX_HEIGHT:
        raise refused("crop-size")
    return _again(picture)


def _again(picture: Image.Image) -> bytes:
    try:
        # Pixels only: a copy would carry comments, profiles and EXIF along in its ``info``.
        pixels = picture.convert("RGB").tobytes()
    except Exception:  # a broken picture breaks the decoder in many ways, and each is "cannot be decoded"
        raise refused("crop-broken") from None
    kept = io.BytesIO()
    Image.frombytes("RGB", picture.size, pixels).save(kept, "JPEG", quality=QUALITY)
    return kept.getvalue()
