import time, pytest
from .test_import import *
from zhupei.itembank import demo
from zhupei.itembank.formats.common import Outgoing
from zhupei.itembank import formats
def test_perf(monkeypatch):
    make_rulebook()
    base=[(u,c,t) for c in demo.chapters('101') for u,t in c.items]
    items=[Outgoing(f'{u}-{i}',c.subject,c.number,('101',),t) for i,(u,c,t) in ((k,base[k%len(base)]) for k in range(20000))]
    d=formats.module('xlsx').write(items)
    by=make_actor(Role.ITEM_AUTHOR)
    t=time.time(); s=actions.stage_import(d,name='x.xlsx',by=by); print('stage',time.time()-t,s.state)
    t=time.time(); actions.read_import(s.pk); print('read',time.time()-t); s.refresh_from_db(); print(s.state,s.item_count,s.error_count)
    import zhupei.itembank.actions.importing as im
    real=im.create_items
    def timed(*a,**k):
        t=time.time(); r=real(*a,**k); print('create',time.time()-t); return r
    monkeypatch.setattr(im,'create_items',timed)
    t=time.time(); n=actions.confirm_import(s,by=by); print('confirm',time.time()-t,n)
    k=make_actor(Role.BANK_KEEPER)
    for f in ('xlsx','docx'):
        t=time.time(); e=actions.export_items(Item.objects.all(),f,by=k); print('export',f,time.time()-t,len(e.data))
    import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss//1024)
    assert 0
