"""Draw the pictures of examples/own-images, six shapes in any colours and places: `python examples/draw_own_images.py`.

The pictures are part of the repository; this says where they are from.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

FOLDER = Path(__file__).parent / "own-images"
IMAGES = {"train": 12, "test": 5}  # of every class
SIDE = 32


def draw(shape: str, rng: np.random.Generator) -> Image.Image:
    """A picture of one shape, in two colours that differ."""
    ground, colour = rng.permutation([rng.integers(0, 110, 3), rng.integers(146, 256, 3)])
    image = Image.new("RGB", (SIDE, SIDE), tuple(ground.tolist()))
    pen, fill = ImageDraw.Draw(image), tuple(colour.tolist())
    x, y, r = (int(n) for n in (*rng.integers(12, SIDE - 12, 2), rng.integers(7, 12)))
    left, top, right, bottom = x - r, y - r, x + r, y + r
    if shape == "cross":
        pen.rectangle((left, y - 2, right, y + 2), fill)
        pen.rectangle((x - 2, top, x + 2, bottom), fill)
    elif shape == "disc":
        pen.ellipse((left, top, right, bottom), fill)
    elif shape == "frame":
        pen.rectangle((left, top, right, bottom), outline=fill, width=3)
    elif shape == "grid":
        for step in range(-r, r + 1, 4):
            pen.line((left, y + step, right, y + step), fill)
            pen.line((x + step, top, x + step, bottom), fill)
    elif shape == "stripes":
        for step in range(-r, r + 1, 4):
            pen.rectangle((left, y + step, right, y + step + 1), fill)
    else:
        pen.polygon([(x, top), (left, bottom), (right, bottom)], fill)
    return image.quantize(2)  # a palette of two colours: some 150 bytes a file


def main() -> None:
    """Write all pictures; the same ones every time."""
    rng = np.random.default_rng(0)
    for shape in ("cross", "disc", "frame", "grid", "stripes", "triangle"):
        for split, count in IMAGES.items():
            folder = FOLDER / split / shape
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                draw(shape, rng).save(folder / f"{number:02}.png", optimize=True)


if __name__ == "__main__":
    main()
