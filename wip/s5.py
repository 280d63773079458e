import sys,json,time
import numpy as np
from dataclasses import replace
from immunode.calibration.fit_file import load_fit, Variant
from immunode.calibration.declared_population import fit_arguments
from immunode.calibration.population.fit import population_problem
from immunode.calibration.population.search import *
from immunode.calibration.population.search import centred
from immunode.calibration.population.neighbourhood import *
from immunode.calibration.population.problem import Crowd, anchor, uniforms
from immunode.evidence.library import load_evidence
np.set_printoptions(linewidth=200,precision=4,suppress=True)
k=sys.argv[1]; name={'a':'il2_cd4','l':'il2_cd4_lymph'}[k]
file=load_fit('fits/'+name)
sources=[load_evidence(x) for x in file.evidence]
p=population_problem(sources, **fit_arguments(file,Variant(label=''),1))
picks=uniforms(p)
d=json.load(open(f'/work/kept_{k}4/fit.json'))['starts']['1']
x=np.array(d['anchor']); t=time.time()
crowd=Crowd(p,drawn_from(p.values(x))); at=coordinates_at(anchor(p,crowd,x,picks),x)
crowd=Crowd(p,around(p,replace(at,centre=x)))
for r in range(3):
    here=anchor(p,crowd,x,picks); at=coordinates_at(here,x); x0=x
    for i in range(2):
        near=neighbourhood(here,replace(at,centre=x,axes=STRIDE*at.axes),ASIDE/STRIDE)
        best=near.best(); new=p.bounded(best.x[0]); v=np.linalg.norm(at.inner(new)-at.inner(x)); eff=here.effective(new).min()
        print(r,i,f'{time.time()-t:.0f}s','at x',round(near.by_planes(x),2),'|v|',v.round(2),'from centre',np.linalg.norm(at.inner(new)-at.inner(x0)).round(2),'eff',eff.round(),p.natural(new).round(5),flush=True)
        x=new
        if v<.3: break
    crowd=Crowd(p,around(p,replace(at,centre=x)))
print(repr(list(x)))
