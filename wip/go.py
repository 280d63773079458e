import sys, time, pickle
from immunode.calibration.fit_file import load_fit, Variant
from immunode.calibration.declared_population import fit_arguments
from immunode.calibration.population.fit import population_problem, settle
from immunode.calibration.population.foretold import foretold, summary
from immunode.calibration.population.fit import printed_table
from immunode.evidence.library import load_evidence
from dataclasses import replace
import numpy as np, pandas as pd, json
pd.set_option('display.width',200,'display.max_rows',300,'display.max_columns',30,'display.max_colwidth',70)
def go(file, label, threads=2, variant=Variant(label=''), drop=()):
    t=time.time()
    sources=[load_evidence(x) for x in file.evidence if x not in drop]
    args=fit_arguments(file, variant, threads)
    for d in args['vary']: pass
    p=population_problem(sources, **args)
    print(label, len(p.trials),'trials', sum(len(r.fitted) for r in p.trials),'rows', p.free, f'{time.time()-t:.0f}s', flush=True)
    s=settle(p, lambda st,v: print(f'  {time.time()-t:.0f}s {st} {v:.2f}', flush=True), {})
    x=s.near.at.centre
    print('deviance',s.deviance,'moved',s.moved)
    print(pd.Series(dict(zip(p.free,p.natural(x)))), pd.Series(dict(zip(p.free,s.near.at.sizes))))
    tab=printed_table(s.anchor,x); print(tab.to_string())
    f=foretold(s.near,1); print(f.table.drop(columns=['trial','versus']).to_string()); print(summary(f.table,f.log_density)); print(f.log_density)
    print(f'{time.time()-t:.0f}s')
    return s
if __name__=='__main__':
    go(load_fit('fits/il2_cd4'),'base')
