import json,sys
import numpy as np
suffix=sys.argv[1] if len(sys.argv)>1 else '_interim'
for k in 'al':
    r=json.load(open(f'/work/out_{k}6{suffix}/result.json'))
    print(k, r['objective'], r['tau']); 
    for n,e in r['estimates'].items(): print('  ',n,{q:(None if e[q] is None else float(f'{e[q]:.4g}')) for q in ('value','low','high','raw','stderr')})
    print(r['derived']); print(r['foretold_summary'])
    pr={x['label']:x for x in r['predicted']}; fo={x['label']:x for x in r['foretold']}
    for g,ls in r['scored'].items():
        c=[((pr[l]['predicted']-pr[l]['observed'])/pr[l]['sigma'])**2 for l in ls if pr[l]['sigma']]
        f=[fo[l] for l in ls if l in fo]
        print(g,len(c),sum(c),'foretold',len(f),np.median([abs(x['predicted']/x['observed']-1) for x in f]) if f else None, sum(x['inside'] for x in f))
    for t in ('parameter','trial','patients','sampling'): print(t, np.median([x[t] for x in r['foretold']]), end=' ')
    print(); print([x['label'] for x in r['foretold'] if not x['inside']])
    print([(x['label'],round(x['predicted'],1),x['observed']) for x in r['predicted'] if 'stopped' in x['label'] or 'porter' in x['label']])
    print([(x['label'],round(x['residual'],1)) for x in r['predicted'] if x['residual'] and abs(x['residual'])>2])
    print(r['notes']); print(r.get('weak'))
    print('gains', [(l.split(':')[0],round(fo[l]['predicted'],1),fo[l]['observed']) for l in r['scored']['gains by IL-2']])
