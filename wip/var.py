import sys; sys.path.insert(0,'/work/tmp')
from go import *
name, kind = sys.argv[1], sys.argv[2]
f=load_fit('fits/'+name)
v={'trap':Variant(label='',values={'expanded_trapping':1}), 'landed':Variant(label='',fixed={'decline':1e-6})}[kind]
s=go(f, f'{name} {kind}', threads=1, variant=v)
