import asyncio, json, random, time, resource
from collections import defaultdict
from datetime import date
import pytest
from dataclasses import replace
from tuoqi.payments.domain.months import moment
from tuoqi.kit.database import Tx
pytestmark = pytest.mark.postgres
SP=defaultdict(lambda:[0,0.0])
def wrap(name):
    old=getattr(Tx,name)
    async def f(self,sql,*a,**k):
        t=time.perf_counter()
        try: return await old(self,sql,*a,**k)
        finally:
            x=SP[name+' '+' '.join(sql.split())[:80]]; x[0]+=1; x[1]+=time.perf_counter()-t
    setattr(Tx,name,f)
for n in ('fetch','execute','copy'): wrap(n)
from tuoqi.payments.jobs.chunk import Reckoner
oldc=Reckoner.chunk
def ch(self,*a):
    t=time.thread_time(); w=time.perf_counter()
    try: return oldc(self,*a)
    finally:
        x=SP['THREAD cpu']; x[0]+=1; x[1]+=time.thread_time()-t
        x=SP['THREAD wall']; x[0]+=1; x[1]+=time.perf_counter()-w
Reckoner.chunk=ch
def report(title,n=14):
    print('==',title, 'cpu',round(time.process_time(),2))
    for k,v in sorted(SP.items(),key=lambda x:-x[1][1])[:n]: print('   ',round(v[1],2),v[0],k)
    SP.clear()
async def watch(worst):
    while True:
        t=time.perf_counter(); await asyncio.sleep(0.005); d=time.perf_counter()-t-0.005
        worst.append(d)

@pytest.mark.timeout(600)
async def test_scale(office):
    office.tools = replace(office.tools, settings=office.tools.settings.model_copy(update={"chunk_persons":400,"facts_wait_s":30.0}))
    office.service._tools = office.tools
    r=random.Random(1); known=moment(date(2026,4,1),9)
    P=[];S=[]
    for i in range(25000):
        pid=f"0197{i:04x}-{r.randrange(65536):04x}-7{r.randrange(4096):03x}-8{r.randrange(4096):03x}-{r.randrange(16**12):012x}"
        born=date(1930+r.randrange(85),1+r.randrange(12),1+r.randrange(28))
        iv=[]
        if i<13000:
            if i<9000: 
                born=date(1946,1+i%4,3) if i%4 else date(1945,1,1); iv.append(["old_age_accepted","","","2025-%02d-05"%(1+r.randrange(12)),"2026-0%d-05"%(1+r.randrange(4)),"","",0,1])
            else: iv.append(["dibao","","","2025-01-01","2026-0%d-01"%(1+r.randrange(4)),"","",40000+r.randrange(100)*100,2])
        else: iv.append(["disability","1","2","2020-01-01","2020-02-01","","",0,3])
        P.append((pid,1,known,born,None,"[]",json.dumps([["2026-04-01","990101101001"]])))
        S.append((pid,1,known,json.dumps(iv)))
        office.registry.accounts_of[pid]=("v"+pid,"acc%d"%(i//2*2 if r.random()<.1 else i))
    async with office.database.begin() as tx:
        await tx.copy("person_facts",("person_id","version","known_at","birth_date","died_on","absences","hukou"),P)
        await tx.copy("status_facts",("person_id","version","known_at","intervals"),S)
    for month,day in (("2026-06","2026-06-20"),("2026-07","2026-07-20"))[:1]:
        office.go_to(day)
        await office.open(month)
        worst=[]; w=asyncio.create_task(watch(worst)); SP.clear()
        t=time.perf_counter(); c0=time.process_time(); c=await office.compute(month); e=time.perf_counter()-t
        w.cancel()
        report('compute')
        print(month,'compute',round(e,2),'s cpu',round(time.process_time()-c0,2),'lines',sum(x.lines for x in c.totals),[(x.programme,x.line_type,x.lines) for x in c.totals],'stalls ms', sorted(round(x*1000) for x in worst)[-12:], 'rss MB', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss//1024)
        await office.review_and_post(month); office.go_to(day[:-2]+"28"); 
        await office.approve(month)
        if (await office.show(month)).state=="POSTED": await office.approve(month,"finance.sun")
        worst=[]; w=asyncio.create_task(watch(worst)); SP.clear()
        t=time.perf_counter(); c=await office.instruct(month); e=time.perf_counter()-t
        w.cancel()
        report('instruct',6)
        print('instruct',round(e,2),'s',dict(c.instructions),'stall',round(max(worst)*1000))
        t=time.perf_counter(); bank=await office.instructions(month); print('export bank',round(time.perf_counter()-t,2))
        t=time.perf_counter(); ls=await office.lines(month); print('export lines',len(ls),round(time.perf_counter()-t,2))
        t=time.perf_counter(); SP.clear()
        for k in range(0,len(bank),1000): await office.results(*[(b["instruction_id"],"SUCCESS","",day) for b in bank[k:k+1000]])
        report('results',6)
        print('results',len(bank),round(time.perf_counter()-t,2)); t=time.perf_counter()
        s=await office.show(month); print(s.state,list(s.control_findings),'show',round(time.perf_counter()-t,2))
    office.go_to("2026-08-20"); await office.open("2026-08"); 
    t=time.perf_counter(); await office.compute("2026-08"); print('next compute',round(time.perf_counter()-t,2))
    t=time.perf_counter(); await office.cancel("2026-08"); report('cancel',5); print('cancel',round(time.perf_counter()-t,2))
