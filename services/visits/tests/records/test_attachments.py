"""Photos and signatures: with consent, checked, without traces, sealed; in a folder and behind the S3 API alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from zlib import crc32

import boto3
import grpc
import pytest
from moto.server import ThreadedMotoServer

from tuoqi.contracts.visits.v1 import record_service_pb2 as pb
from tuoqi.kit.rpc.client import refusal_of
from tuoqi.kit.stamps import stamp_of
from tuoqi.visits.domain.pictures import media_type_of, without_traces
from tuoqi.visits.store.objects import NoObjects, ObjectStore

pytestmark = pytest.mark.postgres
GPS = b"Exif\0\0GPS 30.123456 104.987654"


def segment(marker: int, body: bytes) -> bytes:
    """A JPEG segment."""
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2) + body


def chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG chunk."""
    return len(body).to_bytes(4) + kind + body + crc32(kind + body).to_bytes(4)


def riff(kind: bytes, body: bytes) -> bytes:
    """A WebP chunk."""
    return kind + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) & 1)


SCAN = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\x12\xff\x00\x34\xff\xd0\x56"
CLEAN_JPEG = b"\xff\xd8" + segment(0xE0, b"JFIF\0") + segment(0xDB, b"q" * 64) + SCAN + b"\xff\xd9"
JPEG = (
    b"\xff\xd8" + segment(0xE0, b"JFIF\0") + segment(0xE1, GPS) + segment(0xFE, b"GPS note") + segment(0xDB, b"q" * 64)
    + SCAN + b"\xff\xd9" + GPS
)  # fmt: skip
HEAD = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"\0" * 13)
PNG = HEAD + chunk(b"eXIf", GPS) + chunk(b"tEXt", b"GPS") + chunk(b"IDAT", b"x") + chunk(b"IEND", b"") + GPS
WEBP_BODY = b"WEBP" + riff(b"VP8X", b"\x0c" + b"\0" * 9) + riff(b"VP8 ", b"abc") + riff(b"EXIF", GPS)
WEBP = b"RIFF" + len(WEBP_BODY).to_bytes(4, "little") + WEBP_BODY


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """An S3 API over real HTTP."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["folder", "s3"])
async def stored(
    request: Any, new_desk: Callable[[], Awaitable[Any]]
) -> AsyncIterator[tuple[Any, Callable[[], list[bytes]]]]:
    """A desk on either kind of store, and everything that lies there."""
    desk = await new_desk()
    if request.param == "folder":
        yield desk, lambda: [path.read_bytes() for path in (desk.folder / "objects").rglob("*") if path.is_file()]
        return
    endpoint = request.getfixturevalue("s3")
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s"
    )
    client.create_bucket(Bucket="visits")
    desk.objects = ObjectStore.of("s3://visits/990101", endpoint=endpoint, access_key="k", secret_key="s")
    yield (
        desk,
        lambda: [
            client.get_object(Bucket="visits", Key=one["Key"])["Body"].read()
            for one in client.list_objects_v2(Bucket="visits").get("Contents", ())
        ],
    )
    for one in client.list_objects_v2(Bucket="visits").get("Contents", ()):
        client.delete_object(Bucket="visits", Key=one["Key"])


def head(desk: Any, content: bytes, **changes: Any) -> pb.AttachmentHead:
    """A photo of the first elder's first record, to which he consented."""
    given: dict[str, Any] = {
        "visit_id": desk.record(1).visit_id,
        "person_id": desk.make.person(1),
        "kind": "photo",
        "media_type": "image/jpeg",
        "sha256": sha256(content).hexdigest(),
        "size": len(content),
        "consent_by": "self",
        "consented_at": stamp_of(desk.make.at("2026-03-04", 9)),
    }
    return pb.AttachmentHead(**(given | changes))


async def put(desk: Any, content: bytes, user: str = "worker.tian", **changes: Any) -> Any:
    """Send it in pieces; the answer, or the slug of the refusal."""
    parts = [pb.PutAttachmentRequest(head=head(desk, content, **changes))]
    parts += [pb.PutAttachmentRequest(chunk=content[at : at + 7]) for at in range(0, len(content), 7)]
    async with desk.stub(user) as stub:
        try:
            return await stub.PutAttachment(iter(parts))
        except grpc.RpcError as error:
            return refusal_of(error).slug


async def get(desk: Any, attachment_id: str, user: str = "worker.tian", purpose: str = "核对") -> Any:
    """Media type and bytes, or the slug of the refusal."""
    async with desk.stub(user, purpose) as stub:
        try:
            found = [one async for one in stub.GetAttachment(pb.GetAttachmentRequest(attachment_id=attachment_id))]
        except grpc.RpcError as error:
            return refusal_of(error).slug
    return found[0].media_type, b"".join(one.chunk for one in found)


@pytest.mark.parametrize("content", [JPEG, PNG, WEBP], ids=["jpeg", "png", "webp"])
def test_traces_are_cut_out_and_the_picture_stays(content: bytes) -> None:
    """No EXIF, no place, no comment, nothing behind the end; what is left is clean already and cut no more."""
    clean = without_traces(content)
    assert b"GPS" not in clean
    assert b"Exif" not in clean
    assert media_type_of(clean) == media_type_of(content) != ""
    assert without_traces(clean) == clean


def test_the_coded_picture_stays_bit_for_bit() -> None:
    """Stuffed bytes and restart markers in a scan are no segments."""
    assert without_traces(JPEG) == CLEAN_JPEG


async def test_a_photo_may_come_before_its_record_and_comes_back_without_traces(stored: Any) -> None:
    """It is sealed where it lies, repeated uploads land once, and its record shows it."""
    desk, lying = stored
    first = await put(desk, JPEG)
    assert first.bytes_cut == len(JPEG) - len(CLEAN_JPEG)
    again = await put(desk, JPEG)
    assert (again.attachment_id, again.here_before) == (first.attachment_id, True)
    (sealed,) = lying()
    assert b"JFIF" not in sealed
    await desk.upload(desk.record(1))
    async with desk.stub("clerk.li") as stub:
        shown = await stub.GetRecord(pb.GetRecordRequest(visit_id=desk.record(1).visit_id))
    assert [(one.kind, one.state, one.consent_by) for one in shown.attachments] == [("photo", "HERE", "self")]
    assert await get(desk, first.attachment_id) == ("image/jpeg", CLEAN_JPEG)
    audit = await desk.rows("SELECT purpose FROM audit WHERE method LIKE '%GetAttachment' AND outcome = 'ok'")
    assert audit == [("核对",)]


async def test_what_must_not_be_taken_is_refused_with_its_reason(desk: Any) -> None:
    """Consent, type, size, hash, content, person, region; a signature is the consent itself."""
    assert await put(desk, JPEG, consent_by="") == "visits.attachment_consent"
    assert await put(desk, JPEG, media_type="image/heic") == "visits.attachment_media"
    assert await put(desk, JPEG, size=9_000_000) == "visits.attachment_size"
    assert await put(desk, JPEG, sha256="0" * 64) == "visits.attachment_hash"
    assert await put(desk, JPEG, size=len(JPEG) - 1) == "visits.attachment_hash"
    assert await put(desk, PNG) == "visits.attachment_content"
    assert await put(desk, JPEG[:100]) == "visits.attachment_content"
    assert await put(desk, JPEG, person_id=desk.make.person(3)) == "auth.no_region"
    await desk.upload(desk.record(1))
    assert await put(desk, JPEG, person_id=desk.make.person(2)) == "visits.attachment_other_person"
    assert (await put(desk, PNG, kind="signature", media_type="image/png", consent_by="")).attachment_id
    assert await desk.rows("SELECT count(*) FROM attachments") == [(1,)]


async def test_nobody_sees_one_without_right_region_and_purpose(desk: Any) -> None:
    """Each of the three is asked for."""
    kept = await put(desk, JPEG)
    assert await get(desk, kept.attachment_id, purpose="") == "auth.no_purpose"
    assert await get(desk, kept.attachment_id, user="clerk.li") == "auth.no_right"
    assert await get(desk, kept.attachment_id, user="worker.ma") == "auth.no_region"


async def test_an_erased_one_is_gone_for_good_and_leaves_a_tombstone(stored: Any) -> None:
    """Its bytes lie nowhere, and it cannot come again."""
    desk, lying = stored
    kept = await put(desk, JPEG)
    async with desk.stub("reviewer.zhao") as stub:
        request = pb.DeleteAttachmentRequest(attachment_id=kept.attachment_id, reason="家属撤回同意")
        answer = await stub.DeleteAttachment(request)
    assert (answer.attachment.state, answer.attachment.deleted_by) == ("DELETED", "reviewer.zhao")
    assert lying() == []
    assert await get(desk, kept.attachment_id) == "visits.attachment_erased"
    assert await put(desk, JPEG) == "visits.attachment_erased"
    assert "撤回" not in str(await desk.rows("SELECT CAST(a AS text) FROM attachments a"))


async def test_orphans_are_swept_and_those_with_a_record_stay(stored: Any) -> None:
    """After as many days as the county says; a swept one may come again."""
    desk, lying = stored
    orphan = await put(desk, JPEG)
    await put(desk, PNG, media_type="image/png", visit_id=desk.record(2).visit_id)
    await desk.upload(desk.record(2))
    assert await desk.sweep().run(desk.make.at("2026-04-02")) == 0
    assert await desk.sweep().run(desk.make.at("2026-04-04")) == 2
    assert len(lying()) == 1
    states = "SELECT state FROM attachments ORDER BY state"
    assert await desk.rows(states) == [("HERE",), ("SWEPT",)]
    async with desk.database.begin() as tx:
        assert await desk.sweep().next_due(tx) is None
    assert (await put(desk, JPEG)).attachment_id == orphan.attachment_id
    assert await desk.rows(states) == [("HERE",), ("HERE",)]


async def test_a_store_that_is_away_is_told_and_holds_up_no_record(desk: Any) -> None:
    """The refusal may be tried again, and then succeeds; what was erased meanwhile goes when the store is back."""
    there, away = (
        desk.objects,
        ObjectStore.of("s3://visits", endpoint="http://127.0.0.1:9", access_key="k", secret_key="s"),
    )
    for gone in (NoObjects(), away):
        desk.objects = gone
        assert await put(desk, JPEG) == "visits.objects_away"
    assert [one.state for one in await desk.upload(desk.record(1))] == ["TAKEN"]
    desk.objects = there
    kept = await put(desk, JPEG)
    desk.objects = NoObjects()
    async with desk.stub("reviewer.zhao") as stub:
        with pytest.raises(grpc.RpcError) as refused:
            await stub.DeleteAttachment(pb.DeleteAttachmentRequest(attachment_id=kept.attachment_id, reason="撤回"))
    assert refusal_of(refused.value).status is grpc.StatusCode.UNAVAILABLE
    assert await desk.sweep().run(desk.clock.now()) == 0
    desk.objects = there
    assert await desk.sweep().run(desk.go_to("2026-03-05")) == 1
    assert list((Path(desk.folder) / "objects").rglob("*.*")) == []
    assert await get(desk, kept.attachment_id) == "visits.attachment_erased"
