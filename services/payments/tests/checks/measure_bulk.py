import json, resource, time
from datetime import date
import pytest
pytestmark = pytest.mark.postgres
@pytest.mark.timeout(500)
async def test_bulk(after, monkeypatch):
    office = after.office
    office.go_to("2026-03-02")
    at = office.clock.now()
    n = 100_000
    ids = [f"00000000-0000-4000-8000-{i:012d}" for i in range(n)]
    async with office.database.begin() as tx:
        await tx.copy("person_facts", ("person_id","version","known_at","birth_date","died_on","absences","hukou","merged_into","residence"),
          [(p,1,at,date(1950,1,1),None,"[]",json.dumps([["2023-12-01","990101101001"]]),"","") for p in ids])
        iv = json.dumps([["disabled_elder","","3","2025-12-01","2025-12-01","","",0,1]],separators=(",",":"))
        await tx.copy("status_facts", ("person_id","version","known_at","intervals"), [(p,1,at,iv) for p in ids])
    async with office.database.begin() as tx:
        await tx.execute("ANALYZE person_facts"); await tx.execute("ANALYZE status_facts")
    r0 = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    c0 = time.process_time(); t = time.monotonic(); issue = await after.issue("2026-03"); t1 = time.monotonic()-t
    print("\nissued", issue.vouchers, "in", round(t1,1), "s", round(issue.vouchers/t1), "/s cpu", round(time.process_time()-c0,1), "rss MB", r0//1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss//1024, list(issue.control_findings))
    from tuoqi.payments.domain.months import moment
    t = time.monotonic(); k = await after.expiry.run(moment(date(2026,4,1),0)); print("expired", k, round(time.monotonic()-t,1), "s")
