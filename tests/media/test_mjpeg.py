"""Splitting of MJPEG into images, whatever the pieces in which it arrives."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from livecli.media.mjpeg import MAX_FRAME_BYTES, JpegSplitter


def jpeg(colour, thumbnail=b""):
    """An image of random-looking content; `thumbnail` is put into a segment of it, as cameras do."""
    file = io.BytesIO()
    Image.effect_noise((64, 48), 90).convert("RGB").point(lambda value: value ^ colour).save(file, "JPEG")
    data = file.getvalue()
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2) + thumbnail if thumbnail else b""
    return data[:2] + segment + data[2:]


IMAGES = [jpeg(1), jpeg(2, thumbnail=jpeg(9)), jpeg(3)]


@pytest.mark.parametrize("size", [1, 2, 3, 100, 4096, 10**6])
def test_images_are_found_in_pieces_of_any_size(size):
    stream = b"".join(IMAGES)
    splitter = JpegSplitter()
    found = [image for at in range(0, len(stream), size) for image in splitter.push(stream[at : at + size])]
    assert found == IMAGES


def test_an_image_is_there_as_soon_as_its_last_byte():
    splitter = JpegSplitter()
    assert splitter.push(IMAGES[0][:-1]) == []
    assert splitter.push(IMAGES[0][-1:]) == [IMAGES[0]]


def test_what_is_between_images_is_dropped():
    boundary = b"\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n"
    assert JpegSplitter().push(boundary.join([b"", *IMAGES, b""])) == IMAGES


def test_an_image_that_is_cut_off_by_the_next_one_is_dropped():
    at = IMAGES[0].index(b"\xff\xda") + 200
    assert JpegSplitter().push(IMAGES[0][:at] + IMAGES[2]) == [IMAGES[2]]


@pytest.mark.parametrize("junk", [b"\0", b"\xff\xd8\xff\xe0\xff\xff", b"\xff\xd8\xff\xda\0\x02" + b"no end " * 21])
def test_a_stream_that_is_no_mjpeg_is_not_kept(junk):
    splitter = JpegSplitter()
    for _ in range(MAX_FRAME_BYTES // 2**20 + 4):
        assert splitter.push((junk * (2**20 // len(junk) + 1))[: 2**20]) == []
        assert len(splitter._data) <= MAX_FRAME_BYTES + 2**20
    assert splitter.push(IMAGES[2] + IMAGES[0])[-1] == IMAGES[0]
