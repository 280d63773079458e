import sys, time, pickle
sys.path.insert(0,'/work/tmp')
import numpy as np
from dataclasses import replace
from immunode.calibration.fit_file import load_fit, Variant
from immunode.calibration.declared_population import fit_arguments
from immunode.calibration.population.fit import population_problem
from immunode.calibration.population.search import *
from immunode.calibration.population.problem import Crowd, anchor, uniforms
from immunode.evidence.library import load_evidence
file=load_fit('fits/il2_cd4')
sources=[load_evidence(x) for x in file.evidence if x not in ('skiest_2004','actg_5170','sti_2005','tebas_2002','kelley_2009')]
p=population_problem(sources, **fit_arguments(file,Variant(label=''),2))
picks=uniforms(p); x=p.start
t=time.time()
crowd=Crowd(p, drawn_from(p.values(x)))
here=anchor(p,crowd,x,picks); at=coordinates_at(here,x); print('sim1',time.time()-t)
t=time.time(); crowd=Crowd(p, around(p,replace(at,centre=x))); here=anchor(p,crowd,x,picks); print('sim2',time.time()-t, flush=True)
print('effective', here.effective(x).round(), )
def f(near,v): return float(slopes_on(near.surfaces,near.seen,v[None],near.effects).deviance[0])
stride=float(sys.argv[1]); aside=float(sys.argv[2])
for n in range(8):
    t=time.time(); here=anchor(p,crowd,x,picks); t1=time.time()-t
    at=coordinates_at(here,x); t2=time.time()-t
    near=neighbourhood(here,replace(at,axes=stride*at.axes), aside/stride); t3=time.time()-t
    best=near.best(); t4=time.time()-t
    small=neighbourhood(here,replace(at,axes=.1*at.axes), 1.)
    print(n, f'anchor {t1:.0f} coords {t2:.0f} near {t3:.0f} best {t4:.0f}', 'centre', round(f(near,0*near.at.inner(x)),2), 'small', round(f(small,0*near.at.inner(x)),2),'best', round(best.deviance[0],2), 'moved', np.abs((best.x[0]-x)/at.sizes).max().round(2), p.natural(best.x[0]).round(5), 'eff', here.effective(best.x[0]).min().round(), flush=True)
    x=p.bounded(best.x[0])
