import sys; sys.path.insert(0,'/work/w13/wip')
from go import *
f=load_fit('fits/il2_cd4')
go(f,'landed structure: no decline',threads=1,variant=Variant(label='',fixed={'decline':1e-6}))
