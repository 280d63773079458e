import sys,json,time
import numpy as np
from dataclasses import replace
from immunode.calibration.fit_file import load_fit, Variant
from immunode.calibration.declared_population import fit_arguments
from immunode.calibration.population.fit import population_problem
from immunode.calibration.population.recipe import objective_of
from immunode.calibration.population.search import *
from immunode.calibration.population.neighbourhood import *
from immunode.calibration.population import surface as SF, neighbourhood as NB
from immunode.calibration.population.refits import slopes as slopes_on
from immunode.evidence.library import load_evidence
k=sys.argv[1]; name={'a':'il2_cd4','l':'il2_cd4_lymph'}[k]
file=load_fit('fits/'+name)
sources=[load_evidence(x) for x in file.evidence]
p=population_problem(sources, **fit_arguments(file,Variant(label=''),1))
d=json.load(open(f'/work/kept_{k}3/fit.json'))['starts']['1']
t=time.time()
o=objective_of(p,d); near=o.near
print('built',time.time()-t, 'centre',p.natural(near.at.centre).round(5))
best=near.best().x[0]
np.set_printoptions(linewidth=200,precision=4,suppress=True)
print(p.free); print('sizes',near.at.sizes); print('moved',(best-near.at.centre)/near.at.sizes,'v',near.at.inner(best), np.linalg.norm(near.at.inner(best)))
def val(n,x): return float(slopes_on(n.surfaces,n.seen,n.at.inner(x)[None],n.effects).deviance[0])
def planes(x): 
    pl=neighbourhood(near.anchor,replace(near.at,centre=x,axes=.1*near.at.axes),1.); return val(pl,x)
for f in (0,.25,.5,.75,1.):
    x=near.at.centre+f*(best-near.at.centre); print(f,'surf',round(val(near,x),2),'planes',round(planes(x),2),'eff',near.anchor.effective(x).min().round())
