import io

from PIL import Image

from devkit.checksums import crc32c, goog_hash
from devkit.pictures import picture


def test_a_picture_is_a_png_that_decodes() -> None:
    with Image.open(io.BytesIO(picture("a", width=48, height=32))) as image:
        image.load()

        assert (image.format, image.size, image.mode) == ("PNG", (48, 32), "RGB")


def test_a_seed_decides_the_picture() -> None:
    assert picture("a") == picture("a")
    assert picture("a") != picture("b")


def test_crc32c_gives_the_published_check_value() -> None:
    assert crc32c(b"123456789") == 0xE3069283


def test_a_large_file_is_sent_with_its_md5_only() -> None:
    assert goog_hash(b"") == "crc32c=AAAAAA==, md5=1B2M2Y8AsgTpgAmY7PhCfg=="
    assert goog_hash(bytes(300_000)).startswith("md5=")
