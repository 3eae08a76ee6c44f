"""What every blob store promises.  A backend's tests inherit this and give a `store` fixture."""

import asyncio
import hashlib

import pytest

from app.domain.errors import NotFound
from app.domain.images import Digest
from app.domain.ports import Blob, BlobStore, KeyTaken

KEY = "ana/img_1.png"
LARGEST_ID = "a" * 128


async def put(store: BlobStore, data: bytes, key: str = KEY, *, displace: bool = True) -> Digest:
    async with store.stage() as staging:
        await staging.write(data)
        digest = await staging.seal()
        await store.publish(staging, key, displace=displace)
    return digest


async def drain(blob: Blob, start: int = 0, stop: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in blob.chunks(start, blob.size if stop is None else stop)])


async def read(store: BlobStore, key: str = KEY) -> bytes:
    blob = await store.open(key)
    try:
        return await drain(blob)
    finally:
        await blob.aclose()


async def is_there(store: BlobStore, key: str = KEY) -> bool:
    try:
        await (await store.open(key)).aclose()
    except NotFound:
        return False
    return True


class BlobStoreContract:
    async def test_what_was_published_is_read_back(self, store: BlobStore) -> None:
        await put(store, b"picture")

        assert await read(store) == b"picture"

    async def test_a_blob_of_many_chunks_is_read_back(self, store: BlobStore) -> None:
        picture = bytes(range(256)) * 8192

        await put(store, picture)

        assert await read(store) == picture

    async def test_any_part_of_a_blob_can_be_read(self, store: BlobStore) -> None:
        await put(store, b"0123456789")
        blob = await store.open(KEY)

        assert blob.size == 10
        assert await drain(blob, 3, 7) == b"3456"
        assert await drain(blob, 4, 4) == b""
        await blob.aclose()

    async def test_two_readers_of_one_blob_do_not_disturb_each_other(self, store: BlobStore) -> None:
        picture = bytes(range(256)) * 4096
        await put(store, picture)
        blob = await store.open(KEY)

        halves = await asyncio.gather(drain(blob, 0, 500_000), drain(blob, 500_000))

        assert b"".join(halves) == picture
        await blob.aclose()

    async def test_an_empty_blob_is_a_blob(self, store: BlobStore) -> None:
        await put(store, b"")

        assert await read(store) == b""

    async def test_nothing_is_there_before_it_is_published(self, store: BlobStore) -> None:
        async with store.stage() as staging:
            await staging.write(b"picture")
            await staging.seal()

            assert not await is_there(store)

    async def test_what_is_not_published_is_gone(self, store: BlobStore) -> None:
        async with store.stage() as staging:
            await staging.write(b"picture")
            await staging.seal()

        assert not await is_there(store)

    async def test_the_digest_is_of_what_was_written(self, store: BlobStore) -> None:
        async with store.stage() as staging:
            await staging.write(b"pic")
            await staging.write(b"ture")
            assert staging.size == 7

            digest = await staging.seal()

        assert digest == Digest(size=7, sha256=hashlib.sha256(b"picture").hexdigest())

    async def test_a_sealed_staging_can_be_read_by_other_programs(self, store: BlobStore) -> None:
        async with store.stage() as staging:
            await staging.write(b"picture")
            await staging.seal()

            assert await asyncio.to_thread(staging.path.read_bytes) == b"picture"

    async def test_a_restart_forgets_what_was_written(self, store: BlobStore) -> None:
        async with store.stage() as staging:
            await staging.write(b"half a pic")
            await staging.restart()
            assert staging.size == 0
            await staging.write(b"new")
            digest = await staging.seal()
            await store.publish(staging, KEY)

        assert await read(store) == b"new"
        assert digest == Digest(size=3, sha256=hashlib.sha256(b"new").hexdigest())

    @pytest.mark.parametrize("late", ["write", "restart", "seal"])
    async def test_nothing_can_be_done_to_a_staging_after_its_seal(self, store: BlobStore, late: str) -> None:
        async with store.stage() as staging:
            await staging.write(b"picture")
            await staging.seal()

            with pytest.raises(ValueError, match="sealed"):
                await getattr(staging, late)(*([b"more"] if late == "write" else []))

    async def test_publishing_the_same_bytes_again_is_fine(self, store: BlobStore) -> None:
        await put(store, b"picture")
        await put(store, b"picture")

        assert await read(store) == b"picture"

    async def test_other_bytes_are_not_touched_unasked(self, store: BlobStore) -> None:
        await put(store, b"picture")

        with pytest.raises(KeyTaken):
            await put(store, b"another", displace=False)

        assert await read(store) == b"picture"

    async def test_the_same_bytes_may_come_again_unasked(self, store: BlobStore) -> None:
        await put(store, b"picture", displace=False)
        await put(store, b"picture", displace=False)

        assert await read(store) == b"picture"

    async def test_bytes_that_were_refused_may_be_published_all_the_same(self, store: BlobStore) -> None:
        await put(store, b"picture")
        async with store.stage() as staging:
            await staging.write(b"another")
            await staging.seal()
            with pytest.raises(KeyTaken):
                await store.publish(staging, KEY)
            await store.publish(staging, KEY, displace=True)

        assert await read(store) == b"another"

    @pytest.mark.parametrize("other", [b"another", b"longer than before"], ids=["as long", "longer"])
    async def test_other_bytes_give_way_but_not_to_whoever_reads_them(self, store: BlobStore, other: bytes) -> None:
        await put(store, b"picture")
        before = await store.open(KEY)

        await put(store, other)

        assert await read(store) == other
        assert await drain(before) == b"picture"
        await before.aclose()

    async def test_owners_do_not_see_each_other(self, store: BlobStore) -> None:
        await put(store, b"hers", "ana/img_1.png")
        await put(store, b"his", "bob/img_1.png")
        await store.delete("bob/img_1.png")

        assert await read(store, "ana/img_1.png") == b"hers"

    @pytest.mark.parametrize("user", ["_icloud", "001234.abcd.0987", "a@b.example", "=+~-", LARGEST_ID])
    async def test_every_owner_and_every_id_has_a_place(self, store: BlobStore, user: str) -> None:
        key = f"{user}/{LARGEST_ID}.jpg"

        await put(store, b"first", key)
        await put(store, b"other", key)

        assert await read(store, key) == b"other"

    async def test_writers_of_one_key_at_once_leave_one_whole_blob(self, store: BlobStore) -> None:
        await asyncio.gather(*(put(store, b"picture") for _ in range(8)))

        assert await read(store) == b"picture"

    async def test_an_unknown_key_is_not_found(self, store: BlobStore) -> None:
        with pytest.raises(NotFound):
            await store.open(KEY)

    async def test_what_is_deleted_is_not_found(self, store: BlobStore) -> None:
        await put(store, b"picture")

        await store.delete(KEY)

        assert not await is_there(store)

    async def test_deleting_twice_is_fine(self, store: BlobStore) -> None:
        await put(store, b"picture")

        await store.delete(KEY)
        await store.delete(KEY)

        assert not await is_there(store)

    async def test_deleting_what_never_was_is_fine(self, store: BlobStore) -> None:
        await store.delete("nobody/nothing.png")

    async def test_a_blob_that_is_open_stays_readable_when_it_is_deleted(self, store: BlobStore) -> None:
        await put(store, b"picture")
        blob = await store.open(KEY)

        await store.delete(KEY)

        assert await drain(blob) == b"picture"
        await blob.aclose()

    async def test_a_deleted_key_can_be_published_again(self, store: BlobStore) -> None:
        await put(store, b"picture")
        await store.delete(KEY)

        await put(store, b"another")

        assert await read(store) == b"another"

    async def test_a_probe_leaves_nothing_behind(self, store: BlobStore) -> None:
        await store.probe()
        await store.probe()

    async def test_there_is_never_more_space_free_than_there_is(self, store: BlobStore) -> None:
        space = await store.space()

        assert 0 < space.free <= space.total
