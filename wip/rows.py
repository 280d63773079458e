import json,sys
import numpy as np
for k in 'al':
    try: r=json.load(open(f'/work/out_{k}4/result.json'))
    except Exception as e: print(k,e); continue
    print(k, r['objective'], r['tau']); print({n:(e['value'],e['low'],e['high'],e['raw']) for n,e in r['estimates'].items()})
    print(r['foretold_summary'])
    rows=[x for x in r['foretold'] if x['versus'] and 'higher' not in x['label']]
    il2=[abs(x['predicted']-x['observed'])/abs(x['observed']) for x in rows]
    fox=[x for x in r['foretold'] if x['label'].startswith('fox_2007: il2, median')]
    il2+= [abs(x['predicted']-x['observed'])/abs(x['observed']) for x in fox]
    print('gains of IL-2', len(il2), np.median(il2), 'inside', sum(x['inside'] for x in rows+fox))
    ch=[x for x in r['predicted'] if x['use']=='check' and x.get('sigma')]
    print('checks', len(ch), sum(((x['predicted']-x['observed'])/x['sigma'])**2 for x in ch))
    thirteen=ch+[x for x in r['predicted'] if x['label'].startswith(('youle_2006: untreated','kovacs_1996: art, mean','molina_2009: untreated'))]
    print('thirteen', len(thirteen), sum(((x['predicted']-x['observed'])/x['sigma'])**2 for x in thirteen if x.get('sigma')))
    for t in ('parameter','trial','patients','sampling'): print(t, np.median([x[t] for x in r['foretold']]), end=' ')
    print(); print([x for x in r['foretold'] if not x['inside']].__len__(), [x['label'] for x in r['foretold'] if not x['inside']])
    print([ (x['label'],round(x['predicted'],1)) for x in r['predicted'] if 'stopped' in x['label'] or 'porter' in x['label']])
    print([(a['label'],round(a['deviance'],1)) for a in r['assumptions'] if a['source']=='the fit'])
