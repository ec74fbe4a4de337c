import csv
import hashlib
import time

import pytest
from test_service import TOKEN

from tuoqi.cli.county.generate import generate_county
from tuoqi.contracts.common.v1 import table_pb2 as t
from tuoqi.contracts.common.v1 import table_pb2_grpc
from tuoqi.kit.rpc.client import connect


@pytest.mark.timeout(600)
async def test_b(address, tmp_path):
    generate_county(tmp_path / "c", persons=25000)
    async with connect(address, TOKEN, "clerk.li", "x") as ch:
        await ch.channel_ready()
        stub = table_pb2_grpc.ImportServiceStub(ch)
        total = 0
        for kind in ("regions", "facilities", "persons", "statuses", "deaths", "moves"):
            with open(tmp_path / "c" / f"{kind}.csv", encoding="utf-8-sig", newline="") as f:
                rows = list(csv.reader(f))

            def gen():
                yield t.ImportRowsRequest(
                    header=t.ImportHeader(
                        kind=kind, content_hash=hashlib.sha256(kind.encode()).hexdigest(), columns=rows[0]
                    )
                )
                for i in range(1, len(rows), 1000):
                    yield t.ImportRowsRequest(
                        chunk=t.TableChunk(
                            rows=[t.TableRow(number=i + 1 + j, cells=r) for j, r in enumerate(rows[i : i + 1000])]
                        )
                    )

            s = time.perf_counter()
            last = None
            async for a in stub.ImportRows(gen()):
                last = a
            d = time.perf_counter() - s
            total += d
            print(kind, len(rows) - 1, round(d, 2), str(last.result).replace("\n", " "))
        print("total", total)
